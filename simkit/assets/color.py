"""sRGB and linear RGB, as IEC 61966-2-1 has them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def srgb_to_linear(srgb: ArrayLike) -> Array:
    """Return linear RGB of sRGB values; both (...) float64 in [0, 1].

    >>> float(srgb_to_linear(1.0))
    1.0
    """
    values = np.asarray(srgb, dtype=np.float64)
    curved = ((np.maximum(values, 0.0) + 0.055) / 1.055) ** 2.4
    return np.where(values <= 0.04045, values / 12.92, curved)


def linear_to_srgb(linear: ArrayLike) -> Array:
    """Return sRGB of linear RGB values, (...) float64 in [0, 1]: `srgb_to_linear` undone."""
    values = np.asarray(linear, dtype=np.float64)
    curved = 1.055 * np.maximum(values, 0.0) ** (1 / 2.4) - 0.055
    return np.where(values <= 0.0031308, values * 12.92, curved)


def srgb_bytes(linear: ArrayLike) -> NDArray[np.uint8]:
    """Return linear RGB (...) as sRGB (...) uint8; values outside [0, 1] are clipped."""
    srgb = linear_to_srgb(np.clip(np.asarray(linear, dtype=np.float64), 0.0, 1.0))
    return np.rint(srgb * 255.0).astype(np.uint8)


def linear_of_bytes(srgb: NDArray[np.uint8]) -> Array:
    """Return sRGB (...) uint8 as linear RGB (...) float64 in [0, 1]."""
    return srgb_to_linear(srgb.astype(np.float64) / 255.0)
