"""Sliced Wasserstein distance: transport along random directions."""

from __future__ import annotations

from typing import Any

import numpy as np

from simkit.metrics.checking import Float, check_pair

DIRECTIONS = 128


def sliced_wasserstein(
    real: Any, synthetic: Any, *, rng: np.random.Generator, directions: int = DIRECTIONS
) -> float:
    """Return the sliced 2-Wasserstein distance (Bonneel et al. 2015, definition 4).

    The root of the mean, over random unit directions, of the squared 2-Wasserstein distance of the
    projections. Above zero between finite sets of one distribution.

    Args:
        real: (N, d).
        synthetic: (M, d).
        rng: draws the directions.
        directions: how many.

    Raises:
        MetricError: see `check_pair`.
    """
    x, y = check_pair(real, synthetic)
    axes = random_directions(x.shape[1], directions, rng)
    return distance_of_projections(x @ axes, y @ axes)


def random_directions(d: int, count: int, rng: np.random.Generator) -> Float:
    """Return (d, count) unit vectors, uniform on the sphere."""
    axes = rng.standard_normal((d, count))
    return np.asarray(axes / np.linalg.norm(axes, axis=0))


def distance_of_projections(x: Float, y: Float) -> float:
    """Return the root mean square 2-Wasserstein distance of columns (N, count) and (M, count)."""
    x, y = np.sort(x, axis=0), np.sort(y, axis=0)
    if len(x) == len(y):
        return float(np.sqrt(np.mean((x - y) ** 2)))
    # Both quantile functions are steps: constant between the breaks of the two together.
    n, m = len(x), len(y)
    breaks = np.unique(np.concatenate([np.arange(n + 1) * m, np.arange(m + 1) * n]))
    share = np.diff(breaks) / (n * m)
    steps = x[breaks[:-1] // m] - y[breaks[:-1] // n]
    return float(np.sqrt(np.mean(share @ steps**2)))
