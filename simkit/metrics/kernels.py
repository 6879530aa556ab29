"""Maximum mean discrepancies: KID (cubic polynomial kernel) and MMD (Gaussian kernel).

Both are the squared, unbiased estimate (Gretton et al. 2012, lemma 6): they are below zero about half
of the time where the sets are alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simkit.errors import MetricError
from simkit.metrics.checking import Float, check_features, check_pair
from simkit.metrics.products import Products

CHUNK = 2048
"""Rows whose kernel values are in memory at a time."""

MEDIAN_ROWS = 2000
"""Rows, evenly spaced, that `median_distance` looks at."""

Kernel = Callable[[Float, Float], Float]


def kid(real: Any, synthetic: Any) -> float:
    """Return the kernel inception distance of the full sets, unbiased (Bińkowski et al. 2018).

    The kernel is ``(x.y / d + 1)^3``. Two sets of one distribution have the mean 0 at any N.

    Args:
        real: (N, d).
        synthetic: (M, d).

    Raises:
        MetricError: see `check_pair`.
    """
    x, y = check_pair(real, synthetic)
    return _discrepancy(x, y, _cubic)


def kid_of_subsets(
    real: Any,
    synthetic: Any,
    *,
    rng: np.random.Generator,
    subsets: int = 100,
    size: int = 1000,
) -> tuple[float, float]:
    """Return mean and standard deviation of KID over random subsets, as papers report it.

    The standard deviation is of one subset's value and no standard error of the mean: subsets overlap.

    Raises:
        MetricError: see `check_pair`; or a set has fewer than `size` rows.
    """
    x, y = check_pair(real, synthetic)
    if not 2 <= size <= min(len(x), len(y)) or subsets < 1:
        raise MetricError(
            f"size: {subsets} subsets of {size} rows cannot be drawn from "
            f"{len(x)} and {len(y)} rows"
        )
    values = [
        kid(
            x[rng.choice(len(x), size, replace=False)],
            y[rng.choice(len(y), size, replace=False)],
        )
        for _ in range(subsets)
    ]
    return float(np.mean(values)), float(np.std(values))


def mmd(real: Any, synthetic: Any, bandwidth: float | None = None) -> float:
    """Return the squared MMD, unbiased, with the kernel ``exp(-|x - y|^2 / (2 bandwidth^2))``.

    Args:
        real: (N, d).
        synthetic: (M, d).
        bandwidth: `median_distance` of both sets if None.

    Raises:
        MetricError: see `check_pair`; or the bandwidth is not above zero.
    """
    x, y = check_pair(real, synthetic)
    width = median_distance(x, y) if bandwidth is None else bandwidth
    if not width > 0:
        raise MetricError(f"bandwidth: {width} is not above 0")
    centre = (x.mean(axis=0) + y.mean(axis=0)) / 2
    return _discrepancy(x - centre, y - centre, lambda a, b: _gaussian(a, b, width))


def median_distance(real: Any, synthetic: Any | None = None) -> float:
    """Return the median distance between rows of all that is given (Gretton et al. 2012, section 8).

    Of at most `MEDIAN_ROWS` rows of each set, evenly spaced; 1 if it is 0.
    """
    sets = (check_features(real, "real"),) if synthetic is None else check_pair(real, synthetic)
    rows = np.concatenate([one[:: -(-len(one) // MEDIAN_ROWS)] for one in sets])
    rows = rows - rows.mean(axis=0)
    squares = np.sum(rows**2, axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0.0)
    median = float(np.sqrt(np.median(distances[np.triu_indices(len(rows), 1)])))
    return median or 1.0


def kid_of_products(products: Products) -> float:
    """Return `kid` of inner products."""
    xx, xy, yy = (
        _cube(one / products.dimensions + 1) for one in (products.xx, products.xy, products.yy)
    )
    return _unbiased(xx, xy, yy)


def mmd_of_products(products: Products, bandwidth: float) -> float:
    """Return `mmd` of inner products."""
    scale = -0.5 / bandwidth**2
    return _unbiased(*(np.exp(scale * one) for one in products.squared_distances()))


def _unbiased(xx: Float, xy: Float, yy: Float) -> float:
    n, m = xy.shape
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def _discrepancy(x: Float, y: Float, kernel: Kernel) -> float:
    """Return the unbiased estimate, chunk by chunk."""
    between = sum(float(kernel(part, y).sum()) for part in _chunks(x)) / (len(x) * len(y))
    return _mean_within(x, kernel) + _mean_within(y, kernel) - 2 * between


def _mean_within(x: Float, kernel: Kernel) -> float:
    """Return the mean over all pairs of different rows."""
    total = 0.0
    for start in range(0, len(x), CHUNK):
        part = x[start : start + CHUNK]
        block = kernel(part, part)
        total += float(block.sum() - np.trace(block))
        total += 2 * float(kernel(part, x[start + CHUNK :]).sum())
    return total / (len(x) * (len(x) - 1))


def _chunks(x: Float) -> list[Float]:
    return [x[start : start + CHUNK] for start in range(0, len(x), CHUNK)]


def _cubic(x: Float, y: Float) -> Float:
    return _cube(x @ y.T / x.shape[1] + 1)


def _cube(values: Float) -> Float:
    return values * values * values


def _gaussian(x: Float, y: Float, width: float) -> Float:
    squares = np.sum(x**2, axis=1)[:, None] + np.sum(y**2, axis=1)
    return np.asarray(np.exp(np.maximum(squares - 2 * x @ y.T, 0.0) * (-0.5 / width**2)))
