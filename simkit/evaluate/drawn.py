"""How much was drawn of what a config's randomizers declare: holes in the randomization."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scipy.special import ndtr

from simkit import registry
from simkit.dataset.reader import Dataset
from simkit.distributions import Constant, Distribution, Integer, LogUniform, Normal, Range
from simkit.errors import SimkitError
from simkit.options import build, varied_keys

BINS = 10
"""Equally likely parts that a range is cut into."""

CLOSE = 0.8
"""Of the parts that as many draws can be expected to hit: below it, something keeps values out."""


@dataclass(frozen=True)
class Coverage:
    """How much was used of one declared distribution.

    Attributes:
        key: ``light.azimuth_deg``.
        support: as declared: low and high, or all values.
        drawn: distinct values that were stored; 0 where the key was not in play, or is not stored.
        low, high: the least and the greatest of them; None of words.
        used: share of the range's ten equally likely parts, or of the choice's values, that were hit.
        expected: that share, for as many independent draws.
        thin: whether it is far below.
    """

    key: str
    support: list[Any]
    drawn: int
    low: float | None
    high: float | None
    used: float
    expected: float
    thin: bool


def coverage_of(data: Dataset) -> list[Coverage]:
    """Return the coverage of each distribution that the data set's config declares, by key.

    The drawn values are those in ``KEY.params.json``, by their names. Constants are left out, and so is
    what depends on another parameter, whose support moves. Nothing is returned for imported images.
    """
    declared = _declared(data.description.get("config", {}))
    if not declared:
        return []
    drawn: dict[str, dict[Any, int]] = {key: {} for key in declared}
    for record in data:
        for plugin, params in record.params.items():
            for path, value in _scalars(params, plugin):
                key = _key(path, declared)
                if key is not None and value is not None:
                    drawn[key][value] = drawn[key].get(value, 0) + 1
    return [_coverage(key, declared[key], drawn[key]) for key in sorted(declared)]


def _declared(config: dict[str, Any]) -> dict[str, Distribution]:
    """Return the distributions of a stored config by dotted key."""
    found: dict[str, Distribution] = {}
    for kind in ("randomizers", "sensors"):
        for name, options in (config.get(kind) or {}).items():
            if options is not None:
                found |= _varied(kind, name, name, options)
    scene = dict(config.get("scene") or {})
    if "family" in scene:
        found |= _varied("scenes", scene.pop("family"), "scene", scene)
    return {
        key: one
        for key, one in found.items()
        if not isinstance(one, Constant) and one.parts == (one,)
    }


def _varied(kind: str, name: str, prefix: str, options: Any) -> dict[str, Distribution]:
    try:
        plugin = registry.load(kind, name)
        return varied_keys(build(plugin.Options, options), prefix)
    except SimkitError:  # a plug-in that is not installed here, or has other keys by now
        return {}


def _scalars(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _scalars(one, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _scalars(one, path)
    else:
        yield path, value


def _key(path: str, declared: dict[str, Distribution]) -> str | None:
    """Return the declared key of a param: the same plug-in's, with the same ending of the name."""
    if path in declared:
        return path
    plugin, _, rest = path.partition(".")
    parts = rest.split(".")
    for start in range(1, len(parts)):
        key = ".".join([plugin, *parts[start:]])
        if key in declared:
            return key
    return None


def _coverage(key: str, declared: Distribution, drawn: dict[Any, int]) -> Coverage:
    if isinstance(declared, Range):
        values = [float(one) for one in drawn if isinstance(one, int | float)]
        whole = getattr(declared, "high", 0) - getattr(declared, "low", 0) + 1
        is_whole = isinstance(declared, Integer)
        bins = int(min(whole, BINS)) if is_whole else BINS
        hit = {min(int(_quantile(declared, one) * bins), bins - 1) for one in values}
        draws = sum(drawn.values()) if is_whole else len(values)
        low, high = (min(values), max(values)) if values else (None, None)
        used = len(hit) / bins
        expected = 1 - (1 - 1 / bins) ** draws
        return _made(key, declared, len(values), low, high, used, expected)
    possible = list(dict.fromkeys(declared.support))
    weights = getattr(declared, "weights", None) or [1.0] * len(declared.support)
    chances = {
        value: sum(w for v, w in zip(declared.support, weights, strict=True) if v == value)
        / sum(weights)
        for value in possible
    }
    draws = sum(drawn.values())
    used = sum(value in drawn for value in possible) / len(possible)
    expected = sum(1 - (1 - chance) ** draws for chance in chances.values()) / len(possible)
    return _made(key, declared, len(drawn), None, None, used, expected)


def _made(
    key: str,
    declared: Distribution,
    drawn: int,
    low: float | None,
    high: float | None,
    used: float,
    expected: float,
) -> Coverage:
    thin = drawn > 0 and used < CLOSE * expected
    return Coverage(key, list(declared.support), drawn, low, high, used, expected, thin)


def _quantile(declared: Range, value: float) -> float:
    """Return the share of a distribution that lies below a value, 0 to 1."""
    low, high = declared.low, declared.high
    if high <= low:
        return 0.0
    if isinstance(declared, LogUniform):
        share = math.log(max(value, low) / low) / math.log(high / low)
    elif isinstance(declared, Normal):
        ends = [float(ndtr((one - declared.mean) / declared.std)) for one in (low, value, high)]
        share = (ends[1] - ends[0]) / max(ends[2] - ends[0], 1e-12)
    elif isinstance(declared, Integer):
        share = (value - low) / (high - low + 1)
    else:
        share = (value - low) / (high - low)
    return min(max(share, 0.0), 1.0)
