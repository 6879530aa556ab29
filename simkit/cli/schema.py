"""``simkit schema``: every key of a config."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simkit.cli.console import stdout, table

if TYPE_CHECKING:
    from simkit.options import Declared, KeyInfo


def command(
    prefix: Annotated[str, typer.Argument(metavar="[PREFIX]", help="only keys that begin so")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List every config key with its type, default, unit, what is allowed, and what it does.

    Example: simkit schema randomizers.camera
    """
    from simkit.config import schema
    from simkit.errors import ConfigError, did_you_mean

    keys = schema()
    chosen = [key for key in keys if key.path.startswith(prefix)]
    if not chosen:
        groups = {key.path.split(".")[0] for key in keys}
        groups |= {key.path.rsplit(".", 1)[0] for key in keys if "." in key.path}
        raise ConfigError(f"no key begins with '{prefix}'; {did_you_mean(prefix, groups)}")
    if as_json:
        print(json.dumps([_data(key) for key in chosen], indent=1))
        return
    console = stdout()
    made = table("key", "default", "type", "allowed", "what it is")
    for group, members in groupby(chosen, key=lambda key: key.path.rpartition(".")[0]):
        made.add_row(f"{group}:" if group else "", style="bold")
        for key in members:
            made.add_row(*_row(key))
    console.print(made)
    console.print(
        "\n'scene(family=X).key' is written scene.key, where scene.family is X; render likewise. "
        "A distribution is a value, [low, high], {log_uniform: [low, high]}, "
        "{integer: [low, high]}, {normal: {mean, std, low, high}} or {choice: [a, b]}."
    )


def allowed(declared: Declared) -> str:
    """Return what a key may hold in a few characters."""
    if declared.allowed is not None:
        return ", ".join(str(value) for value in declared.allowed)
    if declared.low is None and declared.high is None:
        return ""
    if declared.high is None:
        return f">= {declared.low:g}"
    if declared.low is None:
        return f"<= {declared.high:g}"
    return f"{declared.low:g} to {declared.high:g}"


def _row(key: KeyInfo) -> list[str]:
    declared = key.declared
    unit = f" [{declared.unit}]" if declared.unit else ""
    name = key.path.rpartition(".")[2]
    return [f"  {name}", _default(key.default), key.type, allowed(declared), declared.help + unit]


def _default(value: Any) -> str:
    return json.dumps(value).replace('"', "")


def _data(key: KeyInfo) -> dict[str, Any]:
    return {"key": key.path, "type": key.type, "default": key.default, **vars(key.declared)}
