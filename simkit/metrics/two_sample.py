"""Do two samples differ, and by how much? Tests for numbers and categories, and robust effect sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Float = NDArray[np.float64]

IQR_OF_NORMAL = 1.3489795003921634
"""Interquartile range of the standard normal distribution."""


@dataclass(frozen=True)
class Test:
    """A test's statistic and its p-value, against: both samples come from one distribution."""

    statistic: float
    p: float


def kolmogorov_smirnov(a: ArrayLike, b: ArrayLike) -> Test:
    """Return the two-sample Kolmogorov-Smirnov test (SciPy): exact without ties, cautious with them."""
    found = stats.ks_2samp(np.asarray(a), np.asarray(b))
    return Test(float(found.statistic), float(found.pvalue))


def cramer_von_mises(a: ArrayLike, b: ArrayLike) -> Test:
    """Return the two-sample Cramér-von Mises test (SciPy), for values without ties."""
    found = stats.cramervonmises_2samp(np.asarray(a), np.asarray(b))
    return Test(float(found.statistic), float(found.pvalue))


def memberships(n: int, m: int, permutations: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return (permutations, n + m) bool: random choices of the n that are of the first sample.

    One table may serve the tests of several statistics of the same samples.
    """
    first = np.zeros((permutations, n + m), bool)
    first[:, :n] = True
    return rng.permuted(first, axis=1)


def permutation_test(a: ArrayLike, b: ArrayLike, permuted: NDArray[np.bool_]) -> Test:
    """Return the Cramér-von Mises test by permutation: exact for any n, with ties, whatever is unequal.

    The statistic is the mean over the pooled values of (F_a - F_b)^2 (Anderson, On the distribution of
    the two-sample Cramér-von Mises criterion, 1962, up to a factor); p = (1 + #{T* >= T}) / (1 + P).

    Args:
        a, b: (n,), (m,) finite numbers.
        permuted: (P, n + m), of `memberships`.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    pooled = np.concatenate([first, second])
    if permuted.shape[1] != len(pooled):
        raise ValueError(f"memberships of {permuted.shape[1]} values do not fit {len(pooled)}")
    order = np.argsort(pooled, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(pooled[order]) > 0, True))
    weights = np.diff(ends, prepend=-1) / len(pooled)
    own = np.arange(len(pooled)) < len(first)

    def statistic(member: NDArray[np.bool_]) -> Float:
        below = np.cumsum(member[..., order], axis=-1, dtype=np.int32)[..., ends]
        other = (ends + 1) - below
        return ((below / len(first) - other / len(second)) ** 2) @ weights

    observed = float(statistic(own))
    return Test(observed, _exceeded(observed, statistic(permuted)))


def chi_square(a: ArrayLike, b: ArrayLike) -> Test:
    """Return the chi-square test of homogeneity (SciPy) of two rows of counts, of independent draws."""
    table = np.array([a, b], np.float64)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return Test(0.0, 1.0)
    found = stats.chi2_contingency(table, correction=False)
    return Test(float(found.statistic), float(found.pvalue))


def composition_test(a: ArrayLike, b: ArrayLike, permuted: NDArray[np.bool_]) -> Test:
    """Return whether categories are differently frequent in two sets of images.

    The statistic is chi-square of the total counts; images are permuted, not instances, for those of
    one image are not independent.

    Args:
        a, b: (n, K), (m, K) counts, an image a row.
        permuted: (P, n + m), of `memberships`.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    pooled = np.concatenate([first, second])
    total = pooled.sum(axis=0)
    pooled, total = pooled[:, total > 0], total[total > 0]
    if len(total) < 2:
        return Test(0.0, 1.0)
    own = np.arange(len(pooled)) < len(first)

    def statistic(member: NDArray[np.bool_]) -> Float:
        left = member.astype(np.float64) @ pooled
        sides = left.sum(axis=-1, keepdims=True), (total - left).sum(axis=-1, keepdims=True)
        whole = total.sum()
        expected = [side * total / whole for side in sides]
        # Both sides' deviations are equal and opposite.
        deviation = (left - expected[0]) ** 2
        return sum(
            np.divide(deviation, one, out=np.zeros_like(deviation), where=one > 0).sum(axis=-1)
            for one in expected
        )

    observed = float(statistic(own[None])[0])
    return Test(observed, _exceeded(observed, statistic(permuted)))


def absence_test(having: int, n: int, m: int) -> Test:
    """Return how likely it is by chance that none of m images has what `having` of n others have.

    Hypergeometric: C(n + m - having, m) / C(n + m, m); one-sided.
    """
    return Test(float(having), float(stats.hypergeom.pmf(0, n + m, having, m)))


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number: the family-wise error is at most the level.

    Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    values = np.asarray(p, np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(values) else steps
    return [float(one) for one in corrected]


def robust_spread(values: ArrayLike) -> float:
    """Return the interquartile range over that of a standard normal: 1.0 for one."""
    low, high = np.quantile(np.asarray(values, np.float64), [0.25, 0.75])
    return float(high - low) / IQR_OF_NORMAL


def cliffs_delta(a: ArrayLike, b: ArrayLike) -> float:
    """Return P(a < b) - P(a > b), -1 to 1: how far b stochastically exceeds a (Cliff, 1993)."""
    first, second = np.asarray(a, np.float64), np.sort(np.asarray(b, np.float64))
    below = np.searchsorted(second, first, side="left").sum()
    above = (len(second) - np.searchsorted(second, first, side="right")).sum()
    return float(above - below) / (len(first) * len(second))


def standardized_distance(real: ArrayLike, other: ArrayLike, grain: float = 0.0) -> float:
    """Return the 1-Wasserstein distance over the real values' robust spread.

    A pure shift by one standard deviation of a normal gives 1; a difference of spread counts, too.

    Args:
        real, other: (n,), (m,).
        grain: the least spread that is taken: differences far below it matter to nobody.
    """
    distance = float(stats.wasserstein_distance(np.asarray(real), np.asarray(other)))
    scale = max(robust_spread(real), grain)
    return distance / scale if scale > 0 else (0.0 if distance == 0 else float("inf"))


def total_variation(a: ArrayLike, b: ArrayLike) -> float:
    """Return half the sum of the differences of two rows of counts, each as shares: 0 to 1."""
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.sum() == 0 or second.sum() == 0:
        return float(first.sum() != second.sum())
    return float(np.abs(first / first.sum() - second / second.sum()).sum() / 2)


def _exceeded(observed: float, permuted: Float) -> float:
    tolerance = 1e-9 * max(observed, 1e-12)
    return float(1 + np.count_nonzero(permuted >= observed - tolerance)) / (1 + len(permuted))
