"""From linear light to the picture, as a camera's own processor does it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.assets.color import linear_to_srgb
from simkit.compiled import compiled
from simkit.contracts import Params, how_often
from simkit.distributions import Choice, Distribution, Uniform
from simkit.options import draw_all, varied
from simkit.scene import Scene
from simkit.sensors import Image, Sensor, Shot

ENTRIES = 16384
"""Of the curve's table, even in ``x / (1 + x)``: finest in the shadows, and without an end."""


@dataclass
class ToneOptions:
    """A tone curve and colours."""

    every: str = how_often("view")
    curve: Distribution = varied(
        Choice(("srgb", "filmic")),
        allowed=("srgb", "filmic"),
        help="srgb: white at 1; filmic: lifted shadows, rolled-off lights",
    )
    gamma: Distribution = varied(
        Uniform(0.85, 1.15),
        low=0.1,
        high=10,
        help="exponent on top of the curve; below 1 is lighter",
    )
    contrast: Distribution = varied(
        Uniform(0.9, 1.3), low=0.1, high=10, help="slope of the picture's mid-grey"
    )
    saturation: Distribution = varied(
        Uniform(0.8, 1.3), low=0, high=10, help="0 is grey, 1 as it is"
    )
    black: Distribution = varied(
        Uniform(-0.02, 0.04), low=-0.5, high=0.5, help="level of black; below 0 it is crushed"
    )


class Tone(Sensor):
    """Develops: saturation in linear light, then for each channel one curve, read from a table.

    The curve is sRGB's (IEC 61966-2-1), or before it Narkowicz' fit of ACES (2016) scaled to pass
    through white. Then gamma, contrast (a power on each side of one half) and the level of black.
    """

    Options = ToneOptions
    phase = "develop"

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        curve = tabulated(params["curve"], params["gamma"], params["contrast"], params["black"])
        flat = np.ascontiguousarray(image, dtype=np.float32).ravel()
        found: Image = _develop(flat, np.float32(params["saturation"]), curve)
        return found.reshape(image.shape)


@lru_cache(maxsize=8)
def tabulated(curve: str, gamma: float, contrast: float, black: float) -> NDArray[np.uint8]:
    """Return the picture's bytes (ENTRIES,) at linear x with ``x / (1 + x)`` even in [0, 1)."""
    share = (np.arange(ENTRIES) + 0.5) / ENTRIES
    x = share / (1 - share)
    if curve == "filmic":
        x = _aces(x) / _aces(np.ones(1))
    y = linear_to_srgb(np.clip(x, 0.0, 1.0)) ** gamma
    y = np.where(y < 0.5, (2 * y) ** contrast / 2, 1 - (2 * (1 - y)) ** contrast / 2)
    return np.rint(255 * np.clip(black + (1 - black) * y, 0.0, 1.0)).astype(np.uint8)


def _aces(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)


@compiled
def _develop(values: Any, saturation: Any, curve: Any) -> Any:
    found = np.empty(values.shape, dtype=np.uint8)
    most = np.float32(1e6)
    one, size, last = np.float32(1.0), np.float32(curve.size), np.int32(curve.size - 1)
    for i in range(0, values.size, 3):
        red, green, blue = values[i], values[i + 1], values[i + 2]
        grey = np.float32(0.2126) * red + np.float32(0.7152) * green + np.float32(0.0722) * blue
        for k in range(i, i + 3):
            x = grey + saturation * (values[k] - grey)
            if x > 0:  # NaN is black
                x = min(x, most)
                found[k] = curve[min(np.int32(x / (one + x) * size), last)]
            else:
                found[k] = curve[0]
    return found
