"""Plain statistics of images as numbers that can be compared: exposure, colour, noise, blur, spectrum."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.assets.color import LUMINANCE, linear_of_bytes
from simkit.statistics import DARKEST, statistics_of

Image = NDArray[np.uint8]
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Statistic:
    """What one number of an image is.

    Attributes:
        name: as it is shown.
        kind: of the finding if it differs, see `simkit.evaluate.result.Finding`.
        unit: of the number.
        grain: the least spread that a difference is measured by: what nobody would see.
        more, less: what a synthetic set has more or less of, in words.
    """

    name: str
    kind: str
    unit: str
    grain: float
    more: str
    less: str


IMAGE_STATISTICS = (
    Statistic("exposure", "exposure", "stops", 0.25, "brighter", "darker"),
    Statistic("contrast", "contrast", "stops", 0.15, "more contrasty", "flatter"),
    Statistic("warmth", "colour", "log2 R/B", 0.1, "warmer (redder)", "cooler (bluer)"),
    Statistic("tint", "colour", "log2 G/RB", 0.05, "greener", "more magenta"),
    Statistic("saturation", "colour", "share", 0.05, "more saturated", "paler"),
    Statistic("noise", "noise", "levels", 0.4, "noisier", "cleaner"),
    Statistic("blur", "blur", "px", 0.15, "blurrier", "sharper"),
    Statistic("spectrum slope", "power_spectrum", "d log P / d log f", 0.15,
              "richer in fine detail", "poorer in fine detail"),
    Statistic("coarse band", "power_spectrum", "dB", 1.0, "stronger at 1/16 to 1/8 cycles/px",
              "weaker at 1/16 to 1/8 cycles/px"),
    Statistic("middle band", "power_spectrum", "dB", 1.0, "stronger at 1/8 to 1/4 cycles/px",
              "weaker at 1/8 to 1/4 cycles/px"),
    Statistic("fine band", "power_spectrum", "dB", 1.0, "stronger at 1/4 to 1/2 cycles/px",
              "weaker at 1/4 to 1/2 cycles/px"),
)  # fmt: skip

BACKGROUND_STATISTICS = (
    Statistic("background texture", "background", "levels/px", 0.5,
              "more textured behind the objects", "plainer behind the objects"),
    Statistic("background saturation", "background", "share", 0.05,
              "more colourful behind the objects", "greyer behind the objects"),
    Statistic("background exposure", "background", "stops", 0.25,
              "brighter behind the objects", "darker behind the objects"),
    Statistic("object against background", "background", "stops", 0.25,
              "brighter in the objects than behind them", "darker in the objects than behind them"),
)  # fmt: skip

BANDS = {"coarse band": (1 / 16, 1 / 8), "middle band": (1 / 8, 1 / 4), "fine band": (1 / 4, 1 / 2)}
"""Octaves of spatial frequency [cycles/px]."""

LOWEST, HIGHEST = 1 / 64, 1 / 2.2
"""Between these frequencies the spectrum's slope is fitted [cycles/px]."""

EDGE = 4
"""How far from a box the background's texture begins: objects' edges are no texture [px]."""

LEAST_BACKGROUND = 0.05
"""Share of the image below which nothing is said of what is behind the objects."""


def image_statistics(image: Image) -> dict[str, float]:
    """Return the numbers of `IMAGE_STATISTICS` of an image (H, W, 3) uint8 sRGB, by name.

    Noise, blur and the bands are per pixel: bring images to one size before they are compared.
    """
    plain = asdict(statistics_of(image))
    frequency, power = radial_power(image)
    return plain | {
        "spectrum slope": spectrum_slope(frequency, power),
        **{name: band_level(frequency, power, *band) for name, band in BANDS.items()},
    }


def background_statistics(image: Image, boxes: NDArray[np.float32]) -> dict[str, float]:
    """Return the numbers of `BACKGROUND_STATISTICS`: of what is outside all boxes, and inside.

    Args:
        image: (H, W, 3) uint8 sRGB.
        boxes: (N, 4) x, y, width, height [px].

    Returns:
        numbers by name; NaN where there is hardly any background, or no box.
    """
    inside = _covered(image.shape[:2], boxes)
    if inside.mean() > 1 - LEAST_BACKGROUND:
        return {one.name: float("nan") for one in BACKGROUND_STATISTICS}
    outside, clear = ~inside, ~_covered(image.shape[:2], boxes, EDGE)
    luminance = linear_of_bytes(image) @ np.array(LUMINANCE)
    behind = float(np.log2(max(luminance[outside].mean(), DARKEST)))
    objects = (
        float(np.log2(max(luminance[inside].mean(), DARKEST))) if inside.any() else float("nan")
    )
    top, bottom = image.max(axis=2).astype(np.float64), image.min(axis=2).astype(np.float64)
    grey = cv2.GaussianBlur(image.astype(np.float32).mean(axis=2), (0, 0), 1.0)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *way, ksize=3) / 8 for way in ((1, 0), (0, 1)))
    return {
        "background texture": float(np.hypot(across, down)[clear].mean())
        if clear.any()
        else float("nan"),
        "background saturation": float(((top - bottom) / np.maximum(top, 1.0))[outside].mean()),
        "background exposure": behind,
        "object against background": objects - behind,
    }


def radial_power(image: Image) -> tuple[Float, Float]:
    """Return frequencies [cycles/px] and the mean power of the grey image at them, over all angles.

    The image is freed of its mean and multiplied by a Hann window; frequencies are in bins a twelfth of
    an octave wide, those without any are left out.
    """
    grey = image.astype(np.float64).mean(axis=2)
    window = np.outer(*(np.hanning(side + 2)[1:-1] for side in grey.shape))
    transformed = np.fft.rfft2((grey - grey.mean()) * window)
    power = np.abs(transformed) ** 2 / (window**2).sum()
    radius = np.hypot(
        np.fft.fftfreq(grey.shape[0])[:, None], np.fft.rfftfreq(grey.shape[1])[None, :]
    )
    weights = np.full(radius.shape, 2.0)  # the half that a real transform leaves out
    weights[:, 0] = 1.0
    kept = (radius > 0) & (radius <= 0.5)
    bins = np.floor(12 * np.log2(0.5 / radius[kept])).astype(np.int64)
    counts = np.bincount(bins, weights[kept])
    sums = np.bincount(bins, (weights * power)[kept])
    logs = np.bincount(bins, (weights * np.log2(np.where(radius > 0, radius, 1.0)))[kept])
    filled = counts > 0
    frequency = 2 ** (logs[filled] / counts[filled])
    return frequency[::-1], (sums[filled] / counts[filled])[::-1]


def spectrum_slope(frequency: Float, power: Float) -> float:
    """Return the slope of log power over log frequency: about -2 for natural images (Field, 1987)."""
    fits = (frequency >= LOWEST) & (frequency <= HIGHEST) & (power > 0)
    if fits.sum() < 3:
        return float("nan")
    return float(np.polyfit(np.log2(frequency[fits]), np.log2(power[fits]), 1)[0])


def band_level(frequency: Float, power: Float, low: float, high: float) -> float:
    """Return the mean power density from `low` to `high` cycles/px [dB re one grey level squared]."""
    fits = (frequency >= low) & (frequency < high)
    if not fits.any():
        return float("nan")
    return float(10 * np.log10(max(power[fits].mean(), 1e-3)))


def _covered(
    shape: tuple[int, int], boxes: NDArray[np.float32], margin: int = 0
) -> NDArray[np.bool_]:
    """Return (H, W) bool: inside any box, or within `margin` pixels of one."""
    covered = np.zeros(shape, bool)
    for x, y, width, height in boxes.tolist():
        ends = int(np.ceil(y + height)) + margin, int(np.ceil(x + width)) + margin
        rows = slice(max(int(y) - margin, 0), max(ends[0], 0))
        columns = slice(max(int(x) - margin, 0), max(ends[1], 0))
        covered[rows, columns] = True
    return covered
