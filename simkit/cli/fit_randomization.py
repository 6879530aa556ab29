"""``simkit fit-randomization``: ranges from real photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simkit.cli.arguments import OVERRIDES_HELP, config_file
from simkit.cli.console import stdout, table


def command(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="YAML file")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help=OVERRIDES_HELP)
    ] = None,
    real: Annotated[
        Path, typer.Option("--real", help="folder of photos, maybe with annotations (COCO, BOP)")
    ] = ...,  # type: ignore[assignment]
    out: Annotated[Path, typer.Option("--out", "-o", help="the new config")] = Path("fitted.yaml"),
    n: Annotated[int, typer.Option("-n", min=4, help="images of the config to measure")] = 16,
    limit: Annotated[int, typer.Option(min=8, help="photos to read")] = 100,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="what was found, for machines")
    ] = None,
) -> None:
    """Set the ranges of exposure, colour, blur, noise and object size by a folder of real photos.

    Writes the config with these ranges to a new file.

    Example: simkit fit-randomization cards.yaml --real photos/ --out fitted.yaml
    """
    import json

    from simkit.config import load_raw
    from simkit.fitting import fit_randomization

    console = stdout()
    start = load_raw(config_file(config), overrides or ())
    fit = fit_randomization(start, real, n=n, limit=limit, progress=console.print)
    rows = table("statistic", "photos", "config before", "config after", "key", "range")
    for one in fit.found:
        columns = [" ".join(f"{v:.3g}" for v in row) for row in (one.real, one.before, one.after)]
        span = f"[{one.fitted[0]:g}, {one.fitted[1]:g}]" if one.fitted else "-"
        rows.add_row(one.statistic, *columns, one.key, span)
    console.print(rows)
    console.print(f"three numbers: 10 %, median and 90 % of {fit.photos} photos, or {n} images")
    for one in fit.found:
        if one.remark:
            console.print(f"{one.statistic}: {one.remark}")
    out.write_text(fit.yaml(start))
    if json_file:
        json_file.write_text(json.dumps(fit.to_dict(), indent=1))
    console.print(f"next: simkit preview {out} --out preview.png")
