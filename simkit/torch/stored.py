"""A data set on disk as a map-style data set of PyTorch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from simkit.dataset.query import where as rows_where
from simkit.dataset.reader import Record, open_dataset
from simkit.errors import ConfigError, DatasetError
from simkit.torch.shards import Shards
from simkit.torch.sources import StoredSource
from simkit.torch.targets import Layout, Transform, classes_of

OPEN_SHARDS = 64


class Dataset(torch.utils.data.Dataset[Any]):
    """Images of a data set on disk, simulated or imported, with those of its labels that are asked for.

    ``dataset[k]`` is a dict of tensors: ``image`` (3, H, W), ``index`` (the image's number in the data
    set; k counts images that were not skipped), and `labels`, see `simkit.torch.TARGETS`. Workers of a
    ``DataLoader`` may be forked or spawned.

    Args:
        url: folder or fsspec URL.
        labels: what is wanted.
        box_format: ``xyxy`` or ``xywh``; x, y is the first pixel, x + width the edge behind the last.
        image_dtype: ``torch.uint8`` sRGB, or a floating type in [0, 1].
        min_visib_fract: instances that are less visible are left out, as are those not visible at all.
        where: conditions on the index, see `simkit.dataset.query.where`; ``scene_index < 900`` splits
            a data set so that no scene is torn apart.
        transform: is given each dict at last, in the worker.
        open_shards: so many shards' tables of contents are kept.

    Raises:
        ConfigError: an argument is wrong.
        DatasetError: there is no data set, or its first image lacks a label that is asked for.

    Attributes:
        categories: names by class (``labels``), sorted by category id.
        keypoint_names: of the points along K of ``keypoints``, by category that has some.
        part_names: (what it is a part of, its name) by its id in ``part_map``.
        indices: (len,) int64, numbers of the images.
    """

    def __init__(
        self,
        url: str | Path,
        labels: Iterable[str] = ("boxes", "labels"),
        *,
        box_format: str = "xyxy",
        image_dtype: torch.dtype = torch.uint8,
        min_visib_fract: float = 0.0,
        where: str | Iterable[str] = (),
        transform: Transform | None = None,
        open_shards: int = OPEN_SHARDS,
    ) -> None:
        if open_shards < 1:
            raise ConfigError(f"open_shards: {open_shards} is below 1")
        data = open_dataset(url)
        description = data.description
        self.url = data.url
        self._images = {
            str(name): str(kind) for name, kind in dict(description.get("images") or {}).items()
        }
        self._layout = Layout(tuple(labels), box_format, image_dtype, min_visib_fract, self._images)
        self._transform = transform
        self.categories = tuple(data.categories.values())
        self._classes = classes_of(data.categories)
        self.keypoint_names = {
            str(category): tuple(names)
            for category, names in dict(description.get("keypoints") or {}).items()
        }
        self.part_names = {
            int(number): (str(one["whole"]), str(name))
            for one in description.get("models", ())
            for name, number in one.get("parts", {}).items()
        }
        conditions = [where] if isinstance(where, str) else list(where)
        rows = rows_where(data.index, ["status = ok", *conditions])
        if rows.num_rows == 0:
            raise DatasetError(
                f"{data.url}: no image meets {conditions or 'the data set is empty'}"
            )
        # arrays of numbers, not objects: workers that are forked share their memory
        self.indices = rows.column("index").to_numpy()
        self._keys = np.array(rows.column("key").to_pylist(), dtype=np.bytes_)
        self._shard_names = np.array(rows.column("shard").to_pylist(), dtype=np.bytes_)
        self._sizes = np.stack([rows.column(name).to_numpy() for name in ("height", "width")], 1)
        self._shards = Shards(data.url, open_shards)
        self._tensors(0)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, place: int) -> Any:
        if not -len(self) <= place < len(self):
            raise IndexError(f"{self.url}: has {len(self)} images, none at {place}")
        tensors = self._tensors(place)
        return tensors if self._transform is None else self._transform(tensors)

    def _tensors(self, place: int) -> dict[str, Any]:
        height, width = (int(size) for size in self._sizes[place])
        key = self._keys[place].decode()
        row = {"index": int(self.indices[place]), "key": key, "height": height, "width": width}
        files = self._shards.read(self._shard_names[place].decode(), key, self._layout.files)
        source = StoredSource(Record(row, files), self._images)
        return self._layout.tensors(source, self._classes, self.keypoint_names)
