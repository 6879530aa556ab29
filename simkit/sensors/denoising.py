"""Smoothing between edges, as phones hide their noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from simkit.contracts import Params, how_often
from simkit.distributions import Distribution, LogUniform, Uniform
from simkit.options import draw_all, varied
from simkit.scene import Scene
from simkit.sensors import Image, Sensor, Shot


@dataclass
class DenoisingOptions:
    """A bilateral filter."""

    every: str = how_often("view")
    levels: Distribution = varied(
        LogUniform(3.0, 20.0),
        unit="of 255",
        low=0.1,
        high=255,
        help="differences that are smoothed",
    )
    radius: Distribution = varied(
        Uniform(1.0, 2.0), unit="px", low=0.3, high=10, help="standard deviation in the plane"
    )


class Denoising(Sensor):
    """The bilateral filter of Tomasi and Manduchi (ICCV 1998): faint texture goes, edges stay."""

    Options = DenoisingOptions
    phase = "picture"

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        diameter = 2 * int(np.ceil(1.5 * params["radius"])) + 1
        return np.asarray(cv2.bilateralFilter(image, diameter, params["levels"], params["radius"]))
