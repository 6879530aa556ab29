"""``simkit generate``: from a config to a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simkit.cli.arguments import OVERRIDES_HELP, config_file
from simkit.cli.console import print_warnings, stderr, stdout, table
from simkit.cli.progress import progress_bar

if TYPE_CHECKING:
    from simkit.generation import Report


def command(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="YAML file", show_default=False)],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help=OVERRIDES_HELP)
    ] = None,
    *,
    out: Annotated[str, typer.Option("--out", "-o", help="folder or fsspec URL")],
    n: Annotated[int | None, typer.Option("-n", help="number of images")] = None,
    seed: Annotated[int | None, typer.Option(help="of all random streams")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write the report as JSON")
    ] = None,
) -> None:
    """Make a data set, or go on with one that was begun with the same config and seed.

    Example: simkit generate parts.yaml scene.objects=5 --out out/parts -n 100 --seed 0
    """
    source = config_file(config)
    from simkit.config import load_config
    from simkit.generation import generate
    from simkit.timing import now

    checked = load_config(source, overrides or [])
    start = now()
    try:
        with progress_bar() as progress:
            report = generate(checked, out, n=n, seed=seed, progress=progress)
    except KeyboardInterrupt:
        stderr().print(f"interrupted: complete shards in {out} are kept; the same command goes on")
        raise typer.Exit(130) from None
    wall_seconds = now() - start
    _print_report(report, wall_seconds)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(_as_json(report, wall_seconds, checked.run.workers))


def _print_report(report: Report, wall_seconds: float) -> None:
    console = stdout()
    made = table("stage", "ms/image", "share", right=("ms/image", "share"))
    total = sum(report.seconds.values())
    for stage, seconds in sorted(report.seconds.items(), key=lambda item: -item[1]):
        per_image = 1000 * seconds / max(report.images, 1)
        made.add_row(stage, f"{per_image:.1f}", f"{100 * seconds / max(total, 1e-9):.0f}%")
    if report.images:
        console.print(made)
    kept = f", {report.kept} were there" if report.kept else ""
    skipped = f", {report.skipped} skipped (see simkit inspect)" if report.skipped else ""
    speed = f" in {wall_seconds:.1f} s, {report.images / wall_seconds:.1f} images/s"
    console.print(
        f"[bold]{report.images} images[/]{kept}{skipped}{speed if report.images else ''}",
        markup=True,
    )
    print_warnings(report.warnings)
    console.print(f"next: simkit inspect {report.url}")
    console.print(f"      simkit preview {report.url} --out preview.png")


def _as_json(report: Report, wall_seconds: float, workers: int) -> str:
    data = {
        "url": report.url,
        "images": report.images,
        "kept": report.kept,
        "skipped": report.skipped,
        "wall_seconds": wall_seconds,
        "images_per_second": report.images / wall_seconds,
        "stage_seconds": report.seconds,
        "workers": workers,
        "warnings": list(report.warnings),
    }
    return json.dumps(data, indent=1) + "\n"
