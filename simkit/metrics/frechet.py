"""Fréchet distance between Gaussians fitted to features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.errors import MetricError
from simkit.metrics.checking import Float, check_features, check_pair
from simkit.metrics.products import Products


def frechet_distance(real: Any, synthetic: Any) -> float:
    """Return ``|mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))`` (Heusel et al. 2017, equation 6).

    With factors ``A^T A = S1`` and ``B^T B = S2`` the trace of the root is the nuclear norm of
    ``A B^T``. Such a factor is the centred features themselves where there are fewer than dimensions,
    so that (1000, 2048) takes a thousandth of the work, and the triangle of their QR decomposition
    where there are more. Covariances are divided by N - 1.

    It falls with N, by about `null_frechet_distance`: compare only at equal N, and beside a floor.

    Args:
        real: (N, d).
        synthetic: (M, d).

    Raises:
        MetricError: see `check_pair`.
    """
    x, y = check_pair(real, synthetic)
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    return _distance(mean_x - mean_y, _factor(x - mean_x), _factor(y - mean_y))


def frechet_distance_of_moments(
    mean1: Any, covariance1: Any, mean2: Any, covariance2: Any
) -> float:
    """Return the same of means (d,) and covariances (d, d).

    Raises:
        MetricError: a shape does not fit, a value is not finite, or a covariance has an eigenvalue
            below zero by more than rounding.
    """
    means = check_features(np.stack(_rows(mean1, mean2)), "means")
    first = _checked(covariance1, means.shape[1], "covariance1")
    second = _checked(covariance2, means.shape[1], "covariance2")
    return _distance(means[0] - means[1], _root(first), _root(second))


def frechet_distance_of_products(products: Products) -> float:
    """Return the same of inner products; meant for many subsets of at most some 2,000 rows."""
    xx, xy, yy = products.xx, products.xy, products.yy
    rows, columns = xy.mean(axis=1), xy.mean(axis=0)
    cross = xy - rows[:, None] - columns + rows.mean()
    freedom = (len(xx) - 1, len(yy) - 1)
    spread = sum(
        (np.trace(one) - len(one) * one.mean()) / n
        for one, n in zip((xx, yy), freedom, strict=True)
    )
    root = np.linalg.svd(cross, compute_uv=False).sum() / np.sqrt(freedom[0] * freedom[1])
    return max(float(xx.mean() + yy.mean() - 2 * xy.mean() + spread - 2 * root), 0.0)


def null_frechet_distance(covariance: Any, n: int) -> float:
    """Return what to expect between two sets of `n` rows each of one Gaussian, for n well above d.

    ``(3 tr S + sum over i != j of l_i l_j / (l_i + l_j)) / n`` with the eigenvalues l of S: second-order
    expansion of the distance, whose minimum lies at equality.

    Args:
        covariance: (d, d).
        n: rows of each set.

    Raises:
        MetricError: the covariance is not square or not finite, or n is below 2.
    """
    matrix = check_features(covariance, "covariance", rows=1)
    if matrix.shape[0] != matrix.shape[1]:
        raise MetricError(f"covariance: has shape {matrix.shape}; it must be square")
    if n < 2:
        raise MetricError(f"n: {n} rows have no covariance; give 2 or more")
    values = np.maximum(np.linalg.eigvalsh(matrix), 0.0)
    sums = values[:, None] + values
    harmonic = np.divide(np.outer(values, values), sums, out=np.zeros_like(sums), where=sums > 0)
    off_diagonal = harmonic.sum() - np.trace(harmonic)
    return float((3 * values.sum() + off_diagonal) / n)


def _distance(shift: Float, first: Float, second: Float) -> float:
    """Return the distance, of factors ``A^T A = S``."""
    root = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    total = shift @ shift + np.sum(first**2) + np.sum(second**2) - 2 * root
    return max(float(total), 0.0)


def _factor(centred: Float) -> Float:
    """Return F with ``F^T F`` the covariance, with as few rows as there can be."""
    n, d = centred.shape
    if n <= d:
        return np.asarray(centred / np.sqrt(n - 1))
    return _root(centred.T @ centred / (n - 1))


def _root(covariance: Float) -> Float:
    """Return F with ``F^T F = covariance``; eigenvalues below zero are taken for rounding."""
    try:
        return np.asarray(np.linalg.cholesky(covariance).T)
    except np.linalg.LinAlgError:  # it has no full rank
        values, vectors = np.linalg.eigh(covariance)
        return np.asarray(np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T)


def _checked(covariance: Any, d: int, name: str) -> Float:
    matrix = check_features(covariance, name, rows=1)
    if matrix.shape != (d, d):
        raise MetricError(f"{name}: has shape {matrix.shape}; the means ask for ({d}, {d})")
    values = np.linalg.eigvalsh(matrix)
    if values[0] < -1e-8 * abs(values[-1]):
        raise MetricError(f"{name}: has the eigenvalue {values[0]:g}; it is no covariance")
    return matrix


def _rows(mean1: Any, mean2: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(mean1, np.float64), np.asarray(mean2, np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise MetricError(f"means: have shapes {first.shape} and {second.shape}; give (d,) twice")
    return first, second
