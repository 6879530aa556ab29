"""Plain statistics of images: exposure, colour, contrast, noise, blur. Pure functions, one image each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.assets.color import LUMINANCE, linear_of_bytes

Pixels = NDArray[np.uint8]
Float = NDArray[np.float64]

REBLUR = 1.5
"""Standard deviation of the second blur by which `blur_of` judges the first [px]."""

PREBLUR = 0.5
"""... and of the first one, against noise [px]."""

OWN_VARIANCE = PREBLUR**2 + 1 / 3
"""What the first blur and the central difference (a box of two pixels) add [px^2]."""

BLOCK = 16
"""Side of the blocks of `noise_of` [px]."""

STRONG_EDGES = 0.03
"""Share of pixels, those of the highest gradient, that `blur_of` looks at."""

DARKEST = 1e-4
"""Linear luminance below which `statistics_of` takes no logarithm."""


@dataclass(frozen=True)
class Statistics:
    """What is plain to see of one image.

    Attributes:
        exposure: log2 of the mean linear luminance: one more is one stop brighter.
        contrast: standard deviation of the log2 luminance [stops].
        warmth: log2 of mean red over mean blue, linear; 0 is neutral under a grey world.
        tint: log2 of mean green over the geometric mean of red and blue.
        saturation: mean of (max - min) / max over sRGB channels.
        noise: standard deviation of grey noise [sRGB levels of 255], see `noise_of`.
        blur: standard deviation of the blur of the sharpest edges [px], see `blur_of`.
    """

    exposure: float
    contrast: float
    warmth: float
    tint: float
    saturation: float
    noise: float
    blur: float


def statistics_of(image: Pixels) -> Statistics:
    """Return the statistics of an sRGB image (H, W, 3) uint8."""
    linear = linear_of_bytes(image)
    luminance = np.maximum(linear @ np.array(LUMINANCE), DARKEST)
    red, green, blue = np.maximum(linear.reshape(-1, 3).mean(axis=0), DARKEST)
    top, bottom = image.max(axis=2).astype(np.float64), image.min(axis=2).astype(np.float64)
    return Statistics(
        exposure=float(np.log2(luminance.mean())),
        contrast=float(np.log2(luminance).std()),
        warmth=float(np.log2(red / blue)),
        tint=float(np.log2(green / np.sqrt(red * blue))),
        saturation=float(np.mean((top - bottom) / np.maximum(top, 1.0))),
        noise=noise_of(image),
        blur=blur_of(image),
    )


def noise_of(image: Pixels) -> float:
    """Return the standard deviation of white noise in the grey image's calm parts [levels of 255].

    Immerkaer's mask (Fast Noise Variance Estimation, CVIU 64, 1996), which no plane and no edge along
    an axis excites. Its response's spread is taken block by block, by the median, and of the blocks
    the lowest decile: texture looks like noise, and most photos have some calm place. On plain white
    noise that is up to a fifth too low. Blocks with clipped pixels are left out.

    Args:
        image: (H, W, 3) or (H, W) uint8.
    """
    grey = _grey(image)
    mask = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])
    response = np.abs(cv2.filter2D(grey, cv2.CV_64F, mask))[1:-1, 1:-1]
    clipped = ((grey <= 2) | (grey >= 253))[1:-1, 1:-1]
    calm = ~_blocks(clipped).any(axis=1)
    if not calm.any():
        return 0.0
    medians = np.median(_blocks(response)[calm], axis=1)
    # |N(0, 6 s)| has the median 0.6745 x 6 s: the mask's squared weights sum to 36.
    return float(np.quantile(medians, 0.1) / 0.6744897501960817 / 6.0)


def blur_of(image: Pixels) -> float:
    """Return the standard deviation of the Gaussian that blurred an image's sharpest edges [px].

    At a step edge blurred by s, blurring again by s0 lowers the gradient by ``sqrt((s^2 + s0^2) /
    s^2)`` (Zhuo and Sim, Defocus map estimation from a single image, Pattern Recognition 44, 2011,
    equation 5). The lowest decile over the strongest edges is returned; 0 where there is no edge.

    Args:
        image: (H, W, 3) or (H, W) uint8.
    """
    grey = _grey(image)
    first = _gradient(cv2.GaussianBlur(grey, (0, 0), PREBLUR))
    second = _gradient(cv2.GaussianBlur(grey, (0, 0), float(np.hypot(PREBLUR, REBLUR))))
    strong = first >= max(float(np.quantile(first, 1 - STRONG_EDGES)), 4.0)
    if not strong.any():
        return 0.0
    ratio = np.maximum(first[strong] / np.maximum(second[strong], 1e-6), 1.0 + 1e-6)
    variance = float(np.quantile(REBLUR**2 / (ratio**2 - 1.0), 0.1))
    return float(np.sqrt(max(variance - OWN_VARIANCE, 0.0)))


def _blocks(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array (H, W) cut into blocks, as (number, pixels of a block); the rest is left out."""
    rows, columns = (max(size // BLOCK, 1) for size in values.shape)
    height, width = (min(BLOCK, size) for size in values.shape)
    cut = values[: rows * height, : columns * width].reshape(rows, height, columns, width)
    return cut.swapaxes(1, 2).reshape(rows * columns, height * width)


def _grey(image: Pixels) -> Float:
    values = np.asarray(image, dtype=np.float64)
    return values.mean(axis=2) if values.ndim == 3 else values


def _gradient(grey: NDArray[Any]) -> Float:
    across = cv2.Sobel(grey, cv2.CV_64F, 1, 0, ksize=3) / 8
    down = cv2.Sobel(grey, cv2.CV_64F, 0, 1, ksize=3) / 8
    return np.asarray(np.hypot(across, down))
