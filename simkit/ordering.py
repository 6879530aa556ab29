"""The order in which plug-ins run: by what they declare, never by where a config names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from simkit.errors import PluginError


class Ordered(Protocol):
    """What declares which others it follows."""

    @property
    def after(self) -> tuple[str, ...]:
        """Names of those that run before it, if they take part."""


T = TypeVar("T", bound=Ordered)


def in_order(
    plugins: Mapping[str, T], waits: Mapping[str, Iterable[str]] | None = None
) -> dict[str, T]:
    """Return the plug-ins so that each comes after those that it names; else by name.

    Args:
        plugins: by name.
        waits: names of further ones that each waits for.

    Raises:
        PluginError: some wait for each other.
    """
    left, done = dict(sorted(plugins.items())), dict[str, T]()
    awaited = {name: {*one.after, *(waits or {}).get(name, ())} for name, one in plugins.items()}
    while left:
        free = [name for name in left if not awaited[name] & set(left)]
        if not free:
            raise PluginError(f"each of these waits for another (after): {', '.join(left)}")
        done[free[0]] = left.pop(free[0])
    return done
