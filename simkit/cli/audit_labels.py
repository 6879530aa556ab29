"""``simkit audit-labels``: stored labels held against rays, definitions and each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simkit.cli.console import cell, stdout, table
from simkit.cli.progress import progress_bar

if TYPE_CHECKING:
    from simkit.audit import Report

SHOWN = 40
"""Failures that are listed on the screen; all are in the JSON file."""


def command(
    source: Annotated[
        str, typer.Argument(metavar="DIR", help="a data set, or a BOP set, split or scene")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[models.KEY=VALUE]...", help="where the models have moved"),
    ] = None,
    *,
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="images, evenly spread; all if left out")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write all that was measured to this file")
    ] = None,
    models: Annotated[
        str, typer.Option(help="a BOP set's models folder; looked for beside it if left out")
    ] = "",
    pixel_centre: Annotated[
        str, typer.Option(help="of a BOP set's cam_K: bop (0.5, 0.5) or opencv (0, 0)")
    ] = "bop",
    depth_tolerance_mm: Annotated[
        float, typer.Option(min=0, help="of depth, besides its step and 0.01%; more for real depth")
    ] = 0.1,
    only: Annotated[str, typer.Option(metavar="CHECK,...", help="these checks alone")] = "",
) -> None:
    """Check stored labels with code that did not make them; exit code 1 if any image fails.

    Example: simkit audit-labels out/parts -n 20 --json audit.json
    """
    from simkit.audit import audit

    with progress_bar() as progress:
        report = audit(
            source,
            overrides or (),
            models,
            n,
            pixel_centre,
            depth_tolerance_mm / 1000,
            [name.strip() for name in only.split(",") if name.strip()],
            progress,
        )
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(report.to_dict(), indent=1, allow_nan=False))
    _print(report)
    if report.failed:
        raise typer.Exit(1)


def _print(report: Report) -> None:
    console = stdout()
    made = table("check", "passed", "failed", "worst", "tolerance", "", right=("passed", "failed"))
    absent = []
    for line in report.lines():
        passed, failed = line.counts["passed"], line.counts["failed"]
        if not passed and not failed:
            absent.append(f"{line.check} ({line.reasons[0]})")
            continue
        made.add_row(
            line.check,
            str(passed),
            str(failed),
            cell(line.worst),
            cell(line.tolerance),
            line.about,
            style="red" if failed else None,
        )
    console.print(made)
    if absent:
        console.print(f"\nnot checked, for it is not stored or cannot be: {', '.join(absent)}")
    failures = [(image.image, one) for image in report.failed for one in image.failures]
    if failures:
        made = table("image", "check", "measured", "tolerance", "where")
        for name, one in failures[:SHOWN]:
            made.add_row(name, one.check, cell(one.value), cell(one.tolerance), one.detail)
        console.print()
        console.print(made)
        if len(failures) > SHOWN:
            console.print(f"... and {len(failures) - SHOWN} more, see --json")
    console.print(f"\n{len(report.failed)} of {len(report.images)} images fail")
