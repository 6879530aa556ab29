"""Where samples lie: pixels in an order, and places in a pixel, in the exposure and in the lens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.render.embree.passes import SIDE


def tiled_pixels(height: int, width: int) -> NDArray[np.int64]:
    """Return all pixels (H W, 2), row and column, in tiles of packets."""
    rows, columns = np.divmod(np.arange(height * width), width)
    order = np.lexsort((columns, rows, columns // SIDE, rows // SIDE))
    return np.ascontiguousarray(np.stack([rows, columns], axis=1)[order])


def edge_offsets(count: int) -> NDArray[np.float64]:
    """Return (count, 5): a rotated grid's places in the pixel, the middle of exposure and lens."""
    offsets = np.zeros((count, 5))
    number = np.arange(count)
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    if count == 4:  # the classic rotated grid: each sample has a row and a column of its own
        offsets[:, 0] = (0.125, 0.375, -0.375, -0.125)
        offsets[:, 1] = (-0.375, 0.125, -0.125, 0.375)
    else:
        offsets[:, 0] = (number + 0.5) / count - 0.5
        offsets[:, 1] = ((number + 0.5) * golden) % 1.0 - 0.5
    return offsets


def blur_offsets(count: int) -> NDArray[np.float64]:
    """Return (count, 5) well spread in all: Roberts' R sequence of five dimensions, time in strata."""
    number = np.arange(1, count + 1)
    base = 1.1673039782614187  # the root of x^6 = x + 1
    offsets = np.stack([(0.5 + number * base**-power) % 1.0 for power in range(1, 6)], axis=1)
    offsets[:, :2] -= 0.5
    offsets[:, 2] = (np.argsort(np.argsort(offsets[:, 2])) + 0.0) / count
    return offsets
