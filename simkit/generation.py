"""From a config to a data set on disk, resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from simkit.assets.primitives import load_furnished
from simkit.config import Config, load_config
from simkit.dataset.describe import describe
from simkit.dataset.filling import Filling
from simkit.dataset.shards import Folder
from simkit.execute import run
from simkit.pipeline import Pipeline
from simkit.timing import Stopwatch

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
    library = load_furnished(checked.run.models)
    stopwatch = Stopwatch()
    with stopwatch.stage("prepare"), Pipeline(checked, library=library) as pipeline:
        description = describe(pipeline, checked.run.n)
    filling = Filling(Folder(str(out)), description, checked.run.output.shard_size)
    made = skipped = 0
    batches = [batch for indices in filling.todo.values() for batch in _by_scene(indices, checked)]
    for done in run(checked, batches, library):
        stopwatch.add(done.seconds)
        filling.add(done.samples)
        made += len(done.samples)
        skipped += sum(not files for _, files, _ in done.samples)
        if progress is not None:
            progress(made, filling.images)
    filling.finish()
    stopwatch.add(filling.stopwatch.seconds)
    kept = checked.run.n - filling.images
    return Report(str(out), made, kept, skipped, dict(stopwatch.seconds), library.warnings)


def _by_scene(indices: list[int], config: Config) -> Iterator[list[int]]:
    views = config.run.views_per_scene * config.run.frames_per_view
    for _, group in groupby(indices, key=lambda index: index // views):
        yield list(group)
