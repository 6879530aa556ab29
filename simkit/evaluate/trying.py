"""Trials carried out: trainings that are not stored yet, then scores with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from simkit.evaluate.bootstrap import (
    RESAMPLES,
    Interval,
    Resampled,
    SeedVariance,
    difference_interval,
    resampled,
    resamples,
    score_interval,
)
from simkit.evaluate.folds import groups_of
from simkit.evaluate.learners import Learner, run_identity, trained
from simkit.evaluate.protocols import REAL, Settings, Trial
from simkit.evaluate.result import Comparison, Curve, Score
from simkit.evaluate.storing import RunStore, digest
from simkit.metrics.two_sample import holm
from simkit.tasks.contract import Outcome

LEVEL_OF_TESTS = 0.05

Watch = Callable[[str, int, int], None]
"""Is given what is trained, trainings done, and trainings in all."""

CURVES = {
    "learning": ("Learning curve", "synthetic images trained on"),
    "mixing": ("Mixing curve", "share of synthetic images, of a fixed number"),
    "added": ("Real images added", "real images added to the synthetic ones"),
}
"""Title and x label by `Trial.curve`."""


@dataclass(frozen=True, eq=False)
class Tried:
    """A trial with what came of it.

    Attributes:
        predictions: of each seed, for all images of ``trial.tested``.
        seconds: of training, all seeds together.
        sample: scores of all seeds, and under each draw of test images.
    """

    trial: Trial
    predictions: list[list[Any]]
    outcomes: list[Outcome]
    seconds: float
    sample: Resampled


def try_all(
    trials: Sequence[Trial],
    learner: Learner,
    store: RunStore,
    settings: Settings,
    count: int = RESAMPLES,
    watch: Watch | None = None,
) -> list[Tried]:
    """Return the trials' outcomes; what is stored is not trained again.

    Args:
        count: draws of test images.
        watch: told of each training before it begins, and once when all are done.
    """
    todo = {digest(run_identity(learner, one)) for trial in trials for one in trial.trainings}
    done: set[str] = set()
    found = []
    for trial in trials:
        predictions, seconds = [], 0.0
        for parts in trial.parts:
            whole: list[Any] = [None] * len(trial.tested)
            for training, places in parts:
                if watch is not None:
                    watch(f"{trial.protocol} trained on {trial.name}", len(done), len(todo))
                run, _ = trained(learner, training, store)
                done.add(digest(run_identity(learner, training)))
                seconds += run.seconds
                for place, prediction in zip(places.tolist(), run.predictions, strict=True):
                    whole[place] = prediction
            predictions.append(whole)
        found.append((trial, predictions, seconds))
    if watch is not None:
        watch("scoring", len(todo), len(todo))
    return [_scored(learner, settings, count, *one) for one in found]


def _scored(
    learner: Learner,
    settings: Settings,
    count: int,
    trial: Trial,
    predictions: list[list[Any]],
    seconds: float,
) -> Tried:
    groups = groups_of(trial.tested, settings.group_by) if trial.protocol != "TRTS" else None
    draws = resamples(len(trial.tested), count, 0, groups)
    outcomes = [learner.outcome(one, trial.tested) for one in predictions]
    return Tried(trial, predictions, outcomes, seconds, resampled(outcomes, draws))


def score_of(tried: Tried, learner: Learner, seeds: SeedVariance | None = None) -> Score:
    """Return a trial's score with intervals, overall and by class."""
    metric, sample = learner.metric, tried.sample
    whole = score_interval(sample, metric, seeds)
    per_class, others = {}, {}
    for name in sample.names:
        base, slash, category = name.partition("/")
        if slash and base == metric:
            one = score_interval(sample, name)
            if math.isfinite(one.value):
                per_class[category] = [one.value, one.low, one.high]
        elif not slash and name != metric:
            others[name] = float(np.nanmean(sample.of(name)[0]))
    return Score(
        name=tried.trial.name,
        protocol=tried.trial.protocol,
        task=learner.name,
        metric=metric,
        value=whole.value,
        low=whole.low,
        high=whole.high,
        seeds=sample.of(metric)[0].tolist(),
        trained_on=tried.trial.trained_on,
        tested_on=len(tried.trial.tested),
        per_class=per_class,
        others=others,
        seconds=round(tried.seconds, 2),
    )


def compare(
    tried: Sequence[Tried], metric: str, seeds: SeedVariance | None = None
) -> list[Comparison]:
    """Return all pairs of trials on the same test images, p-values corrected by Holm's method.

    Training sets are named as their trials are; p is of no difference at all.
    """
    pairs = list(combinations(tried, 2))
    found = [difference_interval(a.sample, b.sample, metric, seeds) for a, b in pairs]
    corrected = holm([one.p for one in found])
    return [
        comparison(a.trial.name, b.trial.name, metric, one, p, len(pairs))
        for (a, b), one, p in zip(pairs, found, corrected, strict=True)
    ]


def compare_to(
    base: Tried, others: Sequence[Tried], metric: str, seeds: SeedVariance | None = None
) -> list[Comparison]:
    """Return other - base of each, p-values corrected by Holm's method.

    Names say the protocol, too.
    """
    found = [difference_interval(one.sample, base.sample, metric, seeds) for one in others]
    corrected = holm([one.p for one in found])
    return [
        comparison(_titled(other), _titled(base), metric, one, p, len(found))
        for other, one, p in zip(others, found, corrected, strict=True)
    ]


def comparison(
    first: str, second: str, metric: str, one: Interval, p: float, tests: int
) -> Comparison:
    """Return a difference in plain words."""
    points = f"{100 * abs(one.value):.1f} points of {metric}"
    span = f"95 % interval {100 * one.low:+.1f} to {100 * one.high:+.1f}"
    among = f", corrected for {tests} comparisons" if tests > 1 else ""
    names = [f"trained on {REAL} images" if name == REAL else name for name in (first, second)]
    if p < LEVEL_OF_TESTS:
        better, worse = names if one.value > 0 else reversed(names)
        text = f"{better} is better than {worse} by {points} ({span}, p = {p:.2g}{among})"
    else:
        text = (
            f"{names[0]} and {names[1]} cannot be told apart: {points} between them "
            f"({span}, p = {p:.2g}{among})"
        )
    return Comparison(first, second, metric, one.value, one.low, one.high, p, text)


def curves_of(tried: Sequence[Tried], metric: str) -> list[Curve]:
    """Return the curves that trials are points of."""
    points: dict[tuple[str, str], list[Tried]] = {}
    for one in tried:
        if one.trial.curve:
            kind = one.trial.curve
            kind += " fine-tuned" if one.trial.protocol.endswith("fine-tuned") else ""
            points.setdefault((one.trial.name, kind), []).append(one)
    curves = []
    for (name, kind), several in points.items():
        title, label = CURVES[kind.split()[0]]
        title += ", fine-tuned" if kind.endswith("fine-tuned") else ""
        several = sorted(several, key=lambda one: one.trial.x)
        intervals = [score_interval(one.sample, metric) for one in several]
        curves.append(
            Curve(
                name=name,
                title=title,
                x_label=label,
                metric=metric,
                x=[one.trial.x for one in several],
                y=[one.value for one in intervals],
                low=[one.low for one in intervals],
                high=[one.high for one in intervals],
            )
        )
    return curves


def _titled(tried: Tried) -> str:
    return f"{tried.trial.name} ({tried.trial.protocol})"
