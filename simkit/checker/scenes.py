"""Checks of scene families."""

from __future__ import annotations

from simkit import registry
from simkit.checker.contract import (
    SEEDS,
    Check,
    loaded,
    made,
    make,
    no_global_randomness,
    require,
    run_all,
    same,
    through_json,
)
from simkit.contracts import Params, SceneFamily
from simkit.randomness import stream
from simkit.scene import Scene


def check_scene_family(name: str) -> list[Check]:
    """Return what was checked of the scene family `name`."""
    load, plugin = loaded("scenes", name, SceneFamily)
    if plugin is None:
        return [load]
    build, family = made(plugin)
    if family is None:
        return [load, build]
    checks = {
        "sample follows from the rng": _sample_is_deterministic,
        "sample and build use no global randomness": _no_global_randomness,
        "params survive JSON": _params_survive_json,
        "build gives valid scenes": _builds_scenes,
        "build is deterministic": _build_is_deterministic,
        "bodies are of known models": _models_are_known,
        "its default randomizers are registered": _randomizers_are_registered,
    }
    return [load, build, *run_all(checks, family)]


def _sampled(family: SceneFamily, seed: int) -> Params:
    return family.sample(stream(seed, 0, "check"))


def _sample_is_deterministic(family: SceneFamily) -> None:
    other = make(type(family))
    first = [_sampled(family, seed) for seed in SEEDS]
    again = [_sampled(other, seed) for seed in reversed(SEEDS)][::-1]
    for seed, a, b in zip(SEEDS, first, again, strict=True):
        require(
            same(a, b), f"seed {seed}: another object, asked in another order, draws {b}, not {a}"
        )


def _no_global_randomness(family: SceneFamily) -> None:
    with no_global_randomness():
        for seed in SEEDS:
            family.build(_sampled(family, seed))


def _params_survive_json(family: SceneFamily) -> None:
    for seed in SEEDS:
        params = _sampled(family, seed)
        require(isinstance(params, dict), f"sample gives a {type(params).__name__}, not a dict")
        read = through_json(params)
        require(
            same(family.build(params), family.build(read)),
            f"seed {seed}: build gives another scene once params have been written and read",
        )


def _builds_scenes(family: SceneFamily) -> str:
    counts = []
    for seed in SEEDS:
        scene = family.build(_sampled(family, seed))
        require(isinstance(scene, Scene), f"build gives a {type(scene).__name__}, not a Scene")
        require(same(Scene.from_dict(through_json(scene.to_dict(), "scenes")), scene), _NOT_PLAIN)
        counts.append(len(scene.labelled()))
    return f"{', '.join(map(str, counts))} labelled bodies"


def _build_is_deterministic(family: SceneFamily) -> None:
    for seed in SEEDS:
        params = _sampled(family, seed)
        before = through_json(params)
        first, again = family.build(params), make(type(family)).build(params)
        require(same(first, again), f"seed {seed}: the same params give two scenes")
        require(same(through_json(params), before), f"seed {seed}: build changes its params")


def _models_are_known(family: SceneFamily) -> None:
    for seed in SEEDS:
        for body in family.build(_sampled(family, seed)).bodies:
            known = body.model in family.library
            require(known, f"seed {seed}: body '{body.name}' is of model '{body.model}', unknown")


def _randomizers_are_registered(family: SceneFamily) -> None:
    unknown = [name for name in family.randomizers if name not in registry.names("randomizers")]
    require(not unknown, f"not registered: {', '.join(unknown)}")


_NOT_PLAIN = "a scene is not the same once it has been written to JSON and read; use plain numbers"
