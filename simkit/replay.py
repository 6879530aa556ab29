"""Making a stored image again, from what its data set says, and comparing it byte by byte."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.config import Config, load_config
from simkit.dataset.describe import describe
from simkit.dataset.differing import differing_paths
from simkit.dataset.encode import Files, encode
from simkit.dataset.reader import Dataset, open_dataset
from simkit.draw import Picture, picture_of_sample
from simkit.errors import ConfigError, DatasetError
from simkit.labels import Annotators
from simkit.pipeline import Pipeline, Sample

RELOCATES = "models."
"""Only keys that begin so may be overridden: the models may lie elsewhere now."""

PATHS_SHOWN = 5
IMAGES = (".png", ".jpg")


@dataclass(frozen=True)
class Difference:
    """One file that is not the same: its suffix, and in what it differs."""

    file: str
    detail: str


@dataclass(frozen=True, eq=False)
class Replay:
    """What came out of making an image again.

    Attributes:
        index: of the image.
        files: number of files that were compared.
        differences: those that are not the same, bit by bit.
        causes: what else is not as it was (versions, renderer, models), one line each.
        picture: the new image with its labels.
    """

    index: int
    files: int
    differences: tuple[Difference, ...]
    causes: tuple[str, ...]
    picture: Picture

    @property
    def identical(self) -> bool:
        """Whether all files are the same."""
        return not self.differences


def replay(url: str | Path, index: int, overrides: Iterable[str] = ()) -> Replay:
    """Make image `index` of a data set again, and compare all its files.

    Args:
        url: the data set's folder.
        index: of the image.
        overrides: ``models.KEY=value``, where the models have moved.

    Raises:
        ConfigError: an override is of another key.
        DatasetError: there is no such image, or it was not made from a config.
    """
    dataset = open_dataset(url)
    config = _config(dataset, list(overrides))
    stored = dataset[index].files
    with Pipeline(config) as pipeline:
        sample = pipeline(index)
        files = _encoded(sample, config)
        now = json.loads(json.dumps(describe(pipeline, 0)))
        picture = picture_of_sample(sample, pipeline.library)
    differences = compare(stored, files)
    causes = _causes(dataset.description, now) if differences else ()
    count = len(set(stored) | set(files))
    return Replay(index, count, tuple(differences), tuple(causes), picture)


def compare(old: Files, new: Files) -> list[Difference]:
    """Return what differs between two sets of files, by suffix."""
    found = []
    for name in sorted(set(old) | set(new)):
        if name not in new:
            found.append(Difference(name, "is not made any more"))
        elif name not in old:
            found.append(Difference(name, "was not there"))
        elif old[name] != new[name]:
            found.append(Difference(name, _detail(name, old[name], new[name])))
    return found


def _config(dataset: Dataset, overrides: list[str]) -> Config:
    for override in overrides:
        if not override.startswith(RELOCATES):
            raise ConfigError(
                f"'{override}': a replay takes no other keys than models.*, where the models have "
                "moved; to change a factor, use simkit preview"
            )
    stored = dataset.description["config"]
    if "scene" not in stored:
        kind = ", ".join(stored) or "something else"
        raise DatasetError(
            f"{dataset.url}: was made by {kind}, not from a config; nothing to replay"
        )
    return load_config(stored, overrides)


def _encoded(sample: Sample, config: Config) -> Files:
    return encode(sample, Annotators(config.run.labels), config.run.output)


def _causes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return what is not as it was when the data set was made."""
    lines = [f"versions: {line}" for line in differing_paths(old["versions"], new["versions"])]
    lines += [f"renderer: {line}" for line in differing_paths(old["renderer"], new["renderer"])]
    hashes = [
        {model["name"]: [model["mesh_hash"], model["collision_hash"]] for model in one["models"]}
        for one in (old, new)
    ]
    changed = [name for name in hashes[0] if hashes[0][name] != hashes[1].get(name)]
    return [*lines, *(f"model '{name}' has changed or is missing" for name in changed)]


def _detail(name: str, old: bytes, new: bytes) -> str:
    if name.endswith(".json"):
        return _json_detail(old, new)
    if name.endswith(IMAGES):
        flags = cv2.IMREAD_UNCHANGED
        arrays = [cv2.imdecode(np.frombuffer(data, np.uint8), flags) for data in (old, new)]
        if any(array is None for array in arrays):
            return "cannot be decoded"
        return _array_detail(np.asarray(arrays[0]), np.asarray(arrays[1]))
    return f"{len(old)} and {len(new)} bytes"


def _json_detail(old: bytes, new: bytes) -> str:
    try:
        values = json.loads(old), json.loads(new)
    except ValueError:
        return "the stored file is damaged: no JSON"
    lines = list(islice(differing_paths(*values), PATHS_SHOWN + 1))
    more = "; ..." if len(lines) > PATHS_SHOWN else ""
    return "; ".join(lines[:PATHS_SHOWN]) + more if lines else "same values, other bytes"


def _array_detail(old: NDArray[Any], new: NDArray[Any]) -> str:
    if old.shape != new.shape:
        return f"shape {old.shape} -> {new.shape}"
    difference = np.abs(old.astype(np.int64) - new.astype(np.int64))
    if not difference.any():
        return "same pixels, other bytes"
    pixels = difference.reshape(*difference.shape[:2], -1).any(axis=2)
    count = int(np.count_nonzero(pixels))
    share = 100 * count / pixels.size
    return f"{count} pixels ({share:.2g}%), by at most {int(difference.max())}"
