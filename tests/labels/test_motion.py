"""Flow, scene flow and disparity against points moved by hand, and against each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from simkit.errors import ConfigError
from simkit.geometry import look_at, quaternion_of, transform
from simkit.pipeline import Pipeline
from simkit.scene import Body, Camera, Scene, matrix3, quaternion, vec3

LABELS = ["flow_forward", "flow_forward_state", "flow_backward", "flow_backward_state",
          "scene_flow_forward", "panoptic_map", "depth", "object_coords"]  # fmt: skip
K = np.array([[180.0, 0, 79.5], [0, 170.0, 59.5], [0, 0, 1]])
SEEN, HIDDEN, OUTSIDE, NOTHING = 0, 1, 2, 3


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    config = {"labels": LABELS, "render": {"backend": "embree"}, "physics": {"enabled": False}}
    with Pipeline(config) as one:
        yield one


def camera_at(eye: list[float]) -> Camera:
    T = look_at(np.array(eye), np.array([0.0, 0.0, 0.05]), 0.1)
    return Camera(160, 120, matrix3(K), vec3(eye), quaternion(quaternion_of(T)))


def world(camera: Camera, shift: list[float], turn: list[float]) -> Scene:
    """A floor, a box that moves over it, and a wall that hides a part."""
    bodies = (
        Body("floor", "simkit:box", (0, 0, -0.01), scale=(3, 3, 0.02), fixed=True, labelled=False),
        Body("box", "simkit:box", vec3(np.add([0.05, 0, 0.06], shift)), quaternion(turn),
             scale=(0.12, 0.1, 0.12)),
        Body("post", "simkit:cylinder", (0.2, 0.12, 0.15), scale=(0.05, 0.05, 0.3)),
    )  # fmt: skip
    return Scene(bodies=bodies, camera=camera)


@pytest.fixture(scope="module")
def pair(pipeline: Pipeline) -> tuple[Scene, Scene, dict[str, Any], dict[str, Any]]:
    """Two moments and their labels: the box turns and slides, the camera moves."""
    first = world(camera_at([0.7, 0.1, 0.5]), [0, 0, 0], [0, 0, 0, 1])
    second = world(camera_at([0.68, 0.16, 0.5]), [0.03, 0.05, 0.0], [0, 0, 0.1, 1])
    _, a = pipeline.label(first, moment=lambda offset: second if offset == 1 else None)
    _, b = pipeline.label(second, moment=lambda offset: first if offset == -1 else None)
    return first, second, a, b


def test_flow_is_where_points_moved_by_their_poses_project(
    pair: tuple[Scene, Scene, dict[str, Any], dict[str, Any]],
) -> None:
    first, second, labels, _ = pair
    depth, rows, columns = labels["depth"], *np.mgrid[:120, :160]
    assert first.camera is not None
    assert second.camera is not None
    rays = np.stack(
        [(columns - K[0, 2]) / K[0, 0], (rows - K[1, 2]) / K[1, 1], np.ones_like(depth)]
    )
    points = (rays * depth).reshape(3, -1)
    homogeneous = np.vstack([points, np.ones(points.shape[1])])
    for place, (one, other) in enumerate(zip(first.bodies, second.bodies, strict=True), start=1):
        mask = (labels["panoptic_map"] == place).ravel()
        assert mask.sum() > 100
        move = transform(other.position, other.quaternion) @ np.linalg.inv(
            transform(one.position, one.quaternion)
        )
        placed = first.camera.T_world_camera @ homogeneous[:, mask]
        there = second.camera.T_camera_world @ move @ placed
        pixels, _ = cv2.projectPoints(there[:3].T.copy(), np.zeros(3), np.zeros(3), K, None)
        start = np.stack([columns.ravel()[mask], rows.ravel()[mask]], axis=1)
        flow = labels["flow_forward"].reshape(-1, 2)[mask]
        assert np.abs(pixels[:, 0] - start - flow).max() < 0.02
        shift = first.camera.T_camera_world[:3, :3] @ (move @ placed - placed)[:3]
        stored = labels["scene_flow_forward"].reshape(-1, 3)[mask]
        assert np.abs(stored - shift.T).max() < 1e-5


def test_forward_and_backward_agree(
    pair: tuple[Scene, Scene, dict[str, Any], dict[str, Any]],
) -> None:
    """Where a pixel goes to and is seen, the flow there leads back."""
    _, _, a, b = pair
    seen = a["flow_forward_state"] == SEEN
    rows, columns = np.nonzero(seen)
    ends = np.stack([columns, rows], axis=1) + a["flow_forward"][seen]
    back = cv2.remap(
        b["flow_backward"], *(ends.T.astype(np.float32)[:, :, None]), cv2.INTER_LINEAR
    )[:, 0]
    miss = np.linalg.norm(a["flow_forward"][seen] + back, axis=1)
    assert np.median(miss) < 0.02
    assert (miss < 0.5).mean() > 0.97  # the rest mixes two bodies at an edge


def test_what_is_hidden(pair: tuple[Scene, Scene, dict[str, Any], dict[str, Any]]) -> None:
    """The state of each pixel against the depth that is drawn where its point goes."""
    _, _, a, b = pair
    state, flow = a["flow_forward_state"], a["flow_forward"]
    rows, columns = np.nonzero(a["panoptic_map"] > 0)
    checked = hidden = 0
    for row, column in zip(rows[::7], columns[::7], strict=True):
        x, y = np.array([column, row]) + flow[row, column]
        outside = not (-0.5 <= x < 159.5 and -0.5 <= y < 119.5)
        assert (state[row, column] == OUTSIDE) == outside
        if outside:
            continue
        u, v = round(float(x)), round(float(y))
        patch = b["panoptic_map"][max(v - 1, 0) : v + 2, max(u - 1, 0) : u + 2]
        same = patch == a["panoptic_map"][row, column]
        if same.all() or not same.any():  # away from edges
            checked += 1
            hidden += not same.any()
            if not same.any():
                assert state[row, column] == HIDDEN
    assert checked > 1500
    assert hidden > 20


def test_a_surface_that_turns_away_is_hidden(pipeline: Pipeline) -> None:
    """Turned by half, a box shows its other side: its own front hides what was seen."""
    camera = camera_at([0.7, 0.0, 0.5])
    first = world(camera, [0, 0, 0], [0, 0, 0, 1])
    second = world(camera, [0, 0, 0], [0, 0, 1, 0])
    _, labels = pipeline.label(first, moment=lambda offset: second)
    box = labels["panoptic_map"] == 2
    states, counts = np.unique(labels["flow_forward_state"][box], return_counts=True)
    assert dict(zip(states, counts, strict=True))[HIDDEN] > 0.3 * box.sum()
    still = labels["panoptic_map"] == 1
    assert (labels["flow_forward_state"][still] == SEEN).mean() > 0.99
    assert np.abs(labels["flow_forward"][still]).max() < 1e-3


def test_without_a_next_frame(pipeline: Pipeline) -> None:
    _, labels = pipeline.label(world(camera_at([0.7, 0.0, 0.5]), [0, 0, 0], [0, 0, 0, 1]))
    assert (labels["flow_forward_state"] == NOTHING).all()
    assert not labels["flow_forward"].any()


def test_disparity(pipeline: Pipeline) -> None:
    config = {"labels": ["disparity", "disparity_state", "depth"], "render": {"backend": "embree"}}
    with Pipeline({**config, "physics": {"enabled": False}}) as one:
        scene = world(camera_at([0.7, 0.1, 0.5]), [0, 0, 0], [0, 0, 0, 1])
        _, labels = one.label(scene, params={"stereo": {"baseline": 0.05}})
        seen = labels["depth"] > 0
        expected = K[0, 0] * 0.05 / labels["depth"][seen]
        assert np.abs(labels["disparity"][seen] - expected).max() < 1e-2
        assert (labels["disparity_state"][seen] == HIDDEN).any()
        assert (labels["disparity_state"][seen] == SEEN).mean() > 0.7
        with pytest.raises(ConfigError, match="stereo"):
            one.label(replace(scene))
