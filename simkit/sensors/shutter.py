"""Exposure time, rolling shutter, and a hand that shakes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simkit.contracts import Params, how_often
from simkit.distributions import Constant, Distribution, LogUniform, Uniform
from simkit.options import draw_all, varied
from simkit.scene import Scene, Vec3, vec3
from simkit.sensors import Sensor, camera_of


@dataclass
class ShutterOptions:
    """How long it is open, and how the camera moves meanwhile."""

    every: str = how_often("frame")
    exposure: Distribution = varied(
        LogUniform(0.002, 0.03), unit="s", low=0, high=60, help="time for which it is open"
    )
    readout: Distribution = varied(
        Constant(0.0),
        unit="s",
        low=0,
        high=60,
        help="first row to last: a rolling shutter, whose labels are of the moving rows",
    )
    speed: Distribution = varied(
        Uniform(0.0, 0.1), unit="m/s", low=0, high=1000, help="of the camera, in any direction"
    )
    turn: Distribution = varied(
        Uniform(0.0, 8.0), unit="deg/s", low=0, high=36000, help="of the camera, about any axis"
    )


class Shutter(Sensor):
    """Blurs what moves while the shutter is open: bodies with velocities, all if the camera shakes.

    The renderer accumulates moved pictures; labels hold at the middle of the exposure.
    """

    Options = ShutterOptions
    phase = "lens"

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        drawn = draw_all(self.options, rng)
        directions = {name: _direction(rng) for name in ("speed", "turn")}
        return {**drawn, "along": list(directions["speed"]), "about": list(directions["turn"])}

    def mount(self, scene: Scene, params: Params) -> Scene:
        camera = camera_of(scene)
        shake = params["speed"] * np.array(params["along"])
        turn = np.deg2rad(params["turn"]) * np.array(params["about"])
        shaken = replace(
            camera,
            exposure=params["exposure"],
            readout=params["readout"],
            velocity=vec3(camera.velocity + shake),
            angular_velocity=vec3(camera.angular_velocity + turn),
        )
        return replace(scene, camera=shaken)


def _direction(rng: np.random.Generator) -> Vec3:
    """Draw a unit vector, evenly over the sphere."""
    drawn = rng.normal(size=3)
    return vec3(drawn / np.linalg.norm(drawn))
