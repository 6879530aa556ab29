"""``simkit gallery``: what each plug-in does, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simkit.cli.arguments import config_file
from simkit.cli.console import stdout


def command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="plug-ins; all if none is named")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="folder of the sheets")] = Path(
        "gallery"
    ),
    config: Annotated[
        str | None, typer.Option("--config", "-c", help="YAML file that each sheet starts from")
    ] = None,
) -> None:
    """Draw a contact sheet of each scene family, and of each randomizer and sensor with each key swept.

    Example: simkit gallery light camera noise --out gallery
    """
    from simkit import gallery
    from simkit.preview import write_image

    base = config_file(config) if config else None
    for kind, name in gallery.chosen(names or ()):
        sheet = gallery.sheet(kind, name, base)
        if isinstance(sheet, str):
            stdout().print(f"{kind} {name}: {sheet}")
            continue
        path = out / f"{kind}_{name}.jpg"
        write_image(path, sheet)
        stdout().print(f"{path}: {sheet.shape[1]}x{sheet.shape[0]} px")
