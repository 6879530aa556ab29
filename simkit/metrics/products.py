"""Inner products of two sets: all that most measures need of their features, on any subset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.metrics.checking import Float

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Products:
    """Inner products within and between two sets.

    Attributes:
        xx: (N, N) float64 of the first set.
        xy: (N, M) float64 of the first with the second.
        yy: (M, M) float64 of the second set.
        dimensions: of the features.
    """

    xx: Float
    xy: Float
    yy: Float
    dimensions: int

    def take(self, rows_x: Rows, rows_y: Rows) -> Products:
        """Return the products of subsets."""
        return Products(
            self.xx[np.ix_(rows_x, rows_x)],
            self.xy[np.ix_(rows_x, rows_y)],
            self.yy[np.ix_(rows_y, rows_y)],
            self.dimensions,
        )

    def squared_distances(self) -> tuple[Float, Float, Float]:
        """Return squared Euclidean distances of the same three shapes."""
        x, y = np.diagonal(self.xx), np.diagonal(self.yy)
        return _distances(self.xx, x, x), _distances(self.xy, x, y), _distances(self.yy, y, y)


def products_of(x: Float, y: Float) -> Products:
    """Return the inner products of features (N, d) and (M, d)."""
    if x is y:
        xx = x @ x.T
        return Products(xx, xx, xx, x.shape[1])
    return Products(x @ x.T, x @ y.T, y @ y.T, x.shape[1])


def _distances(products: Float, x: Float, y: Float) -> Float:
    return np.maximum(x[:, None] + y - 2 * products, 0.0)
