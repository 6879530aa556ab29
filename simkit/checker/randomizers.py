"""Checks of randomizers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from simkit.checker.contract import (
    SEEDS,
    Check,
    loaded,
    made,
    make,
    models,
    no_global_randomness,
    require,
    run_all,
    same,
    through_json,
)
from simkit.contracts import STAGES, Params, Randomizer
from simkit.options import varied_keys
from simkit.pipeline import Pipeline
from simkit.randomness import stream
from simkit.scene import Scene

OBJECTS = (3, 5, 0)
"""Numbers of objects of the scenes that are tried; with none, too, nothing may break."""


def check_randomizer(name: str) -> list[Check]:
    """Return what was checked of the randomizer `name`."""
    load, plugin = loaded("randomizers", name, Randomizer)
    if plugin is None:
        return [load]
    build, randomizer = made(plugin)
    if randomizer is None:
        return [load, build]
    checks = {
        "stage is one that there is": _stage_is_valid,
        "sample follows from scene and rng": sample_is_deterministic,
        "sample and apply use no global randomness": _no_global_randomness,
        "params survive JSON": _params_survive_json,
        "apply gives valid scenes": _applies,
        "apply is deterministic": _apply_is_deterministic,
        "scene and params stay as they were": _leaves_inputs,
        "bodies are of known models": _models_are_known,
        "what it draws lies in the declared supports": draws_in_support,
    }
    return [load, build, *run_all(checks, randomizer)]


@cache
def scenes() -> tuple[Scene, ...]:
    """Return complete scenes of the default family, with nothing settled."""
    camera = {"width": 16, "height": 12}
    found = []
    for objects in OBJECTS:
        config = {
            "scene": {"objects": objects},
            "physics": {"enabled": False},
            "labels": [],
            "randomizers": {"camera": camera},
        }
        with Pipeline(config, library=models()) as pipeline:
            found.append(pipeline(0).scene)
    return tuple(found)


def _cases() -> Iterator[tuple[str, Scene, int]]:
    """Yield name, scene and seed; each scene is a copy, for a plug-in may spoil it."""
    for objects, scene in zip(OBJECTS, scenes(), strict=True):
        for seed in SEEDS:
            copied = Scene.from_dict(through_json(scene.to_dict(), "scenes"))
            yield f"seed {seed}, {objects} objects", copied, seed


def _sampled(randomizer: Randomizer, scene: Scene, seed: int) -> Params:
    return randomizer.sample(scene, stream(seed, 0, "check"))


def _stage_is_valid(randomizer: Randomizer) -> str:
    require(randomizer.stage in STAGES, f"'{randomizer.stage}' is not in {STAGES}")
    return randomizer.stage


def sample_is_deterministic(randomizer: Randomizer) -> None:
    other, cases = make(type(randomizer)), list(_cases())
    first = [_sampled(randomizer, scene, seed) for _, scene, seed in cases]
    again = [_sampled(other, scene, seed) for _, scene, seed in reversed(cases)][::-1]
    for (case, _, _), a, b in zip(cases, first, again, strict=True):
        require(same(a, b), f"{case}: another object, asked in another order, draws something else")


def _no_global_randomness(randomizer: Randomizer) -> None:
    with no_global_randomness():
        for _, scene, seed in _cases():
            randomizer.apply(scene, _sampled(randomizer, scene, seed))


def _params_survive_json(randomizer: Randomizer) -> None:
    for case, scene, seed in _cases():
        params = _sampled(randomizer, scene, seed)
        require(isinstance(params, dict), f"sample gives a {type(params).__name__}, not a dict")
        applied, again = (randomizer.apply(scene, one) for one in (params, through_json(params)))
        require(same(applied, again), f"{case}: read back from JSON, params give another scene")


def _applies(randomizer: Randomizer) -> None:
    for case, scene, seed in _cases():
        applied = randomizer.apply(scene, _sampled(randomizer, scene, seed))
        require(isinstance(applied, Scene), f"{case}: gives a {type(applied).__name__}, no Scene")
        read = Scene.from_dict(through_json(applied.to_dict(), f"{case}: scenes"))
        require(same(read, applied), f"{case}: the scene is another once read back from JSON")


def _apply_is_deterministic(randomizer: Randomizer) -> None:
    other, cases = make(type(randomizer)), list(_cases())
    drawn = [_sampled(randomizer, scene, seed) for _, scene, seed in cases]
    tasks = [(scene, params) for (_, scene, _), params in zip(cases, drawn, strict=True)]
    first = [randomizer.apply(scene, params) for scene, params in tasks]
    again = [other.apply(scene, params) for scene, params in reversed(tasks)][::-1]
    for (case, _, _), a, b in zip(cases, first, again, strict=True):
        require(
            same(a, b), f"{case}: the same params, applied in another order, give another scene"
        )


def _leaves_inputs(randomizer: Randomizer) -> None:
    for case, scene, seed in _cases():
        before = through_json(scene.to_dict(), "scenes")
        params = _sampled(randomizer, scene, seed)
        drawn = through_json(params)
        randomizer.apply(scene, params)
        after = through_json(scene.to_dict(), "scenes")
        require(same(after, before), f"{case}: changes the scene it is given; return a new one")
        require(same(through_json(params), drawn), f"{case}: apply changes its params")


def _models_are_known(randomizer: Randomizer) -> None:
    for case, scene, seed in _cases():
        for body in randomizer.apply(scene, _sampled(randomizer, scene, seed)).bodies:
            known = body.model in models()
            require(known, f"{case}: body '{body.name}' is of model '{body.model}', unknown")


def draws_in_support(randomizer: Randomizer) -> str:
    declared, compared = varied_keys(randomizer.options), set()
    for case, scene, seed in _cases():
        for path, value in _scalars(_sampled(randomizer, scene, seed), ""):
            key = _declared_key(path, list(declared))
            if key is None:
                continue
            compared.add(key)
            support = declared[key].support
            inside = declared[key].contains(value)
            require(inside, f"{case}: {path} is {value}, outside of {key}'s support {support}")
    return f"compared: {', '.join(sorted(compared)) or 'none, no param bears a declared name'}"


def _scalars(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) of all single values; list items bear their list's name."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _scalars(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _scalars(one, path)
    else:
        yield path, value


def _declared_key(path: str, declared: list[str]) -> str | None:
    """Return the longest declared key that a param's dotted name ends with."""
    fitting = [key for key in declared if path == key or path.endswith(f".{key}")]
    return max(fitting, key=len, default=None)
