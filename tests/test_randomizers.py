"""All scene families and randomizers that are registered: replayable, in their support, valid."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit import registry
from simkit.assets.library import Library, load_library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import primitives
from simkit.contracts import STAGES
from simkit.options import build, to_config, varied_keys
from simkit.pipeline import Pipeline, Place
from simkit.randomness import stream
from simkit.scene import Body, Scene

FAMILIES = registry.names("scenes")
RANDOMIZERS = registry.names("randomizers")


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(ModelOptions(collision="convex_hull")).merged(primitives())


def made_scene(library: Library, seed: int, family: str = "tabletop") -> Scene:
    plugin = registry.load("scenes", family)
    one = plugin(plugin.Options(), library)
    return one.build(one.sample(stream(seed, 0, "scene/family")))


def numbers_of(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """All (last key, plain value) of nested params."""
    if isinstance(value, dict):
        for inner, one in value.items():
            yield from numbers_of(one, str(inner))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from numbers_of(one, key)
    else:
        yield key, value


@pytest.mark.parametrize("name", FAMILIES)
def test_families(library: Library, name: str) -> None:
    plugin = registry.load("scenes", name)
    library = library.merged(plugin.furnish(plugin.Options(), ModelOptions()))
    for seed in range(12):
        family = plugin(plugin.Options(), library)
        params = family.sample(stream(seed, 0, "x"))
        again = json.loads(json.dumps(params))
        assert again == params
        before = copy.deepcopy(params)
        scene = family.build(params)
        assert params == before
        assert family.build(again) == scene
        assert plugin(plugin.Options(), library).sample(stream(seed, 0, "x")) == params
        assert all(body.model in library for body in scene.bodies)
        assert Scene.from_dict(json.loads(json.dumps(scene.to_dict()))) == scene


@pytest.mark.parametrize("name", RANDOMIZERS)
def test_randomizers(library: Library, name: str) -> None:
    plugin = registry.load("randomizers", name)
    seen = set()
    for seed in range(12):
        scene = made_scene(library, seed)
        before = scene.to_dict()
        one = plugin(plugin.Options(), library)
        assert one.stage in STAGES
        params = one.sample(scene, stream(seed, 0, "x"))
        again = json.loads(json.dumps(params, allow_nan=False))
        assert again == params, "params are plain data"
        changed = one.apply(scene, params)
        assert again == params, "apply left its params as they were"
        assert plugin(plugin.Options(), library).apply(scene, again) == changed
        assert plugin(plugin.Options(), library).sample(scene, stream(seed, 0, "x")) == params
        assert scene.to_dict() == before
        assert Scene.from_dict(json.loads(json.dumps(changed.to_dict()))) == changed
        assert [b.name for _, b in changed.labelled()] == [b.name for _, b in scene.labelled()]
        if name != "room":
            assert [b.name for b in changed.bodies] == [b.name for b in scene.bodies]
        seen.add(json.dumps(params, sort_keys=True))
    assert len(seen) == 12, "every seed draws something else"


@pytest.mark.parametrize("name", RANDOMIZERS)
def test_every_value_lies_in_its_declared_support(library: Library, name: str) -> None:
    """By key: a param that is named like an option is drawn from it."""
    plugin = registry.load("randomizers", name)
    options = plugin.Options()
    support = varied_keys(options)
    found = set()
    for seed in range(20):
        one = plugin(options, library)
        for key, value in numbers_of(one.sample(made_scene(library, seed), stream(seed, 1, "y"))):
            if key in support:
                assert support[key].contains(value), f"{key}: {value}"
                found.add(key)
    if name in ("light", "scale", "dynamics", "environment", "room"):
        assert found == set(support)


@pytest.mark.parametrize("name", RANDOMIZERS)
def test_constants_are_taken(library: Library, name: str) -> None:
    """With every range narrowed to a point, only that point comes out."""
    plugin = registry.load("randomizers", name)
    config = to_config(plugin.Options())
    fixed = {}
    for key, distribution in varied_keys(plugin.Options()).items():
        low = distribution.support[0]
        fixed[key] = low
    one = plugin(build(plugin.Options, {**config, **fixed}), library)
    if name == "placement":
        return  # several bodies at one place stack up, and do in test_physics
    scene = made_scene(library, 3)
    params = one.sample(scene, stream(3, 0, "z"))
    for key, value in numbers_of(params):
        if key in fixed:
            assert value == fixed[key], key


def test_materials(library: Library) -> None:
    plugin = registry.load("randomizers", "material")
    for keep, expected in ((0.0, {False}), (1.0, {True})):
        one = plugin(build(plugin.Options, {"keep_look": keep}), library)
        scene = made_scene(library, 1)
        changed = one.apply(scene, one.sample(scene, stream(0, 0, "m")))
        assert {b.material.own_look for b in changed.bodies if b.labelled} == expected
        assert {b.material.own_look for b in changed.bodies if not b.labelled} == {False}


def test_the_light_comes_from_where_it_says(library: Library) -> None:
    plugin = registry.load("randomizers", "light")
    one = plugin(build(plugin.Options, {"azimuth_deg": 90, "elevation_deg": 30}), library)
    scene = made_scene(library, 1)
    light = one.apply(scene, one.sample(scene, stream(0, 0, "l"))).lights[0]
    assert np.allclose(light.direction, [0, -np.cos(np.pi / 6), -0.5])


def test_the_camera_stands_where_it_says(library: Library) -> None:
    plugin = registry.load("randomizers", "camera")
    options = {"azimuth_deg": 0, "elevation_deg": 0, "distance": 0.5, "jitter": 0, "roll_deg": 0,
               "fov_deg": 90, "width": 101, "height": 51}  # fmt: skip
    one = plugin(build(plugin.Options, options), library)
    scene = made_scene(library, 1)
    middle = np.mean([_middle(b, library) for b in scene.bodies if b.labelled], axis=0)
    camera = one.apply(scene, one.sample(scene, stream(0, 0, "c"))).camera
    assert np.allclose(camera.position, middle + np.array([0.5, 0, 0]))
    assert np.allclose(camera.T_world_camera[:3, 2], [-1, 0, 0])
    # 90 degrees: the image's left and right edges, half a pixel beyond centres 0 and 100.
    assert np.allclose(camera.K, [[50.5, 0, 50], [0, 50.5, 25], [0, 0, 1]])


def _middle(body: Body, library: Library) -> np.ndarray:
    """Return the middle of a body's bounding box in the world."""
    middle = library[body.model].mesh.bounds.mean(axis=0) * np.array(body.scale)
    return (body.T_world_body @ [*middle, 1])[:3]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_scene_json_round_trip(seed: int) -> None:
    library = LIBRARY
    scene = made_scene(library, seed)
    for name in RANDOMIZERS:
        plugin = registry.load("randomizers", name)
        one = plugin(plugin.Options(), library)
        scene = one.apply(scene, one.sample(scene, stream(seed, 0, name)))
    again = Scene.from_dict(json.loads(json.dumps(scene.to_dict())))
    assert again == scene
    assert hash(again) == hash(scene)
    assert again.camera is not None
    assert [i for i, _ in again.labelled()] == [
        i for i, body in enumerate(scene.bodies, 1) if body.labelled
    ]


LIBRARY = load_library(ModelOptions(collision="convex_hull")).merged(primitives())


TOGETHER = [name for name in RANDOMIZERS if name != "joints"]


def decided(names: list[str]) -> tuple[dict[str, Any], Scene]:
    """Params and scene of the first image, with just these randomizers, in this order."""
    off = dict.fromkeys(name for name in RANDOMIZERS if name not in names)
    camera = {"width": 16, "height": 12}
    config = {
        "seed": 7,
        "labels": [],
        "physics": {"enabled": False},
        "scene": {"objects": 4},
        "render": {"backend": "embree"},
        "randomizers": {**off, **{name: camera if name == "camera" else {} for name in names}},
    }
    with Pipeline(config, library=LIBRARY) as pipeline:
        scene, params = pipeline._moment(Place.of(0, pipeline.config.run), {})
    return params, scene


@settings(max_examples=12, deadline=None)
@given(st.permutations(TOGETHER))
def test_the_order_in_a_config_means_nothing(names: list[str]) -> None:
    params, scene = decided(list(names))
    expected, same_scene = decided(TOGETHER)
    assert json.dumps(params, sort_keys=True) == json.dumps(expected, sort_keys=True)
    assert scene == same_scene


@pytest.mark.parametrize("gone", [name for name in TOGETHER if name != "camera"])
def test_no_randomizer_shifts_another_one(gone: str) -> None:
    """Without it, those that run before it or beside it draw what they drew."""
    all_params, _ = decided(TOGETHER)
    fewer, _ = decided([name for name in TOGETHER if name != gone])
    stages = {name: registry.load("randomizers", name)(
        registry.load("randomizers", name).Options(), LIBRARY).stage for name in TOGETHER}  # fmt: skip
    for name in TOGETHER:
        reads = gone in registry.load("randomizers", name).after
        later = STAGES.index(stages[name]) > STAGES.index(stages[gone])
        if name != gone and not reads and not later:
            assert fewer[name] == all_params[name], f"{gone} shifts {name}"
