"""The whole camera."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simkit.labels import Annotator, View


class CameraLabel(Annotator):
    """A dict: intrinsics, extrinsics, distortion and shutter.

    ``model`` (see `simkit.scene.CAMERA_MODELS`), ``width``, ``height`` [px], ``cam_K`` (3, 3) [px]
    with the top left pixel's centre at (0, 0), ``distortion`` (OpenCV's coefficients),
    ``T_world_camera`` and ``T_camera_world`` (4, 4) [m], ``near``, ``far`` [m], ``aperture``,
    ``focus_distance`` [m], ``exposure``, ``readout`` [s], ``velocity`` [m/s] and
    ``angular_velocity`` [rad/s] in the world.
    """

    kind = "image"

    def annotate(self, view: View, labels: Mapping[str, Any]) -> dict[str, Any]:
        camera = view.camera
        plain = ("model", "width", "height", "near", "far", "aperture", "focus_distance",
                 "exposure", "readout")  # fmt: skip
        return {
            **{name: getattr(camera, name) for name in plain},
            "cam_K": camera.K,
            "distortion": list(camera.distortion),
            "T_world_camera": camera.T_world_camera,
            "T_camera_world": camera.T_camera_world,
            "velocity": list(camera.velocity),
            "angular_velocity": list(camera.angular_velocity),
        }
