"""``simkit check-plugin``: does a plug-in keep its contract?"""

from __future__ import annotations

from typing import Annotated

import typer

from simkit.cli.console import stdout, table


def command(
    plugin: Annotated[str, typer.Argument(metavar="NAME", help="or KIND:NAME")],
) -> None:
    """Check a plug-in of any kind, from scene family to feature extractor; exit code 1 if one fails.

    Example: simkit check-plugin randomizers:light
    """
    from rich.text import Text

    from simkit import registry
    from simkit.checker import check_plugin

    kind, colon, name = plugin.partition(":")
    named = bool(colon) and kind in registry.KINDS
    checks = check_plugin(name if named else plugin, kind if named else None)
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
