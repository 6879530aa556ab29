"""sRGB and linear RGB, as IEC 61966-2-1 has them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

KNEE = 0.7
"""Radiance up to which `tone_map` leaves colours as they are."""


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


def tone_map(linear: ArrayLike) -> NDArray[np.floating]:
    """Return linear radiance (...) >= 0 in [0, 1]: the one tone mapping of the project.

    Up to `KNEE` nothing changes; above it ``knee + (1 - knee) (1 - exp(-(x - knee) / (1 - knee)))``
    goes on with the same slope and approaches 1, channel by channel. float32 stays float32.

    >>> float(tone_map(0.5))
    0.5
    """
    values = np.asarray(linear)
    if values.dtype != np.float32:
        values = values.astype(np.float64)
    bright = values > KNEE
    if not bright.any():
        return values
    mapped = values.copy() if values.ndim else np.array(values)
    room = 1.0 - KNEE
    mapped[bright] = KNEE - room * np.expm1((KNEE - values[bright]) / room)
    return mapped


def srgb_bytes(linear: ArrayLike) -> NDArray[np.uint8]:
    """Return linear RGB (...) as sRGB (...) uint8; values outside [0, 1] are clipped."""
    srgb = linear_to_srgb(np.clip(np.asarray(linear, dtype=np.float64), 0.0, 1.0))
    return np.rint(srgb * 255.0).astype(np.uint8)


def linear_of_bytes(srgb: NDArray[np.uint8]) -> Array:
    """Return sRGB (...) uint8 as linear RGB (...) float64 in [0, 1]."""
    return srgb_to_linear(srgb.astype(np.float64) / 255.0)
