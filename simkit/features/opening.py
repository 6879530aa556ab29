"""From ``onnx:model.onnx?size=224`` to an extractor."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from urllib.parse import parse_qsl

import yaml

from simkit import registry
from simkit.errors import ConfigError
from simkit.features.contract import Extractor
from simkit.options import build

DEFAULT = "efficientnet_lite0"

FILE = "file"
"""The key of the options that the text after the colon sets."""


def open_features(text: str = DEFAULT) -> Extractor:
    """Return an extractor by its name, with options.

    Args:
        text: ``NAME``, ``NAME:FILE``, ``NAME?key=value&key=value`` or all of it together, as
            ``onnx:model.onnx?size=224``. Values are YAML.

    Raises:
        PluginError: nothing is registered by that name.
        ConfigError: an option is unknown or wrong, or the file is missing that it needs.
        AssetError: its weights or packages are missing.
    """
    name, options = parsed(text)
    plugin: type[Extractor] = registry.load("features", name)
    takes_file = FILE in {one.name for one in fields(plugin.Options)}
    if FILE in options and not takes_file:
        raise ConfigError(f"features: '{name}' takes no file; write {name}?key=value")
    if takes_file and not options.get(FILE):
        raise ConfigError(f"features: '{name}' needs a file; write {name}:FILE")
    return plugin(build(plugin.Options, options, f"features.{name}"))


def parsed(text: str) -> tuple[str, dict[str, Any]]:
    """Return name and options of ``NAME:FILE?key=value``.

    >>> parsed("onnx:model.onnx?size=224")
    ('onnx', {'file': 'model.onnx', 'size': 224})
    """
    head, _, query = text.partition("?")
    name, colon, file = head.partition(":")
    options: dict[str, Any] = {FILE: file} if colon else {}
    pairs = parse_qsl(query, keep_blank_values=True)
    if query and len(pairs) != query.count("&") + 1:
        raise ConfigError(f"features: '{text}': write options as key=value&key=value")
    for key, value in pairs:
        try:
            options[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ConfigError(f"features: '{text}': {key}: {value!r} cannot be read") from None
    return name.strip(), options
