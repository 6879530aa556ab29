"""One colour and one symbol a data set, the same on the whole page; told apart without colour too."""

from __future__ import annotations

from dataclasses import dataclass

from simkit.evaluate.result import Evaluation

REAL_COLOR = "#2f3437"
COLORS = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#56b4e9", "#e69f00")
"""Of synthetic sets: Okabe and Ito's palette for all kinds of colour vision, without its yellow."""
SYMBOLS = {
    "circle": "M6 1.2a4.8 4.8 0 1 0 .001 0z",
    "square": "M1.6 1.6h8.8v8.8h-8.8z",
    "diamond": "M6 .4L11.6 6 6 11.6.4 6z",
    "triangle-up": "M6 .8l5.6 9.8H.4z",
    "cross": "M4.1.8h3.8v3.3h3.3v3.8H7.9v3.3H4.1V7.9H.8V4.1h3.3z",
    "triangle-down": "M6 11.2L.4 1.4h11.2z",
    "star": "M6 .3l1.6 3.9 4.2.3-3.2 2.7 1 4.1L6 9.1l-3.6 2.2 1-4.1L.2 4.5l4.2-.3z",
}
"""Plotly's symbols, and their outlines in 12 x 12 for the legend."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


@dataclass(frozen=True)
class Look:
    """How a data set is drawn. `dash` is of its lines."""

    name: str
    role: str
    color: str
    symbol: str
    dash: str

    @property
    def outline(self) -> str:
        """SVG path of the symbol in 12 x 12."""
        return SYMBOLS[self.symbol]

    def tint(self, alpha: float) -> str:
        """Return the colour as a see-through one."""
        red, green, blue = (int(self.color[at : at + 2], 16) for at in (1, 3, 5))
        return f"rgba({red},{green},{blue},{alpha})"


class Looks(dict[str, Look]):
    """Looks by name of the set; a name that is no set's is drawn as a real one would be, in grey."""

    def __missing__(self, name: str) -> Look:
        return Look(name, "other", "#6b7379", "circle", "solid")

    @property
    def real(self) -> Look:
        """The look of real images, whatever their set is called."""
        for look in self.values():
            if look.role == "real":
                return look
        return Look("real", "real", REAL_COLOR, "diamond", "solid")

    @property
    def synthetic(self) -> list[Look]:
        """The looks of the synthetic sets, in order."""
        return [look for look in self.values() if look.role == "synthetic"]


def looks_of(evaluation: Evaluation) -> Looks:
    """Return the looks of all sets that are listed, measured or trained on; real ones first."""
    real = [one.name for one in evaluation.sets if one.role == "real"]
    listed = {one.name for one in evaluation.sets}
    real += [
        one.name for one in evaluation.scores if one.protocol == "TRTR" and one.name not in listed
    ]
    named = [one.name for one in evaluation.sets]
    parts = ("measures", "scores", "findings", "distributions", "pairs", "failures", "verdicts")
    named += [one.name for part in parts for one in getattr(evaluation, part)]
    looks = Looks()
    for name in dict.fromkeys(real):
        looks[name] = Look(name, "real", REAL_COLOR, "diamond", "solid")
    symbols = [one for one in SYMBOLS if one != "diamond"]
    others = [name for name in dict.fromkeys(named) if name and name not in looks]
    for place, name in enumerate(others):
        looks[name] = Look(
            name,
            "synthetic",
            COLORS[place % len(COLORS)],
            symbols[(place + place // len(COLORS)) % len(symbols)],
            DASHES[place % len(DASHES)],
        )
    return looks
