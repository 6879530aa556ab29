"""Where the points that are seen now lie in another view: of another moment, or from another eye."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.cameras import project_points
from simkit.compiled import compiled
from simkit.errors import ConfigError
from simkit.geometry import Array
from simkit.labels import View
from simkit.labels.points import body_by_name, placed_points, placing
from simkit.scene import Scene

SEEN, HIDDEN, OUTSIDE, NOTHING = 0, 1, 2, 3
"""What becomes of a pixel's point in the other view: seen there; hidden; outside the image or behind the
camera; there is no point, its body is gone, or there is no such view."""

TOLERANCE = 2e-3
"""Part of its depth by which a point may lie behind what is drawn, and still count as seen."""


@dataclass(frozen=True, eq=False)
class Motion:
    """How pixels move to another view.

    Attributes:
        flow: (H, W, 2) float32 [px], from a pixel to where its point is in the other image; else 0.
        state: (H, W) uint8: `SEEN`, `HIDDEN`, `OUTSIDE` or `NOTHING`.
        displacement: (H, W, 3) float32 [m], of the point in the world, along the axes of the camera
            as it is now; else 0.
    """

    flow: NDArray[np.float32]
    state: NDArray[np.uint8]
    displacement: NDArray[np.float32]


def motion(view: View, other: Scene | None) -> Motion:
    """Return how pixels move to another scene's image, whose bodies have the same names."""
    height, width = view.frame.instance.shape
    flow = np.zeros((height, width, 2), dtype=np.float32)
    state = np.full((height, width), NOTHING, dtype=np.uint8)
    if other is None or other.camera is None:
        return Motion(flow, state, np.zeros((height, width, 3), dtype=np.float32))
    then, now = body_by_name(other), view.camera.T_camera_world
    placed, displaced = [], []
    for body in view.scene.bodies:
        twin = then.get(body.name)
        there = np.full((4, 4), np.nan) if twin is None else placing(twin)
        placed.append(other.camera.T_camera_world @ there)
        displaced.append(_rotation(now) @ (there - placing(body)))
    displacement = np.nan_to_num(placed_points(view, displaced))
    points = placed_points(view, placed)
    seen = (view.frame.instance > 0) & np.isfinite(points).all(axis=2)
    rows, columns = np.nonzero(seen)
    pixels = project_points(other.camera, points[rows, columns])
    depths = points[rows, columns, 2].astype(np.float64)
    ends = np.full((height, width, 3), np.nan)
    ends[rows, columns] = np.column_stack([pixels, depths])
    if view.draw is None:
        raise ConfigError("labels: flow and disparity look from elsewhere, and need a renderer")
    drawn = view.draw(other, other.camera, ("depth", "instance"))
    twins = _places(view.scene, other)
    _judge(view.frame.instance, ends, drawn.instance, drawn.depth, twins, flow, state)
    return Motion(flow, state, displacement)


def _rotation(T: Array) -> Array:
    turn = np.eye(4)
    turn[:3, :3] = T[:3, :3]
    return turn


def _places(scene: Scene, other: Scene) -> NDArray[np.int64]:
    """Return each body's instance id in the other scene, by its own; 0 if it is not there."""
    ids = {body.name: place for place, body in enumerate(other.bodies, start=1)}
    return np.array([0, *(ids.get(body.name, 0) for body in scene.bodies)], dtype=np.int64)


@compiled
def _judge(instance, ends, there, depth, twins, flow, state):  # type: ignore[no-untyped-def]
    height, width = instance.shape
    for row in range(height):
        for column in range(width):
            u, v, z = ends[row, column, 0], ends[row, column, 1], ends[row, column, 2]
            body = twins[instance[row, column]]
            if body == 0:
                continue
            if not (np.isfinite(u) and np.isfinite(v)):
                if z == z:  # a point, but behind the camera
                    state[row, column] = OUTSIDE
                continue
            flow[row, column, 0] = u - column
            flow[row, column, 1] = v - row
            if not (-0.5 <= u < there.shape[1] - 0.5 and -0.5 <= v < there.shape[0] - 0.5):
                state[row, column] = OUTSIDE
                continue
            x, y = int(np.floor(u)), int(np.floor(v))
            near, far = np.inf, -np.inf
            for dy in range(2):
                for dx in range(2):
                    a, b = y + dy, x + dx
                    inside = 0 <= a < there.shape[0] and 0 <= b < there.shape[1]
                    if inside and there[a, b] == body:
                        near, far = min(near, depth[a, b]), max(far, depth[a, b])
            # Between neighbours a surface's depth lies between theirs, or goes on as it did.
            slack = (far - near) + TOLERANCE * abs(z)
            state[row, column] = SEEN if near - slack <= z <= far + slack else HIDDEN
