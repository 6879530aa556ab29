"""The data sets that an evaluation is given, opened so that their labels mean the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simkit.dataset.reader import Dataset, open_dataset
from simkit.errors import ConfigError, DatasetError
from simkit.evaluate.result import SetSummary
from simkit.tasks.examples import Example, Examples, open_examples

DESCRIPTION = "dataset.json"


@dataclass(frozen=True, eq=False)
class Opened:
    """A data set under the name by which tables call it."""

    name: str
    url: str
    role: str
    examples: Examples

    def summary(self) -> SetSummary:
        """Return what is in it; no image is decoded."""
        counts = dict.fromkeys(self.examples.categories, 0)
        for row in self.examples.column("instance_categories"):
            for name in row or ():
                if name in counts:
                    counts[name] += 1
        facts = {"origin": sorted(set(self.examples.column("origin")))}
        images, instances = len(self.examples), sum(counts.values())
        return SetSummary(self.name, self.role, self.url, images, instances, counts, facts)


def open_sets(
    real: str, synthetic: Sequence[str], categories: Sequence[str] = (), where: Sequence[str] = ()
) -> tuple[Opened, list[Opened]]:
    """Return the real set and the synthetic ones, all with the real set's categories.

    Args:
        real: data set of real photos.
        synthetic: data sets; named after their folders.
        categories: those that count; the real set's that are seen in it, if none are named.
        where: conditions on the real set's index.

    Raises:
        DatasetError: a path is no data set (the message says how to import one), or shares no
            category with the real set.
        ConfigError: a set is named twice.
    """
    if not synthetic:
        raise ConfigError("synthetic: name at least one data set")
    for url in (real, *synthetic):
        check_is_data_set(url)
    names = tuple(categories) or _seen(real)
    found = Opened("real", real, "real", open_examples(real, names, where=where))
    made = [
        Opened(name, url, "synthetic", open_examples(url, names))
        for name, url in zip(_names(synthetic), synthetic, strict=True)
    ]
    return found, made


def check_is_data_set(url: str) -> None:
    """Raise `DatasetError` unless a path is a data set; say how to make one of what is there.

    URLs of object stores are not looked at here.
    """
    path = Path(url)
    if "://" in url or (path / DESCRIPTION).is_file():
        return
    if not path.exists():
        raise DatasetError(f"{url}: is not there")
    origin = _format_of(path)
    raise DatasetError(
        f"{url}: is no data set of simkit; make one of it: simkit import {origin[1]} "
        f"--from {origin[0]} --out DIR, then give DIR (docs/formats.md lists what can be imported)"
    )


def _format_of(path: Path) -> tuple[str, Path]:
    """Return the likely format of a folder or file, and what to import."""
    if path.suffix == ".json":
        return "coco", path
    for name in ("annotations.json", "instances.json", "_annotations.coco.json"):
        if (path / name).is_file():
            return "coco", path / name
    if any(path.glob("**/scene_gt.json")) or (path / "rgb").is_dir():
        return "bop", path
    if any(path.glob("*.yaml")):
        return "yolo", path
    return "folder", path


def _seen(real: str) -> tuple[str, ...]:
    """Return the categories of a data set that have an instance, or all if that is not known."""
    data = open_dataset(real)
    names = tuple(data.categories.values())
    if "instance_categories" not in data.index.column_names:
        return names
    seen = {
        name for row in data.index.column("instance_categories").to_pylist() for name in row or ()
    }
    return tuple(name for name in names if name in seen) or names


def _names(urls: Sequence[str]) -> list[str]:
    """Return a short name of each path: its last parts, as many as tell them apart."""
    parts = [[part for part in url.replace("\\", "/").split("/") if part] for url in urls]
    if len({tuple(one) for one in parts}) < len(parts):
        raise ConfigError(f"synthetic: a data set is named twice: {', '.join(urls)}")
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-depth:]) for one in parts]
        if len(set(names)) == len(names):
            return ["synthetic" if name == "real" else name for name in names]
    return list(urls)


def open_images(url: str) -> Examples:
    """Return the images of a data set, whether they have labels or not.

    Raises:
        DatasetError: the path is no data set; the message says how to make one.
    """
    check_is_data_set(url)
    data = open_dataset(url)
    if data.categories:
        return open_examples(url)
    status = data.index.column("status").to_pylist()
    indices = data.index.column("index").to_pylist()
    return Unlabelled(
        [(data, index) for index, one in zip(indices, status, strict=True) if one == "ok"]
    )


class Unlabelled(Examples):
    """Images of a data set without any category."""

    def __init__(self, sources: Sequence[tuple[Dataset, int]]) -> None:
        super().__init__([], ())
        self._images = list(sources)

    def __getitem__(self, place: int) -> Example:  # type: ignore[override]
        record = self.record(place)
        nothing = np.zeros(0, np.int64)
        boxes = np.zeros((0, 4), np.float32)
        return Example(record.rgb, boxes, nothing, nothing.astype(bool), nothing, record)
