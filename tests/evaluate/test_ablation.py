"""Factors from a config, and what each is worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from oracles import colours

from simkit.config import load_config
from simkit.distributions import parse
from simkit.errors import ConfigError
from simkit.evaluate.ablation import AblationRequest, ablate
from simkit.evaluate.factors import _keys_held, factors_of, middle_of
from simkit.evaluate.learners import load_learner


@pytest.fixture(autouse=True)
def _forget() -> None:
    colours.TRAINED.clear()


@pytest.mark.parametrize(
    ("given", "middle"),
    [
        ([2, 6], 4.0),
        ({"log_uniform": [1, 100]}, pytest.approx(10.0)),
        ({"integer": [1, 4]}, 2),
        ({"normal": {"mean": 9, "std": 1, "low": 0, "high": 5}}, 5),
        ({"choice": {"values": ["a", "b"], "weights": [1, 3]}}, "b"),
        (7, 7),
    ],
)
def test_the_middle_of_a_distribution(given: Any, middle: Any) -> None:
    assert middle_of(parse(given)).to_config() == middle


def test_what_depends_on_another_key_keeps_depending_on_it() -> None:
    knots = {"of": "light.kind", "knots": [[0, 1], [1, 3]], "spread": [-0.5, 1.5]}
    held = middle_of(parse({"given": knots})).to_config()
    assert held == {"given": {**knots, "knots": [[0, 1], [1, 3]], "spread": [0.5, 0.5]}}
    cases = {"of": "light.kind", "cases": {"spot": [1, 3]}, "otherwise": [4, 8]}
    held = middle_of(parse({"given": cases})).to_config()
    assert held["given"]["cases"] == {"spot": 2.0}
    assert held["given"]["otherwise"] == 6.0


def test_auto_holds_each_plug_in_still(small: Any) -> None:
    config = load_config(small(sensors={"noise": {}, "jpeg": {"quality": {"integer": [50, 90]}}}))
    found = {one.name: one for one in factors_of(config, "auto")}
    assert {"no_light", "no_camera", "no_noise", "no_jpeg", "no_scene"} <= set(found)
    assert found["no_noise"].overrides == {"sensors.noise": None}
    assert found["no_scene"].overrides["scene.objects"] == 3
    held = load_config(config, found["no_light"].strings()).randomizers["light"]
    assert len(set(held.intensity.support)) == 1
    keys = {one.name for one in _keys_held(config)}
    assert {"fixed_light_intensity", "fixed_camera_distance", "no_jpeg"} <= keys


def test_factors_are_read_and_checked(small: Any, tmp_path: Path) -> None:
    config = load_config(small())
    path = tmp_path / "factors.yaml"
    path.write_text(
        "few: {scene.objects: 1}\ndark: [randomizers.light.intensity=0.1, scene.objects=2]\n"
    )
    few, dark = factors_of(config, path)
    assert few.overrides == {"scene.objects": 1}
    assert dark.overrides == {"randomizers.light.intensity": 0.1, "scene.objects": 2}
    for text, said in (
        ("a: {scene.objekts: 1}", "a: scene.objekts: unknown key"),
        ("a: {n: 5}", "a: changes nothing"),
        ("a: 3", "mapping of dotted keys"),
        ("{}", "nothing to change"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=said):
            factors_of(config, path)
    with pytest.raises(ConfigError, match="is no file"):
        factors_of(config, tmp_path / "none.yaml")


@pytest.fixture(scope="module")
def real(small: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A simulated set that plays the real one."""
    from simkit.generation import generate

    folder = tmp_path_factory.mktemp("real") / "data"
    generate(small(physics={"enabled": False}, seed=5), folder, n=12)
    return str(folder)


@pytest.mark.slow
def test_an_ablation_is_made_scored_and_resumed(small: Any, real: str, tmp_path: Path) -> None:
    path = tmp_path / "factors.yaml"
    path.write_text(
        "none_seen: {randomizers.light.intensity: 0.01}\nonly_one: {scene.objects: 1}\n"
    )
    config = load_config(small(physics={"enabled": False}))
    learner = load_learner("oracles.presence:Presence")
    asked = AblationRequest(config, real, str(path), learner, n=9, seeds=2, resamples=100)
    made: list[str] = []
    found = ablate(asked, tmp_path / "out", lambda name, done, total: made.append(name))
    assert {row.factor for row in found.rows} == {"none_seen", "only_one"}
    assert [row.worth for row in found.rows] == sorted(
        (row.worth for row in found.rows), reverse=True
    )
    for row in found.rows:
        assert row.worth == pytest.approx(found.baseline - row.score)
        assert row.worth_low <= row.worth <= row.worth_high
    assert found.tested_on == 12
    assert found.images == 9
    assert set(made) == {"baseline", "none_seen", "only_one"}
    table = (tmp_path / "out" / "ablation.md").read_text()
    assert table.count("\n| ") == 3
    assert "scene.objects=1" in table
    written = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert written["baseline"] == found.baseline
    made.clear()
    again = ablate(asked, tmp_path / "out", lambda name, done, total: made.append(name))
    assert again == found
    assert not made
