"""Boxes in space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simkit.cameras import project_points
from simkit.geometry import Array
from simkit.labels import Annotator, View

CORNERS = np.array([[k & 1, k >> 1 & 1, k >> 2 & 1] for k in range(8)], dtype=np.float64)
"""The order of a box's corners (8, 3): corner k is at the high end of x, y, z where bits 0, 1, 2 of k
are set: (low, low, low), (high, low, low), (low, high, low), (high, high, low), then at high z."""


class BBox3D(Annotator):
    """A dict an instance: the box along its model's axes that holds the model.

    ``center`` (3,) [m] in the camera frame, ``size`` (3,) [m] along the model's axes (scale
    included), ``corners_camera`` (8, 3) [m] and ``corners_px`` (8, 2) [px] in the order of
    `CORNERS`; a corner behind the camera has None for its pixel. The axes' directions are the
    rotation of `pose`.
    """

    requires = ("pose",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[dict[str, Any]]:
        values = []
        for (_, body), T_camera_body in zip(view.instances, labels["pose"], strict=True):
            low, high = view.library[body.model].mesh.bounds * np.array(body.scale)
            corners = low + CORNERS * (high - low)
            seen = corners @ T_camera_body[:3, :3].T + T_camera_body[:3, 3]
            values.append(
                {
                    "center": seen.mean(axis=0).tolist(),
                    "size": (high - low).tolist(),
                    "corners_camera": seen.tolist(),
                    "corners_px": _pixels(project_points(view.camera, seen)),
                }
            )
        return values


def _pixels(pixels: Array) -> list[list[float] | None]:
    """Return pixels (N, 2) as lists, None where they are NaN."""
    return [pixel.tolist() if np.isfinite(pixel).all() else None for pixel in pixels]
