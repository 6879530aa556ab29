"""Masks as polygons and back, and the oriented box of a mask.

Polygons have continuous coordinates as COCO means them: the pixel in column x spans [x, x + 1], so a
pixel's centre (an integer in `simkit.geometry`) is at x + 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco_mask

from simkit.geometry import Array, box_of_mask

Mask = NDArray[np.bool_]

FINER = 2
"""Outlines run through the centres of pixels of a grid this much finer: a quarter of a pixel inside
the mask's edge, so that filling them gives the same mask."""


def box_of_corners(numbers: Sequence[float]) -> dict[str, Any]:
    """Return our label ``obb_visib`` of x and y of its four corners, clockwise from its upper left."""
    corners = np.reshape(np.asarray(numbers, dtype=np.float64), (4, 2))
    across, down = corners[1] - corners[0], corners[2] - corners[1]
    return {
        "center": corners.mean(axis=0).tolist(),
        "size": [float(np.hypot(*across)), float(np.hypot(*down))],
        "angle_deg": math.degrees(math.atan2(across[1], across[0])),
        "corners": corners.tolist(),
    }


def outlines(mask: Mask) -> list[Array]:
    """Return a polygon (N, 2) [px] for each connected part of a mask (H, W); none if it is empty.

    Holes are joined to the polygon by a slit without width, as the even-odd rule wants them.
    """
    box = box_of_mask(mask)
    if box is None:
        return []
    x, y, width, height = box
    fine = mask[y : y + height, x : x + width].repeat(FINER, axis=0).repeat(FINER, axis=1)
    found, families = cv2.findContours(
        fine.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE
    )
    lines = [(line.reshape(-1, 2) + 0.5) / FINER + (x, y) for line in found]
    parents = families[0, :, 3]
    parts = []
    for place in np.flatnonzero(parents < 0):
        holes = [lines[hole] for hole in np.flatnonzero(parents == place)]
        parts.append(joined([lines[place], *holes]))
    return parts


def joined(lines: Sequence[Array]) -> Array:
    """Return one polygon of several: each is joined to those before it where they are nearest."""
    line = lines[0]
    for other in lines[1:]:
        distances = np.linalg.norm(line[:, None] - other[None], axis=2)
        here, there = np.unravel_index(distances.argmin(), distances.shape)
        around = np.concatenate([other[there:], other[: there + 1]])
        line = np.concatenate([line[: here + 1], around, line[here:]])
    return line


def mask_of_outlines(lines: Sequence[ArrayLike], height: int, width: int) -> Mask:
    """Return the mask (H, W) that polygons (N, 2) cover together, as pycocotools fills them."""
    if not lines:
        return np.zeros((height, width), dtype=bool)
    flat = [np.asarray(line, dtype=np.float64).ravel().tolist() for line in lines]
    filled = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(flat, height, width)))
    return np.asarray(filled, dtype=bool)


def oriented_box(mask: Mask) -> Array | None:
    """Return the corners (4, 2) [px], in order, of the least rectangle that holds a mask's pixels."""
    if not mask.any():
        return None
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    corners = [np.stack([x, rows + below], axis=1) for x in (first, last) for below in (0, 1)]
    rectangle = cv2.minAreaRect(np.concatenate(corners).astype(np.float32))
    return cv2.boxPoints(rectangle).astype(np.float64)
