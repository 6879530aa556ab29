"""A lens that does not bring all colours to the same place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simkit.contracts import Params, how_often
from simkit.distributions import Constant, Distribution, Uniform
from simkit.options import draw_all, varied
from simkit.scene import Scene
from simkit.sensors import Image, Sensor, Shot
from simkit.sensors.filters import blurred, magnified

RED, BLUE = 0, 2


@dataclass
class ChromaticAberrationOptions:
    """Of red and blue; green stays as it is, and so do the labels."""

    every: str = how_often("view")
    red: Distribution = varied(
        Uniform(-0.003, 0.003), low=-0.2, high=0.2, help="how much larger its image is than green's"
    )
    blue: Distribution = varied(
        Uniform(-0.003, 0.003), low=-0.2, high=0.2, help="how much larger its image is than green's"
    )
    red_blur: Distribution = varied(
        Constant(0.0), unit="px", low=0, high=50, help="standard deviation, for being out of focus"
    )
    blue_blur: Distribution = varied(
        Constant(0.0), unit="px", low=0, high=50, help="standard deviation, for being out of focus"
    )


class ChromaticAberration(Sensor):
    """Scales red and blue about the principal point (lateral), and blurs them (longitudinal).

    Coloured fringes across the direction from the centre; a pixel at r from it is off by red * r.
    """

    Options = ChromaticAberrationOptions
    phase = "lens"

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        changed = image.copy()
        centre = float(shot.camera.K[0, 2]), float(shot.camera.K[1, 2])
        for name, channel in (("red", RED), ("blue", BLUE)):
            if params[name]:
                changed[..., channel] = magnified(image, channel, 1 + params[name], centre)
            if params[f"{name}_blur"]:
                plane = np.ascontiguousarray(changed[..., channel : channel + 1])
                changed[..., channel : channel + 1] = blurred(plane, params[f"{name}_blur"])
        return changed
