"""``simkit export``: a data set in another format."""

from __future__ import annotations

from typing import Annotated

import typer

from simkit.cli.console import print_warnings, stdout, table
from simkit.cli.progress import progress_bar


def command(
    source: Annotated[str, typer.Argument(metavar="DIR", help="a data set's folder or URL")],
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="of the format; see docs/formats.md"),
    ] = None,
    *,
    to: Annotated[
        str, typer.Option(help="bop, coco, huggingface, kitti, tfrecord, voc, webdataset or yolo")
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="a new folder")],
    split: Annotated[
        str, typer.Option(metavar="NAME=SHARE,...", help="e.g. train=0.9,val=0.1; all is train")
    ] = "",
    split_by: Annotated[
        str, typer.Option(help="what is never torn apart: scene or image")
    ] = "scene",
    min_visib_fract: Annotated[
        float, typer.Option(min=0, max=1, help="leave out instances that are less visible")
    ] = 0.0,
) -> None:
    """Write a data set in a format of the field, with its provenance and a data card.

    Example: simkit export out/parts segmentation=polygon --to coco --out out/coco
    """
    from simkit.exchange import export

    with progress_bar() as progress:
        report = export(
            source, out, to, options or (), split, split_by, min_visib_fract, progress=progress
        )
    console, tally = stdout(), report.tally
    made = table("split", "images", "instances", right=("images", "instances"))
    for name in report.splits:
        made.add_row(name, str(tally.images[name]), str(tally.instances[name]))
    console.print(made)
    if tally.below:
        console.print(f"{tally.below} instances are left out: visib_fract < {min_visib_fract:g}")
    if tally.not_carried:
        console.print(f"{tally.not_carried} instances are left out: {to} cannot hold them")
    print_warnings(report.notes)
    console.print(f"in {report.folder}: see DATA_CARD.md and provenance.json")
