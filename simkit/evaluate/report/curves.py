"""The curves' part of the page: a score over what was turned, with its band."""

from __future__ import annotations

from dataclasses import dataclass

from simkit.evaluate.report import drawing, glossary, numbers, points
from simkit.evaluate.report.drawing import Plot
from simkit.evaluate.report.palette import Looks
from simkit.evaluate.result import Curve, Evaluation

LOG_FROM = 20.0
"""A curve's x axis is logarithmic where its ends differ by more than this factor."""


@dataclass(frozen=True)
class CurvePlot:
    """Curves of one title over the same axis, and their points as rows of a table."""

    title: str
    metric: str
    about: str
    plot: Plot
    x_label: str
    rows: list[tuple[str, str, str, str]]


def curve_plots(evaluation: Evaluation, looks: Looks) -> list[CurvePlot]:
    """Return the curves, those of one title, metric and axis in one plot."""
    found: dict[tuple[str, str, str], list[Curve]] = {}
    for one in evaluation.curves:
        found.setdefault((one.title, one.metric, one.x_label), []).append(one)
    return [
        _curves(f"curve-{place}", *key, curves, looks)
        for place, (key, curves) in enumerate(found.items())
    ]


def _curves(
    id: str, title: str, metric: str, x_label: str, curves: list[Curve], looks: Looks
) -> CurvePlot:
    scale = points.scale_of(at for one in curves for at in (*one.y, *one.low, *one.high))
    data, rows = [], []
    for one in curves:
        look = looks[one.name]
        y, low, high = ([scale * at for at in part] for part in (one.y, one.low, one.high))
        if low and high:
            data.append(
                {"type": "scatter", "mode": "lines", "meta": one.name,
                 "x": [*one.x, *one.x[::-1]], "y": [*high, *low[::-1]], "fill": "toself",
                 "fillcolor": look.tint(0.16), "line": {"width": 0}, "hoverinfo": "skip"}
            )  # fmt: skip
        hover = []
        for place, (x, at) in enumerate(zip(one.x, y, strict=True)):
            below, above = (low[place], high[place]) if low and high else (None, None)
            places = numbers.decimals(below, above)
            value, between = numbers.number(at, places), numbers.interval(below, above, places)
            rows.append((one.name, numbers.exact(x), value, between))
            hover.append(
                f"<b>{drawing.text(one.name)}</b><br>{drawing.text(x_label)}: "
                f"{numbers.exact(x)}<br>{drawing.text(metric)}: {value}<br>95 %: {between}"
            )
        data.append(
            {"type": "scatter", "mode": "lines+markers", "meta": one.name, "x": one.x, "y": y,
             "line": {"color": look.color, "dash": look.dash, "width": 2},
             "marker": {"color": look.color, "symbol": look.symbol, "size": 8}, "text": hover,
             "hovertemplate": "%{text}<extra></extra>"}
        )  # fmt: skip
    turned = sorted({x for one in curves for x in one.x})
    wide = bool(turned) and turned[0] > 0 and turned[-1] / turned[0] > LOG_FROM
    ticks = {"type": "log", "tickmode": "array", "tickvals": turned,
             "ticktext": [numbers.exact(x) for x in turned]}  # fmt: skip
    xaxis = drawing.axis(x_label, **(ticks if wide else {}))
    named = f"{metric} [points]" if scale == points.POINTS else metric
    about = f"{title}: {metric} over {x_label} for " + ", ".join(one.name for one in curves)
    made = drawing.layout(300, xaxis=xaxis, yaxis=drawing.axis(named, nticks=7))
    explained = glossary.explain(metric, glossary.SCORES)
    return CurvePlot(title, metric, explained, Plot(id, about, data, made), x_label, rows)
