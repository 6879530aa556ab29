"""``simkit replay``: make one image again and compare every byte."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simkit.cli.console import stdout, table


def command(
    source: Annotated[str, typer.Argument(metavar="DIR", help="a data set's folder")],
    index: Annotated[int, typer.Argument(metavar="INDEX", help="number of the image")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[models.KEY=VALUE]...", help="where the models have moved"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="draw the new image with its labels")
    ] = None,
) -> None:
    """Make an image again from what its data set says; exit code 1 if any byte differs.

    Example: simkit replay out/parts 7
    """
    from simkit.draw import draw_picture
    from simkit.preview import write_image
    from simkit.replay import replay

    result = replay(source, index, overrides or [])
    console = stdout()
    if out is not None:
        write_image(out, draw_picture(result.picture))
        console.print(f"drawn: {out}")
    if result.identical:
        console.print(
            f"image {index}: [bold green]bit-identical[/], all {result.files} files", markup=True
        )
        return
    differing = len(result.differences)
    console.print(
        f"image {index}: [bold red]{differing} of {result.files} files differ[/]", markup=True
    )
    made = table("file", "difference")
    for difference in result.differences:
        made.add_row(difference.file, difference.detail)
    console.print(made)
    for cause in result.causes:
        console.print(f"not as it was: {cause}")
    if not result.causes:
        console.print("versions, renderer and models are as they were; has simkit's code changed?")
    raise typer.Exit(1)
