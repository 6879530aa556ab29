"""What is in a data set, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from simkit.dataset.reader import Dataset
from simkit.dataset.shards import Folder
from simkit.errors import DatasetError

HISTOGRAM_EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Of the visible fraction; 0 is counted by itself."""

COLUMNS = ("status", "categories", "instance_categories", "instance_visib_fract")


@dataclass(frozen=True)
class Summary:
    """What ``simkit inspect`` says.

    Attributes:
        images: that can be read; `wanted` were asked for; `failed` were skipped.
        size: of all files [bytes].
        instances: number of instances by category, most first.
        images_with: number of images by category.
        visibility: number of instances by bin of ``visib_fract``, as (text, number).
    """

    images: int
    wanted: int
    failed: int
    size: int
    instances: dict[str, int]
    images_with: dict[str, int]
    visibility: list[tuple[str, int]]

    @property
    def finished(self) -> bool:
        """Whether all images that were asked for are there or were skipped."""
        return self.images + self.failed == self.wanted


def summarize(dataset: Dataset) -> Summary:
    """Return a data set's numbers; reads its index alone."""
    index = _index(dataset)
    rows = (
        index.select([c for c in COLUMNS if c in index.column_names]).to_pylist() if index else []
    )
    readable = [row for row in rows if row["status"] == "ok"]
    instances: Counter[str] = Counter()
    images_with: Counter[str] = Counter()
    fractions: list[float] = []
    for row in readable:
        instances.update(row.get("instance_categories") or [])
        images_with.update(row.get("categories") or [])
        fractions += row.get("instance_visib_fract") or []
    return Summary(
        images=len(readable),
        wanted=int(dataset.description["count"]),
        failed=len(rows) - len(readable),
        size=_size(Folder(dataset.url)),
        instances=dict(instances.most_common()),
        images_with=dict(images_with),
        visibility=_histogram(fractions),
    )


def _index(dataset: Dataset) -> pa.Table | None:
    """Return the index, or None while no shard is finished."""
    try:
        return dataset.index
    except DatasetError:
        return None


def _size(folder: Folder) -> int:
    return sum(int(folder.fs.size(folder.path(name)) or 0) for name in folder.names())


def _histogram(fractions: list[float]) -> list[tuple[str, int]]:
    if not fractions:
        return []
    values: Any = np.array(fractions)
    bins = [("not visible", int(np.count_nonzero(values == 0)))]
    for low, high in pairwise(HISTOGRAM_EDGES):
        count = int(np.count_nonzero((values > low) & (values <= high)))
        bins.append((f"{100 * low:.0f} to {100 * high:.0f}%", count))
    return bins
