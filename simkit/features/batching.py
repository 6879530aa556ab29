"""Images a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from simkit.features.contract import Image


def batches(images: Iterable[Image], size: int) -> Iterator[list[Image]]:
    """Yield lists of at most `size` images; no more are held."""
    stream = iter(images)
    while chunk := list(islice(stream, size)):
        yield chunk
