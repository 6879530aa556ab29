"""Where in space each pixel's surface point is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.compiled import compiled
from simkit.geometry import Array
from simkit.labels import Annotator, View
from simkit.scene import Body, Scene


class Points(Annotator):
    """(H, W, 3) float32 [m]: the surface point seen at each pixel's centre, in the camera frame; else 0.

    By way of object coordinates and poses, so it holds for every camera model.
    """

    kind = "internal"
    channels = frozenset({"instance", "object_coords"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.float32]:
        T = view.camera.T_camera_world
        return placed_points(view, [T @ placing(body) for body in view.scene.bodies])


def placing(body: Body) -> Array:
    """Return (4, 4): model coordinates, unscaled, to the world [m]."""
    return body.T_world_body @ np.diag([*body.scale, 1.0])


def placed_points(view: View, matrices: list[Array]) -> NDArray[np.float32]:
    """Return (H, W, 3) float32: each pixel's point on its body, mapped by the body's matrix (4, 4)."""
    coords = view.frame.channels["object_coords"]
    points = np.zeros(coords.shape, dtype=np.float32)
    stacked = np.array(matrices, dtype=np.float64).reshape(-1, 4, 4)
    _map(view.frame.instance, coords, stacked, points)
    return points


def body_by_name(scene: Scene) -> dict[str, Body]:
    """Return a scene's bodies by name."""
    return {body.name: body for body in scene.bodies}


@compiled
def _map(instance, coords, matrices, points):  # type: ignore[no-untyped-def]
    for row in range(instance.shape[0]):
        for column in range(instance.shape[1]):
            k = instance[row, column] - 1
            if k < 0:
                continue
            x, y, z = coords[row, column, 0], coords[row, column, 1], coords[row, column, 2]
            for axis in range(3):
                points[row, column, axis] = (
                    matrices[k, axis, 0] * x
                    + matrices[k, axis, 1] * y
                    + matrices[k, axis, 2] * z
                    + matrices[k, axis, 3]
                )
