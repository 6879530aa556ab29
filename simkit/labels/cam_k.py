"""Camera intrinsics and extrinsics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simkit.geometry import Array
from simkit.labels import Annotator, View


class CamK(Annotator):
    """A dict: ``cam_K`` (3, 3) float64 [px], top left pixel centre at (0, 0), and ``T_camera_world``.

    ``T_camera_world`` (4, 4) float64 [m] maps world coordinates to the OpenCV camera frame.
    """

    kind = "image"

    def annotate(self, view: View, labels: Mapping[str, Any]) -> dict[str, Array]:
        return {"cam_K": view.camera.K, "T_camera_world": view.camera.T_camera_world}
