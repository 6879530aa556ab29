"""What is refused before anything is computed: features that are no finite (N, d) arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.errors import MetricError

Float = NDArray[np.float64]


def check_features(features: Any, name: str, rows: int = 2) -> Float:
    """Return `features` as (N, d) float64.

    Args:
        features: what should be an array of numbers.
        name: what to call it in a message: ``real``, ``synthetic``.
        rows: how many there must be at least.

    Raises:
        MetricError: it is not (N, d), has too few rows, or has values that are not finite.
    """
    try:
        array = np.asarray(features, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MetricError(f"{name}: is no array of numbers: {error}") from None
    if array.ndim != 2 or array.shape[1] == 0:
        raise MetricError(f"{name}: has shape {array.shape}; give features (N, d), a row an image")
    if len(array) < rows:
        raise MetricError(f"{name}: has {len(array)} rows; at least {rows} are needed")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise MetricError(
            f"{name}: row {bad[0]} is not finite ({len(bad)} of {len(array)} rows); "
            "leave such images out, or look at what the extractor makes of them"
        )
    return array


def check_pair(real: Any, synthetic: Any, rows: int = 2) -> tuple[Float, Float]:
    """Return both sets as `check_features` does; their features must be of one length.

    Raises:
        MetricError: one of them cannot be used, or they are of different extractors.
    """
    first, second = check_features(real, "real", rows), check_features(synthetic, "synthetic", rows)
    if first.shape[1] != second.shape[1]:
        raise MetricError(
            f"synthetic: has {second.shape[1]} dimensions, real has {first.shape[1]}; "
            "take both from the same extractor"
        )
    return first, second


def check_neighbours(k: int, rows: int, name: str) -> None:
    """Raise `MetricError` unless each of `rows` rows has a k-th nearest other one."""
    if not 1 <= k < rows:
        raise MetricError(
            f"k: {k} neighbours cannot be found among {rows} rows of {name}; "
            f"give 1 to {rows - 1}, or more images"
        )
