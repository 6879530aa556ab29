"""Precision, recall, density and coverage: balls around images that reach to the k-th neighbour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simkit.errors import MetricError
from simkit.metrics.checking import check_neighbours, check_pair
from simkit.metrics.neighbours import in_balls, nearest
from simkit.metrics.products import Products

NEAREST = 5
"""k, as Naeem et al. 2020 have it."""


@dataclass(frozen=True)
class Coverage:
    """How two sets lie in each other.

    Attributes:
        precision: share of synthetic images in the ball of any real one.
        recall: share of real images in the ball of any synthetic one.
        density: real balls that a synthetic image lies in, over k; 1 for sets that are alike.
        coverage: share of real images whose ball holds a synthetic one.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall(real: Any, synthetic: Any, k: int = NEAREST) -> Coverage:
    """Return precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

    Balls are open and reach to the k-th nearest other image of the same set. Exact, with memory for
    some hundred rows of distances.

    Args:
        real: (N, d).
        synthetic: (M, d).
        k: neighbours.

    Raises:
        MetricError: see `check_pair`; or a set has no more than k rows.
    """
    x, y = check_pair(real, synthetic)
    check_neighbours(k, len(x), "real")
    check_neighbours(k, len(y), "synthetic")
    radii_x, radii_y = nearest(x, count=k)[0][:, -1], nearest(y, count=k)[0][:, -1]
    held, recalled, covered = np.zeros(len(y), np.int64), 0, 0
    for _, in_real, in_synthetic in in_balls(x, y, radii_x, radii_y):
        held += in_real.sum(axis=0)
        covered += int(in_real.any(axis=1).sum())
        recalled += int(in_synthetic.any(axis=1).sum())
    return Coverage(
        precision=float(np.mean(held > 0)),
        recall=recalled / len(x),
        density=float(held.mean() / k),
        coverage=covered / len(x),
    )


def precision_recall_of_products(products: Products, k: int = NEAREST) -> Coverage:
    """Return the same of inner products: quick for many subsets, ties are left to rounding."""
    xx, xy, yy = products.squared_distances()
    np.fill_diagonal(xx, 0.0)
    np.fill_diagonal(yy, 0.0)
    radii_x, radii_y = (np.partition(one, k, axis=1)[:, k] for one in (xx, yy))
    in_real = xy < radii_x[:, None]
    return Coverage(
        precision=float(in_real.any(axis=0).mean()),
        recall=float((xy < radii_y).any(axis=1).mean()),
        density=float(in_real.sum(axis=0).mean() / k),
        coverage=float(in_real.any(axis=1).mean()),
    )


def null_coverage(n: int, m: int, k: int = NEAREST) -> float:
    """Return the coverage to expect of `m` images of the same distribution as the `n` real ones.

    ``1 - product over i = 1..k of (n - i) / (m + n - i)`` (Naeem et al. 2020, lemma 2).

    Raises:
        MetricError: there is no k-th neighbour among n.
    """
    check_neighbours(k, n, "real")
    if m < 1:
        raise MetricError(f"m: {m} synthetic images; give 1 or more")
    i = np.arange(1, k + 1)
    return float(1 - np.prod((n - i) / (m + n - i)))
