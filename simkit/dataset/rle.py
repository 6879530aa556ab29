"""Masks as run lengths, as COCO and BOP write them uncompressed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.geometry import box_of_mask


def encode_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return ``{"counts": [...], "size": [H, W]}`` of a mask (H, W).

    Counts run column by column and alternate between False and True, beginning with False.
    """
    height, width = mask.shape
    box = box_of_mask(mask)
    if box is None:
        return {"counts": [height * width], "size": [height, width]}
    x, y, w, h = box
    columns, rows = np.nonzero(mask[y : y + h, x : x + w].T)
    places = (columns + x) * height + rows + y
    breaks = np.flatnonzero(np.diff(places) != 1)
    starts = places[np.concatenate([[0], breaks + 1])]
    ends = places[np.concatenate([breaks, [len(places) - 1]])] + 1
    edges = np.empty(2 * len(starts) + 2, dtype=np.int64)
    edges[0], edges[-1] = 0, height * width
    edges[1:-1:2], edges[2:-1:2] = starts, ends
    counts = np.diff(edges).tolist()
    if counts[-1] == 0:
        counts.pop()
    return {"counts": counts, "size": [height, width]}


def decode_mask(rle: dict[str, Any]) -> NDArray[np.bool_]:
    """Return the mask (H, W) of what `encode_mask` wrote."""
    height, width = rle["size"]
    counts = np.asarray(rle["counts"], dtype=np.int64)
    values = np.arange(len(counts)) % 2 == 1
    mask: NDArray[np.bool_] = np.repeat(values, counts).reshape(width, height).T
    return mask
