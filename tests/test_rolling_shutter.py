"""Silhouettes under a rolling shutter: against the renderer, and against rays cast row by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from simkit.assets.primitives import primitives
from simkit.cameras import camera_rays
from simkit.geometry import look_at, quaternion_of
from simkit.raycast import CANVAS, RayCaster
from simkit.render.embree import Embree, EmbreeOptions
from simkit.scene import Body, Camera, Scene, quaternion, vec3

LIBRARY = primitives()
WIDTH, HEIGHT = 96, 72
DISTORTION = {
    "pinhole": (), "brown_conrady": (-0.1, 0.02, 0.001, 0.0),
    "kannala_brandt": (0.02, 0.0, 0.0, 0.0), "equirectangular": (),
}  # fmt: skip


def view(model: str = "pinhole", **more: object) -> Camera:
    near = 0.4 if model == "equirectangular" else 1.0  # it sees all around, the box small
    T = look_at([near * 0.2, near * -1.6, near * 0.5], [0, 0, 0.1])
    K = ((90.0, 0, (WIDTH - 1) / 2), (0, 90.0, (HEIGHT - 1) / 2), (0, 0, 1))
    camera = Camera(
        WIDTH, HEIGHT, K, vec3(T[:3, 3]), quaternion(quaternion_of(T)), model=model,
        distortion=DISTORTION[model], readout=0.05,
    )  # fmt: skip
    return replace(camera, **more)


def box(**more: object) -> Body:
    turned = quaternion(np.array([0.1, 0.3, -0.2, 0.9]))
    body = Body("box", "simkit:box", (0.1, 0.0, 0.1), turned, scale=(0.5, 0.3, 0.4))
    return replace(body, **more)


FAST = {"velocity": (3.0, 0.5, 1.5), "angular_velocity": (2.0, 6.0, -3.0)}
MOVES = {
    "body": (FAST, {}),
    "camera": ({}, {"velocity": (1.0, 0.0, -1.0), "angular_velocity": (3.0, 1.0, 4.0)}),
    "both": (FAST, {"angular_velocity": (2.0, -1.0, 5.0)}),
    "downwards": ({"velocity": (0.0, 0.0, -12.0)}, {}),
}


def by_rows(body: Body, camera: Camera) -> NDArray[np.bool_]:
    """Return the pixels that a body covers, on the whole canvas; each row is cast by itself."""
    beyond = 0 if camera.model == "equirectangular" else CANVAS
    rows = np.arange(-beyond * HEIGHT, (1 + beyond) * HEIGHT)
    columns = np.arange(-beyond * WIDTH, (1 + beyond) * WIDTH)
    covered = np.zeros((len(rows), len(columns)), dtype=bool)
    model = LIBRARY[body.model].mesh
    for place, row in enumerate(rows):
        time = camera.readout * (row - (HEIGHT - 1) / 2) / (HEIGHT - 1)
        R, t = _pose(body, time)
        mesh = trimesh.Trimesh((model.vertices * body.scale) @ R.T + t, model.faces, process=False)
        R, t = _pose(camera, time)
        rays = camera_rays(camera, np.stack([columns, np.full(len(columns), row)], axis=1))
        sees = np.isfinite(rays).all(axis=1)
        caster = trimesh.ray.ray_pyembree.RayMeshIntersector(mesh)
        directions = rays[sees] @ R.T
        covered[place, sees] = caster.intersects_any(np.tile(t, (len(directions), 1)), directions)
    return covered


def _pose(thing: Body | Camera, time: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    turn = Rotation.from_rotvec(time * np.array(thing.angular_velocity))
    rotation = (turn * Rotation.from_quat(thing.quaternion)).as_matrix()
    return rotation, np.array(thing.position) + time * np.array(thing.velocity)


@pytest.mark.parametrize("moving", MOVES)
@pytest.mark.parametrize("model", DISTORTION)
def test_silhouettes_are_those_of_each_rows_own_time(model: str, moving: str) -> None:
    of_body, of_camera = MOVES[moving]
    body, camera = box(**of_body), view(model, **of_camera)
    beyond = 0 if model == "equirectangular" else CANVAS
    expected = by_rows(body, camera)
    found = RayCaster(LIBRARY).silhouette(body, camera)
    drawn = np.zeros_like(expected)
    y, x = found.y + beyond * HEIGHT, found.x + beyond * WIDTH
    h, w = found.pixels.shape
    drawn[y : y + h, x : x + w] = found.pixels
    assert expected.sum() > 200
    assert _iou(drawn, expected) > 0.999
    still = RayCaster(LIBRARY).silhouette(body, replace(camera, readout=0.0))
    inside = expected[beyond * HEIGHT :, beyond * WIDTH :][:HEIGHT, :WIDTH]
    assert _iou(still.in_image(WIDTH, HEIGHT), inside) < 0.97, "it makes a difference"


@pytest.mark.parametrize("moving", MOVES)
def test_what_nothing_hides_is_seen_whole(moving: str) -> None:
    of_body, of_camera = MOVES[moving]
    body, camera = box(**of_body), view(**of_camera)
    scene = Scene((body,))
    frame = Embree(EmbreeOptions(), LIBRARY).render(scene, camera, {"instance", "depth"})
    seen = frame.instance == 1
    assert seen.sum() > 200
    mask = RayCaster(LIBRARY).silhouette(body, camera).in_image(WIDTH, HEIGHT)
    assert _iou(mask, seen) > 0.995


def _iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())
