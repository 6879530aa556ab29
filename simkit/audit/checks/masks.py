"""Masks against each other, and against rays."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.audit.checking import Case, Mask, Measured, check, worst
from simkit.audit.stored import NotApplicable

FREE = 4
"""So many pixels of a mask may differ in any case: rays through corners [px]."""

CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.uint8)
SQUARE = np.ones((3, 3), dtype=np.uint8)
"""Neighbours of a pixel: four, or eight."""

SHARE = 0.15
"""Part of a silhouette's rim that may differ. A shift by a pixel moves nearly all of it."""

LENS_SHARE = 0.3
"""The same through a lens that bends lines, where a rasterizer may be off by a fraction of a pixel."""


@check("masks_disjoint", "pixels that belong to several mask_visib [px]")
def disjoint(case: Case) -> Measured:
    visible = case.image.masks("mask_visib")
    twice = np.count_nonzero(visible.sum(axis=0, dtype=np.int64) > 1)
    if not twice:
        return Measured(0, 0)
    at = np.argwhere(visible.sum(axis=0, dtype=np.int64) > 1)[0]
    who = np.flatnonzero(visible[:, at[0], at[1]])
    return Measured(int(twice), 0, f"instances {who.tolist()} at (x, y) = ({at[1]}, {at[0]})")


@check("mask_visib_in_mask", "pixels of an instance's mask_visib that its mask lacks [px]")
def subset(case: Case) -> Measured:
    visible, whole = case.image.masks("mask_visib"), case.image.masks("mask")
    outside = (visible & ~whole).sum(axis=(1, 2))
    return worst([(int(n), f"instance {i}") for i, n in enumerate(outside)], 0)


@check("mask_visib", "pixels in which mask_visib and what rays meet first differ, part of the rim")
def visible(case: Case) -> Measured:
    masks, ids = case.image.masks("mask_visib"), case.sight.ids
    found = []
    for place, (mask, number) in enumerate(zip(masks, case.image.instance_ids, strict=True)):
        if case.image.complete:
            differ, rim = mask ^ (ids == number), _rim(mask) + _rim(ids == number)
        else:  # others may hide it, and a scanned scene is only near its models
            rest = np.isin(ids, case.image.instance_ids) & (ids != number)
            differ, rim = mask & rest, 2 * _rim(mask)
        found.append((_share(differ & (ids >= 0), rim), f"instance {place}"))
    return worst(found, _tolerance(case))


@check("mask", "pixels in which mask and rays at the instance by itself differ, part of the rim")
def amodal(case: Case) -> Measured:
    masks = case.image.masks("mask")
    found = []
    for place, mask in enumerate(masks):
        cast = case.silhouette_in_image(place)
        known = np.isfinite(case.image.lens.grid[..., 0])
        share = _share((mask ^ cast) & known, _rim(mask) + _rim(cast))
        found.append((share, f"instance {place}"))
    return worst(found, _tolerance(case))


@check(
    "pixel_centre",
    "masks fit the rays of pixels moved by half a pixel better than unmoved ones "
    "(differing pixels, unmoved over the best): cam_K is off by half a pixel",
)
def pixel_centre(case: Case) -> Measured:
    masks, lens = case.image.masks("mask"), case.image.lens
    case.need_one_moment()
    steps = [(x, y) for y in (-0.5, 0.0, 0.5) for x in (-0.5, 0.0, 0.5)]
    differ, most = np.zeros(len(steps)), 0
    for mask, thing in zip(masks, case.things(), strict=True):
        rows, columns = np.nonzero(_band(mask))
        most += len(rows)
        if not len(rows):
            continue
        pixels = np.stack([columns, rows], axis=1)
        for k, step in enumerate(steps):
            covered = case.alone.covers(thing, lens, lens.rays(pixels + np.array(step)))
            differ[k] += np.count_nonzero(covered != mask[rows, columns])
    if most < 100:
        raise NotApplicable("too few pixels at silhouettes")
    here, best = differ[4], int(differ.argmin())
    moved = f"best when moved by {steps[best]} px" if best != 4 else ""
    return Measured(float((here + FREE) / (differ.min() + FREE)), 1.0 + 1e-9, moved)


def _tolerance(case: Case) -> float:
    return SHARE if case.image.lens.straight else LENS_SHARE


def _share(differ: Mask, rim: int) -> float:
    """Return the differing pixels, but for a few, as a part of two masks' rims."""
    return max(int(differ.sum()) - FREE, 0) / max(rim / 2, 1)


def _rim(mask: Mask) -> int:
    """Return the number of a mask's pixels with a neighbour outside it."""
    return int(np.count_nonzero(mask & ~_eroded(mask, CROSS)))


def _band(mask: Mask) -> Mask:
    """Return the pixels that have neighbours both in and outside a mask."""
    grown = ~_eroded(~mask, SQUARE)
    return np.asarray(grown & ~_eroded(mask, SQUARE))


def _eroded(mask: Mask, shape: NDArray[np.uint8]) -> Mask:
    """Return the pixels whose neighbours in the image are all in the mask."""
    inner = cv2.erode(mask.astype(np.uint8), shape, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(inner > 0)
