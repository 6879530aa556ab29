"""Parameters that depend on each other: values, streams, order, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.config import load_config
from simkit.distributions import Constant, Given, Uniform, parse
from simkit.errors import ConfigError
from simkit.pipeline import Pipeline

CAMERA = {"width": 32, "height": 24}


def pipeline(**parts: Any) -> Pipeline:
    randomizers = {**parts.pop("randomizers", {})}
    randomizers["camera"] = {**CAMERA, **randomizers.get("camera", {})}
    settings_ = {
        "render": {"backend": "embree"},
        "labels": ["identity"],
        "physics": {"enabled": False},
        "scene": {"objects": {"integer": [1, 6]}},
    }
    return Pipeline({**settings_, **parts, "randomizers": randomizers})


@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(-9, 9)), min_size=1, max_size=5,
             unique_by=lambda knot: knot[0]).map(sorted),
    st.floats(-100, 100),
    st.tuples(st.floats(-1, 0), st.floats(0, 1)),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_knots(knots: list[tuple[int, int]], at: float, spread: tuple[float, float]) -> None:
    """Linear between knots, level beyond, and never outside of the stated support."""
    one = parse({"given": {"of": "a.b", "knots": knots, "spread": list(spread)}})
    assert isinstance(one, Given)
    assert parse(json.loads(json.dumps(one.to_config()))) == one
    bound = one.bound(at)
    drawn = bound.sample(np.random.default_rng(0))
    below = [value for place, value in knots if place <= at]
    above = [value for place, value in knots if place >= at]
    near = [*below[-1:], *above[:1]]
    assert min(near) + spread[0] - 1e-9 <= drawn <= max(near) + spread[1] + 1e-9
    assert one.contains(drawn)


def test_cases() -> None:
    one = parse({"given": {"of": "a.b", "cases": {"x": [1, 2], 3: 7}, "otherwise": "q"}})
    assert isinstance(one, Given)
    assert one.bound("x") == Uniform(1, 2)
    assert one.bound(3) == Constant(7)
    assert one.bound("other") == Constant("q")
    assert parse(one.to_config()) == one


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"of": "a.b"}, "needs either knots or cases"),
        ({"of": "a.b", "knots": [[1, 2], [1, 3]]}, "do not rise"),
        ({"of": "a.b", "knots": [[1]]}, r"\[low, high\] with two numbers"),
        ({"knots": [[1, 2]]}, "is neither"),
        ({"of": "a.b", "cases": {"x": {"given": {"of": "c.d", "knots": [[0, 1]]}}}}, "further"),
    ],
)
def test_what_is_no_dependency(body: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse({"given": body})


def test_a_parameter_follows_another_of_another_plugin() -> None:
    ambient = {"given": {"of": "light.elevation_deg", "knots": [[0, 0.0], [90, 0.9]]}}
    far = {
        "given": {"of": "light.elevation_deg", "knots": [[0, 0.2], [90, 2.0]], "spread": [0, 0.1]}
    }
    with pipeline(randomizers={"light": {"ambient": ambient}, "camera": {"distance": far}}) as one:
        for index in range(6):
            params = one(index).params
            elevation = params["light"]["elevation_deg"]
            assert params["given"] == {"light.elevation_deg": elevation}
            assert params["light"]["ambient"] == pytest.approx(elevation / 100)
            assert 0 <= params["camera"]["distance"] - (0.2 + 0.02 * elevation) <= 0.1 + 1e-12


def test_a_chain_within_one_plugin_and_a_fact_of_the_scene() -> None:
    fov = {"given": {"of": "facts.objects", "knots": [[0, 20], [10, 120]]}}
    distance = {"given": {"of": "camera.fov_deg", "knots": [[0, 3.0], [140, 0.2]]}}
    roll = {"given": {"of": "camera.distance", "knots": [[0, 0], [3, 30]]}}
    camera = {"fov_deg": fov, "distance": distance, "roll_deg": roll}
    with pipeline(randomizers={"camera": camera}) as one:
        seen = set()
        for index in range(8):
            sample = one(index)
            count = len(sample.scene.labelled())
            drawn = sample.params["camera"]
            assert drawn["fov_deg"] == pytest.approx(20 + 10 * count)
            assert drawn["distance"] == pytest.approx(3 - drawn["fov_deg"] / 50)
            assert drawn["roll_deg"] == pytest.approx(10 * drawn["distance"])
            seen.add(count)
        assert len(seen) > 2


def test_the_scene_family_takes_part() -> None:
    scene = {
        "objects": {"integer": [1, 6]},
        "density": {"given": {"of": "scene.objects", "knots": [[1, 100], [6, 600]]}},
    }
    with pipeline(scene=scene) as one:
        for index in range(5):
            params = one(index).params
            expected = [100.0 * len(params["scene"]["models"])] * len(params["scene"]["models"])
            assert params["scene"]["densities"] == pytest.approx(expected)


def test_no_other_stream_is_shifted() -> None:
    """A dependency changes the two keys that it joins; other plug-ins draw what they drew."""
    ambient = {"given": {"of": "camera.fov_deg", "knots": [[0, 0.0], [90, 0.9]]}}
    light = {"every": "view", "ambient": ambient}
    plain, joined = (pipeline(randomizers={"light": one}) for one in ({"every": "view"}, light))
    with plain, joined:
        for index in range(3):
            a, b = plain(index).params, joined(index).params
            for name in ("scene", "placement", "material"):
                assert a[name] == b[name]
            assert a["light"] != b["light"]


def test_replay_with_another_value() -> None:
    ambient = {"given": {"of": "light.elevation_deg", "knots": [[0, 0.0], [90, 0.9]]}}
    with pipeline(randomizers={"light": {"ambient": ambient}}) as one:
        changed = one(0, given={"given": {"light.elevation_deg": 50.0}}).params["light"]
        assert changed["elevation_deg"] == 50.0
        assert changed["ambient"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("randomizers", "message"),
    [
        ({"light": {"ambient": {"given": {"of": "light.elevation", "knots": [[0, 1]]}}}},
         "light.ambient: depends on 'light.elevation'.*did you mean 'light.elevation_deg'"),
        ({"light": {"ambient": {"given": {"of": "light.intensity", "knots": [[0, 1]]}},
                    "intensity": {"given": {"of": "light.ambient", "knots": [[0, 1]]}}}},
         "depends on itself"),
        ({"light": {"ambient": {"given": {"of": "camera.fov_deg", "knots": [[0, 1]]}}}},
         "light: depends on 'camera', which decides after it"),
        ({"light": {"ambient": {"given": {"of": "light.intensity", "knots": [[0, 0], [1, 1.5]]}}}},
         "ambient: 1.5 is above 1"),
    ],
)  # fmt: skip
def test_what_is_refused_before_any_work(randomizers: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        pipeline(randomizers=randomizers).close()


def test_a_value_that_no_case_names_is_an_error_that_says_so() -> None:
    distance = {"given": {"of": "facts.objects", "cases": {"99": 1.0}}}
    message = r"facts.objects is \d; the cases are 99"
    with (
        pipeline(randomizers={"camera": {"distance": distance}}) as one,
        pytest.raises(ConfigError, match=message),
    ):
        one(0)


def test_the_config_comes_back() -> None:
    ambient = {"given": {"of": "light.elevation_deg", "knots": [[0, 0.0], [90, 0.9]]}}
    config = load_config({"randomizers": {"light": {"ambient": ambient}}})
    assert load_config(json.loads(json.dumps(config.to_dict()))).to_dict() == config.to_dict()
