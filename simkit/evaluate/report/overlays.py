"""The statistics' part of the page: real and synthetic distributions and classes over each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.evaluate.report import drawing, glossary, numbers
from simkit.evaluate.report.classes import panels_of
from simkit.evaluate.report.drawing import Plot
from simkit.evaluate.report.palette import Look, Looks
from simkit.evaluate.result import Distribution, Evaluation, SetSummary

FEWEST_BINS, BINS = 8, 32
SHOWN = (0.5, 99.5)
"""Percentiles of all values that are drawn; what lies outside is counted in the outer bins."""
LOG_FROM = 100.0
"""Bins are logarithmic where positive values span more than this factor."""
CLASSES_A_PANEL = 26  # of one set of panels, see `panels_of`
CLASSES_DRAWN = 78


@dataclass(frozen=True)
class Overlay:
    """A statistic of all sets. `medians` are (set, text), real first; `note` what was left out."""

    statistic: str
    unit: str
    medians: list[tuple[Look, str]]
    note: str
    plot: Plot


@dataclass(frozen=True)
class Balance:
    """Shares of the categories. `rows` are (category, a text a set)."""

    names: list[str]
    rows: list[tuple[str, list[str]]]
    plots: list[Plot]
    left_out: int


def overlays(evaluation: Evaluation, looks: Looks, of: str) -> list[Overlay]:
    """Return the distributions of ``image`` or ``label``; those that differ most come first."""
    found: dict[tuple[str, str], list[Distribution]] = {}
    for one in evaluation.distributions:
        if one.of == of:
            found.setdefault((one.statistic, one.unit), []).append(one)
    drawn = []
    for place, (key, parts) in enumerate(found.items()):
        sides: list[tuple[Look, NDArray[np.float64], int]] = []
        real = max(parts, key=lambda one: len(one.real))
        sides.append((looks.real, *_values(real.real)))
        sides += [(looks[one.name], *_values(one.synthetic)) for one in parts]
        if sum(len(values) for _, values, _ in sides) == 0:
            continue
        far = max((_distance(sides[0][1], values) for _, values, _ in sides[1:]), default=0.0)
        drawn.append((-far, place, _overlay(f"{of}-{place}", *key, sides)))
    return [one for _, _, one in sorted(drawn, key=lambda entry: entry[:2])]


def balance(evaluation: Evaluation, looks: Looks) -> Balance | None:
    """Return the shares of the categories in all sets, the commonest of the real set first."""
    sets = [one for one in evaluation.sets if one.categories]
    if not sets:
        return None
    sets.sort(key=lambda one: list(looks).index(one.name))
    names = list(dict.fromkeys(name for one in sets for name in one.categories))
    shares = {one.name: _shares(one, names) for one in sets}
    names.sort(key=lambda name: [-shares[one.name][name] for one in sets])
    drawn = names[:CLASSES_DRAWN]
    highest = max(shares[one.name][name] for one in sets for name in drawn)
    plots = []
    for panel, rows in enumerate(panels_of(drawn, CLASSES_A_PANEL)):
        plots.append(_balance_plot(f"balance-{panel}", rows, sets, shares, highest, looks))
    table = []
    for name in names:
        texts = [
            f"{one.categories.get(name, 0):,} ({numbers.number(shares[one.name][name], 1)} %)"
            for one in sets
        ]
        table.append((name, texts))
    return Balance([one.name for one in sets], table, plots, len(names) - len(drawn))


def edges_of(values: NDArray[np.float64], smallest: int) -> tuple[NDArray[np.float64], bool]:
    """Return bin edges that hold the middle 99 % of `values`, and whether they are logarithmic.

    Whole numbers with a short range get a bin each.

    Args:
        values: (N,) float64, finite, of all sets together.
        smallest: number of values of the smallest set, by which the bins are as many as Rice's rule
            has it: two times its cube root.

    Returns:
        (B + 1,) float64, rising; True for bins of equal ratio.
    """
    bins = int(np.clip(2 * np.cbrt(smallest), FEWEST_BINS, BINS))
    low, high = (float(at) for at in np.percentile(values, SHOWN))
    if high <= low:
        return np.array([low - 0.5, low + 0.5]), False
    if high - low <= BINS and np.all(values == np.round(values)):
        return np.arange(np.floor(low), np.ceil(high) + 2) - 0.5, False
    if low > 0 and high / low > LOG_FROM:
        return np.geomspace(low, high, bins + 1), True
    return np.linspace(low, high, bins + 1), False


def _values(raw: Iterable[float]) -> tuple[NDArray[np.float64], int]:
    """Return the finite values, and how many are not."""
    every = np.array([np.nan if one is None else one for one in raw], float)
    known = every[np.isfinite(every)]
    return known, len(every) - len(known)


def _distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the largest distance of the two distribution functions (Kolmogorov-Smirnov)."""
    if not len(a) or not len(b):
        return 0.0
    every = np.concatenate([a, b])
    below = [np.searchsorted(np.sort(one), every, side="right") / len(one) for one in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def _overlay(
    id: str, statistic: str, unit: str, sides: list[tuple[Look, NDArray[np.float64], int]]
) -> Overlay:
    edges, logarithmic = edges_of(
        np.concatenate([values for _, values, _ in sides]),
        min(len(values) for _, values, _ in sides if len(values)),
    )
    heights = [_heights(values, edges) for _, values, _ in sides]
    top = 1.08 * max((float(one.max()) for one in heights), default=1.0)
    medians = [float(np.median(values)) if len(values) else np.nan for _, values, _ in sides]
    spread = [float(at) for at in edges[[0, -1]]]
    places = numbers.decimals(*medians) if max(spread) < 1e4 else None
    data: list[dict[str, Any]] = []
    texts = []
    for (look, values, _), height, median in zip(sides, heights, medians, strict=True):
        if not len(values):
            continue
        shown = numbers.number(median, None if places is None else min(places, 3))
        texts.append((look, shown))
        data += _outline(look, edges, height, median, top, f"{shown} {unit}".strip())
    lost = sum(count for _, _, count in sides)
    xaxis = drawing.axis(
        unit,
        range=[float(np.log10(at)) if logarithmic else at for at in spread],
        **({"type": "log", "dtick": 1} if logarithmic else {}),
    )
    yaxis = drawing.axis(
        range=[0, max(top, 1e-9)], ticksuffix=" %", nticks=4, tickfont={"size": 10}
    )
    about = f"{glossary.spoken(statistic)}, medians: " + "; ".join(
        f"{look.name} {shown}" for look, shown in texts
    )
    note = f"{lost:,} values are missing or not finite." if lost else ""
    made = drawing.layout(196, xaxis=xaxis, yaxis=yaxis)
    return Overlay(glossary.spoken(statistic), unit, texts, note, Plot(id, about, data, made))


def _heights(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of `values` in each bin [%]; outliers count in the outer bins."""
    if not len(values):
        return np.zeros(len(edges) - 1)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return 100.0 * counts / len(values)


def _outline(
    look: Look,
    edges: NDArray[np.float64],
    height: NDArray[np.float64],
    median: float,
    top: float,
    shown: str,
) -> list[dict[str, Any]]:
    """Return a histogram's outline, and a line at its median."""
    real = look.role == "real"
    line = {"color": look.color, "width": 1.2 if real else 2, "dash": look.dash, "shape": "hv"}
    outline: dict[str, Any] = {
        "type": "scatter", "mode": "lines", "meta": look.name, "line": line,
        "x": [float(edges[0]), *edges.tolist()], "y": [0.0, *height.tolist(), 0.0],
        "hoverinfo": "skip",
        **({"fill": "tozeroy", "fillcolor": look.tint(0.16)} if real else {}),
    }  # fmt: skip
    hover = f"<b>{drawing.text(look.name)}</b><br>median: {drawing.text(shown)}"
    middle = {
        "type": "scatter", "mode": "lines+markers", "meta": look.name,
        "x": [median, median], "y": [0.0, 0.96 * top], "text": [hover, hover],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": look.color, "width": 1.2, "dash": "dot"},
        "marker": {"color": look.color, "symbol": look.symbol, "size": [0, 8]},
    }  # fmt: skip
    return [outline, middle]


def _shares(one: SetSummary, names: Sequence[str]) -> dict[str, float]:
    total = sum(one.categories.values()) or 1
    return {name: 100.0 * one.categories.get(name, 0) / total for name in names}


def _balance_plot(
    id: str,
    rows: list[str],
    sets: list[SetSummary],
    shares: dict[str, dict[str, float]],
    highest: float,
    looks: Looks,
) -> Plot:
    data = []
    for one in sets:
        values = [shares[one.name][name] for name in rows]
        hover = [
            f"<b>{drawing.text(name)}</b><br>{drawing.text(one.name)}: {numbers.number(value, 1)} %"
            for name, value in zip(rows, values, strict=True)
        ]
        nothing = [None] * len(rows)
        look = looks[one.name]
        at = [float(place) for place in range(len(rows))]
        data.append(drawing.dots(look, values, at, nothing, nothing, hover, size=8, opacity=0.85))
    made = drawing.layout(
        50 + 20 * len(rows),
        xaxis=drawing.axis("share of objects [%]", range=[0, 1.08 * highest or 1]),
        yaxis={**drawing.rows_axis(rows), "showgrid": True},
    )
    about = f"Share of each category, {rows[0]} to {rows[-1]}; the numbers are in the table."
    return Plot(id, about, data, made)
