"""Vendi score: how many different images a set is worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from simkit.errors import MetricError
from simkit.metrics.checking import Float, check_features


def vendi_score(features: Any) -> float:
    """Return the exponential of the entropy of the eigenvalues of K / N (Friedman and Dieng 2023).

    K holds the cosines between rows. 1 where all point the same way, N where all are orthogonal.
    It grows with N: compare at equal N only. Where N > d the eigenvalues are those of the
    (d, d) second moments.

    Args:
        features: (N, d).

    Raises:
        MetricError: see `check_features`; or a row is zero and has no direction.
    """
    rows = check_features(features, "features", rows=1)
    lengths = np.linalg.norm(rows, axis=1)
    if not lengths.all():
        raise MetricError(
            f"features: row {int(np.argmin(lengths))} is zero and has no direction; "
            "a cosine with it is not defined"
        )
    unit = rows / lengths[:, None]
    return _score(unit @ unit.T if len(unit) <= unit.shape[1] else unit.T @ unit, len(unit))


def vendi_score_of_products(products: Float) -> float:
    """Return the same of inner products (N, N)."""
    lengths = np.sqrt(np.diagonal(products))
    scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return _score(products * scale[:, None] * scale, len(products))


def _score(moments: Float, n: int) -> float:
    values = np.linalg.eigvalsh(moments / n)
    values = values[values > 0]
    return float(np.exp(-np.sum(values * np.log(values))))
