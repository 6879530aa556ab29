"""``simkit rerender``: a real data set's objects, drawn at their annotated poses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simkit.cli.console import stdout
from simkit.cli.progress import progress_bar


def command(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="BOP scene, split or data set")],
    out: Annotated[str, typer.Option("--out", "-o", help="folder", show_default=False)],
    models: Annotated[
        Path | None, typer.Option(help="folder of its models; found beside the source if left out")
    ] = None,
    pixel_centre: Annotated[
        str, typer.Option(help="where the source has its top left pixel's centre: bop or opencv")
    ] = "bop",
    backend: Annotated[str, typer.Option(help="the renderer")] = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="only the first so many images")] = None,
    overlay: Annotated[bool, typer.Option(help="write overlays on the photos")] = True,
) -> None:
    """Draw a BOP data set's objects at their annotated poses, and compare the boxes.

    Example: simkit rerender bop/lm/test/000001 --out out/lm --limit 20
    """
    from simkit.rerender import rerender

    with progress_bar() as progress:
        report = rerender(
            source,
            out,
            models=models,
            pixel_centre=pixel_centre,
            backend=backend,
            limit=limit,
            overlay=overlay,
            progress=progress,
        )
    console = stdout()
    console.print(f"{report.images} images in {report.url}")
    if report.ious:
        worst = min(report.ious, key=lambda key: report.ious[key])
        console.print(
            f"bbox_obj against the annotated ones: mean IoU {report.mean_iou:.4f}, worst "
            f"{report.ious[worst]:.4f} (scene {worst[0]}, image {worst[1]}, instance {worst[2]})"
        )
    console.print(f"next: simkit inspect {report.url}")
