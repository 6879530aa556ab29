"""The measures' part of the page: a plot and a row a measure, each against its floor."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from simkit.evaluate.report import drawing, glossary, numbers
from simkit.evaluate.report.drawing import ROW, Plot
from simkit.evaluate.report.palette import Looks
from simkit.evaluate.result import Evaluation
from simkit.metrics.estimate import Estimate

COLUMNS = 4
"""Sets side by side in a table; more of them go to further tables, so that a page can hold each."""

STANDINGS = {
    "within": "within the floor",
    "beyond": "outside of the floor",
    "better": "better than the floor",
}


@dataclass(frozen=True)
class Cell:
    """A value of a set, as text.

    `standing` is a key of `STANDINGS` and `words` says it; both are empty without a floor.
    """

    value: str
    interval: str
    standing: str
    words: str


@dataclass(frozen=True)
class Row:
    """A measure of all sets of a table; a set that lacks it has None."""

    name: str
    about: str
    notes: list[str]
    n: str
    direction: str
    floor: str
    floor_interval: str
    cells: list[Cell | None]
    plot: Plot


@dataclass(frozen=True)
class Table:
    """Measures of up to `COLUMNS` sets."""

    names: list[str]
    rows: list[Row]

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What has to be known of the measures, by name."""
        return [(row.name, note) for row in self.rows for note in row.notes]


def measure_tables(evaluation: Evaluation, looks: Looks) -> list[Table]:
    """Return all measures, in the order in which they were measured."""
    found: dict[str, dict[str, Estimate]] = {}
    for one in evaluation.measures:
        found.setdefault(one.estimate.name, {})[one.name] = one.estimate
    measured = {one.name for one in evaluation.measures}
    names = [name for name in looks if name in measured]
    plots = {
        measure: _plot(f"measure-{place}", measure, sets, looks)
        for place, (measure, sets) in enumerate(found.items())
    }
    tables = []
    for start in range(0, len(names), COLUMNS):
        shown = names[start : start + COLUMNS]
        rows = [
            _row(measure, sets, shown, plots[measure])
            for measure, sets in found.items()
            if any(name in sets for name in shown)
        ]
        tables.append(Table(shown, rows))
    return tables


def standing(one: Estimate) -> str:
    """Return how a figure stands to the floor: a key of `STANDINGS`, or nothing without a floor.

    It is ``within`` where its interval and the floor's overlap.
    """
    if not numbers.finite(one.floor) or not numbers.finite(one.value):
        return ""
    low, high = _or(one.low, one.value), _or(one.high, one.value)
    floor_low, floor_high = _or(one.floor_low, one.floor), _or(one.floor_high, one.floor)
    if low <= floor_high and high >= floor_low:
        return "within"
    if one.higher_is_better is None:
        return "beyond"
    return "better" if (low > floor_high) == one.higher_is_better else "beyond"


def cell(one: Estimate, places: int | None) -> Cell:
    """Return a figure as text with `places` decimals."""
    stands = standing(one)
    words = STANDINGS.get(stands, "")
    floor = one.floor or 0.0
    if stands == "beyond" and floor > 0 and _or(one.floor_low, floor) > 0:
        times = one.value / floor
        if times > 1 and glossary.DISTANCES.match(one.name.upper()):
            words = f"{numbers.number(times, 1 if times < 10 else 0)} times the floor"
    return Cell(
        numbers.number(one.value, places),
        numbers.interval(one.low, one.high, places),
        stands,
        words,
    )


def places_of(sets: dict[str, Estimate]) -> int | None:
    """Return the decimals of a measure: those of the narrowest interval among its sets."""
    known = [numbers.decimals(one.low, one.high) for one in sets.values()]
    known += [numbers.decimals(one.floor_low, one.floor_high) for one in sets.values()]
    chosen = [one for one in known if one is not None]
    return min(max(chosen), 6) if chosen else None


def _row(measure: str, sets: dict[str, Estimate], shown: list[str], plot: Plot) -> Row:
    places = places_of(sets)
    first = next(iter(sets.values()))
    crops = glossary.OF_CROPS if "-crops-" in measure.lower() else ""
    with_floor = next((one for one in sets.values() if numbers.finite(one.floor)), first)
    return Row(
        measure,
        glossary.explain(measure, glossary.MEASURES) + crops,
        _notes(sets, shown),
        ", ".join(dict.fromkeys(f"{one.n:,}" for one in sets.values() if one.n)),
        glossary.direction(first.higher_is_better),
        numbers.number(with_floor.floor, places),
        numbers.interval(with_floor.floor_low, with_floor.floor_high, places),
        [cell(sets[name], places) if name in sets else None for name in shown],
        plot,
    )


def _notes(sets: dict[str, Estimate], shown: list[str]) -> list[str]:
    """Return what has to be known of a measure: once if it is the same of all sets."""
    notes = {name: sets[name].note for name in shown if name in sets and sets[name].note}
    if len(set(notes.values())) == 1:
        return list(notes.values())[:1]
    return [f"{name}: {note}" for name, note in notes.items()]


def _plot(id: str, measure: str, sets: dict[str, Estimate], looks: Looks) -> Plot:
    names = [name for name in looks if name in sets]
    places = places_of(sets)
    data, shapes = [], []
    for row, name in enumerate(names):
        one = sets[name]
        shown = cell(one, places)
        hover = f"<b>{drawing.text(name)}</b><br>{drawing.text(measure)}: {shown.value}"
        hover += f"<br>95 %: {shown.interval}" if shown.interval else ""
        hover += f"<br>{shown.words}" if shown.words else ""
        data.append(drawing.dots(looks[name], [one.value], [row], [one.low], [one.high], [hover]))
    floors = [one for one in sets.values() if numbers.finite(one.floor)]
    if floors:
        shapes.append(drawing.mark(floors[0].floor or 0.0))
        if numbers.finite(floors[0].floor_low) and numbers.finite(floors[0].floor_high):
            shapes.append(drawing.band(floors[0].floor_low or 0.0, floors[0].floor_high or 0.0))
    reach = itertools.chain.from_iterable(
        (one.value, one.low, one.high, one.floor, one.floor_low, one.floor_high)
        for one in sets.values()
    )
    about = f"{measure}: " + "; ".join(
        f"{name} {numbers.number(sets[name].value, places)}" for name in names
    )
    if floors:
        about += f"; real against real {numbers.number(floors[0].floor, places)}"
    return Plot(
        id,
        about,
        data,
        drawing.layout(
            44 + min(ROW * len(names), drawing.TALLEST),
            xaxis=drawing.axis(range=drawing.padded(list(reach)), nticks=5),
            yaxis=drawing.rows_axis(names),
            shapes=shapes,
        ),
    )


def _or(value: float | None, other: float | None) -> float:
    chosen = value if numbers.finite(value) else other
    assert chosen is not None
    return chosen
