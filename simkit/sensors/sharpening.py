"""Unsharp masking, as cameras sharpen their pictures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from simkit.contracts import Params, how_often
from simkit.distributions import Distribution, Uniform
from simkit.options import draw_all, varied
from simkit.scene import Scene
from simkit.sensors import Image, Sensor, Shot


@dataclass
class SharpeningOptions:
    """Unsharp masking."""

    every: str = how_often("view")
    amount: Distribution = varied(
        Uniform(0.0, 1.0), low=0, high=10, help="of the details that is added; 0 is none"
    )
    radius: Distribution = varied(
        Uniform(0.6, 1.5), unit="px", low=0.1, high=50, help="standard deviation of the mask's blur"
    )


class Sharpening(Sensor):
    """Adds to the picture what it has more than its own blur; edges get halos, noise grows."""

    Options = SharpeningOptions
    phase = "picture"
    after = ("denoising",)

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        mask = cv2.GaussianBlur(image, (0, 0), params["radius"])
        return np.asarray(
            cv2.addWeighted(image, 1 + params["amount"], mask, -params["amount"], 0.0)
        )
