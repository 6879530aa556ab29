"""``simkit report``: the page of an evaluation, made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simkit.cli.console import size_text, stdout


def command(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="what simkit evaluate wrote: evaluation.json")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="HTML file to write; DIR/report.html if left out")
    ] = None,
) -> None:
    """Make an evaluation's HTML page from its JSON file and pictures.

    Example: simkit report out/evaluation --out report.html
    """
    from simkit.evaluate.report import REPORT, write_page
    from simkit.evaluate.result import Evaluation

    path = write_page(Evaluation.read(folder), folder, out or folder / REPORT)
    stdout().print(f"{path}  ({size_text(path.stat().st_size)})")
