"""A camera that takes another colour for white."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simkit.assets.blackbody import temperature_to_rgb
from simkit.contracts import Params, how_often
from simkit.distributions import Distribution, Uniform
from simkit.options import draw_all, varied
from simkit.scene import Scene
from simkit.sensors import Image, Sensor, Shot

WHITE = 6504.0
"""Colour temperature of the working space's white, D65 [K]."""


@dataclass
class WhiteBalanceOptions:
    """An error of the white point, along the black bodies' colours and across them."""

    every: str = how_often("view")
    mired: Distribution = varied(
        Uniform(-25.0, 25.0),
        unit="10^6/K",
        low=-100,
        high=250,
        help="error in reciprocal colour temperature; 20 can be seen, above 0 is warmer",
    )
    tint: Distribution = varied(
        Uniform(-0.03, 0.03), low=-0.5, high=0.5, help="error of green; above 0 is greener"
    )


class WhiteBalance(Sensor):
    """Multiplies the channels; none by less than 1, so that what is at full well stays white."""

    Options = WhiteBalanceOptions
    phase = "signal"
    after = ("exposure", "noise")

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        factors = gains(params["mired"], params["tint"]).astype(np.float32)
        rows = image.reshape(len(image), -1)  # NumPy is quick with long rows, slow with threes
        balanced = np.minimum(rows * np.tile(factors, image.shape[1]), np.float32(1.0))
        return balanced.reshape(image.shape)


def gains(mired: float, tint: float) -> np.ndarray:
    """Return the channels' factors (3,): a black body's colour off white by `mired`, smallest 1."""
    white = np.array(temperature_to_rgb(WHITE))
    wrong = np.array(temperature_to_rgb(1e6 / (1e6 / WHITE + mired))) / white
    wrong[1] *= 1 + tint
    return np.asarray(wrong / wrong.min())
