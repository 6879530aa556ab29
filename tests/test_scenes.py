"""Scene families: what starts where, what stays inside, and what comes to rest on what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from simkit import registry
from simkit.assets.library import Library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import load_furnished
from simkit.errors import SceneError
from simkit.options import build, varied_keys
from simkit.physics import Physics, PhysicsOptions
from simkit.pipeline import Pipeline
from simkit.randomness import stream
from simkit.scene import Body, Region, Scene

FAMILIES = ("tabletop", "bin_picking", "shelf", "conveyor", "flying")
TOLERANCE = 0.003
"""How far a body may be pushed into what holds it [m]: Bullet's margin, and a step's overlap."""


@pytest.fixture(scope="module")
def library() -> Library:
    return load_furnished(ModelOptions(collision="convex_hull"))


@pytest.fixture(scope="module")
def engine(library: Library) -> Iterator[Physics]:
    one = Physics(build(PhysicsOptions, {"max_time": 6.0}), library)
    yield one
    one.close()


def started(
    library: Library,
    family: str,
    seed: int,
    placement: dict[str, Any] | None = None,
    **options: Any,
) -> tuple[Scene, dict[str, Any], dict[str, Any]]:
    """Return a placed scene, the family's params and the placement's."""
    plugin = registry.load("scenes", family)
    one = plugin(build(plugin.Options, options), library)
    params = one.sample(stream(seed, 0, "scene/family"))
    scene = one.build(params)
    plugin = registry.load("randomizers", "placement")
    placing = plugin(build(plugin.Options, placement or {}), library)
    places = placing.sample(scene, stream(seed, 0, "scene/placement"))
    return placing.apply(scene, places), params, places


def movable(scene: Scene) -> list[Body]:
    return [body for body in scene.bodies if not body.fixed]


def vertices(body: Body, library: Library, collision: bool = False) -> np.ndarray:
    """The vertices (N, 3) of a body, or of its collision hulls, in the world [m]."""
    model = library[body.model]
    points = np.concatenate(library.collision(body.model)) if collision else model.mesh.vertices
    turn = Rotation.from_quat(body.quaternion)
    return np.asarray(turn.apply(points * np.array(body.scale)) + np.array(body.position))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_drawn_lies_in_its_support(library: Library, family: str) -> None:
    plugin = registry.load("scenes", family)
    options = plugin.Options()
    support, seen = varied_keys(options), set()
    for seed in range(10):
        params = plugin(options, library).sample(stream(seed, 0, "f"))
        for key, value in params.items():
            if key in support:
                seen.add(key)
                for one in value if isinstance(value, list) else [value]:
                    assert support[key].contains(one), key
        assert support["objects"].contains(len(params["models"]))
        assert support["distractors"].contains(len(params["distractor_bodies"]))
        assert all(support["density"].contains(one) for one in params["densities"])
    never = {"objects", "distractors", "density", "shape_size", "boards", "speed", "spin"}
    assert set(support) - never == seen


@pytest.mark.parametrize("family", FAMILIES)
def test_regions_survive_json(library: Library, family: str) -> None:
    scene, _, _ = started(library, family, 1)
    again = Scene.from_dict(json.loads(json.dumps(scene.to_dict())))
    assert again == scene
    assert len({region.name for region in scene.regions}) == len(scene.regions)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mode", ["auto", "drop", "float"])
def test_nothing_starts_in_anything(
    library: Library, engine: Physics, family: str, mode: str
) -> None:
    """By Bullet's contacts, and for bodies in regions by their own vertices."""
    for seed in range(3):
        scene, _, _ = started(
            library, family, seed, {"mode": mode, "height": [0.2, 1.2]}, objects=10
        )
        engine._check_overlap(scene, engine._load(scene))
        for body in movable(scene):
            points = vertices(body, library)
            inside = [
                (points >= np.array(one.low) - 1e-9).all() and (points <= one.high).all()
                for one in scene.regions
            ]
            assert not scene.regions or inside.count(True) == 1


@pytest.mark.parametrize("family", ["bin_picking", "conveyor", "tabletop"])
def test_spread(library: Library, family: str) -> None:
    def width(spread: float) -> float:
        scene, _, places = started(
            library, family, 3, {"spread": spread, "mode": "drop"}, objects=12, distractors=0
        )
        assert places["spread"] == spread
        return float(np.std([body.position[:2] for body in movable(scene)], axis=0).mean())

    assert width(0.02) < 0.25 * width(1.0)


@pytest.mark.parametrize("mode", ["drop", "place"])
def test_stacking(library: Library, mode: str) -> None:
    """Of those that stack all but the first stand above one that was there."""
    scene, _, _ = started(
        library, "tabletop", 0, {"stacking": 1.0, "mode": mode}, objects=5,
        balance="weights", weights={"mug": 0, "hex_bolt": 0},
    )  # fmt: skip
    middles = [
        trimesh.PointCloud(vertices(body, library)).bounds.mean(axis=0) for body in movable(scene)
    ]
    for k, middle in enumerate(middles[1:], start=1):
        across = [np.linalg.norm(middle[:2] - other[:2]) for other in middles[:k]]
        assert min(across) < 0.02
        assert middle[2] > middles[int(np.argmin(across))][2]
    alone, _, _ = started(library, "tabletop", 0, {"mode": "place"}, objects=4)
    assert np.ptp([vertices(body, library)[:, 2].min() for body in movable(alone)]) < 1e-6


def test_no_room_in_a_region(library: Library) -> None:
    with pytest.raises(SceneError, match="no room for 'mug#0'"):
        started(library, "bin_picking", 0, objects=1, tote_length=0.07, tote_width=0.07,
                balance="weights",
                weights={name: float(name == "mug") for name in library.labelled_names()})  # fmt: skip


def test_thrown(library: Library, engine: Physics) -> None:
    """Some fly towards the middle, the others settle below; nothing else changes."""
    thrown = {"thrown": 0.5, "throw_speed": 1.5, "throw_spin": 4.0, "height": [0.4, 0.8]}
    scene, _, _ = started(library, "tabletop", 2, thrown, objects=12)
    flying = [body for body in movable(scene) if not body.settles]
    assert 2 <= len(flying) <= 10
    for body in flying:
        assert np.linalg.norm(body.velocity) == pytest.approx(1.5)
        assert np.linalg.norm(body.angular_velocity) == pytest.approx(4.0)
        middle = vertices(body, library).mean(axis=0)[:2]
        assert np.dot(body.velocity[:2], -middle) > 0.8 * 1.5 * np.linalg.norm(middle)
    assert not any(any(body.velocity) for body in movable(scene) if body.settles)
    after, report = engine.settle(scene)
    assert set(report["states"]) == {body.name for body in movable(scene) if body.settles}
    assert [body for body in after.bodies if not body.settles] == flying


# Totes


@pytest.mark.parametrize("seed", range(3))
def test_nothing_passes_a_totes_walls(library: Library, engine: Physics, seed: int) -> None:
    scene, params, _ = started(library, "bin_picking", seed, objects=16, wall_height=0.3)
    after, report = engine.settle(scene)
    assert report["rest"] == 16
    half = np.array([params["tote_length"], params["tote_width"]]) / 2
    for body in movable(after):
        points = vertices(body, library, collision=True)
        assert (np.abs(points[:, :2]) <= half + TOLERANCE).all(), body.name
        assert points[:, 2].min() >= -TOLERANCE, body.name
        assert points[:, 2].max() <= 0.3


def test_what_does_not_fit_in_has_fallen(library: Library, engine: Physics) -> None:
    """In a tote that is too small nothing lies beside it, nor in its walls."""
    size = {"tote_length": 0.3, "tote_width": 0.25, "wall_height": 0.06, "wall_thickness": 0.005}
    scene, _, _ = started(library, "bin_picking", 0, objects=36, **size)
    after, report = engine.settle(scene)
    assert report["fell"] > 0
    assert len(report["removed"]) == report["fell"]
    assert len(movable(after)) == 36 - report["fell"]
    half = np.array([0.15, 0.125])
    for body in movable(after):
        points = vertices(body, library, collision=True)
        below_the_rim = points[points[:, 2] < 0.06 - TOLERANCE]
        assert (np.abs(below_the_rim[:, :2]) <= half + TOLERANCE).all(), body.name
        middle = body.T_world_body @ [*library[body.model].center_of_mass, 1]
        assert (np.abs(middle[:2]) <= half).all()


def test_walls_are_where_the_params_say(library: Library) -> None:
    """A ray from the middle meets each wall at half the tote's size, up to the rim."""
    scene, params, _ = started(library, "bin_picking", 4, objects=0)
    boxes = [_box_of(body) for body in scene.bodies if body.name.startswith("tote/")]
    tote = trimesh.util.concatenate(boxes)
    rim = params["wall_height"]
    for axis, size in ((0, params["tote_length"]), (1, params["tote_width"])):
        for sign in (-1.0, 1.0):
            way = np.zeros(3)
            way[axis] = sign
            for z, hits in ((rim - 1e-3, True), (rim + 1e-3, False), (1e-3, True)):
                points, _, _ = tote.ray.intersects_location([[0, 0, z]], [way])
                assert bool(len(points)) == hits
                if hits:
                    assert np.abs(points[:, axis]).min() == pytest.approx(size / 2)
    assert max(box.bounds[1, 2] for box in boxes) == pytest.approx(rim)
    table = next(body for body in scene.bodies if body.name == "table")
    assert _box_of(table).bounds[1, 2] == pytest.approx(tote.bounds[0, 2])


def _box_of(body: Body) -> trimesh.Trimesh:
    box = trimesh.creation.box(body.scale)
    box.apply_transform(body.T_world_body)
    return box


# Shelves


def test_goods_stand_on_boards(library: Library, engine: Physics) -> None:
    levels = set()
    for seed in range(3):
        scene, params, _ = started(library, "shelf", seed, objects=12)
        tops = [0.0]
        for level in params["board_spacing"]:
            tops.append(tops[-1] + level + params["board_thickness"])
        for body in movable(scene):
            points = vertices(body, library)
            board = max(k for k, top in enumerate(tops) if top <= points[:, 2].min())
            levels.add(board)
            assert points[:, 2].min() - tops[board] < 0.002, "it stands"
            assert points[:, 2].max() < tops[board] + params["board_spacing"][board]
        after, report = engine.settle(scene)
        assert report["moving"] == 0
        assert report["rest"] >= 10
        for body in movable(after):
            lowest = vertices(body, library)[:, 2].min()
            assert min(abs(lowest - top) for top in tops) < TOLERANCE, body.name
    assert levels >= {0, 1, 2}


# Flying


@pytest.mark.parametrize("motion", ["even", "simulated"])
def test_what_flies_stays(small: Any, motion: str) -> None:
    config = small(scene={"family": "flying"}, physics={"motion": motion}, frames_per_view=3)
    with Pipeline(config) as pipeline:
        first, last = pipeline(0), pipeline(2)
    start = {name: pose for name, pose in first.params["placement"].items() if name != "spread"}
    assert {body.name for body in first.scene.bodies} == set(start)
    for sample in (first, last):
        for body in sample.scene.bodies:
            assert np.allclose(body.position, start[body.name]["position"], atol=1e-6)
    assert first.params["physics"]["simulated_time"] == 0


def test_what_flies_fast(library: Library) -> None:
    scene, params, _ = started(library, "flying", 0, speed=2.0, spin=3.0)
    for body in movable(scene):
        assert np.linalg.norm(body.velocity) == pytest.approx(2.0)
        assert np.linalg.norm(body.angular_velocity) == pytest.approx(3.0)
    assert len({body.velocity for body in scene.bodies}) == len(params["velocities"]) > 4


# Regions


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({"low": (0.0, 0.0, 0.0), "high": (1.0, 0.0, 1.0)}, "is empty"),
        ({"low": (0.0, 0.0, 0.0), "high": (1.0, float("inf"), 1.0)}, "not finite"),
        ({"low": (0.0, 0.0, 0.0), "high": (1.0, 1.0, 1.0), "mode": "fall"}, "'fall' is unknown"),
    ],
)
def test_bad_regions(region: dict[str, Any], message: str) -> None:
    with pytest.raises(SceneError, match=message):
        Region("here", **region)
