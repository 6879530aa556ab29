"""``simkit import``: real data as a data set like ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simkit.cli.console import print_warnings, stdout
from simkit.cli.progress import progress_bar


def command(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="file or folder")],
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="of the format; see docs/formats.md"),
    ] = None,
    *,
    format: Annotated[
        str, typer.Option("--from", help="bop, coco, folder, huggingface, voc or yolo")
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="folder or fsspec URL")],
    licence: Annotated[str, typer.Option(help="of the data, as recorded with it")] = "",
    origin: Annotated[
        str, typer.Option(help="of the images: real, unless an export of ours says otherwise")
    ] = "",
) -> None:
    """Make a data set of real images and their labels, to be read like a simulated one.

    Example: simkit import photos/annotations.json --from coco --out out/real
    """
    from simkit.exchange import import_

    with progress_bar() as progress:
        report = import_(source, out, format, options or (), licence, origin, progress)
    console = stdout()
    console.print(
        f"{report.images} {report.origin} images with {report.instances} instances of "
        f"{len(report.categories)} categories"
    )
    print_warnings(report.warnings)
    console.print(f"next: simkit inspect {report.url}")
