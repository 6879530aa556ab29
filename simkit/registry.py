"""Plug-ins by entry point: simkit's own and a user's are found in the same way.

A package offers a plug-in in its ``pyproject.toml``::

    [project.entry-points."simkit.randomizers"]
    fog = "my_package.fog:Fog"
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from simkit.errors import PluginError, did_you_mean

KINDS = ("scenes", "randomizers", "renderers", "sensors", "annotators", "features", "tasks")


def names(kind: str) -> list[str]:
    """Return the names of all plug-ins of a kind, sorted."""
    return sorted(_found(kind))


def load(kind: str, name: str) -> Any:
    """Return the plug-in class registered as `name` among `kind` (one of `KINDS`).

    Raises:
        PluginError: nothing has that name, two packages claim it, or it fails to import.
    """
    candidates = _found(kind).get(name)
    if candidates is None:
        raise PluginError(f"{kind}: '{name}' is not registered; {did_you_mean(name, names(kind))}")
    if len(candidates) > 1:
        raise PluginError(
            f"{kind}: '{name}' is registered twice, by {_origins(candidates)}; remove one"
        )
    try:
        return candidates[0].load()
    except (ImportError, AttributeError, SyntaxError) as error:
        raise PluginError(
            f"{kind}: '{name}' of {_origins(candidates)} does not load: {error}"
        ) from error


@cache
def _found(kind: str) -> dict[str, list[EntryPoint]]:
    if kind not in KINDS:
        raise PluginError(f"'{kind}' is no kind of plug-in; {did_you_mean(kind, KINDS)}")
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=f"simkit.{kind}"):
        same = found.setdefault(point.name, [])
        if point.value not in [other.value for other in same]:
            same.append(point)
    return found


def _origins(points: list[EntryPoint]) -> str:
    return ", ".join(
        f"{point.value} ({point.dist.name if point.dist else '?'})" for point in points
    )
