"""What an ablation changes: named sets of overrides of a config, written by hand or derived from it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simkit.config import Config, load_config, read_yaml
from simkit.distributions import (
    Choice,
    Constant,
    Distribution,
    Given,
    Integer,
    LogUniform,
    Normal,
    Range,
    Uniform,
)
from simkit.errors import ConfigError
from simkit.options import varied_keys

AUTO, KEYS = "auto", "keys"


@dataclass(frozen=True)
class Factor:
    """One thing that is changed, all else being as in the baseline.

    Attributes:
        overrides: value by dotted key; None turns a plug-in off.
        text: what is done, in words.
    """

    name: str
    overrides: dict[str, Any]
    text: str = ""

    def strings(self) -> list[str]:
        """Return the overrides as ``key=value``."""
        return [f"{key}={json.dumps(value)}" for key, value in self.overrides.items()]


def factors_of(config: Config, source: str | Path) -> list[Factor]:
    """Return the factors of a config.

    Args:
        source: a YAML file that maps names to overrides (``{key: value}`` or a list of ``key=value``),
            ``auto`` (each randomizer, each sensor and the scene family held still), or ``keys``
            (each key that varies held still by itself).

    Raises:
        ConfigError: the file is wrong, a key is unknown, or a factor changes nothing.
    """
    if str(source) == AUTO:
        found = _plugins_held(config)
    elif str(source) == KEYS:
        found = _keys_held(config)
    else:
        found = _read(Path(source))
    if not found:
        raise ConfigError(f"factors: {source}: there is nothing to change in this config")
    before = config.identity()
    for factor in found:
        try:
            after = load_config(config, factor.strings()).identity()
        except ConfigError as error:
            raise ConfigError(f"factors: {factor.name}: {error}") from None
        if after == before:
            raise ConfigError(f"factors: {factor.name}: changes nothing of the baseline")
    return found


def middle_of(distribution: Distribution) -> Distribution:
    """Return the distribution narrowed to the middle of its support.

    That is the geometric mean of a `LogUniform`, the mean of a `Normal` (within its ends), the likeliest
    value of a `Choice`; what depends on another parameter depends on it still, without a spread.
    """
    if isinstance(distribution, Constant):
        return distribution
    if isinstance(distribution, Choice):
        weights = distribution.weights or (1.0,) * len(distribution.values)
        return Constant(distribution.values[weights.index(max(weights))])
    if isinstance(distribution, Given):
        middle = sum(distribution.spread) / 2
        cases = tuple((case, middle_of(one)) for case, one in distribution.cases)
        rest = distribution.otherwise
        return Given(
            distribution.of,
            distribution.knots,
            (middle, middle),
            cases,
            None if rest is None else middle_of(rest),
        )
    if isinstance(distribution, LogUniform):
        return Constant(math.sqrt(distribution.low * distribution.high))
    if isinstance(distribution, Normal):
        return Constant(min(max(distribution.mean, distribution.low), distribution.high))
    if isinstance(distribution, Integer):
        return Constant((distribution.low + distribution.high) // 2)
    if isinstance(distribution, Uniform | Range):
        return Constant((distribution.low + distribution.high) / 2)
    return distribution


def _plugins_held(config: Config) -> list[Factor]:
    found = []
    for name, keys in _varied(config).items():
        held = _held(keys)
        if held:
            text = f"{name} held still: {_listed(held)}"
            found.append(Factor(f"no_{name.split('.')[-1]}", held, text))
    for name in config.sensors:
        key = f"sensors.{name}"
        found = [one for one in found if not all(k.startswith(f"{key}.") for k in one.overrides)]
        found.append(Factor(f"no_{name}", {key: None}, f"{key} turned off"))
    return found


def _keys_held(config: Config) -> list[Factor]:
    found = []
    for keys in _varied(config).values():
        for key, value in _held(keys).items():
            name = key.removeprefix("randomizers.").replace(".", "_")
            found.append(Factor(f"fixed_{name}", {key: value}, f"{key} held at {value}"))
    for name in config.sensors:
        found.append(Factor(f"no_{name}", {f"sensors.{name}": None}, f"sensors.{name} turned off"))
    return found


def _varied(config: Config) -> dict[str, dict[str, Distribution]]:
    """Return the distributions by plug-in and dotted key."""
    found = {"scene": varied_keys(config.family_options, "scene")}
    for kind, plugins in (("randomizers", config.randomizers), ("sensors", config.sensors)):
        for name, options in plugins.items():
            found[f"{kind}.{name}"] = varied_keys(options, f"{kind}.{name}")
    return found


def _held(keys: Mapping[str, Distribution]) -> dict[str, Any]:
    """Return what holds each key that really varies at its middle."""
    middles = {key: middle_of(one) for key, one in keys.items()}
    return {
        key: one.to_config()
        for key, one in middles.items()
        if one.to_config() != keys[key].to_config() and len(set(keys[key].support)) > 1
    }


def _listed(held: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.split('.')[-1]}={value}" for key, value in held.items())


def _read(path: Path) -> list[Factor]:
    if not path.is_file():
        raise ConfigError(f"factors: {path}: is no file; give a YAML file, '{AUTO}' or '{KEYS}'")
    found = []
    for name, body in read_yaml(path).items():
        if isinstance(body, list) and all(isinstance(one, str) and "=" in one for one in body):
            found.append(Factor(str(name), dict(_pair(one) for one in body), "; ".join(body)))
        elif isinstance(body, Mapping) and body:
            text = "; ".join(f"{key}={json.dumps(value)}" for key, value in body.items())
            found.append(Factor(str(name), dict(body), text))
        else:
            raise ConfigError(
                f"factors: {path}: {name}: write a mapping of dotted keys to values, or a list of "
                "key=value"
            )
    return found


def _pair(text: str) -> tuple[str, Any]:
    import yaml

    key, _, value = text.partition("=")
    return key, yaml.safe_load(value)
