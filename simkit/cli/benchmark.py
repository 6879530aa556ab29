"""``simkit benchmark``: a named sim-to-real benchmark, from its config to its table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from simkit.cli.console import cell, stdout, table
from simkit.cli.evaluate import print_evaluation
from simkit.cli.watching import watching

REAL_DATA = "SIMKIT_REAL"


def command(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="cards, lmo, or a YAML file", show_default=False)
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="of the config, e.g. workers=4"),
    ] = None,
    *,
    real_root: Annotated[
        Path | None, typer.Option(metavar="DIR", help=f"of real data; else ${REAL_DATA}")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="else out/benchmark_NAME")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write the record here")
    ] = None,
    n: Annotated[int | None, typer.Option("-n", metavar="N", min=1, help="images")] = None,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="trainings of each set")
    ] = None,
    tasks: Annotated[str, typer.Option(metavar="NAME,...", help="these alone")] = "",
    options: Annotated[
        list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="of each task")
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="write no report.html")] = False,
) -> None:
    """Make the images, train, test on real photos; resumed where it was killed.

    Example: simkit benchmark cards --real-root real --json cards.json
    """
    from simkit.config import load_raw
    from simkit.evaluate.benchmark import (
        adjusted,
        at_folder,
        read_benchmark,
        run_benchmark,
        write_record,
    )

    root = _root(real_root)
    chosen = [one.strip() for one in tasks.split(",") if one.strip()]
    described = adjusted(read_benchmark(name), n, seeds, chosen, load_raw(None, options or ()))
    described = at_folder(described, root)
    folder = out or Path("out") / f"benchmark_{described.name}"
    with watching() as watch:
        record, found = run_benchmark(
            described,
            folder,
            overrides,
            lambda done, total: watch("synthetic images", done, total),
            watch,
            (f"simkit benchmark {name}",),
        )
    for task, one in found.items():
        stdout().print(f"\n{task}", style="bold")
        print_evaluation(one)
        if not no_report:
            from simkit.evaluate.report import write_report

            stdout().print(f"report: {write_report(one, folder / task)}")
    made = table("figure", "value", right=("value",))
    for key in described.record:
        made.add_row(key, cell(record[key]))
    stdout().print(made)
    path = json_file or folder / "record.json"
    write_record(record, path)
    stdout().print(f"record: {path}")


def _root(given: Path | None) -> Path:
    """Return the folder of real data: as given, or as the environment says."""
    from simkit.errors import ConfigError

    if given is not None:
        return given
    if REAL_DATA not in os.environ:
        raise ConfigError(f"real: give the folder of real data, --real-root DIR or {REAL_DATA}")
    return Path(os.environ[REAL_DATA])
