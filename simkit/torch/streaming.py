"""Samples that are rendered while a model trains: no disk, no epochs, no image twice."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from simkit import registry
from simkit.assets.library import Library, load_library
from simkit.config import Config, load_raw, resolve
from simkit.contracts import SceneFamily
from simkit.errors import ConfigError, SimkitError
from simkit.pipeline import Pipeline
from simkit.sensors import Sensors
from simkit.torch.progress import Done, Share
from simkit.torch.sources import MadeSource
from simkit.torch.targets import Layout, Tensors, Transform, classes_of

log = logging.getLogger(__name__)

MAX_WORKERS = 1024
"""Workers that count apart from each other."""

_BORN_IN = os.getpid()
"""The process that imported this module; in a forked one it is another."""


class StreamingDataset(torch.utils.data.IterableDataset[Any]):
    """Endless samples of a config, each rendered in the ``DataLoader``'s worker that yields it.

    Sample i has the tensors, bit for bit, that `simkit.torch.Dataset` gives of image i of the data set
    that ``simkit generate`` makes of the same config and seed. Labels that are not asked for are not
    computed. Workers must be spawned (``multiprocessing_context="spawn"``).

    A pass begins after what is done. Without workers that is all that was yielded; with workers, who
    work ahead, it is what `mark_done` was told. What ``on_error=skip`` skips is in `skipped`.

    Args:
        config: a YAML file, plain data, a `Config`, or None for all defaults; its ``labels`` are those
            that `labels` needs, its ``n`` is not read.
        seed: in place of the config's.
        labels, box_format, image_dtype, min_visib_fract, transform: see `simkit.torch.Dataset`.
        overrides: ``key=value`` strings.
        start, stop: range of indices; without `stop` there is no end.
        rank, world_size: of this process, if several train together. Scenes are dealt out to the
            ranks, and a rank's to its workers.

    Raises:
        ConfigError: the config or an argument is wrong.

    Attributes:
        config: as it was checked.
    """

    def __init__(
        self,
        config: str | Path | Mapping[str, Any] | Config | None = None,
        seed: int | None = None,
        labels: Iterable[str] = ("boxes", "labels"),
        *,
        overrides: Iterable[str] = (),
        start: int = 0,
        stop: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        box_format: str = "xyxy",
        image_dtype: torch.dtype = torch.uint8,
        min_visib_fract: float = 0.0,
        transform: Transform | None = None,
    ) -> None:
        if start < 0 or (stop is not None and stop < start):
            raise ConfigError(f"start, stop: {start}, {stop} is no range of indices")
        if not 0 <= rank < world_size:
            raise ConfigError(f"rank: {rank} is not in 0 to world_size - 1 = {world_size - 1}")
        raw = load_raw(config, overrides)
        raw |= {} if seed is None else {"seed": seed}
        checked = resolve(raw)
        self._layout = Layout(
            tuple(labels), box_format, image_dtype, min_visib_fract, _images(checked)
        )
        self.config = resolve({**checked.to_dict(), "labels": self._layout.annotators})
        self._transform = transform
        run = self.config.run
        in_scene = run.views_per_scene * run.frames_per_view
        self._share = Share(rank, world_size, in_scene, start, stop)
        self._done = Done()
        self._told = False
        self._counts = torch.zeros(MAX_WORKERS, 2, dtype=torch.int64).share_memory_()

    @property
    def categories(self) -> tuple[str, ...]:
        """Names by class (``labels``), sorted by category id; loads the models."""
        return self._names.categories

    @property
    def keypoint_names(self) -> dict[str, tuple[str, ...]]:
        """Names of the points along K of ``keypoints``, by category that has some; loads the models."""
        return self._names.keypoints

    @property
    def part_names(self) -> dict[int, tuple[str, str]]:
        """(What it is a part of, its name) by its id in ``part_map``; loads the models."""
        return self._names.parts

    @cached_property
    def _names(self) -> _Names:
        return _names_of(self.config)

    @property
    def skipped(self) -> int:
        """Samples that could not be made, by all workers."""
        return int(self._counts[:, 1].sum())

    def __iter__(self) -> Iterator[Any]:
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        if os.getpid() != _BORN_IN:
            raise SimkitError(
                "StreamingDataset: this process was forked, which renderers and physics do not "
                'survive; give the DataLoader multiprocessing_context="spawn"'
            )
        before = self._done.begin
        with Pipeline(self.config) as pipeline:
            classes = classes_of(pipeline.library.categories())
            points = pipeline.library.keypoint_names()
            for position in self._share.positions(worker, workers, self._done):
                tensors = self._make(pipeline, classes, points, self._share.index(position), worker)
                self._done.add(before, position)  # for this worker the others' are done, too
                before = position + 1
                if tensors is not None:
                    self._counts[worker % MAX_WORKERS, 0] += 1
                    yield tensors if self._transform is None else self._transform(tensors)

    def mark_done(self, indices: torch.Tensor | Iterable[int]) -> None:
        """Remember that samples were used: call it with ``batch["index"]`` after each step.

        Raises:
            ConfigError: an index is another rank's.
        """
        for index in torch.as_tensor(indices).flatten().tolist():
            position = self._share.position(index)
            if position is None:
                raise ConfigError(f"mark_done: image {index} is not of rank {self._share.rank}")
            self._done.add(position, position)
        self._told = True

    def state_dict(self) -> dict[str, Any]:
        """Return what is done, as plain data; it holds for any number of workers.

        Raises:
            SimkitError: workers yielded samples, but nothing was told to `mark_done`.
        """
        if not self._done.ranges and not self._told and int(self._counts[:, 0].sum()):
            raise SimkitError(
                "StreamingDataset: workers yielded samples, but which were used is not known; call "
                'mark_done(batch["index"]) after each step'
            )
        return {**self._identity(), "done": [list(one) for one in self._done.ranges]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after what is done; in a new process, or with another number of workers.

        Raises:
            ConfigError: the state is of another config, seed, rank or world size.
        """
        for key, value in self._identity().items():
            if state[key] != value:
                raise ConfigError(
                    f"load_state_dict: {key} is {value}, the state's is {state[key]}; make the stream "
                    "as it was, or begin a new one with start="
                )
        self._done = Done(state["done"])
        self._counts.zero_()
        self._told = False

    def _identity(self) -> dict[str, Any]:
        """Return what decides which sample is whose, whatever is asked of it."""
        config = {**self.config.identity(), "labels": None, "output": None}
        text = json.dumps(config, sort_keys=True)
        return {
            "config": hashlib.sha256(text.encode()).hexdigest()[:16],
            "seed": self.config.run.seed,
            "rank": self._share.rank,
            "world_size": self._share.world_size,
        }

    def _make(
        self,
        pipeline: Pipeline,
        classes: Mapping[int, int],
        points: Mapping[str, tuple[str, ...]],
        index: int,
        worker: int,
    ) -> Tensors | None:
        """Return a sample's tensors; None if it is skipped."""
        run = self.config.run
        try:
            sample = pipeline(index)
            source = MadeSource(sample, self._layout.instance_annotators, run.output)
            return self._layout.tensors(source, classes, points)
        except SimkitError as error:
            if run.on_error == "stop":
                raise type(error)(f"sample {index}: {error}") from error
            log.warning("sample %d is skipped: %s", index, error)
            self._counts[worker % MAX_WORKERS, 1] += 1
            return None


def _images(config: Config) -> dict[str, str]:
    """Return kind (`simkit.sensors.OUTPUTS`) by name of the images that a config's sensors measure."""
    nothing = Library(())
    sensors = {
        name: registry.load("sensors", name)(options, nothing)
        for name, options in config.sensors.items()
    }
    return Sensors(sensors).outputs


@dataclass(frozen=True)
class _Names:
    """What a config's models are called: little to send to a worker."""

    categories: tuple[str, ...]
    keypoints: dict[str, tuple[str, ...]]
    parts: dict[int, tuple[str, str]]


def _names_of(config: Config) -> _Names:
    family: type[SceneFamily] = registry.load("scenes", config.family)
    more = family.furnish(config.family_options, config.run.distractors)
    library = load_library(config.run.models).merged(more)
    parts = {
        number: (model.whole, part)
        for name, model in library.items()
        if model.obj_id > 0
        for part, number in zip(model.part_names, library.part_ids(name), strict=True)
    }
    return _Names(tuple(library.categories().values()), library.keypoint_names(), parts)
