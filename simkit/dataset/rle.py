"""Masks as run lengths, as COCO and BOP write them uncompressed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.compiled import compiled


def encode_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return ``{"counts": [...], "size": [H, W]}`` of a mask (H, W).

    Counts run column by column and alternate between False and True, beginning with False.
    """
    height, width = mask.shape
    mask = np.ascontiguousarray(mask, dtype=np.bool_)
    words = mask.view(np.uint64 if width % 8 == 0 else np.uint8)  # most are empty: eight at a time
    counts = _counts(mask, words)
    return {"counts": counts.tolist(), "size": [height, width]}


def decode_mask(rle: dict[str, Any]) -> NDArray[np.bool_]:
    """Return the mask (H, W) of what `encode_mask` wrote."""
    height, width = rle["size"]
    counts = np.asarray(rle["counts"], dtype=np.int64)
    values = np.arange(len(counts)) % 2 == 1
    mask: NDArray[np.bool_] = np.repeat(values, counts).reshape(width, height).T
    return mask


@compiled
def _counts(mask, words):  # type: ignore[no-untyped-def]
    """Return the run lengths of a mask (H, W), column by column; `words` is the same memory."""
    height, width = mask.shape
    across = words.shape[1]
    top, bottom, first, last = height, 0, across, 0
    for row in range(height):
        for word in range(across):
            if words[row, word] != 0:
                top, bottom = min(top, row), row + 1
                first, last = min(first, word), max(last, word + 1)
    size = width // max(across, 1)
    left, right = first * size, last * size
    counts = np.empty(2 + max(right - left, 0) * (bottom - top + 2), dtype=np.int64)
    found, start, inside = 0, 0, False
    for column in range(left, right):
        for row in range(top, bottom + 1):
            now = row < bottom and mask[row, column]
            if now != inside:
                place = column * height + row
                if row == height and column + 1 < width and mask[0, column + 1]:
                    continue
                counts[found] = place - start
                found, start, inside = found + 1, place, now
    if start < height * width:
        counts[found] = height * width - start
        found += 1
    return counts[:found]
