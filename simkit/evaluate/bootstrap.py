"""Intervals and tests of scores: over test images by the bootstrap, over seeds by Student's t.

Test images are drawn with replacement, the same ones for every model (a paired design), whole groups
of them where images belong together. A handful of seeds cannot be bootstrapped: three values drawn
with replacement hold the truth in 3 of 4 intervals at most. Their part is a t variate with as many
degrees of freedom as the seeds leave, added to the mean over seeds; the sum's distribution is computed
exactly, not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import stdtr, stdtrit

from simkit.errors import ConfigError
from simkit.randomness import stream
from simkit.tasks.contract import Outcome

Float = NDArray[np.float64]
Places = NDArray[np.int64]

RESAMPLES = 1000
LEVEL = 0.95


def resamples(
    n: int, count: int = RESAMPLES, seed: int = 0, groups: Sequence[object] | None = None
) -> list[Places]:
    """Return `count` draws of test images with replacement.

    Args:
        n: images there are.
        seed: of the draws; the same ones come for the same arguments.
        groups: of each image; whole groups are drawn then, as many as there are.

    Raises:
        ConfigError: there is only one group, or none.
    """
    rng = stream(seed, 0, "evaluate.bootstrap")
    if groups is None:
        return [rng.integers(0, n, n) for _ in range(count)]
    members = list(members_of(groups).values())
    if len(members) < 2:
        raise ConfigError(
            "groups: all test images are of one group, so that none can be left out; group by "
            "another column, or not at all"
        )
    drawn = rng.integers(0, len(members), (count, len(members)))
    return [np.concatenate([members[one] for one in row]) for row in drawn]


def members_of(groups: Sequence[object]) -> dict[object, Places]:
    """Return the places of each group's members, groups in the order of their first member."""
    found: dict[object, list[int]] = {}
    for place, group in enumerate(groups):
        found.setdefault(group, []).append(place)
    return {group: np.array(places, np.int64) for group, places in found.items()}


@dataclass(frozen=True, eq=False)
class Resampled:
    """Scores of one training set's models on the same test images.

    Attributes:
        names: of the scores.
        values: (seeds, names) on all test images.
        draws: (seeds, resamples, names); NaN where a score is not defined.
    """

    names: tuple[str, ...]
    values: Float
    draws: Float

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return len(self.values)

    def of(self, name: str) -> tuple[Float, Float]:
        """Return (seeds,) values and (seeds, resamples) draws of one score."""
        place = self.names.index(name)
        return self.values[:, place], self.draws[:, :, place]


def resampled(outcomes: Sequence[Outcome], draws: Sequence[Places]) -> Resampled:
    """Return the scores of outcomes (one a seed, on the same test images) under each draw."""
    whole = [outcome.scores() for outcome in outcomes]
    names = tuple(dict.fromkeys(name for scores in whole for name in scores))
    values = np.array([[one.get(name, math.nan) for name in names] for one in whole])
    under = np.full((len(outcomes), len(draws), len(names)), math.nan)
    for seed, outcome in enumerate(outcomes):
        for row, images in enumerate(draws):
            scores = outcome.scores(images)
            under[seed, row] = [scores.get(name, math.nan) for name in names]
    return Resampled(names, values, under)


@dataclass(frozen=True)
class SeedVariance:
    """Variance of a score between seeds, of one training set or pooled over several.

    Attributes:
        variance: of a single seed's score.
        freedom: degrees of freedom it was taken with; 0 if nothing is known of it.
    """

    variance: float
    freedom: int


def seed_variance(values: Sequence[Float]) -> SeedVariance:
    """Return the variance between seeds, pooled over training sets.

    Args:
        values: (seeds,) scores of each training set.
    """
    clean = [one[np.isfinite(one)] for one in values]
    freedom = sum(max(len(one) - 1, 0) for one in clean)
    if freedom == 0:
        return SeedVariance(0.0, 0)
    total = sum(float(np.sum((one - one.mean()) ** 2)) for one in clean if len(one) > 1)
    return SeedVariance(total / freedom, freedom)


@dataclass(frozen=True)
class Interval:
    """A figure and where it lies; `p` is two-sided, of no difference from nothing."""

    value: float
    low: float
    high: float
    p: float = math.nan


def score_interval(
    sample: Resampled, name: str, seeds: SeedVariance | None = None, level: float = LEVEL
) -> Interval:
    """Return the mean score over seeds with its interval over test images and seeds.

    Args:
        seeds: variance between seeds, if it is known better than from this sample alone.

    A single seed of unknown variance leaves an interval over test images alone.
    """
    values, draws = sample.of(name)
    known = seed_variance([values]) if seeds is None else seeds
    spread = _Spread(_mean(draws, 0), math.sqrt(known.variance / len(values)), known.freedom)
    value = float(_mean(values, 0))
    low, high = spread.interval(level)
    if 0 <= value <= 1:
        low, high = max(low, 0.0), min(high, 1.0)
    return Interval(value, low, high)


def difference_interval(
    first: Resampled,
    second: Resampled,
    name: str,
    seeds: SeedVariance | None = None,
    level: float = LEVEL,
) -> Interval:
    """Return first - second on the same draws of test images, with interval and p-value."""
    (a, draws_a), (b, draws_b) = first.of(name), second.of(name)
    known = seed_variance([a, b]) if seeds is None else seeds
    scale = math.sqrt(known.variance * (1 / len(a) + 1 / len(b)))
    spread = _Spread(_mean(draws_a, 0) - _mean(draws_b, 0), scale, known.freedom)
    low, high = spread.interval(level)
    return Interval(float(_mean(a, 0) - _mean(b, 0)), low, high, spread.p_of_zero())


@dataclass(frozen=True, eq=False)
class _Spread:
    """Draws, each with a t variate times `scale` added to it."""

    draws: Float
    scale: float
    freedom: int

    def below(self, x: float) -> float:
        """Return the probability of less than x, half of that of x itself included."""
        if self.scale == 0:
            return float(np.mean(self.draws < x) + np.mean(self.draws == x) / 2)
        return float(np.mean(stdtr(self.freedom, (x - self.draws) / self.scale)))

    def interval(self, level: float) -> tuple[float, float]:
        known = _Spread(self.draws[np.isfinite(self.draws)], self.scale, self.freedom)
        if len(known.draws) == 0:
            return math.nan, math.nan
        tails = (1 - level) / 2, (1 + level) / 2
        if self.scale == 0:
            low, high = np.quantile(known.draws, tails)
            return float(low), float(high)
        reach = self.scale * float(stdtrit(self.freedom, 1 - (1 - level) / 8))
        ends = float(known.draws.min()) - reach, float(known.draws.max()) + reach

        def at(tail: float) -> float:
            return float(brentq(lambda x: known.below(x) - tail, *ends, xtol=1e-7))

        return at(tails[0]), at(tails[1])

    def p_of_zero(self) -> float:
        known = _Spread(self.draws[np.isfinite(self.draws)], self.scale, self.freedom)
        if len(known.draws) == 0:
            return 1.0
        below = known.below(0.0)
        least = 1 / (len(known.draws) + 1) if self.scale == 0 else 0.0
        return min(1.0, 2 * max(min(below, 1 - below), least))


def _mean(values: Float, axis: int) -> Float:
    """Return the mean without NaN; NaN where there is nothing else."""
    known = np.isfinite(values)
    count = known.sum(axis)
    total = np.where(known, values, 0.0).sum(axis)
    return np.where(count > 0, total / np.maximum(count, 1), math.nan)
