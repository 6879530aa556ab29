"""Labels against their definitions, by formulas and libraries that the annotators do not use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from simkit import registry
from simkit.assets.library import Model
from simkit.labels.obb_visib import _rectangle
from simkit.labels.pose_canonical import canonical_pose
from simkit.pipeline import Pipeline, Sample
from simkit.scene import vec3

LABELS = ["ray_distance", "depth", "normal", "object_coords", "nocs", "nocs_scale", "instance_map",
          "category_map", "panoptic", "panoptic_map", "visibility", "visib_fract", "occluders",
          "bbox_3d", "bbox_loose", "bbox_obj", "obb_visib", "mask", "mask_visib", "camera",
          "point_cloud", "pose", "pose_canonical", "identity"]  # fmt: skip
K = [160.0, 0, 70.3, 0, 150.0, 58.9, 0, 0, 1]


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    camera = {"width": 144, "height": 112, "cam_K": K, "distance": [0.35, 0.5]}
    config = {
        "labels": LABELS,
        "seed": 5,
        "render": {"backend": "embree"},
        "models": {"collision": "convex_hull"},
        "scene": {"objects": 9},
        "randomizers": {"camera": camera, "placement": {"x": [-0.1, 0.1], "y": [-0.1, 0.1]}},
    }
    with Pipeline(config) as one:
        yield one


@pytest.fixture(scope="module")
def samples(pipeline: Pipeline) -> list[Sample]:
    """Three samples; the bodies of the last are stretched."""
    made = [pipeline(0), pipeline(1)]
    last = pipeline(2)
    bodies = [
        replace(b, scale=vec3([0.7, 1.2, 1.5])) if b.labelled else b for b in last.scene.bodies
    ]
    scene = last.scene.with_bodies(bodies)
    frame, labels = pipeline.label(scene)
    return [*made, replace(last, scene=scene, frame=frame, labels=labels)]


def test_ray_distance_and_depth(samples: list[Sample]) -> None:
    for sample in samples:
        v, u = np.mgrid[:112, :144]
        rays = np.stack([(u - K[2]) / K[0], (v - K[5]) / K[4], np.ones_like(u)], axis=-1)
        expected = sample.labels["depth"] * np.linalg.norm(rays, axis=-1)
        assert np.abs(sample.labels["ray_distance"] - expected).max() < 1e-5
        assert (expected > sample.labels["depth"] + 1e-3).any()


def test_poses_come_back_from_object_coordinates(samples: list[Sample]) -> None:
    """PnP from rendered coordinates: to 0.1 degree and 0.5 mm (and NOCS says the same)."""
    found = 0
    for sample in samples:
        labels = sample.labels
        for place, (instance_id, body) in enumerate(sample.scene.labelled()):
            mask = labels["instance_map"] == instance_id
            if mask.sum() < 150:
                continue
            found += 1
            rows, columns = np.nonzero(mask)
            pixels = np.stack([columns, rows], axis=1).astype(np.float64)
            scaled = labels["object_coords"][mask].astype(np.float64) * body.scale
            box = labels["nocs_scale"][place]
            other = (labels["nocs"][mask] - 0.5) * box["diagonal"] + box["center"]
            assert np.abs(other - scaled).max() < 1e-5
            _, rotation, translation = cv2.solvePnP(
                scaled, pixels, np.array(K).reshape(3, 3), None, flags=cv2.SOLVEPNP_SQPNP
            )
            pose = labels["pose"][place]
            turn = Rotation.from_rotvec(rotation[:, 0]) * Rotation.from_matrix(pose[:3, :3]).inv()
            assert np.degrees(turn.magnitude()) < 0.1
            assert np.abs(translation[:, 0] - pose[:3, 3]).max() < 5e-4
    assert found > 10


def test_normals_are_those_of_the_depth(samples: list[Sample]) -> None:
    """On the flat table, the plane fitted to the point cloud has the normal that is stored."""
    for sample in samples:
        table = next(s["id"] for s in sample.labels["panoptic"] if s["name"] == "table")
        cloud = sample.labels["point_cloud"]
        points = cloud[cloud[:, 3] == table, :3].astype(np.float64)
        assert len(points) > 500
        normal = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][2]
        stored = sample.labels["normal"][sample.labels["panoptic_map"] == table]
        assert np.abs(np.abs(stored @ normal) - 1).max() < 1e-4
        towards = np.einsum("ij,ij->i", stored, points)
        assert (towards < 0).all()


def test_maps_agree_with_masks(samples: list[Sample]) -> None:
    for sample in samples:
        labels = sample.labels
        again = np.zeros_like(labels["instance_map"])
        category = np.zeros_like(labels["category_map"])
        for identity, mask in zip(labels["identity"], labels["mask_visib"], strict=True):
            again[mask] = identity["instance_id"]
            category[mask] = identity["category_id"]
        assert (again == labels["instance_map"]).all()
        assert (category == labels["category_map"]).all()
        things = {s["id"]: s for s in labels["panoptic"]}
        ids, areas = np.unique(labels["panoptic_map"], return_counts=True)
        assert {i: a for i, a in zip(ids, areas, strict=True) if i} == {
            i: s["area"] for i, s in things.items()
        }
        for identity in labels["identity"]:
            segment = things.get(identity["instance_id"])
            assert segment is None or segment["category"] == identity["category"]
        for i, segment in things.items():
            rows, columns = np.nonzero(labels["panoptic_map"] == i)
            low = columns.min(), rows.min()
            size = columns.max() - low[0] + 1, rows.max() - low[1] + 1
            assert segment["bbox"] == [*low, *size]


def test_visibilities_and_occluders_add_up(samples: list[Sample]) -> None:
    hidden = 0
    for sample in samples:
        labels = sample.labels
        for place, (instance_id, _) in enumerate(sample.scene.labelled()):
            seen = labels["visibility"][place]
            assert seen["visible_of_whole"] == labels["visib_fract"][place]["visib_fract"]
            assert seen["visible_of_whole"] == pytest.approx(
                seen["in_frame_of_whole"] * seen["visible_of_in_frame"]
            )
            mask, hiders = labels["mask"][place], labels["occluders"][place]
            counts = {one["instance_id"]: one["px"] for one in hiders}
            for other, px in counts.items():
                assert px == np.count_nonzero(mask & (sample.frame.instance == other))
            assert instance_id not in counts
            visible = np.count_nonzero(labels["mask_visib"][place])
            assert visible + sum(counts.values()) == np.count_nonzero(mask)
            assert sum(one["fraction"] for one in hiders) == pytest.approx(
                1 - seen["visible_of_in_frame"] if mask.any() else 0
            )
            hidden += len(hiders)
    assert hidden > 5


def test_boxes_in_space(pipeline: Pipeline, samples: list[Sample]) -> None:
    """Corners in the stated order, projected by OpenCV; the loose box holds the silhouette's."""
    for sample in samples:
        labels = sample.labels
        for place, (_, body) in enumerate(sample.scene.labelled()):
            box, pose = labels["bbox_3d"][place], labels["pose"][place]
            vertices = pipeline.library[body.model].mesh.vertices * body.scale
            low, high = vertices.min(axis=0), vertices.max(axis=0)
            for k, corner in enumerate(box["corners_camera"]):
                ends = [(low, high)[k >> axis & 1][axis] for axis in range(3)]
                assert np.allclose(pose @ [*ends, 1], [*corner, 1], atol=1e-9)
            pixels, _ = cv2.projectPoints(
                np.array(box["corners_camera"]), np.zeros(3), np.zeros(3),
                np.array(K).reshape(3, 3), None,
            )  # fmt: skip
            assert np.allclose(pixels[:, 0], box["corners_px"], atol=1e-6)
            assert np.allclose(box["size"], high - low)
            loose, tight = labels["bbox_loose"][place], labels["bbox_obj"][place]
            assert loose[0] <= tight[0] + 1e-6
            assert loose[1] <= tight[1] + 1e-6
            assert loose[0] + loose[2] >= tight[0] + tight[2] - 1 - 1e-6
            assert loose[1] + loose[3] >= tight[1] + tight[3] - 1 - 1e-6


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 89), st.floats(15, 60), st.floats(4, 14))
def test_oriented_boxes(angle: float, length: float, width: float) -> None:
    """A drawn rectangle comes back within a pixel and a half; it holds each pixel's square."""
    if abs(length - width) < 6:
        return
    v, u = np.mgrid[:120, :120]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along, across = c * (u - 60) + s * (v - 60), -s * (u - 60) + c * (v - 60)
    mask = (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)
    box = _rectangle(mask)
    assert box is not None
    assert 0 <= box["angle_deg"] < 90
    assert np.allclose(sorted(box["size"]), sorted([length, width]), atol=2.5)
    corners = np.array(box["corners"])
    assert np.allclose(corners.mean(axis=0), box["center"])
    polygon = corners[:, None].astype(np.float32)
    for row, column in zip(*np.nonzero(mask), strict=True):
        for d in ((-0.49, -0.49), (0.49, 0.49)):
            place = (float(column + d[0]), float(row + d[1]))
            assert cv2.pointPolygonTest(polygon, place, True) > -0.05
    step = corners[1] - corners[0]
    assert np.degrees(np.arctan2(step[1], step[0])) == pytest.approx(box["angle_deg"], abs=1e-3)
    following = corners[2] - corners[1]
    assert step[0] * following[1] > step[1] * following[0], "clockwise as seen, with y down"


def model_with(**symmetries: Any) -> Model:
    mesh = registry  # a model's mesh plays no part here
    return Model("m", 1, "m", 1, mesh, 0.1, 1e-3, (0, 0, 0), True, **symmetries)  # type: ignore[arg-type]


def turned(axis: list[float], degrees: float, offset: list[float] | None = None) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3] = Rotation.from_rotvec(np.radians(degrees) * np.array(axis)).as_matrix()
    o = np.array(offset or [0, 0, 0])
    T[:3, 3] = o - T[:3, :3] @ o
    return T


quaternions = st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(
    lambda q: np.linalg.norm(q) > 0.1
)


@settings(max_examples=60, deadline=None)
@example([0.0, 0.0, 1e-05, 1.0], 1.0, 1.0)
@given(quaternions, st.floats(0, 360), st.sampled_from([1.0, 1.7]))
def test_equal_views_have_equal_canonical_poses(q: list[float], angle: float, scale: float) -> None:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_quat(q).as_matrix()
    pose[:3, 3] = 0.1, -0.2, 0.9
    offset = [0.01, 0.02, 0.0]
    round_about = [np.trace((pose @ turned([0, 0, 1], d))[:3, :3]) for d in (0, 90, 180)]
    assume(np.ptp(round_about) > 1e-3)  # else the axis is upside down, and no turn is the least
    spun = turned([0, 0, 1], angle, [scale * one for one in offset])
    bottle = model_with(symmetries_continuous=(((0.0, 0.0, 1.0), tuple(offset)),))
    a, b = canonical_pose(pose, bottle, scale), canonical_pose(pose @ spun, bottle, scale)
    assert np.allclose(a, b, atol=1e-6)
    nearby = [np.trace((a @ turned([0, 0, 1], d))[:3, :3]) for d in (-2, 2)]
    assert np.trace(a[:3, :3]) >= max(nearby)
    flips = tuple(tuple(map(tuple, turned([0, 0, 1], d).tolist())) for d in (90, 180, 270))
    square = model_with(symmetries_discrete=flips)
    traces = [np.trace((pose @ turned([0, 0, 1], d))[:3, :3]) for d in (0, 90, 180, 270)]
    if np.ptp(sorted(traces)[-2:]) > 1e-6:  # no tie
        c, d = (canonical_pose(p, square) for p in (pose, pose @ turned([0, 0, 1], 90)))
        assert np.allclose(c, d, atol=1e-9)
        assert np.trace(c[:3, :3]) == pytest.approx(max(traces))


def test_the_camera(samples: list[Sample]) -> None:
    camera = samples[0].labels["camera"]
    assert camera["model"] == "pinhole"
    assert np.allclose(np.array(camera["cam_K"]).ravel(), K)
    assert np.allclose(camera["T_world_camera"] @ camera["T_camera_world"], np.eye(4))
    body = samples[0].scene.labelled()[0][1]
    origin = camera["T_camera_world"] @ [*body.position, 1]
    assert np.allclose(origin[:3], samples[0].labels["pose"][0][:3, 3])


def test_large_category_ids() -> None:
    """Cards and robots have ids above 100 000."""
    camera = {"width": 64, "height": 48}
    config = {
        "labels": ["category_map", "identity"],
        "render": {"backend": "embree"},
        "scene": {"family": "planar", "arrangement": "apart", "count": 3},
        "randomizers": {"camera": camera},
    }
    with Pipeline(config) as pipeline:
        labels = pipeline(0).labels
    known = {one["category_id"] for one in labels["identity"]}
    assert min(known) > 2**16
    assert set(np.unique(labels["category_map"])) - {0} <= known
    assert labels["category_map"].any()
