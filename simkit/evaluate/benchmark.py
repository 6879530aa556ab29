"""The named sim-to-real benchmarks, described as data: from a config to a table in one call.

A benchmark is a YAML file in ``simkit/evaluate/benchmarks``, or anywhere else::

    title: Playing cards on phone photos
    config: {scene: {family: planar, images: "{real}/cards/faces"}}
    n: 2000
    seed: 0
    real: {source: "{real}/cards/annotations.json", from: coco, options: []}
    features: efficientnet_lite0
    tasks:
      - {task: detection, options: {...}, protocols: [tstr, trtr], seeds: 3, folds: 5}
    record: {map50_synthetic: detection/TSTR/AP50}

``{real}`` stands for the folder of real data; ``record`` names the figures that are kept:
``TASK/PROTOCOL/METRIC``, or ``gap/MEASURE``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simkit.config import laid_over, load_config, read_yaml
from simkit.dataset.reader import open_dataset
from simkit.errors import ConfigError, did_you_mean
from simkit.evaluate.evaluation import PROTOCOLS, Request, evaluate
from simkit.evaluate.learners import load_learner
from simkit.evaluate.protocols import Settings
from simkit.evaluate.result import Evaluation, Score
from simkit.evaluate.trying import Watch
from simkit.exchange import import_
from simkit.generation import generate

FOLDER = Path(__file__).parent / "benchmarks"

KEYS = ("title", "config", "n", "seed", "real", "features", "tasks", "record", "note")
TASK_KEYS = ("task", "options", "protocols", "seeds", "folds", "group_by", "name")


@dataclass(frozen=True)
class Benchmark:
    """A benchmark as it is described; see the module's docstring."""

    name: str
    title: str
    config: dict[str, Any]
    n: int
    seed: int
    real: dict[str, Any]
    features: str
    tasks: tuple[dict[str, Any], ...]
    record: dict[str, str]
    note: str = ""


def benchmark_names() -> list[str]:
    """Return the names of the benchmarks that come with simkit."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_benchmark(name: str) -> Benchmark:
    """Return a benchmark by its name, or of a YAML file.

    Raises:
        ConfigError: there is none of that name, or a key is missing or unknown.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(
            f"benchmark: '{name}' is unknown; {did_you_mean(name, benchmark_names())}"
        )
    data = read_yaml(path)
    for key in data:
        if key not in KEYS:
            raise ConfigError(f"{path}: {key}: unknown key; {did_you_mean(key, KEYS)}")
    for key in ("title", "config", "n", "real", "tasks"):
        if key not in data:
            raise ConfigError(f"{path}: {key}: is missing")
    for place, task in enumerate(data["tasks"]):
        for key in task:
            if key not in TASK_KEYS:
                where = f"{path}: tasks[{place}].{key}"
                raise ConfigError(f"{where}: unknown key; {did_you_mean(key, TASK_KEYS)}")
    tasks = tuple(dict(one) for one in data["tasks"])
    rest = {key: data[key] for key in ("title", "config", "n", "real")}
    return Benchmark(
        name=path.stem,
        **rest,
        seed=data.get("seed", 0),
        features=data.get("features", ""),
        tasks=tasks,
        record=data.get("record", {}),
        note=data.get("note", ""),
    )


def adjusted(
    benchmark: Benchmark,
    n: int | None = None,
    seeds: int | None = None,
    tasks: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> Benchmark:
    """Return the benchmark with another size: images, seeds, some of its tasks, options laid over theirs.

    Raises:
        ConfigError: it has no such task.
    """
    names = [task_name(one) for one in benchmark.tasks]
    for name in tasks:
        if name not in names:
            raise ConfigError(
                f"tasks: {benchmark.name} has no '{name}'; {did_you_mean(name, names)}"
            )
    kept = []
    for one in benchmark.tasks:
        if tasks and task_name(one) not in tasks:
            continue
        laid = {**one, "options": laid_over(one.get("options", {}), options or {})}
        kept.append({**laid, "seeds": seeds} if seeds else laid)
    return replace(benchmark, n=n or benchmark.n, tasks=tuple(kept))


def task_name(task: Mapping[str, Any]) -> str:
    """Return the name under which a task of a benchmark is reported."""
    return str(task.get("name", task["task"]))


def at_folder(benchmark: Benchmark, real_root: Path) -> Benchmark:
    """Return the benchmark with ``{real}`` replaced by the folder of real data.

    Raises:
        ConfigError: the folder does not hold what is needed.
    """
    made = replace(
        benchmark,
        config=_filled(benchmark.config, real_root),
        real=_filled(benchmark.real, real_root),
        tasks=tuple(_filled(one, real_root) for one in benchmark.tasks),
    )
    source = Path(str(made.real["source"]))
    if not source.exists():
        raise ConfigError(
            f"real: {source} is not there; --real-root (or SIMKIT_REAL) is the folder that has it, "
            "and docs/evaluation.md says where to get it"
        )
    return made


def run_benchmark(
    benchmark: Benchmark,
    out: str | Path,
    overrides: list[str] | None = None,
    making: Callable[[int, int], None] | None = None,
    watch: Watch | None = None,
    commands: tuple[str, ...] = (),
) -> tuple[dict[str, Any], dict[str, Evaluation]]:
    """Return the record of a benchmark, and the evaluation of each task; resumed if it was killed.

    Args:
        benchmark: with its folder of real data, see `at_folder`.
        overrides: ``key=value`` of the config.
    """
    folder = Path(out)
    config = load_config(benchmark.config, overrides or ())
    made = str(folder / "synthetic")
    requests = _requests(benchmark, str(folder / "real"), made)
    for request in requests.values():
        load_learner(request.task, request.options)
    for text in benchmark.record.values():
        figure(text, {})
    about = benchmark.real
    options, licence = about.get("options", ()), about.get("licence", "")
    import_(about["source"], folder / "real", about["from"], options, licence)
    report = generate(config, made, n=benchmark.n, seed=benchmark.seed, progress=making)
    found = {
        name: evaluate(request, folder / name, watch, commands)
        for name, request in requests.items()
    }
    return _record(benchmark, found, made, report.seconds), found


def _requests(benchmark: Benchmark, real: str, made: str) -> dict[str, Request]:
    """Return what is evaluated, by task; the gap metrics go with the first."""
    found: dict[str, Request] = {}
    for task in benchmark.tasks:
        name = task_name(task)
        settings = {key: task[key] for key in ("seeds", "folds", "group_by") if key in task}
        found[name] = Request(
            real=real,
            synthetic=(made,),
            task=task["task"],
            options=task.get("options", {}),
            protocols=tuple(task.get("protocols", PROTOCOLS)),
            settings=Settings(**settings),
            features="" if found else benchmark.features,
            title=f"{benchmark.title}: {name}",
        )
    return found


def _record(
    benchmark: Benchmark, found: Mapping[str, Evaluation], made: str, seconds: Mapping[str, float]
) -> dict[str, Any]:
    scores = [
        {"benchmark_task": name, **_short(score)}
        for name, one in found.items()
        for score in one.scores
    ]
    comparisons = [
        {"benchmark_task": name, **vars(one)}
        for name, each in found.items()
        for one in each.comparisons
    ]
    data = open_dataset(made)
    return {
        "benchmark": benchmark.name,
        "title": benchmark.title,
        **{key: figure(text, found) for key, text in benchmark.record.items()},
        "images": len(data),
        "seed": benchmark.seed,
        "generation_seconds": round(sum(seconds.values()), 1),
        "training_seconds": round(sum(one["seconds"] for one in scores), 1),
        "scores": scores,
        "comparisons": comparisons,
        "measures": [
            {"set": one.name, **one.estimate.as_dict()}
            for each in found.values()
            for one in each.measures
        ],
        "verdicts": [vars(one) for each in found.values() for one in each.verdicts],
        "note": benchmark.note,
    }


def figure(text: str, found: Mapping[str, Evaluation]) -> float | None:
    """Return the figure that ``TASK/PROTOCOL/METRIC`` or ``gap/MEASURE`` names; None if it was not taken.

    Raises:
        ConfigError: it is written otherwise.
    """
    first, *rest = text.split("/")
    if first == "gap" and len(rest) == 1:
        values = [
            one.estimate.value
            for each in found.values()
            for one in each.measures
            if one.estimate.name == rest[0]
        ]
        return values[0] if values else None
    if len(rest) != 2:
        raise ConfigError(f"record: '{text}': write TASK/PROTOCOL/METRIC or gap/MEASURE")
    protocol, metric = rest
    for score in found[first].scores if first in found else ():
        if score.protocol == protocol:
            return score.value if score.metric == metric else score.others.get(metric)
    return None


def write_record(record: Mapping[str, Any], path: Path) -> None:
    """Write a benchmark's record as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")


def _short(score: Score) -> dict[str, Any]:
    return {key: value for key, value in vars(score).items() if key != "name"}


def _filled(value: Any, real_root: Path) -> Any:
    if isinstance(value, str):
        return value.replace("{real}", str(real_root))
    if isinstance(value, Mapping):
        return {key: _filled(one, real_root) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, real_root) for one in value]
    return value
