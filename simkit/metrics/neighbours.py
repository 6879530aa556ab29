"""Nearest neighbours and balls, exact, at the speed of float32 matrix products.

A product in float32 says which pairs may be near, with a bound on its rounding; only those are
measured, as a sum of squared differences in float64. So ties and copies come out as they are: a
copy's distance is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.metrics.checking import Float
from simkit.metrics.products import Rows

Single = NDArray[np.float32]
Mask = NDArray[np.bool_]

CHUNK = 512
"""Rows whose distances to all others are in memory at a time."""

SPARE = 8
"""Candidates beyond those asked for, so that rounding rarely asks for a row to be searched in full."""

MEASURED = 2**22
"""Numbers that are measured at a time."""


def nearest(x: Float, y: Float | None = None, count: int = 1) -> tuple[Float, Rows]:
    """Return distances and places of the `count` nearest rows of `y` to each row of `x`.

    Args:
        x: (N, d).
        y: (M, d); None for the other rows of `x`.
        count: at most M, or N - 1.

    Returns:
        (N, count) float64 distances, ascending; (N, count) int64 places in `y`, of ties the first.
    """
    among = x if y is None else y
    squares, places = np.empty((len(x), count)), np.empty((len(x), count), np.int64)
    for rough in _rough(x, among):
        rows = np.arange(rough.start, rough.start + len(rough.products))
        values = rough.products + rough.y.astype(np.float32)
        if y is None:
            values[rows - rough.start, rows] = np.inf
        taken = min(count + SPARE, len(among) - (y is None))
        near = np.sort(np.argpartition(values, taken - 1, axis=1)[:, :taken], axis=1)
        exact = squared_distances(x, among, np.repeat(rows, taken), near.ravel())
        exact = exact.reshape(-1, taken)
        order = np.argsort(exact, axis=1, kind="stable")[:, :count]
        squares[rows] = np.take_along_axis(exact, order, axis=1)
        places[rows] = np.take_along_axis(near, order, axis=1)
        if taken == len(among) - (y is None):
            continue
        # What was not measured is at least as far as the farthest candidate, but for rounding.
        farthest = np.take_along_axis(values, near, axis=1).max(axis=1)
        sure = farthest + rough.x - rough.bound * (rough.x + rough.y.max())
        for row in rows[squares[rows, -1] >= sure * rough.unit]:
            squares[row], places[row] = _searched(x, among, row, count, y is None)
    return np.sqrt(squares), places


def in_balls(
    x: Float, y: Float, radii_x: Float, radii_y: Float
) -> Iterator[tuple[slice, Mask, Mask]]:
    """Tell which rows of `x` and `y` lie in each other's open balls, chunk by chunk of `x`.

    Args:
        x, y: (N, d) and (M, d).
        radii_x, radii_y: (N,) and (M,) radii of the balls around the rows.

    Yields:
        the rows of the chunk; (rows, M) whether y lies in x's ball; whether x lies in y's ball.
    """
    for rough in _rough(x, y):
        rows = slice(rough.start, rough.start + len(rough.products))
        norms_x, norms_y = rough.x[:, None], rough.y[None]
        yield (
            rows,
            _decided(rough, norms_x, norms_y, radii_x[rows, None], x[rows], y),
            _decided(rough, norms_y, norms_x, radii_y[None], x[rows], y),
        )


def squared_distances(x: Float, y: Float, rows_x: Rows, rows_y: Rows) -> Float:
    """Return squared distances of pairs of rows, by their differences."""
    squares = np.empty(len(rows_x))
    step = max(MEASURED // x.shape[1], 1)
    for start in range(0, len(rows_x), step):
        part = slice(start, start + step)
        difference = x[rows_x[part]] - y[rows_y[part]]
        squares[part] = np.einsum("ij,ij->i", difference, difference)
    return squares


@dataclass(frozen=True, eq=False)
class _Rough:
    """A chunk of inner products in float32.

    Attributes:
        start: first row of the chunk.
        products: (rows, M) -2 times the inner products of centred rows, in `unit`.
        x, y: (rows,) and (M,) squared norms of centred rows, in `unit`.
        bound: times the sum of two squared norms: what a squared distance may be off by.
        unit: of all these; it keeps float32 in its range.
    """

    start: int
    products: Single
    x: Float
    y: Float
    bound: float
    unit: float


def _rough(x: Float, y: Float) -> Iterator[_Rough]:
    """Yield rough products of `x` with `y`.

    In float32 an inner product of d terms is off by at most ``(d + 2) u |x||y|`` (Higham, Accuracy and
    Stability of Numerical Algorithms, 2002, section 3.1), which a few terms more make good for the sums.
    """
    centre = y.mean(axis=0)
    scale = max(float(np.abs(x - centre).max()), float(np.abs(y - centre).max())) or 1.0
    near, far = (x - centre) / scale, (y - centre) / scale
    norms_x, norms_y = (np.einsum("ij,ij->i", one, one) for one in (near, far))
    first, second = (-2 * near).astype(np.float32), far.astype(np.float32).T
    bound = (x.shape[1] + 16) * float(np.finfo(np.float32).eps)
    for start in range(0, len(x), CHUNK):
        rows = slice(start, start + CHUNK)
        yield _Rough(start, first[rows] @ second, norms_x[rows], norms_y, bound, scale**2)


def _decided(
    rough: _Rough, own: Float, other: Float, radii: Float, x: Float, y: Float
) -> NDArray[np.bool_]:
    """Return (rows, M) whether pairs are nearer than the radii of the balls around `own`.

    `own` and `radii` are (rows, 1) or (1, M), `other` the other of the two.
    """
    squared = radii**2 / rough.unit
    low, high = 1 - rough.bound, 1 + rough.bound
    limit = (squared - low * own).astype(np.float32)
    mask = rough.products + (low * other).astype(np.float32) < limit
    rows, columns = np.nonzero(mask)
    at_own, at_other = (
        np.broadcast_to(one, mask.shape)[rows, columns] for one in (squared - high * own, other)
    )
    open_ = ~(rough.products[rows, columns] + high * at_other < at_own)
    rows, columns = rows[open_], columns[open_]
    exact = np.sqrt(squared_distances(x, y, rows, columns))
    mask[rows, columns] = exact < np.broadcast_to(radii, mask.shape)[rows, columns]
    return mask


def _searched(x: Float, y: Float, row: int, count: int, itself: bool) -> tuple[Float, Rows]:
    """Return squared distances and places of the nearest rows to one, without a short cut."""
    squares = squared_distances(x, y, np.full(len(y), row), np.arange(len(y)))
    if itself:
        squares[row] = np.inf
    order = np.argsort(squares, kind="stable")[:count]
    return squares[order], order
