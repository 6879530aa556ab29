"""Checks of annotators."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

from simkit import registry
from simkit.checker.contract import (
    Broken,
    Check,
    loaded,
    models,
    no_global_randomness,
    require,
    run,
    run_all,
    same,
)
from simkit.errors import PluginError
from simkit.labels import KINDS, Annotator, Annotators, View
from simkit.options import build
from simkit.pipeline import Pipeline
from simkit.raycast import RayCaster
from simkit.render import CHANNELS, Frame
from simkit.render.selection import EMBEDDED
from simkit.scene import Camera, Scene

PARAMS = {"stereo": {"baseline": 0.05}}
"""What plug-ins that an annotator may read from would have decided."""

OBJECTS = (4, 0)
"""Numbers of objects of the scenes that are tried; with none, too, nothing may break."""


@dataclass(frozen=True, eq=False)
class Case:
    """An annotator before a rendered scene, with the labels that it requires."""

    plugin: type[Annotator]
    view: View
    labels: Mapping[str, Any]

    def value(self) -> Any:
        """Return the label, by a new object."""
        return self.plugin().annotate(self.view, self.labels)

    def __str__(self) -> str:
        return f"{len(self.view.instances)} objects"


def check_annotator(name: str) -> list[Check]:
    """Return what was checked of the annotator `name`."""
    load, plugin = loaded("annotators", name, Annotator)
    if plugin is None:
        return [load]
    declared = run_all(
        {
            "kind is one that there is": _kind_is_valid,
            "channels are ones that there are": _channels_are_valid,
            "what it requires is registered": _requires_registered,
            "has a docstring": _has_docstring,
        },
        plugin,
    )
    if not all(check.passed for check in declared[:3]):
        return [load, *declared]
    cases: list[Case] = []
    prepared = run("runs on rendered scenes", lambda: cases.extend(_cases(name, plugin)))
    if not prepared.passed:
        return [load, *declared, prepared]
    checks = {
        "values are as its kind says": _values_fit_kind,
        "values are deterministic": _is_deterministic,
        "uses no global randomness": _no_global_randomness,
        "frame and labels stay as they were": _leaves_inputs,
    }
    return [load, *declared, prepared, *run_all(checks, cases)]


def _kind_is_valid(plugin: type[Annotator]) -> str:
    require(plugin.kind in KINDS, f"'{plugin.kind}' is not in {KINDS}")
    return plugin.kind


def _channels_are_valid(plugin: type[Annotator]) -> str:
    unknown = set(plugin.channels) - set(CHANNELS)
    require(not unknown, f"there are no channels {sorted(unknown)}; there are {sorted(CHANNELS)}")
    return ", ".join(sorted(plugin.channels))


def _requires_registered(plugin: type[Annotator]) -> str:
    require(
        isinstance(plugin.requires, tuple), f"requires is {plugin.requires!r}, no tuple of names"
    )
    unknown = [name for name in plugin.requires if name not in registry.names("annotators")]
    require(not unknown, f"not registered: {', '.join(unknown)}")
    return ", ".join(plugin.requires)


def _has_docstring(plugin: type[Annotator]) -> None:
    said = plugin.__doc__ is not None and bool(inspect.cleandoc(plugin.__doc__))
    require(said, "say what the value is, with units and shape: simkit's reference shows it")


def _cases(name: str, plugin: type[Annotator]) -> list[Case]:
    """Return rendered scenes with just the labels that the annotator requires; tries it on each."""
    needed = Annotators([name]).channels
    cases = []
    for rendered in _views(_renderer_with(needed), needed | {"rgb"}):
        frame = Frame({name: array.copy() for name, array in rendered.frame.channels.items()})
        view = replace(rendered, frame=frame)  # a plug-in may spoil it
        offered = Annotators(plugin.requires).annotate(view)
        labels = {required: offered[required] for required in plugin.requires}
        cases.append(Case(plugin, view, labels))
        cases[-1].value()
    return cases


def _renderer_with(channels: frozenset[str]) -> str:
    """Return the name of a renderer that gives all these channels."""
    others = [name for name in registry.names("renderers") if name not in EMBEDDED]
    for name in (*EMBEDDED, *others):
        try:
            if channels <= registry.load("renderers", name).channels:
                return name
        except PluginError:
            continue  # it misses a package; another one may do
    raise Broken(f"no renderer here gives {sorted(channels)}")


def _drawn(backend: str, scene: Scene, camera: Camera, channels: Iterable[str]) -> Frame:
    """Return what a renderer of its own draws, for annotators that look from elsewhere."""
    plugin = registry.load("renderers", backend)
    renderer = plugin(build(plugin.Options, {}), models())
    try:
        frame: Frame = renderer.render(scene, camera, channels)
        return frame
    finally:
        renderer.close()


@cache
def _views(backend: str, channels: frozenset[str]) -> tuple[View, ...]:
    views = []
    for objects in OBJECTS:
        config = {
            "scene": {"objects": objects},
            "physics": {"enabled": False},
            "labels": [],
            "randomizers": {"camera": {"width": 96, "height": 72}},
            "render": {"backend": backend},
        }
        with Pipeline(config, library=models()) as pipeline:
            scene = pipeline(0).scene
            assert scene.camera is not None
            frame = pipeline.renderer.render(scene, scene.camera, channels)
            views.append(
                View(
                    scene, scene.camera, frame, models(), RayCaster(models()), PARAMS,
                    draw=partial(_drawn, backend),
                )
            )  # fmt: skip
    return tuple(views)


def _values_fit_kind(cases: list[Case]) -> str:
    kind = cases[0].plugin.kind
    for case in cases:
        value = case.value()
        if kind == "array":
            fits = isinstance(value, np.ndarray) and not value.dtype.hasobject
            require(fits, f"{case}: kind 'array' needs a plain numpy array, not {_type_of(value)}")
        if kind == "instance":
            count = len(case.view.instances)
            is_list = isinstance(value, list | tuple)
            require(is_list, f"{case}: kind 'instance' needs a list, not {_type_of(value)}")
            require(len(value) == count, f"{case}: {len(value)} values for {count} labelled bodies")
        if kind in ("instance", "image"):
            _require_json(value, str(case))
    return kind


def _require_json(value: Any, case: str) -> None:
    try:
        json.dumps(value, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Broken(f"{case}: the value is no JSON: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON")


def _type_of(value: Any) -> str:
    return (
        f"{type(value).__name__} of {value.dtype}"
        if hasattr(value, "dtype")
        else type(value).__name__
    )


def _is_deterministic(cases: list[Case]) -> None:
    first = [case.value() for case in cases]
    again = [case.value() for case in reversed(cases)][::-1]
    for case, a, b in zip(cases, first, again, strict=True):
        require(same(a, b), f"{case}: the same view gives two values")


def _no_global_randomness(cases: list[Case]) -> None:
    with no_global_randomness():
        for case in cases:
            case.value()


def _leaves_inputs(cases: list[Case]) -> None:
    for case in cases:
        frame = copy.deepcopy(case.view.frame.channels)
        labels = copy.deepcopy(dict(case.labels))
        case.value()
        unchanged = same(frame, case.view.frame.channels)
        require(unchanged, f"{case}: changes the frame it is given; copy it")
        require(
            same(labels, dict(case.labels)), f"{case}: changes the labels it requires; copy them"
        )
