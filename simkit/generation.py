"""From a config to a data set on disk, resumable."""

from __future__ import annotations

import json
import platform
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any


from simkit.assets.collision import collision_hash
from simkit.assets.library import Library, load_library
from simkit.assets.primitives import primitives
from simkit.config import FREE_KEYS, Config, load_config
from simkit.dataset.encode import Files, Row
from simkit.dataset.shards import (
    FORMAT,
    Folder,
    finished_shards,
    read_description,
    write_index,
    write_shard,
)
from simkit.errors import DatasetError
from simkit.execute import run
from simkit.pipeline import Pipeline
from simkit.timing import Stopwatch

RECORDED_VERSIONS = (
    "simkit",
    "coacd",
    "embreex",
    "numpy",
    "opencv-python-headless",
    "pybullet",
    "scipy",
    "trimesh",
)
"""Packages whose version may change a byte."""

Progress = Callable[[int, int], None]
"""Called with images done and images in all."""


@dataclass(frozen=True)
class Report:
    """What `generate` did.

    Attributes:
        url: the data set's folder.
        images: images made now; `kept` were there before.
        skipped: samples that failed, see ``on_error``.
        seconds: time by stage, summed over workers.
        warnings: what to know about the models.
    """

    url: str
    images: int
    kept: int
    skipped: int
    seconds: dict[str, float]
    warnings: tuple[str, ...]


def generate(
    config: str | Path | Mapping[str, Any] | Config | None,
    out: str | Path,
    n: int | None = None,
    seed: int | None = None,
    overrides: Iterable[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Make a data set, or go on with one that was begun with the same config and seed.

    Args:
        config: a YAML file, plain data, a `Config`, or None for all defaults.
        out: folder or fsspec URL.
        n, seed: number of images and seed, in place of the config's.
        overrides: ``key=value`` strings, see `load_config`.
        progress: called after each batch.

    Raises:
        ConfigError, AssetError, DatasetError: before any work.
        SimkitError: a sample cannot be made, or the disk is full; complete shards stay, and the
            same call goes on from there.
    """
    given = {"n": n, "seed": seed}
    extra = [f"{key}={value}" for key, value in given.items() if value is not None]
    checked = load_config(config, [*overrides, *extra])
    library = load_library(checked.run.models).merged(primitives())
    folder = Folder(str(out))
    stopwatch = Stopwatch()
    with stopwatch.stage("prepare"):
        description = describe(checked, library)
    _begin(folder, description)
    todo = _missing_shards(folder, checked)
    images = sum(len(indices) for indices in todo.values())
    skipped = 0
    batches = [batch for indices in todo.values() for batch in _by_scene(indices, checked)]
    pending: dict[int, dict[int, tuple[Files, Row]]] = defaultdict(dict)
    made = 0
    for done in run(checked, batches, library):
        for stage, seconds in done.seconds.items():
            stopwatch.seconds[stage] += seconds
        for index, files, row in done.samples:
            number = index // checked.run.output.shard_size
            pending[number][index] = files, row
            skipped += not files
            if len(pending[number]) == len(todo[number]):
                with stopwatch.stage("write"):
                    complete = pending.pop(number)
                    write_shard(folder, number, [complete[i] for i in sorted(complete)])
        made += len(done.samples)
        if progress is not None:
            progress(made, images)
    with stopwatch.stage("write"):
        write_index(folder, _shard_count(checked))
    kept = checked.run.n - images
    seconds = dict(stopwatch.seconds)
    return Report(folder.url, images, kept, skipped, seconds, library.warnings)


def describe(config: Config, library: Library) -> dict[str, Any]:
    """Return what ``dataset.json`` holds: all that decides the samples, and where they come from.

    It also makes the collision shapes, so that workers find them in the cache.
    """
    resolved = config.to_dict()
    for key in FREE_KEYS:
        resolved.pop(key)
    with Pipeline(config, library=library) as pipeline:
        renderer = pipeline.renderer
        drawn_by = {
            "backend": config.backend,
            "driver": renderer.driver,
            "ignores": list(renderer.ignores),
        }
    models = [_describe_model(name, library, config) for name in library.names()]
    licences = sorted({model["licence"] for model in models if model["licence"]})
    return {
        "format": FORMAT,
        "count": config.run.n,
        "seed": config.run.seed,
        "origin": "simulated",
        "config": resolved,
        "renderer": drawn_by,
        "versions": {
            **{name: version(name) for name in RECORDED_VERSIONS},
            "machine": platform.machine(),
        },
        "licences": licences,
        "warnings": list(library.warnings),
        "models": models,
    }


def _describe_model(name: str, library: Library, config: Config) -> dict[str, Any]:
    model = library[name]
    settles = config.run.physics.enabled
    return {
        "name": name,
        "obj_id": model.obj_id,
        "category": model.category,
        "category_id": model.category_id,
        "diameter": model.diameter,
        "symmetries_discrete": model.symmetries_discrete,
        "symmetries_continuous": model.symmetries_continuous,
        "mesh_hash": model.mesh.content_hash,
        "collision_hash": collision_hash(library.collision(name)) if settles else None,
        "licence": model.licence,
        "source": model.source,
    }


def _begin(folder: Folder, description: dict[str, Any]) -> None:
    """Write the description, or check that the folder's is the same but for the count."""
    new = json.loads(json.dumps(description))
    if folder.exists("dataset.json"):
        old = read_description(folder)
        if new["count"] < old["count"]:
            raise DatasetError(
                f"{folder.url}: holds {old['count']} images, more than the {new['count']} asked for; "
                "give another folder, or at least as many"
            )
        differences = _differences({**old, "count": 0}, {**new, "count": 0}, "")
        if differences:
            raise DatasetError(
                f"{folder.url}: was begun differently: {'; '.join(differences[:4])}. Give another "
                "folder, or go on with what it was begun with"
            )
    elif any(name.startswith("shard-") for name in folder.names()):
        raise DatasetError(f"{folder.url}: holds shards but no dataset.json; give an empty folder")
    folder.remove_partial()
    text = json.dumps(new, indent=1, sort_keys=True)
    folder.write("dataset.json", text.encode())


def _missing_shards(folder: Folder, config: Config) -> dict[int, list[int]]:
    """Return the indices of each shard that is not there, or is there with fewer images."""
    size, finished = config.run.output.shard_size, finished_shards(folder)
    missing = {}
    for number in range(_shard_count(config)):
        indices = list(range(number * size, min((number + 1) * size, config.run.n)))
        if finished.get(number) != len(indices):
            missing[number] = indices
    return missing


def _shard_count(config: Config) -> int:
    return -(-config.run.n // config.run.output.shard_size)


def _by_scene(indices: list[int], config: Config) -> Iterator[list[int]]:
    views = config.run.views_per_scene
    for _, group in groupby(indices, key=lambda index: index // views):
        yield list(group)


def _differences(old: Any, new: Any, path: str) -> list[str]:
    """Return 'key: old, now new' for all that differs between two JSON values."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted(set(old) | set(new)):
            inner = f"{path}.{key}" if path else key
            found += _differences(old.get(key), new.get(key), inner)
        return found
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [line for i, (a, b) in pairs for line in _differences(a, b, f"{path}[{i}]")]
    return [] if old == new else [f"{path} was {_short(old)}, now {_short(new)}"]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
