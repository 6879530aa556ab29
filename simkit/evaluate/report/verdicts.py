"""The top of the page: what was found, in words, with the figures that decide."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simkit.errors import DatasetError, did_you_mean
from simkit.evaluate.report import glossary, measures, numbers, points
from simkit.evaluate.report.palette import Look, Looks
from simkit.evaluate.result import LEVELS, Evaluation, Score, Verdict

KINDS_NAMED = 3


@dataclass(frozen=True)
class Figure:
    """A number that decides, with what it is and what to hold it against."""

    label: str
    about: str
    value: str
    unit: str
    against: str
    link: str


@dataclass(frozen=True)
class Judged:
    """A verdict with its figures and what it rests on; `look` is None for the one on all sets."""

    level: str
    about: str
    text: str
    name: str
    look: Look | None
    figures: list[Figure]
    parts: list[Verdict]


def judged(evaluation: Evaluation, looks: Looks) -> list[Judged]:
    """Return the verdicts, the one on all sets first; a set without one still has its figures.

    The first verdict of a set decides; what follows are its parts.

    Raises:
        DatasetError: a verdict's level is none of `LEVELS`.
    """
    names = dict.fromkeys(["", *looks, *(one.name for one in evaluation.verdicts)])
    return [one for name in names if (one := _judged(evaluation, name, looks)) is not None]


def figures_of(evaluation: Evaluation, name: str) -> list[Figure]:
    """Return up to three figures of a set: its score on real images, its distance, its findings."""
    figures = []
    transfer = next(
        (one for one in evaluation.scores if one.name == name and one.protocol == "TSTR"), None
    )
    if transfer is not None:
        figures.append(_score_figure(evaluation, transfer))
    estimates = [one.estimate for one in evaluation.measures if one.name == name]
    distance = next((one for one in estimates if numbers.finite(one.floor)), None)
    if distance is not None:
        shown = measures.cell(distance, measures.places_of({name: distance}))
        floor = numbers.number(distance.floor, numbers.decimals(distance.low, distance.high))
        about = glossary.explain(distance.name, glossary.MEASURES)
        against = f"{floor} real against real"
        against += f": {shown.words}"
        figures.append(Figure(distance.name, about, shown.value, "", against, "measures"))
    found = [one for one in evaluation.findings if one.name == name]
    if found:
        kinds = [glossary.spoken(one.kind) for one in found if one.matters]
        listed = ", ".join(list(dict.fromkeys(kinds))[:KINDS_NAMED])
        more = f" and {len(kinds) - KINDS_NAMED} more" if len(kinds) > KINDS_NAMED else ""
        against = f"{listed}{more}" if kinds else f"of {len(found)} that were tested"
        label = "difference that matters" if len(kinds) == 1 else "differences that matter"
        figures.append(Figure(label, "", str(len(kinds)), "", against, "findings"))
    return figures


def _judged(evaluation: Evaluation, name: str, looks: Looks) -> Judged | None:
    mine = [one for one in evaluation.verdicts if one.name == name]
    for one in mine:
        if one.level not in LEVELS:
            hint = did_you_mean(one.level, LEVELS)
            raise DatasetError(
                f"verdicts: the level of {name or 'all sets'} is {one.level!r}; {hint}"
            )
    figures = figures_of(evaluation, name) if looks[name].role == "synthetic" else []
    if not mine and not figures:
        return None
    first = mine[0] if mine else Verdict("", "", name)
    return Judged(
        first.level,
        glossary.LEVELS.get(first.level, ""),
        first.text,
        name,
        looks[name] if name else None,
        figures,
        mine[1:],
    )


def _score_figure(evaluation: Evaluation, one: Score) -> Figure:
    peers = [
        peer for peer in evaluation.scores if (peer.task, peer.metric) == (one.task, one.metric)
    ]
    scale = points.scale_of(peer.value for peer in peers)
    unit = "points" if scale == points.POINTS else ""
    places = numbers.decimals(scale * one.low, scale * one.high)
    value = numbers.number(scale * one.value, places)
    between = numbers.interval(scale * one.low, scale * one.high, places)
    against = f"{between} (95 %)" if between else ""
    about = glossary.explain(one.metric, glossary.SCORES)
    best = points.yardstick(peers)
    if best is not None and math.isfinite(one.value):
        gap = scale * (best.value - one.value)
        against = f"{numbers.number(scale * best.value, places)} trained on real images: "
        against += f"{numbers.number(abs(gap), places)} {unit or 'of ' + one.metric} "
        against += "behind" if gap >= 0 else "ahead"
    return Figure(f"{one.metric} on real images", about, value, unit, against, "scores")
