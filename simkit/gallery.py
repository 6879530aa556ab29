"""Contact sheets that show what each plug-in does: one factor swept, all else fixed.

A scene family's sheet has its first scenes. A randomizer's or sensor's sheet has a row for each of
its keys: the same image, with that key at values across its support. A swept key draws as often as
before, so that nothing else of the image changes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit import registry
from simkit.assets.library import Library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import load_furnished
from simkit.config import laid_over, read_yaml
from simkit.distributions import Choice, Constant, Distribution, Integer, LogUniform, Uniform, parse
from simkit.draw import Pixels, contact_sheet
from simkit.errors import PluginError, SimkitError, did_you_mean
from simkit.options import KeyInfo, keys
from simkit.pipeline import Pipeline

KINDS = ("scenes", "randomizers", "sensors")
STEPS = 5
SIZE = {"width": 200, "height": 150}
FAMILY_SIZE = {"width": 320, "height": 240}
SCENES_SHOWN = 6


@dataclass(frozen=True)
class Sweep:
    """One key's row: (what it is set to in a config, how it is called) of each picture."""

    key: str
    values: tuple[tuple[Any, str], ...]


def chosen(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return (kind, name) of the plug-ins that are named; all that there are if none is.

    Raises:
        PluginError: a name is not registered.
    """
    known = [(kind, name) for kind in KINDS for name in registry.names(kind)]
    wanted, there = list(names), [name for _, name in known]
    for name in wanted:
        if name not in there:
            hint = did_you_mean(name, there)
            raise PluginError(f"'{name}' is no scene family, randomizer or sensor; {hint}")
    return [(kind, name) for kind, name in known if not wanted or name in wanted]


def sheet(kind: str, name: str, base: str | Path | None = None) -> Pixels | str:
    """Return a plug-in's sheet, or why there is none.

    Args:
        kind: one of `KINDS`.
        name: as registered.
        base: a config that the sheet starts from; None for the defaults.
    """
    plain = laid_over(_BASE, _STARTS.get(name, _NEAR if kind == "sensors" else {}))
    start = laid_over(plain, read_yaml(Path(base)) if base is not None else {})
    try:
        if kind == "scenes":
            return _family_sheet(name, start)
        return _sweep_sheet(kind, name, start)
    except SimkitError as error:
        return f"no sheet: {error}"


def _family_sheet(name: str, start: Mapping[str, Any]) -> Pixels:
    larger = {"randomizers": {"camera": FAMILY_SIZE}}
    with Pipeline(laid_over(laid_over(start, larger), {"scene": {"family": name}})) as pipeline:
        pictures = [pipeline(index).picture for index in range(SCENES_SHOWN)]
    return contact_sheet(pictures, 3, [f"{name}, scene {k}" for k in range(SCENES_SHOWN)])


def _sweep_sheet(kind: str, name: str, start: Mapping[str, Any]) -> Pixels | str:
    library = load_furnished(ModelOptions())
    pictures, captions = [], []
    for sweep in sweeps(registry.load(kind, name).Options):
        for value, text in sweep.values:
            changed = _with(start, [kind, name, *sweep.key.split(".")], value)
            pictures.append(_picture(changed, library, name))
            captions.append(f"{name}.{sweep.key} = {text}")
        missing = STEPS - len(sweep.values)
        pictures += [np.full((8, 8, 3), 32, np.uint8)] * missing
        captions += [""] * missing
    return contact_sheet(pictures, STEPS, captions) if pictures else "no key that can be swept"


def sweeps(options: type[Any]) -> list[Sweep]:
    """Return the rows of a plug-in's sheet: keys that vary, and those with a choice."""
    swept = [one for one in keys(options) if one.path != "every"]
    return [Sweep(one.path, values) for one in swept if (values := tuple(_values(one)))]


def _values(key: KeyInfo) -> Iterator[tuple[Any, str]]:
    if key.declared.varied:
        yield from _across(parse(key.default))
    elif key.declared.allowed is not None:
        yield from ((value, str(value)) for value in key.declared.allowed[:STEPS])
    elif isinstance(key.default, bool):
        yield from ((value, json.dumps(value)) for value in (False, True))


def _across(distribution: Distribution) -> Iterator[tuple[Any, str]]:
    """Yield values across a support, each as a distribution that draws as often as the given one."""
    if isinstance(distribution, Choice):
        for value in tuple(dict.fromkeys(distribution.values))[:STEPS]:
            yield Choice((value,)).to_config(), str(value)
        return
    if isinstance(distribution, Constant):
        return
    low, high = distribution.support
    if isinstance(distribution, Integer):
        for whole in sorted({round(one) for one in np.linspace(low, high, STEPS)}):
            yield Integer(whole, whole).to_config(), str(whole)
        return
    if isinstance(distribution, LogUniform):
        values = np.exp(np.linspace(math.log(low), math.log(high), STEPS))
    else:
        values = np.linspace(low, high, STEPS)
    for value in np.clip(values, low, high).tolist():
        yield Uniform(value, value).to_config(), f"{value:.3g}"


def _picture(config: Mapping[str, Any], library: Library, name: str) -> Pixels:
    """Return the first image, or what sensor `name` measures in it."""
    with Pipeline(config, library=library) as pipeline:
        sample = pipeline(0)
        measured = list(pipeline.images) if name in config["sensors"] else []
        if not measured:
            return sample.picture
        image = sample.images[measured[0]]
    return _depth_picture(image) if image.dtype == np.float32 else np.atleast_3d(image)


def _depth_picture(depth: NDArray[np.float32]) -> Pixels:
    """Return depth (H, W) [m] as colours, near ones bright; black where there is none."""
    near, far = np.quantile(depth[depth > 0], [0.02, 0.98]) if (depth > 0).any() else (0.0, 1.0)
    shade = np.clip((far - depth) / max(far - near, 1e-6), 0, 1) * 255
    colors = cv2.applyColorMap(shade.astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    return np.ascontiguousarray(colors * (depth > 0)[..., None], dtype=np.uint8)


def _with(config: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a config with one key set, whatever stood there."""
    first, *rest = path
    inner = config.get(first) or {}
    return {**config, first: _with(inner, rest, value) if rest else value}


_BASE: dict[str, Any] = {
    "seed": 3,
    "labels": [],
    "scene": {},
    "randomizers": {"camera": SIZE},
    "sensors": {},
}

_CALM: dict[str, Any] = {
    "scene": {"objects": 6},
    "randomizers": {
        "placement": {"x": [-0.15, 0.15], "y": [-0.15, 0.15]},
        "material": {"background": "plain", "saturation": [0.0, 0.3], "value": [0.5, 0.8]},
    },
}
_NEAR = laid_over(_CALM, {"randomizers": {"camera": {"distance": 0.45}}})
_STARTS: dict[str, dict[str, Any]] = {
    "backdrop": {"scene": {"family": "flying"}},
    "dynamics": laid_over(_CALM, {"scene": {"objects": 12}}),
    "environment": laid_over(
        _CALM, {"scene": {"room": "none"}, "randomizers": {"environment": {"kind": "sky"}}}
    ),
    "joints": {"scene": {"family": "robot_cell"}},
    "light": laid_over(_CALM, {"randomizers": {"light": {"kind": "spot"}}}),
    "placement": laid_over(_CALM, {"scene": {"objects": 10}}),
    "room": laid_over(_CALM, {"randomizers": {"camera": {"distance": 1.4, "elevation_deg": 15}}}),
    "scale": _CALM,
}
"""What a sheet starts from, where the default scene would not show much."""
