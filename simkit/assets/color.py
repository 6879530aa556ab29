"""sRGB and linear RGB, as IEC 61966-2-1 has them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simkit.compiled import compiled

Array = NDArray[np.float64]

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of linear red, green and blue (IEC 61966-2-1; ITU-R BT.709)."""

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
    """Return linear RGB (...) as sRGB (...) uint8; values outside [0, 1] are clipped.

    float32 values are looked up, with the same bytes.
    """
    values = np.asarray(linear)
    if values.dtype == np.float32:
        return _looked_up(values, *_srgb_steps())
    return _exact_bytes(values)


def tone_mapped_bytes(linear: ArrayLike) -> NDArray[np.uint8]:
    """Return linear radiance (...) >= 0 as tone-mapped sRGB (...) uint8: `tone_map`, `srgb_bytes`.

    float32 values are looked up, with the bytes that float64 arithmetic gives them.
    """
    values = np.asarray(linear)
    if values.dtype == np.float32:
        return _looked_up(values, *_tone_mapped_steps())
    return _exact_bytes(tone_map(values))


def _exact_bytes(linear: NDArray[Any]) -> NDArray[np.uint8]:
    srgb = linear_to_srgb(np.clip(linear.astype(np.float64), 0.0, 1.0))
    return np.rint(srgb * 255.0).astype(np.uint8)


_BINS = 4096
"""Of a table, in [0, 1): narrower than any byte's range, so that each holds one step at most."""


def _looked_up(
    values: NDArray[np.float32], first: NDArray[np.uint8], steps: NDArray[np.float32]
) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = _look_up(np.ascontiguousarray(values).ravel(), first, steps)
    return found.reshape(values.shape)


@cache
def _srgb_steps() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    return _steps_of(_exact_bytes, 1)


@cache
def _tone_mapped_steps() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    return _steps_of(lambda values: _exact_bytes(tone_map(values)), 2)


def _steps_of(
    function: Callable[[Array], NDArray[np.uint8]], top: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Tabulate a growing function of [0, top] that has reached 255 there.

    Returns:
        The bytes (top * _BINS,) at the bins' lower ends, and the smallest float32 (257,) that gives
        at least each byte, by bisection over the bits of floats; the last is NaN, never reached.
    """
    wanted = np.arange(1, 256)
    below = np.full(255, -1, dtype=np.int32)
    above = np.full(255, np.float32(top).view(np.int32), dtype=np.int32)
    while (above - below > 1).any():
        middle = (below + above) // 2
        reached = function(middle.view(np.float32).astype(np.float64)) >= wanted
        above, below = np.where(reached, middle, above), np.where(reached, below, middle)
    steps = np.concatenate([[0.0], above.view(np.float32), [np.nan]]).astype(np.float32)
    ends = (np.arange(top * _BINS) / _BINS).astype(np.float32)
    return (np.searchsorted(steps, ends, side="right") - 1).astype(np.uint8), steps


@compiled
def _look_up(values: Any, first: Any, steps: Any) -> Any:
    found = np.empty(values.size, dtype=np.uint8)
    last = np.float32(first.size - 1)
    for i in range(values.size):
        value = values[i]
        byte = 0
        if value > 0:  # NaN is black
            byte = int(first[int(min(value * np.float32(_BINS), last))])
            byte += value >= steps[byte + 1]
        found[i] = byte
    return found


def linear_of_bytes(srgb: NDArray[np.uint8]) -> Array:
    """Return sRGB (...) uint8 as linear RGB (...) float64 in [0, 1]."""
    return srgb_to_linear(srgb.astype(np.float64) / 255.0)
