"""Where samples lie: pixels in an order, and places in a pixel, in the exposure and in the lens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.render.embree.passes import SIDE


def tiled(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the True pixels (P, 2) of an image, row and column, in tiles of packets."""
    rows, columns = np.nonzero(mask)
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
    """Return (count, 5), the same for all pixels, so that neighbours do not differ by noise.

    In the lens a sunflower's seeds (Vogel 1979), in the pixel Roberts' R2 sequence, times in strata.
    """
    number = np.arange(count)
    offsets = np.empty((count, 5))
    offsets[:, 0] = (0.25 + number * 0.7548776662466927) % 1.0 - 0.5
    offsets[:, 1] = (0.25 + number * 0.5698402909980532) % 1.0 - 0.5
    offsets[:, 2] = (np.argsort(np.argsort((number * 0.8191725133961645) % 1.0)) + 0.5) / count
    offsets[:, 3] = (number + 0.5) / count
    offsets[:, 4] = (number * (np.sqrt(5.0) - 1.0) / 2.0) % 1.0
    return offsets
