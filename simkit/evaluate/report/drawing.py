"""What all plots share: Plotly figures as plain data, escaped text, fonts and axes."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simkit.evaluate.report.palette import Look

FONT = '"Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif'
INK, FAINT, RULE = "#2f3437", "#6b7379", "#e3e6e8"
BAND = "rgba(47,52,55,0.13)"
"""Of what real images reach among themselves."""
ROW = 24
"""Height of a row of a dot plot [px]."""
TALLEST = 860
"""Height of a plot that a printed page can hold [px]."""
LABEL = 18
"""Characters of a label beside a row; the whole name stands in the tables."""


@dataclass(frozen=True)
class Plot:
    """A Plotly figure. `about` says in words what is drawn, for those who do not see it."""

    id: str
    about: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]

    @property
    def height(self) -> int:
        """Height on the page [px]."""
        return int(self.layout["height"])


def text(value: object) -> str:
    """Return text that Plotly shows as it stands: its own mark-up is made of tags and entities."""
    return html.escape(str(value), quote=False)


def short(name: str, length: int = LABEL) -> str:
    """Return a name that fits beside a row, shortened in its middle, escaped."""
    if len(name) <= length:
        return text(name)
    end = length // 2
    return text(f"{name[: length - end - 1]}…{name[-end:]}")


def layout(height: int, **parts: Any) -> dict[str, Any]:
    """Return the layout of a small plot; `parts` are added."""
    return {
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 6, "b": 24},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": INK},
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "#fff", "bordercolor": FAINT, "font": {"family": FONT, "size": 12}},
        "dragmode": False,
        **parts,
    }  # fmt: skip


def axis(title: str = "", **parts: Any) -> dict[str, Any]:
    """Return an axis with a light grid that cannot be dragged; `title` is shown as it stands."""
    made: dict[str, Any] = {
        "gridcolor": RULE,
        "zeroline": False,
        "linecolor": RULE,
        "tickfont": {"size": 11, "color": FAINT},
        "fixedrange": True,
        "automargin": True,
        "nticks": 6,
    }
    if title:
        made["title"] = {"text": text(title), "font": {"size": 12, "color": FAINT}, "standoff": 6}
    return {**made, **parts}


def rows_axis(labels: Sequence[str], length: int = LABEL) -> dict[str, Any]:
    """Return a y axis with a label a row, the first on top."""
    return axis(
        tickmode="array",
        tickvals=list(range(len(labels))),
        ticktext=[f"{short(label, length)} " for label in labels],
        tickfont={"size": 11, "color": INK},
        range=[len(labels) - 0.4, -0.6],
        showgrid=False,
        showline=False,
    )


def dots(
    look: Look,
    x: Sequence[float],
    y: Sequence[float],
    low: Sequence[float | None],
    high: Sequence[float | None],
    hover: Sequence[str],
    **marker: Any,
) -> dict[str, Any]:
    """Return points with intervals along x. `hover` is escaped already."""
    known = [
        None not in (a, b) and math.isfinite(a or 0) and math.isfinite(b or 0)
        for a, b in zip(low, high, strict=True)
    ]
    up = [b - at if ok else 0 for at, b, ok in zip(x, high, known, strict=True)]  # type: ignore[operator]
    down = [at - a if ok else 0 for at, a, ok in zip(x, low, known, strict=True)]  # type: ignore[operator]
    error = {"type": "data", "array": up, "arrayminus": down, "color": look.color,
             "thickness": 1.6, "width": 3}  # fmt: skip
    return {
        "type": "scatter",
        "mode": "markers",
        "meta": look.name,
        "x": list(x),
        "y": list(y),
        "marker": {"color": look.color, "symbol": look.symbol, "size": 9, **marker},
        "text": list(hover),
        "hovertemplate": "%{text}<extra></extra>",
        **({"error_x": error} if any(known) else {}),
    }


def band(low: float, high: float) -> dict[str, Any]:
    """Return a grey band over all rows, behind the points."""
    return {"type": "rect", "xref": "x", "yref": "paper", "x0": low, "x1": high, "y0": 0, "y1": 1,
            "fillcolor": BAND, "line": {"width": 0}, "layer": "below"}  # fmt: skip


def mark(at: float, dash: str = "dot", color: str = INK) -> dict[str, Any]:
    """Return a line over all rows."""
    return {"type": "line", "xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1,
            "line": {"color": color, "width": 1.2, "dash": dash}, "layer": "below"}  # fmt: skip


def padded(numbers: Sequence[float | None], *, bounded: bool = False) -> list[float]:
    """Return an axis range that holds `numbers`, and 0 where they are not far from it.

    Args:
        numbers: what is drawn; what is missing or not finite does not count.
        bounded: whether the numbers are shares in 0 to 100 and the axis must not pass them.
    """
    known = [one for one in numbers if one is not None and math.isfinite(one)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if 0 < low < 0.6 * high:
        low = 0.0
    room = 0.07 * (high - low) or 0.1 * abs(high) or 1.0
    start = 0.0 if low == 0 else low - room
    return [max(start, -2.0), min(high + room, 102.0)] if bounded else [start, high + room]


def plain_data(value: Any) -> Any:
    """Return `value` for JSON: six digits, and nothing where a number is not finite."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain_data(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(one) for one in value]
    return value
