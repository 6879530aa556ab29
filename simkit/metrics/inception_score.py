"""Inception Score, of any classifier's probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from simkit.errors import MetricError
from simkit.metrics.checking import check_features

TOLERANCE = 1e-3
"""By how much a row of probabilities may miss the sum 1; float16 networks need this much."""


def inception_score(probabilities: Any) -> float:
    """Return ``exp(mean KL(p(class | image) || p(class)))`` (Salimans et al. 2016, section 4).

    From 1 (every image gets the same probabilities) to the number of classes (all certain, all
    classes equally often). It looks at one set alone and knows nothing of the real one.

    Args:
        probabilities: (N, classes), each row summing to 1.

    Raises:
        MetricError: see `check_features`; or a row is no distribution.
    """
    rows = check_features(probabilities, "probabilities", rows=1)
    sums = rows.sum(axis=1)
    bad = np.flatnonzero((np.abs(sums - 1) > TOLERANCE) | (rows < 0).any(axis=1))
    if len(bad):
        raise MetricError(
            f"probabilities: row {bad[0]} is no distribution (it sums to {sums[bad[0]]:.4g}); "
            "apply a softmax to logits first"
        )
    rows = rows / sums[:, None]
    mean = rows.mean(axis=0)
    logs = np.log(np.where(rows > 0, rows, 1.0)) - np.log(np.where(mean > 0, mean, 1.0))
    return float(np.exp(np.sum(rows * logs) / len(rows)))
