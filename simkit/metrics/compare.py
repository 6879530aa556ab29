"""All measures of two sets of features, each with its interval and its floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from simkit.errors import MetricError, did_you_mean
from simkit.metrics.checking import Float, check_pair
from simkit.metrics.classifiers import (
    FOLDS,
    Classifier,
    classifier_two_sample_test,
    cross_fitted_accuracy,
    label_free_kernel,
    proxy_a_distance,
)
from simkit.metrics.coverage import NEAREST, precision_recall_of_products
from simkit.metrics.estimate import Estimate
from simkit.metrics.frechet import frechet_distance_of_products
from simkit.metrics.inception_score import inception_score
from simkit.metrics.intervals import (
    Plan,
    figures_of,
    floors_of,
    jackknife_interval,
    plan_of,
    replicates_of,
    wilson_interval,
)
from simkit.metrics.kernels import kid_of_products, median_distance, mmd_of_products
from simkit.metrics.products import Products, Rows, products_of
from simkit.metrics.sliced import DIRECTIONS, distance_of_projections, random_directions
from simkit.metrics.vendi import vendi_score_of_products

FLOORS = 40
"""Halvings of the real set."""

MOST = 1000
"""Images of each side that are compared, unless told otherwise."""


SMALL = 500
"""Images a side up to which one thread is as quick as several."""


@dataclass(frozen=True)
class _Kind:
    """Range of a measure, whether it is a share of images, and what a reader has to know."""

    low: float
    high: float
    higher_is_better: bool | None
    note: str
    share: bool = False


_INFINITE = float("inf")
_KINDS = {
    "FD": _Kind(0, _INFINITE, False, "Biased upward, like the floor; it falls with N."),
    "KID": _Kind(-_INFINITE, _INFINITE, False, "Unbiased: about 0 where the sets are alike."),
    "MMD": _Kind(-_INFINITE, _INFINITE, False, "Squared, unbiased; Gaussian kernel"),
    "precision": _Kind(0, 1, True, "Synthetic images that look like some real ones.", True),
    "recall": _Kind(0, 1, True, "Real images that the synthetic ones reach.", True),
    "density": _Kind(0, _INFINITE, True, "About 1 where the sets are alike."),
    "coverage": _Kind(0, 1, True, "Real images with a synthetic one near.", True),
    "Vendi": _Kind(
        1, _INFINITE, None, "Diversity of the synthetic images alone; the floor is of real ones."
    ),
    "C2ST": _Kind(0, 1, False, "Accuracy of a classifier; 0.5 is guessing."),
    "PAD": _Kind(-2, 2, False, "Of a linear classifier: 0 guesses, 2 is always right."),
    "SW": _Kind(0, _INFINITE, False, "2-Wasserstein distance along random directions."),
    "IS": _Kind(1, _INFINITE, None, "Of the synthetic images alone; the floor is of real ones."),
}
_CLASSIFIERS: dict[str, Classifier] = {"C2ST": "mixed", "PAD": "linear"}
MEASURES = tuple(name for name in _KINDS if name != "IS")


def compare_features(
    real: Any,
    synthetic: Any,
    *,
    title: str,
    rng: np.random.Generator,
    measures: Sequence[str] = MEASURES,
    floors: int = FLOORS,
    most: int = MOST,
    k: int = NEAREST,
    permutations: int = 999,
) -> list[Estimate]:
    """Return measures of a synthetic set against a real one, with intervals and floors.

    All comparisons are of N images a side: half of the real set at most, so that real images can be held
    against other real ones at the same N. Both halves are used, see `Plan`; intervals are the
    jackknife's, see `intervals`. The p-value in the note of C2ST is of as many images as there are.

    Args:
        real: (N, d), 20 rows or more.
        synthetic: (M, d), 10 rows or more.
        title: of the extractor; names become ``FD-<title>``.
        rng: draws images, halves, directions and permutations.
        measures: some of `MEASURES`, in the order of the result.
        floors: random halvings of the real set.
        most: images a side; time grows with its cube.
        k: neighbours, of precision, recall, density and coverage.
        permutations: of the classifier two-sample test.

    Raises:
        MetricError: the features cannot be used, there are too few for k, or a measure is unknown.
    """
    for name in measures:
        if name not in MEASURES:
            raise MetricError(f"measures: there is no {name!r}; {did_you_mean(name, MEASURES)}")
    x, y = check_pair(real, synthetic)
    plan = plan_of(len(x), len(y), most)
    if not 1 <= k < plan.n - plan.n // plan.groups:
        raise MetricError(
            f"k: {k} neighbours are too many for {plan.n} images a side; give fewer, or more images"
        )
    # Small products gain nothing by threads, and lose much by them where the cores are busy.
    with threadpool_limits(1 if plan.n <= SMALL else None):
        order, halves, axes, test = rng.spawn(4)
        used_x, used_y = _used(plan, x, y, order)
        directions = random_directions(x.shape[1], DIRECTIONS, axes)
        width = median_distance(used_x)
        notes = {"MMD": f" of bandwidth {width:.4g} (median distance of real images)."}
        if "C2ST" in measures:
            tested = classifier_two_sample_test(
                x, y, rng=test, permutations=permutations, most=most
            )
            notes["C2ST"] = f" Permutation p = {tested.p:.3g} ({tested.n} images a side)."
        both, real_alone = (
            _Sets(used_x, other, tuple(measures), width, directions, k, plan.groups)
            for other in (used_y, used_x)
        )
        values = figures_of(plan, both.figures)
        resampled = tuple(name for name in measures if name not in _CLASSIFIERS)
        replicates = replicates_of(plan, partial(both.figures, measures=resampled))
        found = floors_of(plan, real_alone.figures, halves, floors)
        return [_estimate(name, plan, title, values, replicates, found, notes) for name in measures]


def compare_probabilities(
    real: Any,
    synthetic: Any,
    *,
    title: str,
    rng: np.random.Generator,
    floors: int = FLOORS,
    most: int = 10 * MOST,
) -> list[Estimate]:
    """Return the Inception Score of a synthetic set (``IS-<title>``), with interval and floor.

    Args:
        real: (N, classes) probabilities.
        synthetic: (M, classes) probabilities.
        title: of the extractor.
        rng: draws images and halves.
        floors: random halvings of the real set.
        most: images a side.

    Raises:
        MetricError: there are too few images, or a row is no distribution.
    """
    x, y = check_pair(real, synthetic)
    plan = plan_of(len(x), len(y), most)
    order, halves = rng.spawn(2)
    used_x, used_y = _used(plan, x, y, order)

    def between(_: Rows, rows: Rows) -> dict[str, float]:
        return {"IS": inception_score(used_y[rows])}

    def among(_: Rows, rows: Rows) -> dict[str, float]:
        return {"IS": inception_score(used_x[rows])}

    values, replicates = figures_of(plan, between), replicates_of(plan, between)
    found = floors_of(plan, among, halves, floors)
    return [_estimate("IS", plan, title, values, replicates, found, {})]


class _Sets:
    """Two sets, with what all their subsets share: products, kernels, projections."""

    def __init__(
        self,
        x: Float,
        y: Float,
        measures: tuple[str, ...],
        width: float,
        directions: Float,
        k: int,
        groups: int,
    ) -> None:
        self._measures, self._width, self._k, self._groups = measures, width, k, groups
        self._products = products_of(x, y)
        self._offset = 0 if x is y else len(x)
        pool = x if x is y else np.concatenate([x, y])
        self._projections = pool @ directions
        self._kernels = {
            name: label_free_kernel(pool, classifier)
            for name, classifier in _CLASSIFIERS.items()
            if name in measures
        }

    def figures(
        self, rows_x: Rows, rows_y: Rows, measures: tuple[str, ...] | None = None
    ) -> dict[str, float]:
        """Return these measures (all if None) of two subsets, equal in number."""
        products = self._products.take(rows_x, rows_y)
        found: dict[str, float] = {}
        for name in self._measures if measures is None else measures:
            if name not in found:
                found.update(self._measured(name, products, rows_x, rows_y + self._offset))
        return found

    def _measured(
        self, name: str, products: Products, rows_x: Rows, rows_y: Rows
    ) -> dict[str, float]:
        if name == "FD":
            return {name: frechet_distance_of_products(products)}
        if name == "KID":
            return {name: kid_of_products(products)}
        if name == "MMD":
            return {name: mmd_of_products(products, self._width)}
        if name == "Vendi":
            return {name: vendi_score_of_products(products.yy)}
        if name == "SW":
            first, second = self._projections[rows_x], self._projections[rows_y]
            return {name: distance_of_projections(first, second)}
        if name in self._kernels:
            rows = np.concatenate([rows_x, rows_y])
            kernel = self._kernels[name][np.ix_(rows, rows)]
            # By row, not by place: a jackknife that dealt folds anew would measure the dealing.
            folds = (rows_x + rows_x // self._groups) % FOLDS
            accuracy = float(cross_fitted_accuracy(kernel, np.ones((len(rows_x), 1)), folds)[0])
            return {name: accuracy if name == "C2ST" else proxy_a_distance(1 - accuracy)}
        return vars(precision_recall_of_products(products, self._k))


def _used(plan: Plan, x: Float, y: Float, rng: np.random.Generator) -> tuple[Float, Float]:
    """Return the rows that are used, in random order."""
    return x[rng.permutation(len(x))[: 2 * plan.n]], y[rng.permutation(len(y))[: plan.synthetic]]


def _estimate(
    name: str,
    plan: Plan,
    title: str,
    values: dict[str, float],
    replicates: dict[str, Float],
    floors: dict[str, Float],
    notes: dict[str, str],
) -> Estimate:
    kind, value = _KINDS[name], values[name]
    if name in _CLASSIFIERS:
        low, high = _classified_interval(name, value, 2 * plan.n)
    else:
        low, high = jackknife_interval(value, replicates[name])
    if kind.share:
        at_least = wilson_interval(value, plan.n)
        low, high = min(low, at_least[0]), max(high, at_least[1])
    floor_low, floor_high = np.quantile(floors[name], [0.025, 0.975])
    return Estimate(
        name=f"{name}-{title}",
        value=value,
        low=max(low, kind.low),
        high=min(high, kind.high),
        floor=float(floors[name].mean()),
        floor_low=float(floor_low),
        floor_high=float(floor_high),
        n=plan.n,
        higher_is_better=kind.higher_is_better,
        note=f"{kind.note}{notes.get(name, '')} {plan.note}",
    )


def _classified_interval(name: str, value: float, predictions: int) -> tuple[float, float]:
    """Return the interval of a cross-fitted accuracy, or of the proxy A-distance.

    Refitting without a group moves an accuracy by more than its error: the jackknife's interval would be
    twice too wide.
    """
    if name == "C2ST":
        return wilson_interval(value, predictions)
    low, high = wilson_interval((value + 2) / 4, predictions)
    return proxy_a_distance(1 - low), proxy_a_distance(1 - high)
