"""From light to numbers: photon, dark and read noise, and quantisation, in electrons.

The model is the linear one of EMVA 1288 (release 4.0, section 2): a pixel catches electrons by
Poisson's law, its read-out adds normal noise, an ideal converter rounds. Seen from outside it is
the affine model of Foi et al. (IEEE Trans. Image Processing 17(10), 2008, equations 1 to 3): at the
signal x the variance is ``a x + b``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from simkit.compiled import compiled

Image = NDArray[np.float32]

FEW = 20.0
"""Fewer expected electrons follow Poisson's law, more the normal one of the same variance."""

PER_ELECTRON = 128
"""Poisson's law is tabulated for means that many to an electron, and the nearest one is taken."""

COUNTS, GUIDES = 56, 64


@dataclass(frozen=True)
class Well:
    """What a pixel is, at the gain at which it works.

    Attributes:
        full: electrons of the signal 1: the full well capacity over the gain.
        read: standard deviation of the read-out noise, at the input [e-].
        dark: mean of the electrons that heat has freed [e-]; it is subtracted, its noise is not.
        row: standard deviation of an offset that each row has of its own [e-].
        bits: of the converter.
    """

    full: float
    read: float
    dark: float = 0.0
    row: float = 0.0
    bits: int = 12

    @property
    def affine(self) -> tuple[float, float]:
        """a and b of the variance ``a x + b`` at the signal x, away from 0 and 1."""
        step = 2.0**self.bits - 1
        b = (self.read**2 + self.row**2 + self.dark) / self.full**2 + 1 / (12 * step**2)
        return 1 / self.full, b


def caught(image: Image, well: Well, rng: np.random.Generator) -> Image:
    """Return a linear signal (H, W, C) float32 with noise, quantised, in [0, 1].

    All values are independent of each other but for the rows' offsets. Normal deviates are read
    from a table of 2^16 quantiles: they end at 4.2 standard deviations, and have variance 1.
    """
    height = image.shape[0]
    values = np.ascontiguousarray(image).reshape(height, -1)
    draws = rng.integers(0, 2**16, values.shape, dtype=np.uint16)
    rows = (well.row * rng.standard_normal((height,))).astype(np.float32)
    uniform = rng.random(_count_few(values, well.full, well.dark), dtype=np.float32)
    levels = 2.0**well.bits - 1
    tables = (_normal(), *_poisson())
    figures = (well.full, well.dark, well.read, levels)
    found: Image = _catch(values, draws, uniform, rows, tables, figures)
    return found.reshape(image.shape)


@cache
def _normal() -> Image:
    """Return the quantiles (65536,) of the normal distribution, of variance 1."""
    quantiles = ndtri((np.arange(2**16) + 0.5) / 2**16)
    return (quantiles / quantiles.std()).astype(np.float32)


@cache
def _poisson() -> tuple[Image, NDArray[np.uint8]]:
    """Return Poisson's distribution functions (means, COUNTS), and where to begin to search them.

    The second (means, GUIDES) holds the quantiles of the uniform numbers k / GUIDES.
    """
    means = np.arange(int(FEW * PER_ELECTRON) + 1) / PER_ELECTRON
    probability = np.exp(-means)
    columns = [probability]
    for count in range(1, COUNTS):
        probability = probability * means / count
        columns.append(probability)
    below = np.cumsum(columns, axis=0).T.astype(np.float32)
    below[:, -1] = 2.0
    starts = np.arange(GUIDES) / GUIDES
    guides = [np.searchsorted(row, starts, side="right") for row in below]
    return below, np.array(guides, dtype=np.uint8)


@compiled
def _expected(value: Any, full: float, dark: float) -> Any:
    within = min(max(value, np.float32(0.0)), np.float32(1.0))
    return within * np.float32(full) + np.float32(dark)


@compiled
def _count_few(values: Any, full: float, dark: float) -> int:
    count = 0
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            count += _expected(values[y, x], full, dark) < np.float32(FEW)
    return count


@compiled
def _quantile(uniform: Any, below: Any, guides: Any) -> Any:
    count = np.int64(guides[int(uniform * np.float32(GUIDES))])
    while below[count] <= uniform:
        count += 1
    return count


@compiled
def _catch(values: Any, draws: Any, uniform: Any, rows: Any, tables: Any, figures: Any) -> Any:
    normal, below, guides = tables
    full, dark, read, levels = figures
    found = np.empty(values.shape, dtype=np.float32)
    deviation, variance = np.float32(read), np.float32(read * read)
    per_electron, step = np.float32(levels / full), np.float32(1.0 / levels)
    top, half = np.float32(levels), np.float32(0.5)
    few = 0
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            expected = _expected(values[y, x], full, dark)
            deviate = normal[draws[y, x]]
            if expected < np.float32(FEW):
                mean = int(expected * np.float32(PER_ELECTRON) + half)
                count = _quantile(uniform[few], below[mean], guides[mean])
                electrons = np.float32(count) + deviate * deviation
                few += 1
            else:
                electrons = expected + deviate * np.sqrt(expected + variance)
            number = np.floor((electrons - np.float32(dark) + rows[y]) * per_electron + half)
            found[y, x] = min(max(number, np.float32(0.0)), top) * step
    return found
