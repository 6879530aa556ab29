"""How pixels move to the second eye."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from simkit.errors import ConfigError
from simkit.labels import Annotator, View
from simkit.labels.motion import Motion, motion
from simkit.scene import vec3


class StereoMotion(Annotator):
    """A `simkit.labels.motion.Motion` to the right eye of the sensor ``stereo``."""

    kind = "internal"
    channels = frozenset({"instance", "object_coords"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> Motion:
        if "stereo" not in view.params:
            raise ConfigError("labels: disparity needs a second eye; add 'sensors: {stereo: {}}'")
        baseline = view.params["stereo"]["baseline"]
        right = view.camera.T_world_camera[:3, 0]
        eye = replace(view.camera, position=vec3(view.camera.position + baseline * right))
        return motion(view, replace(view.scene, camera=eye))
