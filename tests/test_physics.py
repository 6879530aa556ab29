"""Settling against closed forms, and against trimesh's view of what touches what."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from oracles.ray_casting import world_mesh, world_vertices

from simkit import registry
from simkit.assets.library import Library, load_library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import primitives
from simkit.errors import PhysicsError, SceneError
from simkit.options import build
from simkit.physics import FELL, MOVING, REST, Physics, PhysicsOptions
from simkit.pipeline import Pipeline
from simkit.randomness import stream
from simkit.scene import Body, Scene

TABLE = Body("table", "simkit:box", (0, 0, -0.05), scale=(2, 2, 0.1), fixed=True, labelled=False)


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(ModelOptions(collision="convex_hull")).merged(primitives())


@contextmanager
def physics(library: Library, **options: Any) -> Iterator[Physics]:
    one = Physics(build(PhysicsOptions, options), library)
    try:
        yield one
    finally:
        one.close()


def settled(library: Library, *bodies: Body, **options: Any) -> tuple[Scene, dict[str, Any]]:
    with physics(library, **options) as one:
        return one.settle(Scene(bodies=bodies))


def box(name: str, position: tuple[float, float, float], **changes: Any) -> Body:
    return Body(name, "simkit:box", position, **{"scale": (0.1, 0.06, 0.04), **changes})


def tilted(angle: float) -> tuple[float, float, float, float]:
    """About the y axis: positive tilts +x downwards."""
    return 0.0, math.sin(angle / 2), 0.0, math.cos(angle / 2)


def test_a_box_lands_flat(library: Library) -> None:
    scene, report = settled(library, TABLE, box("a", (0.1, -0.2, 0.1)))
    body = scene.bodies[1]
    assert abs(body.position[2] - 0.02) < 1e-3
    assert np.allclose(body.position[:2], [0.1, -0.2], atol=2e-3)
    assert abs(abs(body.quaternion[3]) - 1) < 1e-3
    low = world_vertices(body, library)[:, 2].min()
    assert -5e-4 < low < 5e-4, "neither a gap nor a sunken box"
    assert report["states"] == {"a": REST}
    assert report["removed"] == []
    fall = math.sqrt(2 * (0.1 - 0.02) / 9.81)
    assert fall < report["simulated_time"] <= 4.0


@pytest.mark.parametrize("height", [0.5, 1.0, 3.0])
def test_a_fast_fall_leaves_no_dent(library: Library, height: float) -> None:
    """At 8 m/s a body would move 6 cm in a step, and end in the table or below it."""
    scene, report = settled(library, TABLE, box("a", (0, 0, height)))
    assert report["states"] == {"a": REST}
    assert abs(scene.bodies[1].position[2] - 0.02) < 5e-4


def test_a_heap_comes_to_rest(library: Library) -> None:
    """Boxes in a pen: without being held the last of them tremble on; held ones stay in contact."""
    sides = [(0.32, 0, 0.2), (-0.32, 0, 0.2), (0, 0.32, 0.2), (0, -0.32, 0.2)]
    walls = [box(f"w{k}", at, scale=(0.4, 0.4, 0.4), fixed=True) for k, at in enumerate(sides)]
    rng = np.random.default_rng(0)
    turns = rng.normal(size=(36, 4))
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    loose = [
        box(f"b{k}", (0.06 * (-1) ** k, 0.06 * (-1) ** (k // 2), 0.1 + 0.13 * (k // 4)),
            quaternion=tuple(turns[k].tolist()))
        for k in range(36)
    ]  # fmt: skip
    scene, report = settled(library, TABLE, *walls, *loose)
    assert report["moving"] == 0
    assert report["simulated_time"] < 4.0
    with physics(library, calm_after=0.0, freeze_after=9.0, max_time=0.3, rest_time=9.0) as one:
        later, _ = one.settle(scene)
    drift = [
        np.linalg.norm(np.subtract(a.position, b.position))
        for a, b in zip(scene.bodies, later.bodies, strict=True)
    ]
    assert np.median(drift) < 3e-3, "at 1 cm/s, the limit of rest, it would be as much"
    assert max(drift) < 0.02


def test_a_sphere_lands(library: Library) -> None:
    ball = Body("ball", "simkit:sphere", (0, 0, 0.15), scale=(0.1, 0.1, 0.1))
    scene, report = settled(library, TABLE, ball)
    assert report["states"] == {"ball": REST}
    assert abs(scene.bodies[1].position[2] - 0.05) < 1e-3
    # Its hull of 128 vertices has the ball's volume: corners stand out by 0.6 mm.
    assert abs(world_vertices(scene.bodies[1], library)[:, 2].min()) < 1e-3


def test_an_elastic_fall_takes_its_time(library: Library) -> None:
    """Free fall for 0.5 s: g t^2 / 2; Bullet's steps are of the first order in time_step."""
    body = box("a", (0, 0, 5.0))
    scene, report = settled(
        library, body, max_time=0.5, time_step=1 / 1200, fall_below=-99.0, angular_damping=0.0
    )
    fallen = 5.0 - scene.bodies[0].position[2]
    assert report["simulated_time"] == pytest.approx(0.5)
    # Bullet's default linear damping is 0.04 of the speed in a second.
    assert fallen == pytest.approx(9.81 * 0.25 / 2, rel=0.02)


def test_a_nut_leaves_no_visible_gap(library: Library) -> None:
    scene, _ = settled(library, TABLE, Body("it", "hex_nut", (0, 0, 0.02)))
    assert world_vertices(scene.bodies[1], library)[:, 2].min() < 5e-4


@pytest.mark.parametrize(
    "model",
    ["hex_nut", "bowl", "hex_bolt", "flange", "pipe_elbow", "mug"],
)
def test_a_single_object_neither_floats_nor_sinks(library: Library, model: str) -> None:
    start = Body("it", model, (0, 0, 0.12), (0.3, 0.5, 0.1, math.sqrt(1 - 0.35)))
    scene, report = settled(library, TABLE, start, max_time=8.0)
    assert report["states"]["it"] == REST
    low = world_vertices(scene.bodies[1], library)[:, 2].min()
    assert -1e-3 < low < 2e-3


@pytest.mark.slow
def test_decomposed_bodies_neither_float_nor_sink() -> None:
    """With CoACD's hulls, too, for the bolt (the others take long to decompose)."""
    library = load_library(ModelOptions(include=["hex_bolt"])).merged(primitives())
    assert len(library.collision("hex_bolt")) > 1
    start = Body("it", "hex_bolt", (0, 0, 0.08), (0.3, 0.5, 0.1, math.sqrt(1 - 0.35)))
    scene, report = settled(library, TABLE, start, max_time=8.0)
    assert report["states"]["it"] == REST
    assert -1e-3 < world_vertices(scene.bodies[1], library)[:, 2].min() < 2e-3


@pytest.mark.parametrize(
    ("slope_friction", "box_friction", "slides"),
    [(0.9, 0.9, False), (0.9, 0.4, True), (0.4, 0.9, True), (0.5, 1.4, False), (0.5, 1.0, True)],
)
def test_friction_is_the_product(
    library: Library, slope_friction: float, box_friction: float, slides: bool
) -> None:
    """On a slope of 31 degrees a box slides if mu < tan(31 deg) = 0.60; mu is the product."""
    angle = math.radians(31)
    normal = np.array([math.sin(angle), 0, math.cos(angle)])
    slope = Body(
        "slope", "simkit:box", (0, 0, 0), tilted(angle), (4, 2, 0.1), fixed=True,
        friction=slope_friction,
    )  # fmt: skip
    at = tuple((normal * (0.05 + 0.02 + 0.0005)).tolist())
    start = box("a", at, quaternion=tilted(angle), friction=box_friction)
    scene, _ = settled(
        library, slope, start, max_time=0.8, rest_time=5.0, calm_after=5.0, fall_below=-9.0
    )
    moved = np.linalg.norm(np.subtract(scene.bodies[1].position, at))
    mu = slope_friction * box_friction
    expected = 9.81 * (math.sin(angle) - mu * math.cos(angle)) * 0.8**2 / 2
    if slides:
        assert moved == pytest.approx(expected, rel=0.25)
    else:
        assert moved < 0.01


def test_rest_is_judged_by_the_absolute_value(library: Library) -> None:
    """A body that flies in the negative direction moves, also if that is all it ever does."""
    body = box("a", (0, 0, 1.0))
    with physics(library, max_time=0.5, fall_below=-50.0) as one:
        scene = Scene(bodies=(body,), gravity=(-1.0, -2.0, -3.0))
        after, report = one.settle(scene)
    assert report["states"] == {"a": MOVING}
    assert report["simulated_time"] == pytest.approx(0.5)
    assert after.bodies[0].position[0] < -0.05


def test_a_body_that_spins_the_wrong_way_round_moves(library: Library) -> None:
    with physics(library) as one:
        handles = one._load(Scene(bodies=(box("a", (0, 0, 1.0)),)))
        for linear, angular in (
            ((-1, 0, 0), (0, 0, 0)),
            ((0, -0.02, 0), (0, 0, 0)),
            ((0, 0, 0), (0, 0, -1)),
            ((0.02, -0.02, 0), (0, 0, 0)),
        ):
            one._client.resetBaseVelocity(handles["a"], linear, angular)
            assert not one._is_slow(handles["a"]), (linear, angular)
        one._client.resetBaseVelocity(handles["a"], (-0.005, 0, 0), (0, -0.05, 0))
        assert one._is_slow(handles["a"])


def falling() -> tuple[Body, Body, Body]:
    return TABLE, box("stays", (0, 0, 0.03)), box("falls", (1.5, 0, 0.03))


def test_what_fell_is_removed(library: Library) -> None:
    scene, report = settled(library, *falling())
    assert [body.name for body in scene.bodies] == ["table", "stays"]
    assert report["removed"] == ["falls"]
    assert report["states"] == {"stays": REST, "falls": FELL}


def test_what_fell_is_kept(library: Library) -> None:
    scene, report = settled(library, *falling(), on_fell="keep")
    assert [body.name for body in scene.bodies] == ["table", "stays", "falls"]
    assert report["removed"] == []
    assert -0.6 < scene.bodies[2].position[2] < -0.05
    assert report["states"]["falls"] == FELL


def test_what_fell_is_an_error(library: Library) -> None:
    with pytest.raises(PhysicsError, match=r"'falls' fell off; physics\.on_fell=error") as caught:
        settled(library, *falling(), on_fell="error")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("policy", ["keep", "remove", "error"])
def test_what_still_moves(library: Library, policy: str) -> None:
    bodies = (TABLE, box("flies", (0, 0, 3.0)))
    options = {"max_time": 0.2, "on_moving": policy}
    if policy == "error":
        with pytest.raises(PhysicsError, match=r"'flies' still moves after 0\.2"):
            settled(library, *bodies, **options)
        return
    scene, report = settled(library, *bodies, **options)
    assert len(scene.bodies) == (2 if policy == "keep" else 1)
    assert report["removed"] == ([] if policy == "keep" else ["flies"])
    assert report["states"] == {"flies": MOVING}


@pytest.mark.parametrize("limit", [0.0, 0.1, 0.2, 0.5])
def test_max_time(library: Library, limit: float) -> None:
    _, report = settled(library, TABLE, box("a", (0, 0, 9.0)), max_time=limit)
    assert report["simulated_time"] <= limit + 1e-9
    assert report["simulated_time"] >= limit - 5 / 120
    assert report["states"] == {"a": MOVING}


def test_disabled(library: Library) -> None:
    bodies = (TABLE, box("a", (0, 0, 1.0)))
    scene, report = settled(library, *bodies, enabled=False)
    assert scene.bodies == bodies
    assert report["simulated_time"] == 0
    assert report["removed"] == []


def test_overlap_names_both(library: Library) -> None:
    bodies = (TABLE, box("one", (0, 0, 0.03)), box("two", (0.05, 0, 0.04)))
    with pytest.raises(PhysicsError) as caught:
        settled(library, *bodies)
    assert "'one'" in str(caught.value)
    assert "'two'" in str(caught.value)
    with pytest.raises(PhysicsError, match="'table'"):
        settled(library, TABLE, box("sunk", (0, 0, 0.0)))


def test_fixed_bodies_stay(library: Library) -> None:
    shelf = box("shelf", (0, 0, 0.5), fixed=True)
    scene, report = settled(library, TABLE, shelf, box("a", (0, 0, 0.56)))
    assert scene.bodies[1] == shelf
    assert set(report["states"]) == {"a"}
    assert scene.bodies[2].position[2] == pytest.approx(0.54, abs=1e-3)


def test_a_body_at_rest_stays_where_its_vertices_are(library: Library) -> None:
    """The centre of mass is not the origin: poses must be those of the model's frame."""
    model = library["bowl"]
    assert np.linalg.norm(model.center_of_mass) > 0.01
    start = Body(
        "it", "bowl", (0.2, 0.1, 0.0005 - float(model.mesh.bounds[0, 2])), (0, 0, 0.6, 0.8)
    )
    scene, _ = settled(library, TABLE, start)
    before, after = world_vertices(start, library), world_vertices(scene.bodies[1], library)
    assert np.abs(before - after).max() < 2e-3


def test_settling_depends_on_the_scene_alone(library: Library) -> None:
    """One client, other scenes in between."""
    first = Scene(bodies=(TABLE, Body("a", "mug", (0, 0, 0.2), (0.6, 0, 0, 0.8))))
    second = Scene(bodies=(TABLE, Body("b", "bowl", (0.1, 0, 0.3), (0, 0.6, 0, 0.8))))
    with physics(library) as one:
        alone = one.settle(first)
        one.settle(second)
        assert one.settle(first) == alone


# Placement


def start_scene(library: Library, mode: str, seed: int) -> Scene:
    family = registry.load("scenes", "tabletop")
    placement = registry.load("randomizers", "placement")
    count = {"objects": 8 if mode == "drop" else 4}
    wide = {"mode": mode, "x": [-0.3, 0.3], "y": [-0.3, 0.3]}
    made = family(build(family.Options, count), library)
    scene = made.build(made.sample(stream(seed, 0, "scene/family")))
    one = placement(build(placement.Options, wide), library)
    return one.apply(scene, one.sample(scene, stream(seed, 0, "scene/placement")))


@pytest.mark.parametrize("mode", ["drop", "place"])
def test_nothing_overlaps_at_the_start(library: Library, mode: str) -> None:
    """By trimesh's collision manager where there is one, else by convex hulls and GJK in Bullet."""
    for seed in range(20):
        scene = start_scene(library, mode, seed)
        meshes = [world_mesh(body, library) for _, body in scene.labelled()]
        assert len(meshes) == (8 if mode == "drop" else 4)
        assert all(mesh.bounds[0, 2] > 0 for mesh in meshes), "nothing is in the table"
        for i, a in enumerate(meshes):
            for b in meshes[:i]:
                assert apart(a, b), f"seed {seed}"


def apart(a: trimesh.Trimesh, b: trimesh.Trimesh) -> bool:
    """Whether a plane lies between the convex hulls of two meshes (linear programming)."""
    from scipy.optimize import linprog

    if (a.bounds[0] > b.bounds[1]).any() or (b.bounds[0] > a.bounds[1]).any():
        return True
    p, q = a.convex_hull.vertices, b.convex_hull.vertices
    # n.p >= d + 1 and n.q <= d - 1 for some n, d
    rows = np.vstack(
        [np.column_stack([-p, np.ones(len(p))]), np.column_stack([q, -np.ones(len(q))])]
    )
    found = linprog(np.zeros(4), rows, -np.ones(len(rows)), bounds=(None, None), method="highs")
    return found.status == 0


def test_apart_itself() -> None:
    a, b = trimesh.creation.box((1, 1, 1)), trimesh.creation.box((1, 1, 1))
    assert not apart(a, b)
    turned = trimesh.creation.box((1, 1, 1))
    turned.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 4, [0, 0, 1]))
    turned.apply_translation([0.95, 0.95, 0])
    assert apart(a, turned)
    turned.apply_translation([-0.2, -0.2, 0])
    assert not apart(a, turned)


def test_upright_and_on_the_table(library: Library) -> None:
    for seed in range(5):
        for _, body in start_scene(library, "place", seed).labelled():
            assert np.allclose(body.T_world_body[:3, 2], [0, 0, 1])
            assert 0 < world_vertices(body, library)[:, 2].min() < 2e-3
            assert abs(world_mesh(body, library).bounds.mean(axis=0)[:2]).max() < 0.35


def test_no_room(library: Library) -> None:
    family = registry.load("scenes", "tabletop")
    placement = registry.load("randomizers", "placement")
    made = family(build(family.Options, {"objects": 30}), library)
    scene = made.build(made.sample(stream(0, 0, "f")))
    one = placement(build(placement.Options, {"mode": "place"}), library)
    with pytest.raises(SceneError, match=r"no room for '.*' after 200 tries"):
        one.sample(scene, stream(0, 0, "p"))


def test_settled_heaps(library: Library) -> None:
    """Resting bodies do not interpenetrate deeply, and each touches something below it."""
    config = {
        "models": {"collision": "convex_hull", "include": ["hex_*", "l_*", "pipe_*"]},
        "scene": {"objects": 5},
        "randomizers": {
            "camera": {"width": 32, "height": 24},
            "placement": {"x": [-0.08, 0.08], "y": [-0.08, 0.08]},
        },
        "physics": {"max_time": 8.0},
    }
    resting = 0
    with Pipeline(config) as pipeline:
        for index in range(4):
            sample = pipeline(index)
            states = sample.params["physics"]["states"]
            bodies = [body for _, body in sample.scene.labelled()]
            assert set(states) >= {body.name for body in bodies}
            lows = [world_vertices(body, library)[:, 2].min() for body in bodies]
            assert min(lows) > -4e-3, "hulls of 64 vertices cut rims by some 3 mm"
            for body, low in zip(bodies, lows, strict=True):
                if states[body.name] != REST:
                    continue
                others = [replace(other) for other in bodies if other.name != body.name]
                hulls = [world_mesh(other, library).convex_hull for other in others]
                touching = low < 2e-3 or any(
                    not apart(grown(world_mesh(body, library)), hull) for hull in hulls
                )
                assert touching, f"{index}: {body.name} floats"
                for hull in hulls:
                    assert apart(grown(world_mesh(body, library), -4e-3), hull), body.name
                resting += 1
    assert resting >= 12


def grown(mesh: trimesh.Trimesh, by: float = 2e-3) -> trimesh.Trimesh:
    """Return the convex hull with its extent changed by 2 `by` along each axis, roughly."""
    hull = mesh.convex_hull
    middle = hull.bounds.mean(axis=0)
    factor = 1 + 2 * by / hull.extents.clip(4 * abs(by))
    return trimesh.Trimesh((hull.vertices - middle) * factor + middle, hull.faces)


def test_files_of_collision_shapes_do_not_pile_up(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With sizes that change from scene to scene there is no end of shapes."""
    monkeypatch.setattr("simkit.physics.FILES_KEPT", 5)
    with physics(library) as one:
        places = []
        for number in range(12):
            size = 0.1 + 0.01 * (number % 9)
            floor = box("floor", (0, 0, -0.05), fixed=True)
            body = replace(box("a", (0, 0, size / 2 + 0.01)), scale=(size, size, size))
            settled, _ = one.settle(Scene(bodies=(floor, body)))
            places.append((size, settled.bodies[1].position[2]))
        assert len(list(Path(one._folder.name).iterdir())) == 5
    for size, height in places:
        assert height == pytest.approx(size / 2 + places[0][1] - places[0][0] / 2, abs=1e-3)
