"""Equal-N draws, intervals and floors: what turns a measure of two sets into an estimate.

No bootstrap. Drawing with replacement puts copies into a set: they pull nearest neighbours to 0, lower
diversity, and add the bias of a smaller set to a Fréchet distance (a set of N has 0.63 N different
images), which at N < d moves its percentiles off the value altogether. What is used instead is the
delete-a-group jackknife: images are left out, never repeated, and all replicates are of one size.
By the inequality of Efron and Stein (1981) its variance is too large rather than too small in
expectation, for any measure: intervals hold at least what they say, and some more where sets are alike.
What they hold is the measure's expectation *at this N*, bias included: the floor has the same bias.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from simkit.errors import MetricError
from simkit.metrics.checking import Float
from simkit.metrics.products import Rows

LEVEL = 0.95
GROUPS = (10, 20)
"""Least and most groups of a jackknife: Student's t with so many degrees of freedom, less one."""

LEAST = 10
"""Images of each side below which nothing is said."""

Figures = Mapping[str, float]
Between = Callable[[Rows, Rows], Figures]
"""Gives figures by name of some rows of the real set and as many of the other."""


@dataclass(frozen=True)
class Plan:
    """Which images are compared with which, at equal number.

    Rows are of sets in random order. Real rows 0 to n - 1 are compared with the first n synthetic ones,
    n to 2 n - 1 with the last n; a figure is the mean of the two. Group g holds the rows of residue g.

    Attributes:
        n: images of each side, a multiple of `groups`.
        groups: of the jackknife.
        synthetic: number of synthetic images that are used.
        note: how n came about.
    """

    n: int
    groups: int
    synthetic: int
    note: str

    def draws(self) -> list[tuple[Rows, Rows]]:
        """Return the rows of the two draws."""
        first, last = np.arange(self.n), self.synthetic - self.n
        return [(first, first), (first + self.n, first + last)]


def plan_of(real: int, synthetic: int, most: int) -> Plan:
    """Return the plan for so many images: n is half of the real ones at most, for the floor.

    Raises:
        MetricError: there are too few.
    """
    limit = min(real // 2, synthetic, most)
    if limit < LEAST:
        raise MetricError(
            f"images: {real} real and {synthetic} synthetic are too few; "
            f"give {2 * LEAST} and {LEAST} or more (half of the real ones are held against the others)"
        )
    n, groups = max((limit // count * count, count) for count in range(GROUPS[0], GROUPS[1] + 1))
    if limit == real // 2:
        reason = f"half of the {real} real images, so that the floor is of as many"
    elif limit == synthetic:
        reason = f"there are {synthetic} synthetic images"
    else:
        reason = f"{most} at most are asked for"
    return Plan(n, groups, min(synthetic, 2 * n), f"N = {n} on each side: {reason}.")


def figures_of(plan: Plan, between: Between) -> dict[str, float]:
    """Return the figures of the plan's draws."""
    return _mean([between(*draw) for draw in plan.draws()])


def replicates_of(plan: Plan, between: Between) -> dict[str, Float]:
    """Return the figures (groups,) without one group each, for `jackknife_interval`."""
    found = [
        _mean(
            [
                between(*(rows[rows % plan.groups != group] for rows in draw))
                for draw in plan.draws()
            ]
        )
        for group in range(plan.groups)
    ]
    return {name: np.array([one[name] for one in found]) for name in found[0]}


def floors_of(
    plan: Plan, between: Between, rng: np.random.Generator, count: int
) -> dict[str, Float]:
    """Return figures (count,) of random halves of the 2 n real images that are used.

    Args:
        plan: says how many images.
        between: gives figures of two sets of rows of the real set.
        rng: draws the halves.
        count: of halvings.
    """
    orders = [rng.permutation(2 * plan.n) for _ in range(count)]
    found = [between(np.sort(order[: plan.n]), np.sort(order[plan.n :])) for order in orders]
    return {name: np.array([one[name] for one in found]) for name in found[0]}


def jackknife_interval(
    value: float, replicates: Float, level: float = LEVEL
) -> tuple[float, float]:
    """Return the delete-a-group jackknife interval.

    ``value -+ t sqrt((G - 1) / G sum (replicate - mean)^2)``, with G - 1 degrees of freedom (Shao and Tu,
    The Jackknife and Bootstrap, 1995, section 2.3).

    Args:
        value: of all images.
        replicates: (G,) values without one of G groups of equal size.
        level: of confidence.

    Raises:
        MetricError: there are fewer than two groups.
    """
    groups = len(replicates)
    if groups < 2:
        raise MetricError(f"replicates: {groups} give no interval; leave out 2 groups or more")
    error = float(np.sqrt((groups - 1) * np.var(replicates)))
    reach = float(t.ppf((1 + level) / 2, groups - 1)) * error
    return value - reach, value + reach


def wilson_interval(share: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the score interval of a share of n (Wilson 1927), which has a width at 0 and 1, too."""
    z = float(norm.ppf((1 + level) / 2))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def _mean(figures: list[Figures]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in figures])) for name in figures[0]}
