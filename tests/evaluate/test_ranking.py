"""Rank correlations of gap scores against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from simkit.errors import MetricError
from simkit.evaluate.ranking import rank_formulas

FORMULAS = {"good": lambda parts: parts["a"], "bad": lambda parts: parts["b"]}


def test_correlations_are_spearmans_and_the_best_comes_first() -> None:
    rng = np.random.default_rng(0)
    scores = np.round(rng.random(15), 1)  # with ties
    parts = [
        {"a": float(np.round(1 - s + rng.normal(0, 0.1), 1)), "b": rng.random()} for s in scores
    ]
    found = rank_formulas(parts, scores.tolist(), rng=rng, formulas=FORMULAS)
    assert [one.formula for one in found] == ["good", "bad"]
    for one, key in zip(found, ("a", "b"), strict=True):
        wanted = spearmanr([-part[key] for part in parts], scores).statistic
        assert one.rho == pytest.approx(wanted)
        assert one.worst <= one.rho
    assert found[0].p < 0.01 < found[1].p


def test_a_constant_gap_ranks_nothing() -> None:
    found = rank_formulas(
        [{"a": 1.0}] * 6,
        list(range(6)),
        rng=np.random.default_rng(0),
        formulas={"good": FORMULAS["good"]},
    )
    assert (found[0].rho, found[0].p) == (0.0, 1.0)


def test_too_few_sets_say_nothing() -> None:
    with pytest.raises(MetricError, match="3 sets and 3 scores"):
        rank_formulas([{"a": 1.0}] * 3, [1, 2, 3], rng=np.random.default_rng(0))
