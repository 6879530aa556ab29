"""``simkit preview``: a sheet of images with their labels drawn on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simkit.cli.arguments import OVERRIDES_HELP, config_file
from simkit.cli.console import stdout


def command(
    source: Annotated[
        str, typer.Argument(metavar="CONFIG_OR_DIR", help="YAML file, or a data set's folder")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help=OVERRIDES_HELP)
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="image file")] = Path("preview.png"),
    n: Annotated[int, typer.Option("-n", min=1, help="number of images")] = 6,
    columns: Annotated[int, typer.Option(min=1, help="of the sheet")] = 3,
    seed: Annotated[int | None, typer.Option(help="of all random streams; configs only")] = None,
) -> None:
    """Draw the labels of the first images of a config (nothing is stored) or of a data set.

    Example: simkit preview parts.yaml scene.objects=5 --out preview.png -n 6
    """
    from simkit import preview
    from simkit.errors import ConfigError

    if preview.is_dataset(source):
        if overrides or seed is not None:
            raise ConfigError(f"{source}: is a data set; key=value and --seed are for configs")
        sheet = preview.sheet_of_dataset(source, n, columns)
    else:
        extra = [f"seed={seed}"] if seed is not None else []
        config = config_file(source)
        sheet = preview.sheet_of_config(config, [*(overrides or []), *extra], n, columns)
    preview.write_image(out, sheet)
    stdout().print(f"{out}: {sheet.shape[1]}x{sheet.shape[0]} px")
