"""The real-task scores' part of the page: protocols side by side, and sets compared."""

from __future__ import annotations

from dataclasses import dataclass

from simkit.evaluate.report import drawing, glossary, numbers, points
from simkit.evaluate.report.classes import ClassTable, class_plots, class_table
from simkit.evaluate.report.drawing import ROW, Plot
from simkit.evaluate.report.palette import Looks
from simkit.evaluate.result import Comparison, Evaluation, Score


@dataclass(frozen=True)
class ScoreRow:
    """A score as text; `gap` is to the yardstick (TRTR of the same task and metric)."""

    name: str
    protocol: str
    about: str
    value: str
    interval: str
    seeds: str
    gap: str
    trained_on: str
    tested_on: str
    seconds: str
    others: str


@dataclass(frozen=True)
class ScoreGroup:
    """All scores of one task and metric. `unit` says what the numbers are."""

    task: str
    metric: str
    about: str
    unit: str
    rows: list[ScoreRow]
    plot: Plot
    classes: ClassTable | None
    class_plots: list[Plot]
    classes_left_out: int


@dataclass(frozen=True)
class ComparisonRow:
    """A comparison as text."""

    first: str
    second: str
    metric: str
    difference: str
    interval: str
    p: str
    text: str


def score_groups(evaluation: Evaluation, looks: Looks) -> list[ScoreGroup]:
    """Return scores by task and metric, the yardstick first in each."""
    found: dict[tuple[str, str], list[Score]] = {}
    for one in evaluation.scores:
        found.setdefault((one.task, one.metric), []).append(one)
    order = list(looks)
    for scores in found.values():
        scores.sort(key=lambda one: (glossary.protocol_rank(one.protocol), order.index(one.name)))
    return [
        _group(place, task, metric, scores, looks)
        for place, ((task, metric), scores) in enumerate(found.items())
    ]


def comparison_rows(evaluation: Evaluation) -> tuple[list[ComparisonRow], Plot | None]:
    """Return the comparisons as rows, and a plot of their intervals around 0."""
    if not evaluation.comparisons:
        return [], None
    scale = points.scale_of(
        number for one in evaluation.comparisons for number in (one.difference, one.low, one.high)
    )
    rows, data, labels = [], [], []
    for place, one in enumerate(evaluation.comparisons):
        difference, low, high = scale * one.difference, scale * one.low, scale * one.high
        places = numbers.decimals(low, high)
        value = numbers.signed(difference, places)
        interval = numbers.interval(low, high, places)
        rows.append(
            ComparisonRow(
                one.first, one.second, one.metric, value, interval, numbers.p_value(one.p),
                one.text or _significance(one),
            )
        )  # fmt: skip
        labels.append(f"{one.first} - {one.second}")
        hover = f"<b>{drawing.text(labels[-1])}</b><br>{drawing.text(one.metric)}: {value}"
        hover += f"<br>95 %: {interval}"
        data.append(drawing.dots(Looks()[""], [difference], [place], [low], [high], [hover]))
        data[-1].pop("meta")
        if low <= 0 <= high:
            data[-1]["marker"]["symbol"] = "circle-open"
    reach = [scale * at for one in evaluation.comparisons for at in (one.low, one.high, 0.0)]
    room = 0.08 * (max(reach) - min(reach)) or 1.0
    about = "Differences with their 95 % intervals around 0: " + "; ".join(
        f"{row.first} minus {row.second}: {row.difference}" for row in rows
    )
    title = "difference [points]" if scale == points.POINTS else "difference"
    xaxis = drawing.axis(title, range=[min(reach) - room, max(reach) + room])
    plot = drawing.layout(
        56 + min(ROW * len(rows), drawing.TALLEST),
        xaxis=xaxis,
        yaxis=drawing.rows_axis(labels, 34),
        shapes=[drawing.mark(0.0, "solid")],
    )
    return rows, Plot("comparisons", about, data, plot)


def _group(place: int, task: str, metric: str, scores: list[Score], looks: Looks) -> ScoreGroup:
    scale = points.scale_of(
        at for one in scores for at in (one.value, one.low, one.high, *one.seeds)
    )
    best = points.yardstick(scores)
    listed = [one for one in scores if not points.on_curve(one)]
    classes = class_table(listed, scale)
    plots, left_out = class_plots(f"classes-{place}", listed, scale, looks)
    return ScoreGroup(
        task,
        metric,
        glossary.explain(metric, glossary.SCORES),
        "0 to 100 points" if scale == points.POINTS else "",
        [_score_row(one, best, scale) for one in scores],
        _score_plot(f"score-{place}", metric, listed, best, scale, looks),
        classes,
        plots,
        left_out,
    )


def _score_row(one: Score, best: Score | None, scale: float) -> ScoreRow:
    places = numbers.decimals(scale * one.low, scale * one.high)
    gap = ""
    if best is not None and one is not best and one.protocol.startswith("TSTR"):
        gap = numbers.signed(scale * (one.value - best.value), places)
    return ScoreRow(
        one.name,
        one.protocol,
        glossary.explain(one.protocol, glossary.PROTOCOLS),
        numbers.number(scale * one.value, places),
        numbers.interval(scale * one.low, scale * one.high, places),
        ", ".join(numbers.number(scale * seed, places) for seed in one.seeds),
        gap,
        f"{one.trained_on:,}",
        f"{one.tested_on:,}",
        numbers.duration(one.seconds) if one.seconds else "",
        ", ".join(
            f"{key} {numbers.number(points.scale_of([value]) * value)}"
            for key, value in one.others.items()
        ),
    )


def _score_plot(
    id: str, metric: str, scores: list[Score], best: Score | None, scale: float, looks: Looks
) -> Plot:
    data, reach = [], []
    for row, one in enumerate(scores):
        look = looks[one.name]
        value, low, high = scale * one.value, scale * one.low, scale * one.high
        places = numbers.decimals(low, high)
        hover = f"<b>{drawing.text(one.protocol)}, {drawing.text(one.name)}</b><br>"
        hover += f"{drawing.text(metric)}: {numbers.number(value, places)}"
        hover += f"<br>95 %: {numbers.interval(low, high, places)}"
        data.append(drawing.dots(look, [value], [row], [low], [high], [hover], size=10))
        seeds = [scale * seed for seed in one.seeds]
        told = [f"a seed: {numbers.number(seed, places)}" for seed in seeds]
        nothing = [None] * len(seeds)
        at = [row + 0.3] * len(seeds)
        small = {"size": 6, "symbol": "circle-open", "opacity": 0.9}
        data.append(drawing.dots(look, seeds, at, nothing, nothing, told, **small))
        reach += [value, low, high, *seeds]
    shapes = []
    if best is not None:
        shapes = [drawing.band(scale * best.low, scale * best.high)]
        shapes.append(drawing.mark(scale * best.value))
    labels = [f"{one.protocol} · {one.name}" for one in scores]
    about = f"{metric} by protocol and training set: " + "; ".join(
        f"{label} {numbers.number(scale * one.value, 1)}"
        for label, one in zip(labels, scores, strict=True)
    )
    title = f"{metric} [points]" if scale == points.POINTS else metric
    made = drawing.layout(
        56 + min(30 * len(scores), drawing.TALLEST),
        xaxis=drawing.axis(title, range=drawing.padded(reach, bounded=scale == points.POINTS)),
        yaxis=drawing.rows_axis(labels, 30),
        shapes=shapes,
    )
    return Plot(id, about, data, made)


def _significance(one: Comparison) -> str:
    if one.low > 0:
        return f"{one.first} is better than {one.second}."
    if one.high < 0:
        return f"{one.second} is better than {one.first}."
    return "No difference is shown: the interval holds 0."
