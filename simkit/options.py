"""How options are declared, read from plain data, and checked.

An options class is a dataclass whose fields are made with `setting` (one value), `varied` (a
distribution) or `section` (another options class). From the declaration come the checks at load
time, the errors that name the key, and the listing of ``simkit schema``. What one field alone
cannot say is checked in ``__post_init__``, which raises a `ConfigError` that begins with a key.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Container
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, make_dataclass
from functools import partial
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from simkit.distributions import Distribution, parse
from simkit.errors import ConfigError, did_you_mean

T = TypeVar("T")


@dataclass(frozen=True)
class Declared:
    """What is known of one key: for checks, and for people."""

    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    allowed: tuple[Any, ...] | None = None
    varied: bool = False
    whole: bool = False


def setting(
    default: Any,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    allowed: tuple[Any, ...] | list[Any] | None = None,
    help: str = "",
) -> Any:
    """Declare a key with one value. `low` and `high` are included; they apply to list items too."""
    declared = Declared(help, unit, low, high, tuple(allowed) if allowed is not None else None)
    return _field(default, declared)


def varied(
    default: Distribution,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    allowed: tuple[Any, ...] | list[Any] | None = None,
    whole: bool = False,
    help: str = "",
) -> Any:
    """Declare a key with a distribution, whose support must lie in [low, high] or in `allowed`.

    The annotation of such a field is `Distribution`. `whole`: it may only give whole numbers.
    """
    values = tuple(allowed) if allowed is not None else None
    return field(
        default=default,
        metadata={"simkit": Declared(help, unit, low, high, values, varied=True, whole=whole)},
    )


def section(options: type[T], help: str = "") -> T:
    """Declare a key that holds the keys of another options class."""
    made: T = field(default_factory=options, metadata={"simkit": Declared(help)})
    return made


def build(options: type[T], data: Any, path: str = "") -> T:
    """Return an `options` object from plain data; keys that are left out keep their defaults.

    Args:
        options: a dataclass declared with this module.
        data: a mapping, as YAML gives it, or None for all defaults.
        path: the key under which `data` stands, for error messages.

    Raises:
        ConfigError: names the key's full path, what is wrong, and what is allowed.
    """
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path or 'config'}: {data!r} is no mapping; write 'key: value' lines")
    _reject_unknown(options, data, path)
    values = {}
    for key in fields(options):  # type: ignore[arg-type]
        if key.name in data:
            values[key.name] = _read(options, key, data[key.name], _join(path, key.name))
    try:
        return options(**values)
    except ConfigError as error:  # from __post_init__, which knows only its own keys
        raise ConfigError(_join(path, str(error))) from None


def to_config(options: Any) -> dict[str, Any]:
    """Return an options object as plain data that `build` takes back; every key is there."""
    data = {}
    for key in fields(options):
        value = getattr(options, key.name)
        if isinstance(value, Distribution):
            value = value.to_config()
        elif is_dataclass(value):
            value = to_config(value)
        data[key.name] = copy.deepcopy(value)
    return data


def varied_keys(options: Any, path: str = "") -> dict[str, Distribution]:
    """Return the distributions of an options object by dotted key."""
    found = {}
    for key in fields(options):
        value = getattr(options, key.name)
        if isinstance(value, Distribution):
            found[_join(path, key.name)] = value
        elif is_dataclass(value):
            found.update(varied_keys(value, _join(path, key.name)))
    return found


def with_distribution(options: T, key: str, distribution: Distribution) -> T:
    """Return an options object with another distribution at a dotted key."""
    first, _, rest = key.partition(".")
    value = with_distribution(getattr(options, first), rest, distribution) if rest else distribution
    return dataclasses.replace(options, **{first: value})  # type: ignore[type-var]


def draw_all(options: Any, rng: np.random.Generator, skip: Container[str] = ()) -> dict[str, Any]:
    """Return a value of each of an options object's own distributions, drawn as they are declared."""
    return {
        key.name: getattr(options, key.name).sample(rng)
        for key in fields(options)
        if key.metadata["simkit"].varied and key.name not in skip
    }


@dataclass(frozen=True)
class KeyInfo:
    """One line of ``simkit schema``."""

    path: str
    type: str
    default: Any
    declared: Declared


def keys(options: type[Any], path: str = "") -> list[KeyInfo]:
    """Return all keys of an options class with what is declared of them."""
    hints = get_type_hints(options)
    found: list[KeyInfo] = []
    for key in fields(options):
        declared = key.metadata["simkit"]
        if is_dataclass(hints[key.name]):
            found += keys(hints[key.name], _join(path, key.name))
            continue
        default = _default(key)
        if isinstance(default, Distribution):
            default = default.to_config()
        found.append(KeyInfo(_join(path, key.name), _type_name(hints[key.name]), default, declared))
    return found


def _read(options: type[Any], key: dataclasses.Field[Any], value: Any, path: str) -> Any:
    declared: Declared = key.metadata["simkit"]
    hint = get_type_hints(options)[key.name]
    if is_dataclass(hint):
        return build(hint, value, path)  # type: ignore[arg-type]
    if declared.varied:
        return _distribution(value, declared, path)
    value = _typed(options, key.name, value, path)
    _check_value(value, declared, path)
    return value


def _distribution(data: Any, declared: Declared, path: str) -> Distribution:
    try:
        distribution = parse(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    for part in distribution.parts:
        _check_support(part, declared, path)
    return distribution


def _check_support(distribution: Distribution, declared: Declared, path: str) -> None:
    for value in distribution.support:
        if declared.allowed is None and (
            isinstance(value, bool) or not isinstance(value, int | float)
        ):
            raise ConfigError(f"{path}: {value!r} is no number")
        _check_value(value, declared, path)
        if declared.whole and value != int(value):
            raise ConfigError(f"{path}: {value} is no whole number; write {{integer: [low, high]}}")
    if declared.whole and type(distribution).__name__ not in ("Integer", "Choice", "Constant"):
        raise ConfigError(f"{path}: gives fractions; write {{integer: [low, high]}}")


def _typed(options: type[Any], name: str, value: Any, path: str) -> Any:
    """Let OmegaConf check (and where harmless convert) one value against its annotation."""
    try:
        node = OmegaConf.merge(OmegaConf.structured(_twin(options)), {name: value})
        return OmegaConf.to_container(node)[name]  # type: ignore[index, call-overload]
    except (OmegaConfBaseException, ValueError) as error:
        wanted = _type_name(get_type_hints(options)[name])
        deep = getattr(error, "full_key", None)
        inner = path if deep in (None, "", name) else f"{path}{str(deep)[len(name) :]}"
        raise ConfigError(f"{inner}: {value!r} has the wrong type; give {wanted}") from None


def _twin(options: type[Any]) -> type[Any]:
    """Return the dataclass that OmegaConf checks against: the same without its distributions."""
    hints = get_type_hints(options)
    plain = [
        (
            key.name,
            hints[key.name],
            field(default_factory=partial(_default, key)),
        )
        for key in fields(options)
        if not key.metadata["simkit"].varied and not is_dataclass(hints[key.name])
    ]
    return make_dataclass(options.__name__, plain)


def _check_value(value: Any, declared: Declared, path: str) -> None:
    if isinstance(value, list):
        for place, item in enumerate(value):
            _check_value(item, declared, f"{path}[{place}]")
        return
    unit = f" {declared.unit}" if declared.unit else ""
    if declared.allowed is not None and value not in declared.allowed:
        raise ConfigError(
            f"{path}: {value!r} is not allowed; {did_you_mean(value, declared.allowed)}"
        )
    if declared.low is not None and value is not None and not value >= declared.low:
        raise ConfigError(
            f"{path}: {value}{unit} is below {declared.low}{unit}; {_bounds(declared)}"
        )
    if declared.high is not None and value is not None and not value <= declared.high:
        raise ConfigError(
            f"{path}: {value}{unit} is above {declared.high}{unit}; {_bounds(declared)}"
        )


def _bounds(declared: Declared) -> str:
    unit = f" {declared.unit}" if declared.unit else ""
    if declared.high is None:
        return f"give at least {declared.low}{unit}"
    if declared.low is None:
        return f"give at most {declared.high}{unit}"
    return f"give {declared.low} to {declared.high}{unit}"


def _reject_unknown(options: type[Any], data: dict[Any, Any], path: str) -> None:
    names = [key.name for key in fields(options)]
    for key in data:
        if key not in names:
            raise ConfigError(
                f"{_join(path, str(key))}: unknown key; {did_you_mean(str(key), names)}"
            )


def _field(default: Any, declared: Declared) -> Any:
    if isinstance(default, list | dict):
        return field(default_factory=lambda: copy.deepcopy(default), metadata={"simkit": declared})
    return field(default=default, metadata={"simkit": declared})


def _default(key: dataclasses.Field[Any]) -> Any:
    if key.default is not MISSING:
        return copy.deepcopy(key.default)
    assert key.default_factory is not MISSING
    return key.default_factory()


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _type_name(hint: Any) -> str:
    if hint is Distribution:
        return "distribution"
    arguments = [argument for argument in get_args(hint) if argument is not type(None)]
    if not arguments:
        return getattr(hint, "__name__", str(hint))
    if len(arguments) == 1 and type(None) in get_args(hint):
        return f"{_type_name(arguments[0])} or null"
    return f"{getattr(hint, '__name__', str(hint))}[{', '.join(map(_type_name, arguments))}]"
