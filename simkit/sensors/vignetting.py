"""Less light in the corners."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simkit.contracts import Params, how_often
from simkit.distributions import Distribution, Uniform
from simkit.options import draw_all, varied
from simkit.scene import Camera, Scene
from simkit.sensors import Image, Sensor, Shot


@dataclass
class VignettingOptions:
    """Fall-off from the principal point outwards."""

    every: str = how_often("view")
    falloff: Distribution = varied(
        Uniform(0.0, 0.5), low=0, high=0.99, help="part of the light that the farthest corner loses"
    )


class Vignetting(Sensor):
    """Darkens the light by a cos^4 law.

    At r from the principal point, 1 in the image's farthest corner, ``(1 + t r^2)^-2`` of the light
    is left: cos^4 of the angle off the axis of a pinhole camera whose corner is at ``tan^2 = t``,
    ``t = (1 - falloff)^-1/2 - 1``. The law is the natural one; its strength is free, for lenses
    correct it, and add shadows of their own stops.
    """

    Options = VignettingOptions
    phase = "lens"
    after = ("chromatic_aberration", "motion_blur")

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        left = transmission(shot.camera, params["falloff"])
        return image * left[..., None]


def transmission(camera: Camera, falloff: float) -> Image:
    """Return the part of the light that is left in each pixel (H, W) float32."""
    x = np.arange(camera.width, dtype=np.float32) - np.float32(camera.K[0, 2])
    y = np.arange(camera.height, dtype=np.float32) - np.float32(camera.K[1, 2])
    farthest = float(np.abs(x[[0, -1]]).max()) ** 2 + float(np.abs(y[[0, -1]]).max()) ** 2
    t = np.float32((1 / math.sqrt(1 - falloff) - 1) / max(farthest, 1e-12))
    below = 1 + t * (x * x + (y * y)[:, None])
    return 1 / (below * below)
