"""Filling a data set's folder shard by shard, from wherever its samples come; resumable."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from simkit.dataset.differing import differing_paths
from simkit.dataset.encode import Files, Row
from simkit.dataset.shards import (
    Folder,
    finished_shards,
    read_description,
    write_index,
    write_shard,
)
from simkit.errors import DatasetError
from simkit.timing import Stopwatch


class Filling:
    """A run that fills a folder.

    Args:
        folder: where to.
        description: what ``dataset.json`` is to say; all but ``count`` must be as in a run before.
        shard_size: images a shard.

    Raises:
        DatasetError: the folder holds another data set, or more images than ``count``.

    Attributes:
        todo: indices of each shard that is missing, by shard number.
    """

    def __init__(self, folder: Folder, description: dict[str, Any], shard_size: int) -> None:
        self._folder = folder
        self._shard_size = shard_size
        self._count: int = description["count"]
        self._pending: dict[int, dict[int, tuple[Files, Row]]] = defaultdict(dict)
        self.stopwatch = Stopwatch()
        _begin(folder, description)
        self.todo = self._missing()

    @property
    def images(self) -> int:
        """Number of images that are missing."""
        return sum(len(indices) for indices in self.todo.values())

    def add(self, samples: Iterable[tuple[int, Files, Row]]) -> None:
        """Take finished samples (index, files, row) in any order; write the shards that they complete."""
        for index, files, row in samples:
            number = index // self._shard_size
            self._pending[number][index] = files, row
            if len(self._pending[number]) == len(self.todo[number]):
                with self.stopwatch.stage("write"):
                    complete = self._pending.pop(number)
                    write_shard(self._folder, number, [complete[i] for i in sorted(complete)])

    def finish(self) -> None:
        """Write the index; all samples must have been added."""
        if self._pending:
            raise DatasetError(f"{self._folder.url}: shards {sorted(self._pending)} are incomplete")
        with self.stopwatch.stage("write"):
            write_index(self._folder, self._shards)

    @property
    def _shards(self) -> int:
        return -(-self._count // self._shard_size)

    def _missing(self) -> dict[int, list[int]]:
        size, finished, missing = self._shard_size, finished_shards(self._folder), {}
        for number in range(self._shards):
            indices = list(range(number * size, min((number + 1) * size, self._count)))
            if finished.get(number) != len(indices):
                missing[number] = indices
        return missing


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
        differences = list(differing_paths({**old, "count": 0}, {**new, "count": 0}))
        if differences:
            raise DatasetError(
                f"{folder.url}: was begun differently: {'; '.join(differences[:4])}. Give another "
                "folder, or go on with what it was begun with"
            )
    elif any(name.startswith("shard-") for name in folder.names()):
        raise DatasetError(f"{folder.url}: holds shards but no dataset.json; give an empty folder")
    folder.remove_partial()
    folder.write("dataset.json", json.dumps(new, indent=1, sort_keys=True).encode())
