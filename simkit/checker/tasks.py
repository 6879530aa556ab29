"""Checks of tasks: contract, determinism, and what scores do, on a tiny set of simkit's own parts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from simkit.checker.contract import (
    Broken,
    Check,
    loaded,
    no_global_randomness,
    require,
    run,
    run_all,
    same,
)
from simkit.generation import generate
from simkit.tasks.contract import Outcome, Task
from simkit.tasks.examples import Examples, open_examples

IMAGES = 4
DRAWN = 12
CHEAP = {"steps": 2, "batch": 2, "device": "cpu", "threads": 1}
"""Options of that name are set so, wherever they stand: what is learnt does not matter here."""

TINY: dict[str, Any] = {
    "seed": 5,
    "models": {"include": ["mug", "spur_gear", "l_bracket"], "collision": "convex_hull"},
    "scene": {"objects": 4},
    "randomizers": {
        "camera": {"width": 96, "height": 72, "distance": [0.3, 0.4]},
        "placement": {"x": [-0.08, 0.08], "y": [-0.08, 0.08]},
    },
    "physics": {"enabled": False},
    "labels": ["identity", "pose", "cam_K", "depth", "mask_visib", "bbox_visib", "visib_fract"],
    "output": {"image_format": "png", "shard_size": IMAGES},
}
"""A set that has what tasks ask for: boxes, masks, depth, poses."""

EXACT = 1e-6


@dataclass
class Case:
    """A task, what it is tried on, and what came of it."""

    task: Task[Any]
    examples: Examples
    predictor: Any
    predictions: Sequence[Any]
    outcome: Outcome


def check_task(name: str) -> list[Check]:
    """Return what was checked of the task `name`."""
    load, plugin = loaded("tasks", name, Task)
    if plugin is None:
        return [load]
    objects: list[Any] = []
    build = run("can be made with default options", lambda: objects.append(made_cheap(plugin)))
    if not objects:
        return [load, build]
    task = objects[0]
    declared = run("says what its scores are", _says_its_metrics, task)
    cases: list[Case] = []
    learn = run("trains, and predicts each image", lambda: cases.append(_case(task)))
    if not cases:
        return [load, build, declared, learn]
    checks: dict[str, Callable[..., str | None]] = {
        "the same seed gives the same predictions": _is_deterministic,
        "uses no global randomness": _no_global_randomness,
        "predictions do not depend on each other": _predicts_each_by_itself,
        "scores are there, and in 0 to 1": _scores_in_range,
        "scores follow the images that are drawn": _scores_follow_the_images,
        "perfect predictions score 1": _perfect_scores_one,
        "failures are worst first, and drawn": _fails_in_order,
        "a saved model predicts the same": _survives_saving,
    }
    return [load, build, declared, learn, *run_all(checks, cases[0])]


def made_cheap(plugin: type[Any]) -> Any:
    """Return a task with default options, but trained for a moment only."""
    kind = getattr(plugin, "Options", None)
    return plugin(_cheap(kind())) if kind is not None else plugin()


def _cheap(options: Any) -> Any:
    changes = {}
    for key in fields(options):
        value = getattr(options, key.name)
        if is_dataclass(value):
            changes[key.name] = _cheap(value)
        elif key.name in CHEAP and isinstance(value, type(CHEAP[key.name])):
            changes[key.name] = CHEAP[key.name]
    return replace(options, **changes)


@cache
def _examples() -> Examples:
    """Return the tiny set; its folder lives as long as this process."""
    folder = tempfile.TemporaryDirectory(prefix="simkit-check-")
    _KEPT.append(folder)
    generate(TINY, Path(folder.name) / "data", n=IMAGES)
    return open_examples(Path(folder.name) / "data", ["l_bracket", "mug", "spur_gear"])


_KEPT: list[Any] = []


def _case(task: Task[Any]) -> Case:
    examples = _examples()
    predictor = task.train(examples, seed=0)
    predict = getattr(predictor, "predict", None)
    require(callable(predict), f"train gives a {type(predictor).__name__} without predict")
    predictions = predictor.predict(examples)
    require(
        len(predictions) == len(examples),
        f"{len(predictions)} predictions of {len(examples)} images",
    )
    outcome = task.outcome(predictions, examples)
    require(len(outcome) == len(examples), f"an outcome of {len(outcome)} images")
    return Case(task, examples, predictor, predictions, outcome)


def _says_its_metrics(task: Task[Any]) -> str:
    names: Any = getattr(task, "metrics", None)
    plain = isinstance(names, tuple) and names and all(isinstance(one, str) for one in names)
    require(bool(plain), f"metrics is {names!r}; give a tuple of names, the deciding one first")
    require("/" not in names[0], f"'{names[0]}': what follows / is a class")
    return ", ".join(names)


def _is_deterministic(case: Case) -> None:
    again = case.task.train(case.examples, seed=0).predict(case.examples)
    require(_same(case.predictions, again), "trained twice with seed 0, it predicts differently")


def _no_global_randomness(case: Case) -> None:
    with no_global_randomness():
        case.task.train(case.examples, seed=1).predict(case.examples)


def _predicts_each_by_itself(case: Case) -> None:
    last = len(case.examples) - 1
    alone = case.predictor.predict(case.examples.subset([last]))
    require(len(alone) == 1, f"{len(alone)} predictions of one image")
    require(
        _same(alone[0], case.predictions[last], 1e-3),
        f"image {last} is predicted differently by itself and after the others",
    )


def _scores_in_range(case: Case) -> str:
    scores = case.outcome.scores()
    lacking = [name for name in case.task.metrics if name not in scores]
    require(not lacking, f"scores lack {', '.join(lacking)}")
    for name in case.task.metrics:
        require(0 <= scores[name] <= 1, f"{name} is {scores[name]}")
    return ", ".join(f"{name} {scores[name]:.3f}" for name in case.task.metrics)


def _scores_follow_the_images(case: Case) -> None:
    count = len(case.examples)
    whole = case.outcome.scores()
    backwards = case.outcome.scores(np.arange(count)[::-1].copy())
    require(_close(whole, backwards), "scores of the same images in another order differ")
    doubled = case.outcome.scores(np.repeat(np.arange(count), 2))
    name = case.task.metrics[0]
    require(abs(doubled[name] - whole[name]) < 0.02, f"{name} changes if each image counts twice")
    for place in range(count):
        alone = case.task.outcome([case.predictions[place]], case.examples.subset([place]))
        require(
            _close(alone.scores(), case.outcome.scores(np.array([place])), missing=True),
            f"scores of image {place} are others than those of an outcome of it alone",
        )


def _perfect_scores_one(case: Case) -> str | None:
    perfect = getattr(case.task, "perfect", None)
    if perfect is None:
        return "not tried: it has no method perfect(examples) that gives the truth as predictions"
    name = case.task.metrics[0]
    score = case.task.outcome(perfect(case.examples), case.examples).scores()[name]
    require(abs(score - 1) < EXACT, f"{name} of the truth is {score}")
    failures = case.task.failures(perfect(case.examples), case.examples)
    require(all(one["cost"] <= EXACT for one in failures), "the truth has failures")
    return None


def _fails_in_order(case: Case) -> None:
    failures = case.task.failures(case.predictions, case.examples)
    costs = [one["cost"] for one in failures]
    require(costs == sorted(costs, reverse=True), "failures are not worst first")
    for rank, one in enumerate(failures):
        require(0 <= one["place"] < len(case.examples), f"place {one['place']} is no image")
        require(isinstance(one["text"], str) and bool(one["text"]), "a failure without a text")
        require(rank >= DRAWN or "drawn" in one, f"failure {rank} is not drawn")
        if "drawn" in one:
            drawn = one["drawn"]
            plain = drawn.ndim == 3 and drawn.shape[2] == 3 and drawn.dtype == np.uint8
            require(plain, f"drawn is {drawn.dtype} {drawn.shape}, not (H, W, 3) uint8")


def _survives_saving(case: Case) -> str | None:
    kind = type(case.predictor)
    if not (hasattr(case.predictor, "save") and hasattr(kind, "load")):
        return "not tried: it has no save and load"
    with tempfile.TemporaryDirectory(prefix="simkit-check-") as folder:
        case.predictor.save(Path(folder) / "model")
        again = kind.load(Path(folder) / "model").predict(case.examples)
    require(_same(case.predictions, again, 1e-3), "saved and loaded, it predicts differently")
    return None


def _same(a: Any, b: Any, tolerance: float = 0.0) -> bool:
    """Return whether predictions are the same, bit by bit, or within a tolerance of their numbers."""
    if tolerance == 0.0:
        return same(list(a), list(b))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.shape != b.shape:
            return False
        if not np.issubdtype(a.dtype, np.floating):
            return bool((a != b).mean() <= tolerance) if a.size else True
        return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance))
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= tolerance
    if is_dataclass(a) and type(a) is type(b):
        names = [key.name for key in fields(a)]
        return all(_same(getattr(a, name), getattr(b, name), tolerance) for name in names)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(_same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    return same(a, b)


def _close(a: dict[str, float], b: dict[str, float], missing: bool = False) -> bool:
    """Return whether scores are the same; with `missing`, those that both have."""
    if not missing and a.keys() != b.keys():
        raise Broken(f"scores have other names: {sorted(a.keys() ^ b.keys())}")
    return all(
        abs(a[name] - b[name]) < EXACT or (np.isnan(a[name]) and np.isnan(b[name]))
        for name in a.keys() & b.keys()
    )
