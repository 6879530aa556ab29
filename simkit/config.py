"""Configs: YAML, overrides on the command line, and the checked result.

The keys are those of `RunOptions`, and four that name plug-ins: ``scene`` (``family`` and the
family's options), ``randomizers`` (options by name; null turns a default one off), ``sensors`` (by
name, too) and ``render`` (``backend`` and its options; ``auto`` becomes the name of what it stands
for on this machine). No order in a config means anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from simkit import registry
from simkit.assets.options import ModelOptions
from simkit.errors import ConfigError, did_you_mean
from simkit.labels import DEFAULT_LABELS, Annotators
from simkit.options import KeyInfo, build, keys, section, setting, to_config
from simkit.physics import PhysicsOptions
from simkit.randomness import MAX_SEED, check_seed
from simkit.render.selection import select_renderer

DEFAULT_FAMILY = "tabletop"
AUTO = "auto"
"""The renderer that `simkit.render.selection` chooses for this machine: the default."""

FREE_KEYS = ("n", "workers", "on_error")
"""Keys that may change between two runs into the same folder: they change no sample."""


@dataclass
class OutputOptions:
    """What is written."""

    shard_size: int = setting(
        100, unit="images", low=1, help="images a shard; a kill loses at most the shards in work"
    )
    image_format: str = setting("jpg", allowed=("jpg", "png"), help="of colour images")
    jpeg_quality: int = setting(95, low=1, high=100, help="for jpg; chroma is not subsampled")
    depth_scale: float = setting(
        0.1, unit="mm", low=1e-3, high=100, help="a step of the 16-bit depth image"
    )


@dataclass
class RunOptions:
    """All keys but those of plug-ins."""

    seed: int = setting(0, low=0, high=MAX_SEED, help="of all random streams; 0 is a seed")
    n: int = setting(100, unit="images", low=1, help="number of images")
    workers: int = setting(1, low=1, high=1024, help="processes; changes no sample")
    on_error: str = setting(
        "stop", allowed=("stop", "skip"), help="skip: leave out samples that fail, and record why"
    )
    views_per_scene: int = setting(1, low=1, high=10000, help="views of each settled scene")
    frames_per_view: int = setting(
        1, low=1, high=100000, help="images of each view's sequence; 1: no time passes"
    )
    frame_rate: float = setting(24.0, unit="1/s", low=1e-3, high=1e5, help="of a sequence's frames")
    labels: list[str] = setting(list(DEFAULT_LABELS), help="annotators, see simkit schema")
    models: ModelOptions = section(ModelOptions, help="where 3D models come from")
    distractors: ModelOptions = section(
        ModelOptions, help="a second pool, of models that hide others and are never labelled"
    )
    physics: PhysicsOptions = section(PhysicsOptions, help="how bodies settle")
    output: OutputOptions = section(OutputOptions, help="what is written")


@dataclass(frozen=True)
class Config:
    """A checked config: every key has a value.

    Attributes:
        run: keys that belong to no plug-in.
        family, family_options: the scene family and its options.
        randomizers: options by name.
        sensors: options by name.
        backend, backend_options: the renderer and its options.
    """

    run: RunOptions
    family: str
    family_options: Any
    randomizers: dict[str, Any]
    sensors: dict[str, Any]
    backend: str
    backend_options: Any

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `resolve` takes back; every key is there."""
        defaults = _defaults(self.family)
        turned_off = {name: None for name in defaults if name not in self.randomizers}
        turned_on = {name: to_config(one) for name, one in self.randomizers.items()}
        return {
            **to_config(self.run),
            "scene": {"family": self.family, **to_config(self.family_options)},
            "randomizers": {**turned_off, **turned_on},
            "sensors": {name: to_config(one) for name, one in self.sensors.items()},
            "render": {"backend": self.backend, **to_config(self.backend_options)},
        }

    def identity(self) -> dict[str, Any]:
        """Return `to_dict` without the keys that change no sample (`FREE_KEYS`)."""
        return {key: value for key, value in self.to_dict().items() if key not in FREE_KEYS}


def load_config(
    source: str | Path | Mapping[str, Any] | Config | None = None, overrides: Iterable[str] = ()
) -> Config:
    """Return a checked config.

    Args:
        source: a YAML file, plain data, a `Config`, or None for all defaults.
        overrides: ``key=value`` strings with dotted keys; values are YAML.

    Raises:
        ConfigError: names the key's full path, or the file and line; says what is allowed.
    """
    return resolve(load_raw(source, overrides))


def load_raw(
    source: str | Path | Mapping[str, Any] | Config | None = None, overrides: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a config's plain data as it was written, with overrides; nothing else is checked."""
    if isinstance(source, Config):
        source = source.to_dict()
    try:
        raw = read_yaml(Path(source)) if isinstance(source, str | Path) else dict(source or {})
        node = OmegaConf.create(raw)
        for key, value in _overrides(overrides):
            OmegaConf.update(node, key, value, merge=False)
        data = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException as error:
        place = f"{error.full_key}: " if getattr(error, "full_key", None) else ""
        raise ConfigError(f"{place}{str(error).splitlines()[0]}") from None
    return dict(data)  # type: ignore[arg-type]


def laid_over(start: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Return one nested mapping laid over another; lists and single values are replaced."""
    result = dict(start)
    for key, value in top.items():
        inner = result.get(key)
        deep = isinstance(value, Mapping) and isinstance(inner, Mapping)
        result[key] = laid_over(inner, value) if deep else value  # type: ignore[arg-type]
    return result


def resolve(data: Mapping[Any, Any]) -> Config:
    """Return the checked config of plain data; see `load_config`."""
    plugins = ("scene", "randomizers", "sensors", "render")
    known = [*RunOptions.__dataclass_fields__, *plugins]
    for key in data:
        if key not in known:
            raise ConfigError(f"{key}: unknown key; {did_you_mean(str(key), known)}")
    run = build(RunOptions, {key: value for key, value in data.items() if key not in plugins})
    check_seed(run.seed)
    family, family_options = _plugin("scenes", "scene", "family", DEFAULT_FAMILY, data)
    backend, backend_options = _plugin("renderers", "render", "backend", AUTO, data)
    randomizers = _by_name("randomizers", data.get("randomizers"), _defaults(family))
    sensors = _by_name("sensors", data.get("sensors"))
    for name in sorted(set(sensors) & set(randomizers)):
        raise ConfigError(f"sensors.{name}: a randomizer has that name, too; turn one of them off")
    _check_camera(family, list(randomizers))
    _check_labels(run.labels, backend)
    return Config(run, family, family_options, randomizers, sensors, backend, backend_options)


def schema() -> list[KeyInfo]:
    """Return every key that a config may have, those of all registered plug-ins included."""
    found = keys(RunOptions)
    for kind, prefix, name_key in (
        ("scenes", "scene", "family"),
        ("renderers", "render", "backend"),
    ):
        for name in registry.names(kind):
            options = registry.load(kind, name).Options
            found += keys(options, f"{prefix}({name_key}={name})")
    for kind in ("randomizers", "sensors"):
        for name in registry.names(kind):
            found += keys(registry.load(kind, name).Options, f"{kind}.{name}")
    return found


def read_yaml(path: Path) -> dict[str, Any]:
    """Return what a YAML file holds; `ConfigError` names file and line where it is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as a config: {error}") from None
    try:
        data = OmegaConf.create(text) if text.strip() else OmegaConf.create({})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{path}{line}: no valid YAML: {getattr(error, 'problem', error)}"
        ) from None
    if not isinstance(data, DictConfig) or not isinstance(yaml.safe_load(text), dict | None):
        raise ConfigError(f"{path}: holds no mapping; write 'key: value' lines")
    return dict(OmegaConf.to_container(data))  # type: ignore[arg-type]


def _overrides(overrides: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Yield key and value of ``key=value`` strings; a value takes the place of what stands there."""
    for item in overrides:
        key, equals, _ = item.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"'{item}': is no override; write key=value, e.g. randomizers.light=null"
            )
        try:
            value = OmegaConf.from_dotlist([item])
        except yaml.YAMLError as error:
            problem = getattr(error, "problem", None) or error
            raise ConfigError(f"'{item}': its value is no valid YAML: {problem}") from None
        for part in key.split("."):
            value = value[part]
        yield key, value


def _plugin(
    kind: str, key: str, name_key: str, default: str, data: Mapping[Any, Any]
) -> tuple[str, Any]:
    """Return the name of the plug-in that ``data[key][name_key]`` names, and its options."""
    node = data.get(key)
    if node is None:
        node = {}
    if not isinstance(node, dict):
        raise ConfigError(
            f"{key}: {node!r} is no mapping; write '{name_key}: NAME' and its options"
        )
    name = node.get(name_key, default)
    if kind == "renderers" and name == AUTO:
        name = select_renderer()
    if name not in registry.names(kind):
        allowed = did_you_mean(
            str(name), [*registry.names(kind), *([AUTO] if kind == "renderers" else [])]
        )
        raise ConfigError(f"{key}.{name_key}: '{name}' is not registered; {allowed}")
    options = {other: value for other, value in node.items() if other != name_key}
    return name, build(registry.load(kind, name).Options, options, key)


def _defaults(family: str) -> dict[str, dict[str, Any]]:
    """Return what a family has its randomizers do, by name."""
    named = registry.load("scenes", family).randomizers
    return {name: dict(named[name]) if isinstance(named, Mapping) else {} for name in named}


def _by_name(
    kind: str, node: Any, defaults: Mapping[str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Return the options of the plug-ins that ``data[kind]`` names, and of those on by default."""
    defaults = defaults or {}
    if node is None:
        node = {}
    if not isinstance(node, dict):
        raise ConfigError(f"{kind}: {node!r} is no mapping; write 'NAME: {{options}}' lines")
    for name in node:
        if name not in registry.names(kind):
            allowed = did_you_mean(str(name), registry.names(kind))
            raise ConfigError(f"{kind}.{name}: is not registered; {allowed}")
    options = {}
    for name in [*defaults, *(name for name in node if name not in defaults)]:
        if name in node and node[name] is None:
            continue
        plugin: type[Any] = registry.load(kind, name)
        own = node.get(name, {})
        laid = {**defaults.get(name, {}), **own} if isinstance(own, dict) else own
        options[name] = build(plugin.Options, laid, f"{kind}.{name}")
    return options


def _check_camera(family: str, randomizers: list[str]) -> None:
    plugins = [registry.load("scenes", family)]
    plugins += [registry.load("randomizers", name) for name in randomizers]
    if not any(plugin.places_camera for plugin in plugins):
        known = registry.names("randomizers")
        able = [name for name in known if registry.load("randomizers", name).places_camera]
        raise ConfigError(
            f"randomizers: none of them places a camera; add one of {', '.join(able)}"
        )


def _check_labels(labels: list[str], backend: str) -> None:
    for name in labels:
        if name not in registry.names("annotators"):
            allowed = did_you_mean(str(name), registry.names("annotators"))
            raise ConfigError(f"labels: '{name}' is not registered; {allowed}")
    offered = registry.load("renderers", backend).channels
    missing = Annotators(labels).channels - offered
    if missing:
        raise ConfigError(
            f"labels: they need the channels {sorted(missing)}, which render.backend={backend} "
            f"does not give; it gives {sorted(offered)}"
        )
