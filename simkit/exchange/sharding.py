"""Items written to files of a bounded number of images, each split's by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from simkit.exchange.items import Item


class Writer(Protocol):
    """A file that is written to."""

    def write(self, what: Any, /) -> Any:
        """Append one image."""

    def close(self) -> None:
        """Finish the file."""


def write_sharded(
    items: Iterable[Item],
    size: int,
    opened: Callable[[str, int], Writer],
    made: Callable[[Item], Any],
) -> None:
    """Write what is made of each item to the current file of its split; all files are closed at last.

    Args:
        items: of all splits, in any order.
        size: images a file.
        opened: gives the file of a split and a number, which counts from 0.
        made: gives what is written of an item.
    """
    written: dict[str, int] = {}
    files: dict[str, Writer] = {}
    try:
        for item in items:
            number, place = divmod(written.get(item.split, 0), size)
            if place == 0:
                if item.split in files:
                    files[item.split].close()
                files[item.split] = opened(item.split, number)
            files[item.split].write(made(item))
            written[item.split] = written.get(item.split, 0) + 1
    finally:
        for file in files.values():
            file.close()
