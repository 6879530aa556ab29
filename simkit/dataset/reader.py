"""Reading a data set back."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from simkit.dataset.encode import MM, content_hash
from simkit.dataset.rle import decode_mask
from simkit.dataset.shards import Folder, finished_shards, read_description, rows_name
from simkit.errors import DatasetError
from simkit.scene import Scene


@dataclass(frozen=True, eq=False)
class Record:
    """One stored image with its labels; each is decoded when it is read.

    Attributes:
        row: its row in the index.
        files: bytes by suffix, as they stand in the shard.
    """

    row: dict[str, Any]
    files: dict[str, bytes]

    @property
    def index(self) -> int:
        """Number of the image in the data set."""
        return int(self.row["index"])

    @property
    def key(self) -> str:
        """Name of its files in the shard."""
        return str(self.row["key"])

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 sRGB."""
        name = "rgb.jpg" if "rgb.jpg" in self.files else "rgb.png"
        image = cv2.imdecode(np.frombuffer(self._file(name), np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise DatasetError(
                f"sample {self.index}: {name} is damaged; run simkit inspect --verify"
            )
        return np.ascontiguousarray(image[..., ::-1])

    @cached_property
    def depth(self) -> NDArray[np.float32]:
        """(H, W) float32 z-depth [m], in steps of the file's depth scale; 0 where nothing is."""
        data = np.frombuffer(self._file("depth.png"), np.uint8)
        steps = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        if steps is None:
            raise DatasetError(f"sample {self.index}: depth.png is damaged")
        return (steps * (self.camera["depth_scale"] / MM)).astype(np.float32)

    @cached_property
    def camera(self) -> dict[str, Any]:
        """BOP's camera record: ``cam_K`` (9), ``depth_scale`` [mm], ``cam_R_w2c``, ``cam_t_w2c`` [mm]."""
        return self._json("camera.json")

    @cached_property
    def gt(self) -> list[dict[str, Any]]:
        """BOP's poses, an instance each: ``cam_R_m2c`` (9), ``cam_t_m2c`` (3) [mm], ``obj_id``."""
        return self._json("gt.json")

    @cached_property
    def gt_info(self) -> list[dict[str, Any]]:
        """BOP's boxes (``x_max - x_min``), pixel counts and ``visib_fract``, an instance each."""
        return self._json("gt_info.json")

    @cached_property
    def labels(self) -> dict[str, Any]:
        """Our labels: ``image`` (by annotator) and ``instances`` (one dict each)."""
        return self._json("labels.json")

    @cached_property
    def params(self) -> dict[str, Any]:
        """What was decided, by plug-in; nothing for a real photo."""
        return self._json("params.json")["params"] if "params.json" in self.files else {}

    @cached_property
    def scene(self) -> Scene:
        """The scene that was rendered."""
        return Scene.from_dict(self._json("params.json")["scene"])

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(N, H, W) bool, amodal."""
        return self._masks("mask.json")

    @cached_property
    def mask_visib(self) -> NDArray[np.bool_]:
        """(N, H, W) bool, visible."""
        return self._masks("mask_visib.json")

    def array(self, name: str) -> NDArray[Any]:
        """Return the value of an array annotator, e.g. ``panoptic_map``."""
        return np.load(io.BytesIO(self._file(f"{name}.npy")), allow_pickle=False)

    def _masks(self, name: str) -> NDArray[np.bool_]:
        masks = self._json(name)
        size = self.row["height"], self.row["width"]
        decoded = [decode_mask(masks[str(place)]) for place in range(len(masks))]
        return np.array(decoded, dtype=bool).reshape(-1, *size)

    def _json(self, name: str) -> Any:
        return json.loads(self._file(name))

    def _file(self, name: str) -> bytes:
        if name not in self.files:
            raise DatasetError(f"sample {self.index}: has no {name}; it has {sorted(self.files)}")
        return self.files[name]


class Dataset:
    """A data set on disk; ``dataset[i]`` is the record of image i, as far as it is finished.

    Attributes:
        description: what ``dataset.json`` says.
        index: one row an image (pyarrow).
    """

    def __init__(self, url: str | Path) -> None:
        self._folder = Folder(str(url))
        self.url = self._folder.url
        self.description = read_description(self._folder)
        self._tars: dict[str, dict[str, dict[str, tuple[int, int]]]] = {}

    @cached_property
    def index(self) -> pa.Table:
        """One row an image; while a run is not finished, of the shards that are."""
        if self._folder.exists("index.parquet"):
            table = pq.read_table(pa.BufferReader(self._folder.read("index.parquet")))
            if table.num_rows == self.description["count"]:
                return table
        tables = [
            pq.read_table(pa.BufferReader(self._folder.read(rows_name(number))))
            for number in finished_shards(self._folder)
        ]
        if not tables:
            raise DatasetError(
                f"{self.url}: holds no finished shard yet; run simkit generate again"
            )
        return pa.concat_tables(tables, promote_options="default")

    @cached_property
    def categories(self) -> dict[int, str]:
        """Names of the labelled categories by id, sorted by id, whether an image shows them or not.

        Raises:
            DatasetError: two of them have one id.
        """
        about = self.description
        pairs = {(one["id"], one["name"]) for one in about.get("categories", ())}
        pairs |= {
            (one["category_id"], one["category"])
            for one in about.get("models", ())
            if one.get("category_id", 0) > 0 and one.get("obj_id", 0) > 0
        }
        named = dict(sorted(pairs))
        if len(named) < len(pairs):
            raise DatasetError(f"{self.url}: two categories have one id: {sorted(pairs)}")
        return named

    @cached_property
    def _rows(self) -> dict[int, int]:
        return {index: row for row, index in enumerate(self.index.column("index").to_pylist())}

    def __len__(self) -> int:
        return int(self.index.num_rows)

    def __iter__(self) -> Iterator[Record]:
        return (self[index] for index in self._rows if self._ok(index))

    def __getitem__(self, index: int) -> Record:
        if index not in self._rows:
            raise DatasetError(f"{self.url}: has no image {index}; it has 0 to {max(self._rows)}")
        row = self.index.slice(self._rows[index], 1).to_pylist()[0]
        if row["status"] != "ok":
            raise DatasetError(f"{self.url}: image {index} was skipped: {row['error']}")
        return Record(row, self._read(row["shard"], row["key"]))

    def verify(self) -> list[int]:
        """Return the indices whose files are gone, or differ from the index's content hash."""
        return [index for index in self._rows if self._ok(index) and not self._intact(index)]

    def _intact(self, index: int) -> bool:
        try:
            record = self[index]
        except (DatasetError, OSError):
            return False
        return content_hash(record.files) == record.row["content_hash"]

    def _ok(self, index: int) -> bool:
        return bool(self.index.column("status")[self._rows[index]].as_py() == "ok")

    def _read(self, shard: str, key: str) -> dict[str, bytes]:
        with self._folder.fs.open(self._folder.path(shard), "rb") as file:
            if shard not in self._tars:
                self._tars[shard] = table_of_contents(file, f"{self.url}/{shard}")
            if key not in self._tars[shard]:
                raise DatasetError(f"{self.url}/{shard}: lacks {key}; remove it and generate again")
            files = {}
            for suffix, (offset, size) in self._tars[shard][key].items():
                file.seek(offset)
                files[suffix] = file.read(size)
        return files


def open_dataset(url: str | Path) -> Dataset:
    """Open a data set that `simkit.generate` wrote, or is still writing.

    Raises:
        DatasetError: there is none, or it is damaged.
    """
    return Dataset(url)


def table_of_contents(file: Any, name: str) -> dict[str, dict[str, tuple[int, int]]]:
    """Return (offset, size) of a tar's files by key and suffix."""
    contents: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for entry in tar:
                key, suffix = entry.name.split(".", 1)
                contents.setdefault(key, {})[suffix] = (entry.offset_data, entry.size)
    except tarfile.TarError as error:
        raise DatasetError(f"{name}: is damaged: {error}; remove it and generate again") from None
    file.seek(max(file.seek(0, io.SEEK_END) - 2 * tarfile.BLOCKSIZE, 0))
    if file.read() != bytes(2 * tarfile.BLOCKSIZE):  # tarfile takes a cut header for the end
        raise DatasetError(f"{name}: is damaged: it has no end; remove it and generate again")
    return contents
