"""A second colour eye."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from simkit.contracts import Params, how_often
from simkit.distributions import Distribution, Uniform
from simkit.options import draw_all, varied
from simkit.scene import Scene, vec3
from simkit.sensors import Image, Sensor, Shot


@dataclass
class StereoOptions:
    """Where the second eye is."""

    every: str = how_often("view")
    baseline: Distribution = varied(
        Uniform(0.05, 0.12), unit="m", low=0.001, high=10.0, help="to the right, on the x axis"
    )


class Stereo(Sensor):
    """Another camera like the first, moved along its x axis and fixed to it: a rectified pair.

    Its picture ``right`` goes through the same colour sensors, with noise of its own.
    """

    Options = StereoOptions
    outputs: Mapping[str, str] = MappingProxyType({"right": "color"})

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def measure(self, params: Params, shot: Shot) -> dict[str, Image]:
        camera = shot.camera
        arm = params["baseline"] * camera.T_world_camera[:3, 0]
        swing = np.cross(camera.angular_velocity, arm)
        eye = replace(
            camera,
            position=vec3(np.array(camera.position) + arm),
            velocity=vec3(np.array(camera.velocity) + swing),
        )
        return {"right": shot.picture(shot.render(eye, shot.frame.channels))}
