"""6D pose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simkit.geometry import Array
from simkit.labels import Annotator, View


class Pose(Annotator):
    """``T_camera_body`` (4, 4) float64 [m] of each instance: model frame to OpenCV camera frame.

    A scaled body's model points are multiplied by its ``scale`` (see `identity`) first.
    """

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[Array]:
        T_camera_world = view.camera.T_camera_world
        return [T_camera_world @ body.T_world_body for _, body in view.instances]
