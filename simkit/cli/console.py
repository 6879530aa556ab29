"""What the commands share in talking to people: consoles, numbers, and the error line."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

DEBUG = "SIMKIT_DEBUG"
"""Environment variable; if it is 1, errors keep their tracebacks."""

WIDTH_WITHOUT_TERMINAL = 120


def stdout() -> Console:
    """Return a console on stdout."""
    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(highlight=False, markup=False, emoji=False, width=width)


def stderr() -> Console:
    """Return a console on stderr."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_error(message: str) -> None:
    """Print one clear line on stderr."""
    stderr().print(Text.assemble(("error: ", "bold red"), (message, "red")))


def print_warnings(warnings: list[str] | tuple[str, ...], limit: int = 5) -> None:
    """Print warnings on stdout, each once, the first few of them."""
    console, distinct = stdout(), list(dict.fromkeys(warnings))
    for line in distinct[:limit]:
        console.print(Text.assemble(("warning: ", "yellow"), line))
    if len(distinct) > limit:
        console.print(f"... and {len(distinct) - limit} more warnings", style="yellow")


def table(*columns: str, title: str | None = None, right: tuple[str, ...] = ()) -> Table:
    """Return an empty table; columns named in `right` are aligned to the right."""
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def cell(value: object) -> str:
    """Return a value as a short text for a table."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(one) for one in value)
    return str(value)


def size_text(count: float) -> str:
    """Return a number of bytes with a unit."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def debugging() -> bool:
    """Return whether tracebacks are wanted."""
    return os.environ.get(DEBUG) == "1"
