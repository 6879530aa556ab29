"""Does a gap score predict transfer? Rank correlation with measured real-task scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from simkit.errors import MetricError
from simkit.evaluate.gap import FORMULAS, Formula

FEWEST = 5
"""Sets below which a rank correlation says nothing."""


@dataclass(frozen=True)
class Ranking:
    """How well one formula ranks synthetic sets.

    Attributes:
        formula: its name.
        rho: Spearman's correlation of a low gap with a high score: 1 ranks them alike.
        worst: the lowest rho with any one set left out.
        p: probability of so high a rho if the score said nothing (one-sided permutation).
    """

    formula: str
    rho: float
    worst: float
    p: float


def rank_formulas(
    parts: Sequence[Mapping[str, float]],
    scores: Sequence[float],
    *,
    rng: np.random.Generator,
    formulas: Mapping[str, Formula] = FORMULAS,
    permutations: int = 9999,
) -> list[Ranking]:
    """Return how formulas rank sets whose real-task scores were measured, best first.

    A formula that was chosen here has to be tested on other sets: the best of many looks good by chance.

    Args:
        parts: `Gap.parts` of each synthetic set.
        scores: of a model trained on each, on the same real images; higher is better.
        rng: permutes.
        formulas: what makes a score of the parts.
        permutations: of the scores.

    Raises:
        MetricError: there are fewer than `FEWEST` sets, or scores and sets differ in number.
    """
    truth = np.asarray(scores, np.float64)
    if len(parts) != len(truth) or len(truth) < FEWEST:
        raise MetricError(
            f"{len(parts)} sets and {len(truth)} scores; give as many, and {FEWEST} or more"
        )
    shuffled = rng.permuted(np.tile(truth, (permutations, 1)), axis=1)
    found = []
    for name, formula in formulas.items():
        gaps = np.array([formula(one) for one in parts])
        rho = float(_rho(gaps, truth))
        null = _rho(gaps, shuffled)
        without = [float(_rho(np.delete(gaps, k), np.delete(truth, k))) for k in range(len(truth))]
        p = (1 + np.count_nonzero(null >= rho - 1e-12)) / (1 + len(null))
        found.append(Ranking(name, rho, min(without), float(p)))
    return sorted(found, key=lambda one: -one.rho)


def _rho(gaps: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Spearman's correlation of -gap and score along the last axis; 0 where one is constant."""
    x, y = -rankdata(gaps), rankdata(scores, axis=-1)
    x, y = x - x.mean(), y - y.mean(axis=-1, keepdims=True)
    scale = np.linalg.norm(x) * np.linalg.norm(y, axis=-1)
    return np.divide(y @ x, scale, out=np.zeros(y.shape[:-1]), where=scale > 0)
