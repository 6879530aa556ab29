"""What is around a point of a scene, against trimesh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from oracles.ray_casting import alone, cast, world_mesh
from test_camera import BALL, LIBRARY, MUG, SCENE, TABLE, shot

from simkit.assets.library import Library
from simkit.raycast import RayCaster
from simkit.scene import Body
from simkit.surroundings import Surroundings


def surroundings_of(*bodies: Body) -> Surroundings:
    return Surroundings(bodies, LIBRARY, RayCaster(LIBRARY))


@pytest.mark.parametrize("model", ["mug", "pipe_elbow", "simkit:cylinder"])
def test_inside_is_inside(model: str) -> None:
    body = replace(MUG, model=model, scale=(1.0, 1.4, 0.7))
    mesh, rng = world_mesh(body, LIBRARY), np.random.default_rng(0)
    points = rng.uniform(*mesh.bounds, size=(1500, 3))
    hollow = points[~mesh.contains(points)][:60]
    full = points[mesh.contains(points)][:60]
    around = surroundings_of(body)
    assert len(full) >= 20
    assert [around.holding(point) for point in full] == ["mug"] * len(full)
    assert [around.holding(point) for point in hollow] == [None] * len(hollow)


def test_an_open_shell_holds_nothing() -> None:
    """A quarter of a sphere: some rays meet its inner side, most meet nothing."""
    ball = LIBRARY["simkit:sphere"]
    quarter = (ball.mesh.triangles.mean(axis=1)[:, ::2] > 0).all(axis=1)
    shell = replace(ball, name="shell", mesh=replace(ball.mesh, faces=ball.mesh.faces[quarter]))
    library = Library([shell])
    around = Surroundings((Body("shell", "shell"),), library, RayCaster(library))
    assert around.holding(np.array([0.1, 0.0, 0.1])) is None


def test_clearance_is_the_distance_to_the_surface() -> None:
    bodies = (TABLE, replace(MUG, scale=(1.0, 1.4, 0.7)))
    around, rng = surroundings_of(*bodies), np.random.default_rng(1)
    meshes = [world_mesh(body, LIBRARY) for body in bodies]
    for point in rng.uniform(-0.4, 0.4, size=(12, 3)):
        naive = [trimesh.proximity.closest_point_naive(mesh, [point])[1][0] for mesh in meshes]
        assert np.isclose(around.clearance(point, 5.0), min(naive), atol=1e-9)
        assert np.isclose(around.clearance(point, 0.1), min(0.1, *naive), atol=1e-9)


@pytest.mark.parametrize("distance", [0.15, 0.6, 3.0])
def test_seen_is_what_ray_casting_finds(distance: float) -> None:
    """At full resolution by another caster; small bodies exactly, large ones by a part of the rays."""
    stretched = replace(MUG, scale=(1.0, 1.5, 0.6))
    hidden = replace(BALL, name="hidden", position=(-0.4, -0.1, 0.1))
    scene = SCENE.with_bodies([TABLE, BALL, stretched, hidden])
    for seed in range(4):
        camera, _ = shot(
            scene, seed, distance=distance, aim="object", jitter=[-0.1, 0.1], elevation_deg=5
        )
        ids = cast(scene, camera, LIBRARY).ids
        for name, seen in surroundings_of(*scene.bodies).seen(camera):
            place, body = next((i, b) for i, b in scene.labelled() if b.name == name)
            outline = alone(body, camera, LIBRARY, canvas=1)
            visible, whole = (ids == place).sum(), outline.sum()
            small = not whole or np.ptp(np.argwhere(outline), axis=0).max() < 20
            slack = 2 if small else 6 * np.sqrt(whole)
            assert abs(seen.px_count_all - whole) <= slack
            assert abs(seen.px_count_visib - visible) <= slack
            assert abs(seen.visib_fract - visible / max(whole, 1)) < 0.06 or whole < 100
