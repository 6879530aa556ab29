"""Noise of an image sensor, from the figures of its data sheet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simkit.contracts import Params, how_often
from simkit.distributions import Choice, Constant, Distribution, LogUniform, Uniform
from simkit.options import draw_all, varied
from simkit.randomness import stream
from simkit.scene import Camera, Scene
from simkit.sensors import Image, Sensor, Shot
from simkit.sensors.electrons import Well, caught

EXPOSURE = 0.02
"""For which dark current is gathered where the camera has no exposure time [s]."""


@dataclass
class NoiseOptions:
    """Shot, read, dark and pattern noise."""

    every: str = how_often("view")
    full_well: Distribution = varied(
        LogUniform(5000.0, 30000.0), unit="e-", low=10, high=1e7, help="full well capacity"
    )
    gain_db: Distribution = varied(
        Uniform(0.0, 24.0),
        unit="dB",
        low=-20,
        high=80,
        help="6 dB: half the electrons, ISO doubled",
    )
    read_noise: Distribution = varied(
        LogUniform(1.0, 6.0), unit="e-", low=0, high=1e4, help="standard deviation, at the input"
    )
    dark_current: Distribution = varied(
        Uniform(0.0, 50.0), unit="e-/s", low=0, high=1e6, help="its mean is subtracted"
    )
    row_noise: Distribution = varied(
        Uniform(0.0, 1.0), unit="e-", low=0, high=1e4, help="standard deviation of rows' offsets"
    )
    pattern: Distribution = varied(
        Constant(0.0), low=0, high=0.5, help="standard deviation of pixels' sensitivity (PRNU)"
    )
    hot_pixels: Distribution = varied(
        Uniform(0.0, 1e-5), low=0, high=0.1, help="part of the values that shine by themselves"
    )
    bits: Distribution = varied(
        Choice((10, 12, 14)), low=1, high=16, whole=True, help="of the analogue-digital converter"
    )


class Noise(Sensor):
    """Counts electrons (see `simkit.sensors.electrons`); colours are three such sensors.

    Pattern and hot pixels stay where they are for as long as the params hold.
    """

    Options = NoiseOptions
    phase = "signal"
    after = ("exposure",)

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return {**draw_all(self.options, rng), "chip": int(rng.integers(2**31))}

    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        if params["pattern"] > 0:
            field = _sensitivity(params["chip"], shot.eye, image.shape)
            image = image * (1 + np.float32(params["pattern"]) * field)
        image = caught(image, well_of(params, shot.camera), shot.noise())
        rng = stream(params["chip"], shot.eye, "sensor/noise/hot")
        places = rng.integers(0, image.size, rng.binomial(image.size, params["hot_pixels"]))
        glow = rng.random(len(places), dtype=np.float32)
        np.maximum.at(image.reshape(-1), places, glow)
        return image


def well_of(params: Params, camera: Camera) -> Well:
    """Return what `Noise` does to this camera's pixels."""
    full = params["full_well"] / 10 ** (params["gain_db"] / 20)
    dark = params["dark_current"] * (camera.exposure or EXPOSURE)
    return Well(full, params["read_noise"], dark, params["row_noise"], params["bits"])


@lru_cache(maxsize=2)
def _sensitivity(chip: int, eye: int, shape: tuple[int, ...]) -> Image:
    """Return how far each value's sensitivity is off, of variance 1."""
    rng = stream(chip, eye, "sensor/noise/pattern")
    return rng.standard_normal(shape, dtype=np.float32)
