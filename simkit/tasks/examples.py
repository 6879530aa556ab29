"""Labelled images as tasks see them: of one data set or several, real or made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.dataset.query import select
from simkit.dataset.query import where as rows_where
from simkit.dataset.reader import Dataset, Record, open_dataset
from simkit.errors import DatasetError, did_you_mean


@dataclass(frozen=True, eq=False)
class Example:
    """One image with its labels.

    Attributes:
        image: (H, W, 3) uint8 sRGB.
        boxes: (N, 4) float32 [px], of what is visible: x, y, width, height, pixel-inclusive.
        labels: (N,) int64, places in `Examples.categories`.
        ignored: (N,) bool: crowds and what is hardly visible; neither to be found nor a mistake.
        places: (N,) int64, places of these instances in the record (``record.gt``, masks).
        record: whatever else is stored.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    places: NDArray[np.int64]
    record: Record


class Examples(Sequence[Example]):
    """Images of one or several data sets, in a stated order; an image is decoded when it is asked for.

    Attributes:
        categories: names by label.
        min_visib_fract: instances that are less visible are `Example.ignored`.
    """

    def __init__(
        self,
        sources: Sequence[tuple[Dataset, int]],
        categories: Sequence[str],
        min_visib_fract: float = 0.1,
    ) -> None:
        """Take (data set, index) of each image. Most callers want `open_examples`."""
        self.categories = tuple(categories)
        self.min_visib_fract = min_visib_fract
        self._images = list(sources)
        self._classes = {
            id(data): _classes_of(data, self.categories)
            for data in {id(data): data for data, _ in self._images}.values()
        }

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[Example]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: int) -> Example:  # type: ignore[override]
        record = self.record(place)
        classes = self._classes[id(self._images[place][0])]
        kept = [
            number
            for number, one in enumerate(record.labels["instances"])
            if one.get("bbox_visib") is not None and one["identity"]["category_id"] in classes
        ]
        instances = [record.labels["instances"][number] for number in kept]
        return Example(
            image=record.rgb,
            boxes=np.array([one["bbox_visib"] for one in instances], np.float32).reshape(-1, 4),
            labels=np.array(
                [classes[one["identity"]["category_id"]] for one in instances], np.int64
            ),
            ignored=np.array([self._ignored(one) for one in instances], np.bool_),
            places=np.array(kept, np.int64),
            record=record,
        )

    def record(self, place: int) -> Record:
        """Return the stored image at `place`, undecoded."""
        data, index = self._images[place]
        return data[index]

    @property
    def sources(self) -> list[tuple[Dataset, int]]:
        """(Data set, index) of each image."""
        return list(self._images)

    def column(self, name: str) -> list[Any]:
        """Return a column of the data sets' indices, image by image.

        Raises:
            DatasetError: a data set has no such column.
        """
        values: dict[int, dict[int, Any]] = {}
        for data in {id(data): data for data, _ in self._images}.values():
            table = select(data.index, ["index", name] if name != "index" else ["index"])
            rows = (table.column("index").to_pylist(), table.column(name).to_pylist())
            values[id(data)] = dict(zip(*rows, strict=True))
        return [values[id(data)][index] for data, index in self._images]

    def subset(self, places: Iterable[int]) -> Examples:
        """Return the images at `places`, in that order; one may come several times."""
        return Examples(
            [self._images[place] for place in places], self.categories, self.min_visib_fract
        )

    def __add__(self, other: Examples) -> Examples:
        """Return the images of both; their categories must be the same."""
        if other.categories != self.categories:
            raise DatasetError(
                f"categories differ: {', '.join(self.categories)} and {', '.join(other.categories)}"
            )
        return Examples(self._images + other._images, self.categories, self.min_visib_fract)

    def _ignored(self, instance: dict[str, Any]) -> bool:
        visible = instance.get("visib_fract", {}).get("visib_fract", 1.0)
        return bool(instance.get("iscrowd", False)) or visible < self.min_visib_fract


def open_examples(
    url: str | Path,
    categories: Sequence[str] | None = None,
    *,
    where: str | Iterable[str] = (),
    min_visib_fract: float = 0.1,
) -> Examples:
    """Return the images of a data set.

    Args:
        url: folder or fsspec URL of a data set, made or imported.
        categories: names that count, in the order of their labels; those of the data set if None.
            Instances of others are left out.
        where: conditions on the index, see `simkit.dataset.query.where`.
        min_visib_fract: instances that are less visible are ignored.

    Raises:
        DatasetError: there is no data set, it has none of these categories, or no image is left.
    """
    data = open_dataset(url)
    names = tuple(data.categories.values()) if categories is None else tuple(categories)
    conditions = [where] if isinstance(where, str) else list(where)
    rows = rows_where(data.index, ["status = ok", *conditions])
    if rows.num_rows == 0:
        raise DatasetError(f"{data.url}: no image meets {conditions or 'the data set is empty'}")
    return Examples(
        [(data, index) for index in rows.column("index").to_pylist()], names, min_visib_fract
    )


def _classes_of(data: Dataset, categories: Sequence[str]) -> dict[int, int]:
    """Return labels by category id."""
    found = {
        number: categories.index(name)
        for number, name in data.categories.items()
        if name in categories
    }
    if not found:
        raise DatasetError(
            f"{data.url}: has none of the categories {', '.join(categories)}; "
            f"{did_you_mean(next(iter(categories), ''), data.categories.values())}"
        )
    return found
