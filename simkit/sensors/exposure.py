"""How much light is caught, and where it is too much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simkit.assets.color import LUMINANCE
from simkit.contracts import Params, how_often
from simkit.distributions import Distribution, Uniform
from simkit.options import draw_all, setting, varied
from simkit.scene import Scene
from simkit.sensors import Image, Sensor, Shot

METERED = 4
"""Every so many rows and columns are metered."""


@dataclass
class ExposureOptions:
    """An exposure value, fixed or metered."""

    every: str = how_often("view")
    stops: Distribution = varied(
        Uniform(-0.7, 0.7),
        low=-20,
        high=20,
        help="1 is twice the light; metered: the meter's error",
    )
    auto: bool = setting(False, help="meter each picture: bring its mean to target, then add stops")
    target: float = setting(0.18, low=1e-3, high=0.9, help="mean linear luminance, when metered")
    most: float = setting(6.0, low=0, high=20, help="stops by which a meter corrects at most")


class Exposure(Sensor):
    """Multiplies the light, and cuts it off at full well, 1.

    `tone_map`, which develops unless `tone` does, shows full well as 0.89 of white, for it leaves
    room for light above; `tone` shows it as white.
    """

    Options = ExposureOptions
    phase = "signal"

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        stops = params["stops"]
        if self.options.auto:
            stops += metered_stops(image, self.options.target, self.options.most)
        return np.minimum(image * np.float32(2.0**stops), np.float32(1.0))


def metered_stops(image: Image, target: float, most: float) -> float:
    """Return the stops after which the mean luminance, cut off at 1, is `target`; at most +-`most`."""
    seen = image[::METERED, ::METERED].astype(np.float64)
    luminance = sum(seen[..., i] * weight for i, weight in enumerate(LUMINANCE))
    stops = 0.0
    for _ in range(8):  # what is cut off makes it darker than its gain says
        mean = float(np.minimum(luminance * 2.0**stops, 1.0).mean())
        stops += float(np.log2(target / max(mean, 1e-9)))
        stops = min(max(stops, -most), most)
    return stops
