"""Random access to the files of samples in shards, from any process."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Collection
from typing import Any

from simkit.dataset.reader import table_of_contents
from simkit.dataset.shards import Folder
from simkit.errors import DatasetError

Contents = dict[str, dict[str, tuple[int, int]]]
"""(offset, size) of a tar's files by key and suffix."""


class Shards:
    """Reads the files of single samples.

    It keeps the tables of contents of the shards that were read last, and no open file: so it can be
    pickled, forked, and used by several threads. A forked process makes its own file system, as
    fsspec asks.

    Args:
        url: the data set's folder.
        most: so many tables are kept (some 100 KB each, for shards of 100 images).
    """

    def __init__(self, url: str, most: int) -> None:
        self._url = url
        self._most = most
        self._folder: Folder | None = None
        self._process = 0
        self._contents: OrderedDict[str, Contents] = OrderedDict()

    def read(self, shard: str, key: str, stems: Collection[str]) -> dict[str, bytes]:
        """Return a sample's files by suffix, of those whose name begins with one of `stems`.

        Raises:
            DatasetError: the shard is gone or damaged, or lacks the sample.
        """
        folder = self._open()
        try:
            entries = self._table(folder, shard).get(key)
            if entries is None:
                raise DatasetError(
                    f"{self._url}/{shard}: lacks {key}; remove it and generate again"
                )
            wanted = {name: at for name, at in entries.items() if name.split(".")[0] in stems}
            first = min(offset for offset, _ in wanted.values())
            last = max(offset + size for offset, size in wanted.values())
            data: bytes = folder.fs.cat_file(folder.path(shard), start=first, end=last)
        except FileNotFoundError:
            raise DatasetError(f"{self._url}: has no {shard}; generate again") from None
        if len(data) != last - first:
            raise DatasetError(f"{self._url}/{shard}: is cut off; remove it and generate again")
        return {
            name: data[offset - first : offset - first + size]
            for name, (offset, size) in wanted.items()
        }

    def _open(self) -> Folder:
        if self._folder is None or self._process != os.getpid():
            self._folder, self._process = Folder(self._url), os.getpid()
        return self._folder

    def _table(self, folder: Folder, shard: str) -> Contents:
        contents = self._contents.pop(shard, None)
        if contents is None:
            with folder.fs.open(folder.path(shard), "rb") as file:
                contents = table_of_contents(file, f"{self._url}/{shard}")
        self._contents[shard] = contents
        while len(self._contents) > self._most:
            self._contents.popitem(last=False)
        return contents

    def __getstate__(self) -> dict[str, Any]:
        return {"_url": self._url, "_most": self._most}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["_url"], state["_most"])  # type: ignore[misc]
