"""Features as they come, batch by batch, from one process or several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.errors import MetricError
from simkit.metrics.checking import Float, check_features
from simkit.metrics.frechet import frechet_distance_of_moments

State = dict[str, NDArray[Any]]


class Features:
    """All features, in the order in which they came; memory grows with them.

    >>> kept = Features()
    >>> kept.add(np.zeros((2, 3))).add(np.ones((1, 3))).array().shape
    (3, 3)
    """

    def __init__(self) -> None:
        self._batches: list[NDArray[np.float32]] = []

    def __len__(self) -> int:
        return sum(len(batch) for batch in self._batches)

    def add(self, batch: Any) -> Features:
        """Add (B, d) features, kept as float32; return self.

        Raises:
            MetricError: the batch is no finite (B, d) array, or has another d.
        """
        rows = check_features(batch, "batch", rows=0)
        if self._batches:
            _check_width(rows, self._batches[0].shape[1])
        self._batches.append(rows.astype(np.float32))
        return self

    def merge(self, other: Features) -> Features:
        """Add what another one has kept, after what is here; return self."""
        for batch in list(other._batches):
            self.add(batch)
        return self

    def array(self) -> NDArray[np.float32]:
        """Return (N, d) float32.

        Raises:
            MetricError: nothing was added.
        """
        if not self._batches:
            raise MetricError("features: none were added")
        return np.concatenate(self._batches)

    def state(self) -> State:
        """Return what `from_state` makes the same of, as arrays."""
        return {"features": self.array()} if self._batches else {}

    @staticmethod
    def from_state(state: Mapping[str, NDArray[Any]]) -> Features:
        """Return the features that gave this state."""
        kept = Features()
        return kept.add(state["features"]) if "features" in state else kept


class Moments:
    """Mean and covariance of any number of features, in memory for d x d numbers.

    Batches are joined by the update of Chan, Golub and LeVeque (1983, equation 1.5), which does not
    cancel.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Float = np.zeros(0)
        self._scatter: Float = np.zeros((0, 0))

    def add(self, batch: Any) -> Moments:
        """Add (B, d) features; return self.

        Raises:
            MetricError: the batch is no finite (B, d) array, or has another d.
        """
        rows = check_features(batch, "batch", rows=0)
        if self.count:
            _check_width(rows, len(self.mean))
        if len(rows):
            mean = rows.mean(axis=0)
            centred = rows - mean
            self._join(len(rows), mean, centred.T @ centred)
        return self

    def merge(self, other: Moments) -> Moments:
        """Add what another one has seen; return self.

        Raises:
            MetricError: it has another d.
        """
        if self.count and other.count:
            _check_width(other.mean[None], len(self.mean))
        if other.count:
            self._join(other.count, other.mean, other._scatter)
        return self

    def covariance(self) -> Float:
        """Return (d, d), divided by N - 1.

        Raises:
            MetricError: fewer than two rows were added.
        """
        if self.count < 2:
            raise MetricError(f"features: {self.count} were added; a covariance needs 2 or more")
        return np.asarray(self._scatter / (self.count - 1))

    def frechet_distance(self, other: Moments) -> float:
        """Return the Fréchet distance; for N < d `frechet_distance` of the features is exacter.

        Raises:
            MetricError: fewer than two rows were added, or the other has another d.
        """
        return frechet_distance_of_moments(
            self.mean, self.covariance(), other.mean, other.covariance()
        )

    def state(self) -> State:
        """Return what `from_state` makes the same of, as arrays."""
        return {"count": np.array(self.count), "mean": self.mean, "scatter": self._scatter}

    @staticmethod
    def from_state(state: Mapping[str, NDArray[Any]]) -> Moments:
        """Return the moments that gave this state."""
        made = Moments()
        made.count = int(state["count"])
        made.mean = np.array(state["mean"], np.float64)
        made._scatter = np.array(state["scatter"], np.float64)
        return made

    def _join(self, count: int, mean: Float, scatter: Float) -> None:
        if not self.count:
            self.count, self.mean, self._scatter = count, mean.copy(), scatter.copy()
            return
        total = self.count + count
        shift = mean - self.mean
        self._scatter = (
            self._scatter + scatter + np.outer(shift, shift) * (self.count * count / total)
        )
        self.mean = self.mean + shift * (count / total)
        self.count = total


def _check_width(rows: Float, width: int) -> None:
    if rows.shape[1] != width:
        raise MetricError(f"batch: has {rows.shape[1]} dimensions; those before it have {width}")
