"""Depth of field."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simkit.contracts import Params, how_often
from simkit.distributions import Constant, Distribution, LogUniform, Uniform
from simkit.geometry import apply_transform
from simkit.options import draw_all, setting, varied
from simkit.scene import Scene
from simkit.sensors import Sensor, camera_of


@dataclass
class FocusOptions:
    """How wide the lens is open, and what it is focused on."""

    every: str = how_often("view")
    opening: str = setting(
        "f_number", allowed=("f_number", "radius"), help="which of the two says how wide it is open"
    )
    f_number: Distribution = varied(
        LogUniform(1.8, 8.0), low=0.3, high=1000, help="focal length over the opening's diameter"
    )
    sensor_width: Distribution = varied(
        Constant(23.6), unit="mm", low=0.1, high=200, help="makes a focal length in mm of cam_K's"
    )
    radius: Distribution = varied(
        Uniform(1.0, 5.0), unit="mm", low=0, high=200, help="of the opening"
    )
    focused: str = setting(
        "objects",
        allowed=("objects", "distance"),
        help="on the labelled bodies' mean depth times error, or at distance",
    )
    error: Distribution = varied(
        Uniform(0.85, 1.15), low=0.01, high=100, help="factor by which the focus misses the objects"
    )
    distance: Distribution = varied(
        Uniform(0.4, 1.0), unit="m", low=0.01, high=1000, help="z-depth that is sharp"
    )


class Focus(Sensor):
    """Opens the lens: what is not at the focused depth blurs, labels stay sharp."""

    Options = FocusOptions
    phase = "lens"

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def mount(self, scene: Scene, params: Params) -> Scene:
        camera = camera_of(scene)
        aperture = params["radius"] * 1e-3
        if self.options.opening == "f_number":
            focal = camera.K[0, 0] * params["sensor_width"] * 1e-3 / camera.width
            aperture = float(focal / params["f_number"] / 2)
        depth = params["distance"]
        if self.options.focused == "objects":
            depth = params["error"] * (self._mean_depth(scene) or camera.focus_distance)
        return replace(scene, camera=replace(camera, aperture=aperture, focus_distance=depth))

    def _mean_depth(self, scene: Scene) -> float:
        """Return the mean z-depth [m] of the labelled bodies' middles in front; 0 if there is none."""
        T_camera_world = camera_of(scene).T_camera_world
        depths = []
        for _, body in scene.labelled():
            middle = self.library[body.model].mesh.bounds.mean(axis=0) * np.array(body.scale)
            in_world = apply_transform(body.T_world_body, middle[None])
            depths.append(float(apply_transform(T_camera_world, in_world)[0, 2]))
        return float(np.mean([z for z in depths if z > 0] or [0.0]))
