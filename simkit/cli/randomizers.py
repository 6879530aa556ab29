"""``simkit randomizers``: what is varied."""

from __future__ import annotations

import json
from typing import Any

from simkit.cli.console import stdout, table

KINDS = {"randomizers": "randomizer", "sensors": "sensor"}


def command() -> None:
    """List the registered randomizers and sensors, and what they vary by default.

    Example: simkit randomizers
    """
    console = stdout()
    for kind, singular in KINDS.items():
        console.print(_listing(kind, singular))
    console.print("change one: randomizers.NAME.KEY=VALUE; turn one off: randomizers.NAME=null")
    console.print(
        "sensors, none of which is on by default: sensors.NAME.KEY=VALUE, or sensors.NAME={}"
    )


def _listing(kind: str, singular: str) -> Any:
    from simkit import registry
    from simkit.options import build, keys, varied_keys

    made = table(singular, "key", "distribution", "unit", "what it is")
    for name in registry.names(kind):
        plugin: type[Any] = registry.load(kind, name)
        declared = {key.path: key.declared for key in keys(plugin.Options)}
        distributions = varied_keys(build(plugin.Options, {}))
        made.add_row(name, style="bold")
        for key, distribution in distributions.items():
            about = declared[key]
            drawn = json.dumps(distribution.to_config()).replace('"', "")
            made.add_row("", key, drawn, about.unit, about.help)
        if not distributions:
            made.add_row("", "(nothing that is declared)")
    return made
