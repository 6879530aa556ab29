"""``simkit randomizers``: what is varied."""

from __future__ import annotations

import json

from simkit.cli.console import stdout, table


def command() -> None:
    """List the registered randomizers and what they vary by default.

    Example: simkit randomizers
    """
    from simkit import registry
    from simkit.contracts import Randomizer
    from simkit.options import build, keys, varied_keys

    made = table("randomizer", "key", "distribution", "unit", "what it is")
    for name in registry.names("randomizers"):
        plugin: type[Randomizer] = registry.load("randomizers", name)
        declared = {key.path: key.declared for key in keys(plugin.Options)}
        distributions = varied_keys(build(plugin.Options, {}))
        made.add_row(name, style="bold")
        for key, distribution in distributions.items():
            about = declared[key]
            drawn = json.dumps(distribution.to_config()).replace('"', "")
            made.add_row("", key, drawn, about.unit, about.help)
        if not distributions:
            made.add_row("", "(nothing that is declared)")
    console = stdout()
    console.print(made)
    console.print("change one: randomizers.NAME.KEY=VALUE; turn one off: randomizers.NAME=null")
