"""Scores by class, as a table and as panels of rows that stand side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simkit.evaluate.report import drawing, numbers, points
from simkit.evaluate.report.drawing import Plot
from simkit.evaluate.report.palette import Looks
from simkit.evaluate.result import Score

CLASSES_A_PANEL = 18
PANELS = 3
"""Panels that stand side by side, and are filled before panels get long."""
FEW = 6
"""Classes that are left in one panel."""
CLASSES_DRAWN = 54
"""Classes that are drawn, those with the largest gap first; the table has all."""


@dataclass(frozen=True)
class ClassTable:
    """Scores by class. `heads` are (protocol, set); `rows` a class with value and interval a head."""

    heads: list[tuple[str, str]]
    rows: list[tuple[str, list[tuple[str, str]]]]


def panels_of(names: list[str], longest: int) -> list[list[str]]:
    """Return `names` in runs of nearly equal length, at most `longest`, to be drawn side by side."""
    if not names:
        return []
    count = max(math.ceil(len(names) / longest), min(PANELS, math.ceil(len(names) / FEW)))
    size = math.ceil(len(names) / count)
    return [names[start : start + size] for start in range(0, len(names), size)]


def class_table(scores: list[Score], scale: float) -> ClassTable | None:
    with_classes = [one for one in scores if one.per_class]
    if not with_classes:
        return None
    names = sorted({name for one in with_classes for name in one.per_class})
    rows = []
    for name in names:
        texts = []
        for one in with_classes:
            value, low, high = _bounds(one, name)
            places = numbers.decimals(scale * low, scale * high)
            between = numbers.interval(scale * low, scale * high, places)
            texts.append((numbers.number(scale * value, places), between))
        rows.append((name, texts))
    return ClassTable([(one.protocol, one.name) for one in with_classes], rows)


def class_plots(id: str, scores: list[Score], scale: float, looks: Looks) -> tuple[list[Plot], int]:
    """Return panels of classes, largest gap between real and synthetic first, and how many lack."""
    shown = [one for one in scores if one.per_class and one.protocol in ("TRTR", "TSTR")]
    shown = shown or [one for one in scores if one.per_class]
    names = sorted({name for one in shown for name in one.per_class})
    best = points.yardstick(shown)

    def worst(name: str) -> float:
        values = [_bounds(one, name)[0] for one in shown if one is not best]
        known = [value for value in values if math.isfinite(value)]
        real = _bounds(best, name)[0] if best else 0.0
        return min(known, default=0.0) - (real if math.isfinite(real) else 0.0)

    names = sorted(names, key=worst)
    drawn = names[:CLASSES_DRAWN]
    reach = [scale * at for one in shown for name in drawn for at in _bounds(one, name)]
    extent = drawing.padded(reach, bounded=scale == points.POINTS)
    row = max(18, 7 * len(shown) + 5)
    longest = min(CLASSES_A_PANEL, max(1, drawing.TALLEST // row))
    plots = [
        _panel(f"{id}-{panel}", rows, shown, scale, extent, row, looks)
        for panel, rows in enumerate(panels_of(drawn, longest))
    ]
    return plots, len(names) - len(drawn)


def _panel(
    id: str,
    rows: list[str],
    shown: list[Score],
    scale: float,
    extent: list[float],
    row: int,
    looks: Looks,
) -> Plot:
    data = []
    for place, one in enumerate(shown):
        offset = (place - (len(shown) - 1) / 2) * min(0.8 / len(shown), 0.3)
        have = [name for name in rows if math.isfinite(_bounds(one, name)[0])]
        values, lows, highs = (
            [scale * _bounds(one, name)[part] for name in have] for part in range(3)
        )
        hover = [
            f"<b>{drawing.text(name)}</b><br>{drawing.text(one.protocol)}, "
            f"{drawing.text(one.name)}: {numbers.number(value, 1)}<br>"
            f"95 %: {numbers.interval(low, high, 1)}"
            for name, value, low, high in zip(have, values, lows, highs, strict=True)
        ]
        y = [rows.index(name) + offset for name in have]
        data.append(drawing.dots(looks[one.name], values, y, lows, highs, hover, size=7))
    lines = [
        {"type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": at + 0.5,
         "y1": at + 0.5, "line": {"color": drawing.RULE, "width": 1}, "layer": "below"}
        for at in range(len(rows) - 1)
    ]  # fmt: skip
    made = drawing.layout(
        44 + row * len(rows),
        xaxis=drawing.axis(range=extent),
        yaxis=drawing.rows_axis(rows),
        shapes=lines,
    )
    about = f"Scores by class, {rows[0]} to {rows[-1]}; the numbers are in the table."
    return Plot(id, about, data, made)


def _bounds(one: Score, name: str) -> tuple[float, float, float]:
    found = [float("nan") if at is None else float(at) for at in one.per_class.get(name, ())]
    value, low, high = (*found, *[float("nan")] * 3)[:3]
    return value, low, high
