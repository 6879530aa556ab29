"""The findings' part of the page: what matters first, the rest folded away."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simkit.evaluate.report import glossary, numbers
from simkit.evaluate.report.palette import Look, Looks
from simkit.evaluate.result import Evaluation, Finding


@dataclass(frozen=True)
class FindingRow:
    """A finding as text."""

    look: Look
    kind: str
    text: str
    real: str
    synthetic: str
    effect: str
    p: str
    strength: str


@dataclass(frozen=True)
class Found:
    """Findings that matter, that are real but small, and that are none."""

    matter: list[FindingRow]
    small: list[FindingRow]
    none: list[FindingRow]


def found(evaluation: Evaluation, looks: Looks) -> Found:
    """Return all findings, the largest effect first."""
    every = sorted(evaluation.findings, key=_size)
    matter = [_row(one, looks, "matters") for one in every if one.matters]
    rest = [one for one in every if not one.matters]
    return Found(
        matter,
        [_row(one, looks, "small") for one in rest if one.significant],
        [_row(one, looks, "none shown") for one in rest if not one.significant],
    )


def _size(one: Finding) -> float:
    return -abs(one.effect) if math.isfinite(one.effect) else 0.0


def _row(one: Finding, looks: Looks, strength: str) -> FindingRow:
    return FindingRow(
        looks[one.name],
        glossary.spoken(one.kind),
        one.text,
        numbers.number(one.real),
        numbers.number(one.synthetic),
        numbers.number(one.effect, 2),
        numbers.p_value(one.p),
        strength,
    )
