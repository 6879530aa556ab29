"""What the checks of all kinds of plug-ins are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any

import numpy as np

from simkit import registry
from simkit.assets.library import Library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import load_furnished
from simkit.checker.global_state import global_states
from simkit.options import build

SEEDS = (0, 1, 2)
DETAIL_LENGTH = 300


class Broken(Exception):
    """A plug-in does not keep its contract; the message says how."""


@dataclass(frozen=True)
class Check:
    """One thing that was checked, whether it holds, and if not, what is wrong."""

    name: str
    passed: bool
    detail: str = ""


def run(name: str, function: Callable[..., str | None], *arguments: Any) -> Check:
    """Return the outcome of one check; the function returns a remark, or raises."""
    try:
        return Check(name, True, function(*arguments) or "")
    except Broken as error:
        return Check(name, False, str(error))
    except Exception as error:  # whatever a foreign plug-in raises is a finding
        first = str(error).splitlines()[0] if str(error) else ""
        return Check(name, False, f"raised {type(error).__name__}: {first}"[:DETAIL_LENGTH])


def run_all(checks: Mapping[str, Callable[..., str | None]], *arguments: Any) -> list[Check]:
    """Return the outcomes of several checks of the same arguments."""
    return [run(name, function, *arguments) for name, function in checks.items()]


def require(holds: bool, message: str) -> None:
    """Raise `Broken` unless it holds."""
    if not holds:
        raise Broken(message)


def loaded(kind: str, name: str, contract: type[Any]) -> tuple[Check, Any]:
    """Return whether a plug-in loads as what its kind is, and its class (None if not)."""
    found: list[Any] = []

    def load() -> None:
        plugin = registry.load(kind, name)
        wanted = f"{contract.__module__}.{contract.__name__}"
        is_class = isinstance(plugin, type) and issubclass(plugin, contract)
        require(is_class, f"{plugin!r} is no subclass of {wanted}")
        found.append(plugin)

    check = run(f"loads, and is of class {contract.__name__}", load)
    return check, found[0] if found else None


def made(plugin: type[Any]) -> tuple[Check, Any]:
    """Return whether a plug-in can be made with default options, and the object (None if not)."""
    objects: list[Any] = []
    check = run("can be made with default options", lambda: objects.append(make(plugin)))
    return check, objects[0] if objects else None


def make(plugin: type[Any]) -> Any:
    """Return a new plug-in object with default options and the embedded models, and its own."""
    options, library = build(plugin.Options, {}), models()
    if hasattr(plugin, "furnish"):
        library = library.merged(plugin.furnish(options, ModelOptions()))
    return plugin(options, library)


@cache
def models() -> Library:
    """Return the embedded models and the primitives."""
    return load_furnished(ModelOptions())


def as_json(value: Any, what: str = "params") -> str:
    """Return a value as JSON text; `Broken` if it is no plain data."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Broken(f"{what} are no JSON: {error}") from None


def through_json(value: Any, what: str = "params") -> Any:
    """Return what is left of a value once it has been written to JSON and read back."""
    return json.loads(as_json(value, what))


def same(a: Any, b: Any) -> bool:
    """Return whether two values are the same bit by bit: arrays, dataclasses, lists, dicts, others."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if is_dataclass(a) and type(a) is type(b):
        return all(same(getattr(a, key.name), getattr(b, key.name)) for key in fields(a))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b)


@contextmanager
def no_global_randomness() -> Iterator[None]:
    """Raise `Broken` if the block draws from Python's or NumPy's global generators."""
    with global_states() as states:
        yield
    before, after = states
    require(before == after, "draws from a global random generator; use the rng given")
