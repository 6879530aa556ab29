"""An order of places in space in which neighbours are near each other, too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BITS = 16
"""Of each coordinate of a place on the curve."""


def along_curve(places: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the numbers (N,) of places (N, 3) in the order of a Z-curve (Morton 1966)."""
    low, size = places.min(axis=0), max(float(np.ptp(places, axis=0).max()), 1e-9)
    cells = ((places - low) / size * (2**_BITS - 1)).astype(np.uint64)
    code = np.zeros(len(cells), dtype=np.uint64)
    for axis in range(3):
        code |= _spread(cells[:, axis]) << np.uint64(axis)
    return np.argsort(code, kind="stable")


def _spread(number: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return numbers of `_BITS` bits with two empty bits after each."""
    for shift, mask in (
        (16, 0x0000FF0000FF),
        (8, 0x00F00F00F00F),
        (4, 0x0C30C30C30C3),
        (2, 0x249249249249),
    ):
        number = (number | number << np.uint64(shift)) & np.uint64(mask)
    return number
