"""Where light comes from, and how much."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simkit.assets.blackbody import temperature_to_rgb
from simkit.contracts import Params, Randomizer, how_often
from simkit.distributions import Distribution, Uniform
from simkit.geometry import direction
from simkit.options import draw_all, varied
from simkit.scene import Light, Scene, vec3


@dataclass
class LightOptions:
    """One directional light, and light from everywhere."""

    every: str = how_often("scene")
    azimuth_deg: Distribution = varied(
        Uniform(0.0, 360.0), unit="deg", low=-360, high=360, help="about the world's z axis"
    )
    elevation_deg: Distribution = varied(
        Uniform(45.0, 85.0), unit="deg", low=0, high=90, help="90: straight from above"
    )
    temperature: Distribution = varied(
        Uniform(3000.0, 7500.0), unit="K", low=1667, high=25000, help="colour of the light"
    )
    intensity: Distribution = varied(
        Uniform(0.5, 1.0), low=0, high=100, help="1: a white surface facing it is white"
    )
    ambient: Distribution = varied(Uniform(0.1, 0.35), low=0, high=1, help="from everywhere")


class Lighting(Randomizer):
    """A directional light from above, of a black body's colour, over ambient light."""

    Options = LightOptions

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def apply(self, scene: Scene, params: Params) -> Scene:
        azimuth, elevation = np.deg2rad([params["azimuth_deg"], params["elevation_deg"]])
        light = Light(
            direction=vec3(-direction(azimuth, elevation)),
            color=temperature_to_rgb(params["temperature"]),
            intensity=params["intensity"],
        )
        return replace(scene, lights=(light,), ambient=vec3([params["ambient"]] * 3))
