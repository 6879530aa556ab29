"""How far two convex hulls of points are apart: the point of least norm of their difference.

By Wolfe's algorithm (Finding the nearest point in a polytope, Mathematical Programming 11, 1976),
of which Gilbert, Johnson and Keerthi's for hulls in space is a kin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

EPSILON = 1e-12
MOST_STEPS = 200
CLOSE = 1e-6
"""The distance is found to this [m]."""


def separation(a: Float, b: Float) -> Float:
    """Return the shortest vector (3,) [m] from the hull of `b` (M, 3) to that of `a` (N, 3), or 0."""
    corners = (a[0] - b[0])[None]
    weights = np.ones(1)
    nearest = corners[0].copy()
    for _ in range(MOST_STEPS):
        length = float(np.linalg.norm(nearest))
        if length < CLOSE:
            return np.zeros(3)
        way = nearest / length
        new = a[(a @ way).argmin()] - b[(b @ way).argmax()]
        if length - float(new @ way) < CLOSE:
            return nearest
        corners, weights = np.concatenate([corners, new[None]]), np.append(weights, 0.0)
        corners, weights = _least(corners, weights)
        nearest = weights @ corners
    return nearest


def _least(corners: Float, weights: Float) -> tuple[Float, Float]:
    """Return those corners (K, 3) whose hull holds the least point in its inside, and its weights."""
    while True:
        wanted = _affine(corners)
        if wanted.min() > EPSILON:
            return corners, wanted
        falling = wanted <= EPSILON
        drop = weights[falling] - wanted[falling]
        share = np.divide(weights[falling], drop, out=np.ones_like(drop), where=drop > EPSILON)
        step = float(min(1.0, share.min()))
        weights = (1 - step) * weights + step * wanted
        kept = weights > EPSILON
        if kept.all():
            kept[np.argmin(weights)] = False
        corners, weights = corners[kept], weights[kept] / weights[kept].sum()


def _affine(corners: Float) -> Float:
    """Return the weights (K,), of sum 1, of the least point of the corners' affine hull."""
    count = len(corners)
    system = np.ones((count + 1, count + 1))
    system[0, 0] = 0.0
    system[1:, 1:] = corners @ corners.T
    right = np.zeros(count + 1)
    right[0] = 1.0
    try:
        return np.asarray(np.linalg.solve(system, right)[1:])
    except np.linalg.LinAlgError:  # corners on a line or plane, where fewer would do
        return np.asarray(np.linalg.lstsq(system, right, rcond=None)[0][1:])
