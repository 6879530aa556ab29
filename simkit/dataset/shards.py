"""Shards, index and description on disk; whole or not there.

A folder holds ``dataset.json``, ``shard-NNNNNN.tar`` (each a fixed range of indices), beside each
shard the rows of its images, and ``index.parquet``, made of all rows at the end. Every file is
written beside its name and renamed when complete, the rows before their shard: a shard that is
there has its rows. Paths are fsspec URLs.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterable
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from simkit.dataset.encode import Files, Row
from simkit.errors import DatasetError

FORMAT = 1
PARTIAL = ".partial"
LIST_COLUMNS = {
    "categories": pa.list_(pa.string()),
    "instance_categories": pa.list_(pa.string()),
    "instance_visib_fract": pa.list_(pa.float64()),
}
"""Columns of lists; an empty list has no type of its own."""


class Folder:
    """A data set's folder, local or remote."""

    def __init__(self, url: str) -> None:
        self.url = str(url)
        self.fs, self.root = fsspec.core.url_to_fs(self.url)

    def path(self, name: str) -> str:
        """Return the full path of a file of this folder."""
        return f"{self.root.rstrip('/')}/{name}"

    def names(self) -> list[str]:
        """Return the names of the files in the folder, sorted; none if it does not exist."""
        self.fs.invalidate_cache()
        if not self.fs.exists(self.root):
            return []
        return sorted(path.rsplit("/", 1)[-1] for path in self.fs.ls(self.root, detail=False))

    def exists(self, name: str) -> bool:
        """Return whether a file of this name is there."""
        return bool(self.fs.exists(self.path(name)))

    def read(self, name: str) -> bytes:
        """Return a file's bytes.

        Raises:
            DatasetError: there is no such file.
        """
        try:
            return bytes(self.fs.cat_file(self.path(name)))
        except FileNotFoundError:
            raise DatasetError(f"{self.url}: has no {name}; is it a data set of simkit?") from None

    def write(self, name: str, data: bytes) -> None:
        """Write a file so that it is whole under its name, or not there.

        Raises:
            DatasetError: it cannot be written (disk full, no permission); what was there stays.
        """
        partial = self.path(name + PARTIAL)
        try:
            self.fs.makedirs(partial.rsplit("/", 1)[0], exist_ok=True)
            if isinstance(self.fs, LocalFileSystem):
                _write_through(partial, data)
                os.replace(partial, self.path(name))
                return
            self.fs.pipe_file(partial, data)
            self.fs.mv(partial, self.path(name))
        except OSError as error:
            raise DatasetError(
                f"{self.url}/{name}: cannot be written: {error}. What is complete stays; make room "
                "and run the same command again to go on"
            ) from error

    def remove(self, names: Iterable[str]) -> None:
        """Remove files of this folder."""
        for name in names:
            self.fs.rm_file(self.path(name))

    def remove_partial(self) -> None:
        """Remove what a killed run left half written."""
        self.remove([name for name in self.names() if name.endswith(PARTIAL)])


def _write_through(path: str, data: bytes) -> None:
    """Write a file and have the disk hold it before returning."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def shard_name(number: int) -> str:
    """Return the file name of shard `number`."""
    return f"shard-{number:06d}.tar"


def rows_name(number: int) -> str:
    """Return the file name of the rows of shard `number`."""
    return f"shard-{number:06d}.parquet"


def write_shard(folder: Folder, number: int, samples: list[tuple[Files, Row]]) -> None:
    """Write a shard and its rows; samples that were skipped have no files but a row."""
    rows = [{**row, "shard": shard_name(number)} for _, row in samples]
    folder.write(rows_name(number), _parquet(rows))
    folder.write(shard_name(number), _tar([(row["key"], files) for files, row in samples]))


def finished_shards(folder: Folder) -> dict[int, int]:
    """Return the number of images of each shard that is there, by shard number."""
    names = set(folder.names())
    numbers = [
        int(name[6:12]) for name in names if name.startswith("shard-") and name[12:] == ".tar"
    ]
    counts = {}
    for number in sorted(numbers):
        if rows_name(number) in names:
            data = pa.BufferReader(folder.read(rows_name(number)))
            counts[number] = pq.ParquetFile(data).metadata.num_rows
    return counts


def write_index(folder: Folder, shards: int) -> None:
    """Join the rows of all shards to ``index.parquet``, and write BOP's ``key_to_shard.json``."""
    tables = [
        pq.read_table(pa.BufferReader(folder.read(rows_name(number)))) for number in range(shards)
    ]
    table = pa.concat_tables(tables, promote_options="default")
    buffer = io.BytesIO()
    pq.write_table(table.select(sorted_columns(table.column_names)), buffer)
    keys, names = table.column("key").to_pylist(), table.column("shard").to_pylist()
    key_to_shard = {key: int(name[6:12]) for key, name in zip(keys, names, strict=True)}
    folder.write("key_to_shard.json", json.dumps(key_to_shard).encode())
    folder.write("index.parquet", buffer.getvalue())


def sorted_columns(names: list[str]) -> list[str]:
    """Return the columns of an index in order: params last, each group as it came or by name."""
    params = sorted(name for name in names if name.startswith("params."))
    return [*(name for name in names if not name.startswith("params.")), *params]


def _parquet(rows: list[Row]) -> bytes:
    columns: dict[str, None] = {}
    for row in rows:
        columns.update(dict.fromkeys(row))
    arrays = {
        name: pa.array([row.get(name) for row in rows], type=LIST_COLUMNS.get(name))
        for name in sorted_columns(list(columns))
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays), buffer)
    return buffer.getvalue()


def _tar(samples: list[tuple[str, Files]]) -> bytes:
    """Return a tar whose bytes follow from the samples alone: no times, no owners."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key, files in samples:
            for suffix in sorted(files):
                entry = tarfile.TarInfo(f"{key}.{suffix}")
                entry.size = len(files[suffix])
                entry.mode = 0o644
                tar.addfile(entry, io.BytesIO(files[suffix]))
    return buffer.getvalue()


def read_description(folder: Folder) -> dict[str, Any]:
    """Return ``dataset.json`` as plain data.

    Raises:
        DatasetError: it is missing, damaged, or of a newer format.
    """
    try:
        description: dict[str, Any] = json.loads(folder.read("dataset.json"))
    except ValueError as error:
        raise DatasetError(f"{folder.url}/dataset.json: is damaged: {error}") from None
    if description.get("format") != FORMAT:
        raise DatasetError(
            f"{folder.url}/dataset.json: has format {description.get('format')}, this simkit reads "
            f"{FORMAT}; use the version that wrote it"
        )
    return description
