"""Labels of distorted renders against points that OpenCV's own distortion projects.

Only ``cv2.projectPoints`` and ``cv2.fisheye.projectPoints`` know the lens here, and rotations are
written out (`oracles.ray_casting`). OpenCV's fisheye takes points in front of the camera only, so
what lies beside and behind it is not compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.spatial import cKDTree

from oracles.ray_casting import away_from_edges, rotation_of, world_mesh
from simkit.assets.library import Library
from simkit.pipeline import Pipeline
from simkit.render import Frame
from simkit.render.probe import probe
from simkit.scene import Body, Camera, Scene

Float = NDArray[np.float64]

SIZE = {"width": 160, "height": 120}
NARROW = ((130.0, 0.0, 76.3), (0.0, 127.0, 61.9), (0.0, 0.0, 1.0))
WIDE = ((62.0, 0.0, 81.2), (0.0, 60.0, 57.4), (0.0, 0.0, 1.0))
BROWN: dict[str, Any] = {"model": "brown_conrady", "cam_K": NARROW}
RATIONAL = (0.3, -0.1, 0.001, 0.0005, 0.02, 0.35, -0.05, 0.01)
LENSES: dict[str, dict[str, Any]] = {
    "4": {**BROWN, "distortion": (-0.28, 0.09, 0.004, -0.006)},
    "5": {**BROWN, "distortion": (0.22, -0.1, -0.005, 0.003, 0.05)},
    "8": {**BROWN, "distortion": RATIONAL},
    "fisheye": {
        "model": "kannala_brandt",
        "cam_K": WIDE,
        "distortion": (0.05, 0.01, -0.002, 0.0005),
    },
}

SPACING = 0.4
"""Of the points that stand for a body's surface [px]."""

AT_SILHOUETTES = {"embree": 0.1, "gl": 0.5}
IDS = {"embree": 0.9999, "gl": 0.99}
DEPTH = {"embree": (1e-6, 0.9999), "gl": (5e-4, 0.995)}
"""How far beyond a silhouette a label may reach [px]; part of the rays that must meet the same body;
error of depth, relative to 1 m and the depth, and part of the pixels that must keep it. gl takes the
nearest of two pixels in one, and is exact where surfaces are flat.
"""


@dataclass(frozen=True, eq=False)
class Shot:
    """A distorted picture's labels."""

    backend: str
    lens: str
    scene: Scene
    camera: Camera
    library: Library
    frame: Frame
    labels: dict[str, Any]


@pytest.fixture(scope="module", params=["embree", "gl"])
def shots(request: pytest.FixtureRequest, small: Callable[..., dict[str, Any]]) -> list[Shot]:
    """Two settled scenes, each through each lens, so near that some bodies are cut by the border."""
    found = probe(request.param)
    if not found.works:
        pytest.skip(f"renderer {request.param} does not work here: {found.reason}")
    camera = {"distance": [0.3, 0.4], "elevation_deg": [30, 60], "roll_deg": [-40, 40]}
    config = small(
        scene={"objects": 6},
        randomizers={"camera": camera, "placement": {"x": [-0.15, 0.15], "y": [-0.15, 0.15]}},
        render={"backend": request.param},
    )
    made = []
    with Pipeline(config) as pipeline:
        for index in (0, 1):
            scene = pipeline(index).scene
            assert scene.camera is not None
            for name, lens in LENSES.items():
                seen = replace(scene, camera=replace(scene.camera, **SIZE, **lens))
                assert seen.camera is not None
                _, labels = pipeline.label(seen)
                frame = pipeline.renderer.render(
                    seen, seen.camera, ["instance", "depth", "object_coords"]
                )
                assert np.array_equal(frame.depth, labels["depth"])
                made.append(
                    Shot(request.param, name, seen, seen.camera, pipeline.library, frame, labels)
                )
    return made


def in_camera(camera: Camera, points: Float) -> Float:
    """Return points (N, 3) of the world in the camera frame."""
    return (points - np.array(camera.position)) @ rotation_of(camera.quaternion)


def projected(camera: Camera, points: Float) -> Float:
    """Return pixels (N, 2) of points (N, 3) in the camera frame with z > 0, by OpenCV."""
    project = cv2.fisheye.projectPoints if camera.model == "kannala_brandt" else cv2.projectPoints
    none, lens = np.zeros(3), np.array(camera.distortion)
    pixels, _ = project(points[:, None], none, none, np.array(camera.cam_K), lens)
    return np.asarray(pixels[:, 0])


def hits(shot: Shot) -> tuple[NDArray[np.int64], NDArray[np.int64], Float]:
    """Return rows, columns and object coordinates in the camera frame, away from silhouettes."""
    core = away_from_edges(shot.frame.instance.astype(np.int64)) & (shot.frame.depth > 1e-3)
    rows, columns = np.nonzero(core)
    local = shot.frame.channels["object_coords"][rows, columns].astype(np.float64)
    points = np.zeros_like(local)
    for number, body in enumerate(shot.scene.bodies, start=1):
        own = shot.frame.instance[rows, columns] == number
        scaled = local[own] * np.array(body.scale)
        world = scaled @ rotation_of(body.quaternion).T + np.array(body.position)
        points[own] = in_camera(shot.camera, world)
    return rows, columns, points


def test_the_lenses_bend_by_many_pixels(shots: list[Shot]) -> None:
    for shot in shots:
        rows, columns, points = hits(shot)
        straight = points @ np.array(shot.camera.cam_K).T
        away = straight[:, :2] / straight[:, 2:] - np.stack([columns, rows], axis=1)
        assert np.abs(away).max() > 2.5, shot.lens
        assert len(rows) > 5000


def test_object_coordinates_land_on_their_pixel(shots: list[Shot]) -> None:
    for shot in shots:
        rows, columns, points = hits(shot)
        assert (points[:, 2] > 0).all()
        error = np.abs(projected(shot.camera, points) - np.stack([columns, rows], axis=1))
        assert error.max() < 0.1, f"{shot.lens}: {error.max()} px"


def test_depth_is_the_points_z(shots: list[Shot]) -> None:
    for shot in shots:
        rows, columns, points = hits(shot)
        error = np.abs(shot.frame.depth[rows, columns] - points[:, 2])
        assert (error < 1e-5 + 1e-5 * points[:, 2]).all(), f"{shot.lens}: {error.max()} m"


def surface_pixels(shot: Shot, body: Body) -> Float | None:
    """Return pixels of points all over a body's surface; None where OpenCV cannot project some.

    That is where points lie behind the camera, or beyond the angle at which the lens folds.
    """
    mesh = world_mesh(body, shot.library)
    corners = in_camera(shot.camera, mesh.vertices)
    if corners[:, 2].min() < 0.03 or not unfolded(shot.camera, corners):
        return None
    pixels = projected(shot.camera, corners)[mesh.faces]
    longest = np.linalg.norm(pixels - np.roll(pixels, 1, axis=1), axis=2).max(axis=1)
    steps = np.ceil(1.5 * longest / SPACING).astype(int).clip(1)  # a lens stretches a face unevenly
    found = []
    for count in np.unique(steps):
        i, j = np.mgrid[0 : count + 1, 0 : count + 1].reshape(2, -1)
        weights = np.stack([i, j, count - i - j], axis=1)[i + j <= count] / count
        dense = np.einsum("wc,fcx->fwx", weights, corners[mesh.faces[steps == count]])
        found.append(projected(shot.camera, dense.reshape(-1, 3)))
    return np.concatenate(found)


def unfolded(camera: Camera, points: Float) -> bool:
    """Whether moving all points outwards in the image plane moves their pixels outwards."""
    here = projected(camera, points)
    there = projected(camera, points * [1.001, 1.001, 1.0])
    middle = np.array(camera.cam_K)[:2, 2]
    return bool((((there - here) * (here - middle)).sum(axis=1) >= 0).all())


@pytest.fixture(scope="module")
def surfaces(shots: list[Shot]) -> list[tuple[Shot, int, Float]]:
    """(shot, place among the labelled bodies, pixels of its surface), where OpenCV gives them."""
    found = []
    for shot in shots:
        for place, (_, body) in enumerate(shot.scene.labelled()):
            pixels = surface_pixels(shot, body)
            if pixels is not None:
                found.append((shot, place, pixels))
    return found


def test_amodal_boxes_are_the_surfaces_extent(surfaces: list[tuple[Shot, int, Float]]) -> None:
    """No pixel beyond the outermost point; and within one pixel of it, half a pixel on average."""
    assert {shot.lens for shot, _, _ in surfaces} == set(LENSES)
    within, outside = [], 0
    for shot, place, pixels in surfaces:
        box = shot.labels["bbox_obj"][place]
        size = np.array([shot.camera.width, shot.camera.height])
        if box is None or (pixels < -size).any() or (pixels > 2 * size - 1).any():
            continue
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        first, last = np.array(box[:2]), np.add(box[:2], box[2:]) - 1
        slack = AT_SILHOUETTES[shot.backend]
        assert (first >= low - slack).all(), f"{shot.lens}: {first} < {low}"
        assert (last <= high + slack).all(), f"{shot.lens}: {last} > {high}"
        within += [*(first - low), *(high - last)]
        outside += bool((first < 0).any() or (last >= size).any())
    assert len(within) > 4 * 30
    assert outside >= 5, "some reach beyond the image"
    assert np.mean(np.array(within) <= 1) > 0.9, sorted(within)[-10:]
    assert 0.3 < np.mean(within) < 0.7, "half a pixel on average, or the boxes are biased"


def test_amodal_masks_are_the_surfaces_pixels(surfaces: list[tuple[Shot, int, Float]]) -> None:
    """Each masked pixel has a surface point by it, and each surface point a masked pixel next to it."""
    next_to, compared = [], 0
    for shot, place, pixels in surfaces:
        mask = shot.labels["mask"][place]
        inside = ((pixels > 1) & (pixels < np.array(mask.shape[::-1]) - 2)).all(axis=1)
        if not inside.any():
            assert not mask.any() or not inside.all()
            continue
        rows, columns = np.nonzero(mask)
        tree = cKDTree(pixels, balanced_tree=False, compact_nodes=False)
        distance, _ = tree.query(np.stack([columns, rows], axis=1))
        slack = AT_SILHOUETTES[shot.backend] + SPACING
        assert distance.max(initial=0) < slack, f"{shot.lens}: {distance.max()} px"
        column, row = np.rint(pixels[inside]).astype(int).T
        next_to.append(binary_dilation(mask, np.ones((3, 3)))[row, column])
        compared += len(rows)
    assert compared > 10000
    assert np.concatenate(next_to).mean() > 0.9999


def test_visible_masks_are_what_rays_of_opencv_meet(shots: list[Shot]) -> None:
    """Ids and depth by trimesh along the rays that OpenCV undistorts."""
    for shot in shots:
        rows, columns = np.mgrid[0 : shot.camera.height : 2, 0 : shot.camera.width : 2]
        pixels = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)
        rays = undistorted(shot.camera, pixels)
        back = projected(shot.camera, rays)
        rays, pixels = (kept[np.abs(back - pixels).max(axis=1) < 1e-3] for kept in (rays, pixels))
        ids, depth = first_hits(shot, rays)
        column, row = pixels.astype(int).T
        error, least = DEPTH[shot.backend]
        assert len(ids) > 4500
        assert (ids == shot.frame.instance[row, column]).mean() > IDS[shot.backend], shot.lens
        close = np.abs(depth - shot.frame.depth[row, column]) < error * (1 + depth)
        core = away_from_edges(shot.frame.instance.astype(np.int64))[row, column]
        assert close[core].mean() > least, shot.lens


def undistorted(camera: Camera, pixels: Float) -> Float:
    """Return rays (N, 3) with z = 1 by OpenCV."""
    K, lens = np.array(camera.cam_K), np.array(camera.distortion)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 300, 1e-12)
    undistort = cv2.undistortPoints
    if camera.model == "kannala_brandt":
        undistort = cv2.fisheye.undistortPoints
    plane = undistort(pixels[:, None], K, lens, criteria=criteria)
    return np.column_stack([plane[:, 0], np.ones(len(pixels))])


def first_hits(shot: Shot, rays: Float) -> tuple[NDArray[np.int64], Float]:
    """Return id and z-depth of what rays (N, 3) in the camera frame meet first, by trimesh."""
    meshes = [world_mesh(body, shot.library) for body in shot.scene.bodies]
    owner = np.repeat(np.arange(1, len(meshes) + 1), [len(mesh.faces) for mesh in meshes])
    joined = trimesh.util.concatenate(meshes)
    eye = np.array(shot.camera.position)
    directions = rays @ rotation_of(shot.camera.quaternion).T
    caster = trimesh.ray.ray_pyembree.RayMeshIntersector(joined)
    first = caster.intersects_first(np.broadcast_to(eye, directions.shape), directions)
    corners = joined.triangles[first]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    depth = ((corners[:, 0] - eye) * normals).sum(axis=1) / (directions * normals).sum(axis=1)
    nothing = first < 0
    return np.where(nothing, 0, owner[first]), np.where(nothing, 0.0, depth)
