"""The working memory of compiled passes: one packet of rays, and what is known of its lanes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.embree import FIELDS, PACKET
from simkit.render.embree.surface import (
    AROUND,
    ARRIVED,
    BODY,
    COLUMNS,
    FACE_NUMBER,
    FAR_POINTS,
    LANES,
    MARKS,
    MOMENTS,
    NEEDY,
    POINT_COLUMNS,
    POINTS,
    RAYED,
    RAYS_AT,
    ROWS,
    SAMPLE,
    SINGLE,
    STARTS,
    TEXELS_READ,
    TOTALS,
    WEIGHTS,
)

_WORDS_A_LANE = {
    RAYS_AT: FIELDS,  # as Embree has packets; 4-byte words, as the next two: the rest is spare
    LANES: 1,
    SINGLE: 2,
    MOMENTS: 1,
    MARKS: 1,
    POINTS: POINT_COLUMNS,
    COLUMNS: 1,
    ROWS: 1,
    SAMPLE: 1,
    WEIGHTS: 1,
    TOTALS: 1,
    FAR_POINTS: 8,
    AROUND: 4,
    BODY: 1,
    FACE_NUMBER: 1,
    NEEDY: 1,
    ARRIVED: 1,
    RAYED: 1,
    STARTS: 1,
    TEXELS_READ: 4,
}


class Memory:
    """Pieces of a fixed size, 64-byte aligned, the table of their addresses, and scratch images."""

    def __init__(self) -> None:
        sizes = {piece: -(-words * 8 * PACKET // 64) * 64 for piece, words in _WORDS_A_LANE.items()}
        self._images: dict[str, NDArray[np.float32]] = {}
        self._raw = np.zeros(sum(sizes.values()) + 64, dtype=np.uint8)
        self._table: NDArray[np.int64] = np.zeros(len(sizes), dtype=np.int64)
        at = self._raw.ctypes.data
        at += -at % 64
        for piece, size in sizes.items():
            self._table[piece] = at
            at += size

    def image(self, name: str, height: int, width: int) -> NDArray[np.float32]:
        """Return an image (H, W, 3) that is kept from picture to picture; it may hold anything."""
        kept = self._images.get(name)
        if kept is None or kept.shape[:2] != (height, width):
            kept = self._images[name] = np.zeros((height, width, 3), dtype=np.float32)
        return kept

    @property
    def address(self) -> int:
        """Where compiled code finds the table; good for as long as this object lives."""
        return int(self._table.ctypes.data)
