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
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="number of images: 6, or 1 with --channels")
    ] = None,
    columns: Annotated[
        int | None, typer.Option(min=1, help="of the sheet: 3, or 4 with --channels")
    ] = None,
    channels: Annotated[
        str,
        typer.Option(
            metavar="all|LABEL,...", help="a sheet an image with a panel for each of these labels"
        ),
    ] = "",
    seed: Annotated[int | None, typer.Option(help="of all random streams; configs only")] = None,
) -> None:
    """Draw the labels of the first images of a config (nothing is stored) or of a data set.

    Example: simkit preview parts.yaml scene.objects=5 --out preview.png -n 6

    With --channels, each type of label is drawn: simkit preview out/parts --channels all
    """
    from simkit import preview
    from simkit.errors import ConfigError

    stored = preview.is_dataset(source)
    if stored and (overrides or seed is not None):
        raise ConfigError(f"{source}: is a data set; key=value and --seed are for configs")
    given = [*(overrides or []), *([f"seed={seed}"] if seed is not None else [])]
    names = [name.strip() for name in channels.split(",") if name.strip()]
    config = source if stored else str(config_file(source))
    if names:
        sheets = preview.label_sheets(config, names, given, n or 1, columns or 4)
    elif stored:
        sheets = {0: preview.sheet_of_dataset(source, n or 6, columns or 3)}
    else:
        sheets = {0: preview.sheet_of_config(config, given, n or 6, columns or 3)}
    for index, sheet in sheets.items():
        path = out if len(sheets) == 1 else out.with_stem(f"{out.stem}-{index:06d}")
        preview.write_image(path, sheet)
        stdout().print(f"{path}: {sheet.shape[1]}x{sheet.shape[0]} px")
