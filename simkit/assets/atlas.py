"""Several textures in one image, with texture coordinates to match."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bytes = NDArray[np.uint8]

BORDER = 4
"""Pixels by which a cell is continued past its edge, so that filtering takes in no neighbour."""
LARGEST_CELL = 4096
"""A texture that needs a larger side [px] with its repeats is scaled down to it."""
MOST_REPEATS = 64
"""A texture that repeats more often over one face is refused."""


def seamed(uv: Float, faces: Int) -> tuple[Int, Int, Float]:
    """Shift each face by whole tiles so that its lowest coordinates are in [0, 1).

    Args:
        uv: (V, 2) of a texture that repeats.
        faces: (F, 3).

    Returns:
        the old vertex of each new one (N,) int64, faces (F, 3) int64 and coordinates (N, 2), >= 0.
    """
    corners = uv[faces]
    # A face that lies on the upper edge of a tile belongs to that tile, not to the next one.
    tile = np.floor(corners.min(axis=1) + 1e-6).astype(np.int64)
    tile -= ((corners.max(axis=1) - tile) < 1e-6) & (tile > 0) & (corners.min(axis=1) == tile)
    keys = np.concatenate([faces.reshape(-1, 1), np.repeat(tile, 3, axis=0)], axis=1)
    kept, corner = np.unique(keys, axis=0, return_inverse=True)
    shifted = np.maximum(uv[kept[:, 0]] - kept[:, 1:], 0.0)
    return kept[:, 0], corner.reshape(faces.shape).astype(np.int64), shifted


def pack(uvs: list[Float], images: list[Bytes]) -> tuple[list[Float], Bytes]:
    """Put images (H, W, 3) in one, and map their coordinates (N, 2), v upwards, into it.

    An image whose coordinates reach beyond 1 is laid out as often as they need.

    Raises:
        ValueError: coordinates reach beyond `MOST_REPEATS`.
    """
    repeats = [_repeats(uv) for uv in uvs]
    cells = [_cell(image, r) for image, r in zip(images, repeats, strict=True)]
    places, (height, width) = _places([cell.shape[:2] for cell in cells])
    atlas = np.zeros((height, width, 3), dtype=np.uint8)
    mapped = []
    for uv, cell, (row, column), (across, up) in zip(uvs, cells, places, repeats, strict=True):
        h, w = cell.shape[:2]
        atlas[row : row + h, column : column + w] = cell
        inner_h, inner_w = h - 2 * BORDER, w - 2 * BORDER
        x = column + BORDER + uv[:, 0] / across * inner_w
        y = row + BORDER + (1.0 - uv[:, 1] / up) * inner_h
        mapped.append(np.stack([x / width, 1.0 - y / height], axis=1))
    return mapped, atlas


def _repeats(uv: Float) -> tuple[int, int]:
    across, up = (max(int(np.ceil(uv[:, k].max() - 1e-6)), 1) for k in range(2))
    if max(across, up) > MOST_REPEATS:
        raise ValueError(
            f"a texture repeats {max(across, up)} times over one face, which cannot be joined with "
            "the model's other materials; bake the model's materials to one texture"
        )
    return across, up


def _cell(image: Bytes, repeats: tuple[int, int]) -> Bytes:
    across, up = repeats
    height = min(image.shape[0], LARGEST_CELL // up)
    width = min(image.shape[1], LARGEST_CELL // across)
    if (height, width) != image.shape[:2]:
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    mode = "edge" if repeats == (1, 1) else "wrap"
    tiled = np.tile(image, (up, across, 1))
    return np.pad(tiled, ((BORDER, BORDER), (BORDER, BORDER), (0, 0)), mode=mode)  # type: ignore[call-overload]


def _places(sizes: list[tuple[int, ...]]) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Lay cells (height, width) in rows, tall ones first; return their corners and the size."""
    area = sum(h * w for h, w in sizes)
    width = max(max(w for _, w in sizes), int(np.ceil(np.sqrt(area) * 1.1)))
    places = [(0, 0)] * len(sizes)
    row = column = tallest = used = 0
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i][0], i)):
        h, w = sizes[i]
        if column + w > width:
            row, column, tallest = row + tallest, 0, 0
        places[i] = (row, column)
        column, tallest = column + w, max(tallest, h)
        used = max(used, column)
    return places, (row + tallest, used)
