"""Motion blur without motion: one streak for the whole picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simkit.contracts import Params, how_often
from simkit.distributions import Distribution, Uniform
from simkit.options import draw_all, varied
from simkit.scene import Scene
from simkit.sensors import Image, Sensor, Shot
from simkit.sensors.filters import line_kernel, weighted


@dataclass
class MotionBlurOptions:
    """A straight streak."""

    every: str = how_often("frame")
    length: Distribution = varied(
        Uniform(0.0, 8.0), unit="px", low=0, high=200, help="of the streak"
    )
    angle_deg: Distribution = varied(
        Uniform(0.0, 180.0), unit="deg", low=-360, high=360, help="0: along rows; 90: along columns"
    )


class MotionBlur(Sensor):
    """Smears the light along a line, the same everywhere; `shutter` draws real motion, slowly."""

    Options = MotionBlurOptions
    phase = "lens"
    after = ("chromatic_aberration",)

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        if params["length"] == 0:
            return image
        return weighted(image, line_kernel(params["length"], math.radians(params["angle_deg"])))
