"""``simkit check-plugin``: does a plug-in keep its contract?"""

from __future__ import annotations

from typing import Annotated

import typer

from simkit.cli.console import stdout, table


def command(
    plugin: Annotated[str, typer.Argument(metavar="NAME", help="or KIND:NAME")],
) -> None:
    """Check a scene family, randomizer, renderer, sensor or annotator; exit code 1 if a check fails.

    Example: simkit check-plugin randomizers:light
    """
    from rich.text import Text

    from simkit.checker import check_plugin

    kind, _, name = plugin.rpartition(":")
    checks = check_plugin(name, kind or None)
    console = stdout()
    made = table("", "check", "detail")
    for check in checks:
        mark = Text("ok", "green") if check.passed else Text("FAILED", "bold red")
        made.add_row(mark, check.name, check.detail)
    console.print(made)
    failed = sum(not check.passed for check in checks)
    if failed:
        console.print(f"{failed} of {len(checks)} checks failed", style="bold red")
        raise typer.Exit(1)
    console.print(f"all {len(checks)} checks passed", style="green")
