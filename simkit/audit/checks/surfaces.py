"""Depth, distances, normals and points against where rays end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.audit.casting import unit
from simkit.audit.checking import Case, Float, Mask, Measured, check
from simkit.audit.stored import NotApplicable, NotStored

RELATIVE = 1e-4
LENS_RELATIVE = 1e-3
"""Of depth; the second through a lens that bends lines, where a rasterizer interpolates."""

PART, LENS_PART = 0.005, 0.02
"""Of the pixels away from silhouettes that may be off: at edges within a body."""

ANGLE_DEG = 3.0


@check("depth", "pixels away from silhouettes whose depth is off where rays end, part of them")
def depth(case: Case) -> Measured:
    steps, step = case.image.depth_steps
    sight, core = case.sight, _comparable(case)
    stored = steps.astype(np.float64) * step
    limit = _limit(case, sight.depth) + step / 2
    along = np.linalg.norm(sight.points, axis=2)
    return _distances(case, stored, sight.depth, along, limit, core, "distances along the ray")


@check(
    "ray_distance",
    "pixels away from silhouettes whose distance is off where rays end, part of them",
)
def ray_distance(case: Case) -> Measured:
    stored = case.image.array("ray_distance").astype(np.float64)
    along = np.linalg.norm(case.sight.points, axis=2)
    core = _comparable(case) & (along > 0)
    return _distances(
        case, stored, along, case.sight.depth, _limit(case, along), core, "planar depths"
    )


@check("normal", f"pixels whose normal has not length 1, or is {ANGLE_DEG:g} degrees off both the face's "
       "and the smoothed one, part of them")  # fmt: skip
def normal(case: Case) -> Measured:
    stored, core = case.image.array("normal").astype(np.float64), _comparable(case)
    if not core.any():
        raise NotApplicable("nothing is seen away from silhouettes")
    length = np.linalg.norm(stored, axis=2)
    near = np.cos(np.radians(ANGLE_DEG))
    turned = unit(stored)
    alike = np.maximum(*(np.einsum("hwc,hwc->hw", turned, one) for one in
                         (case.sight.flat, case.sight.smooth)))  # fmt: skip
    wrong = core & ((alike < near) | (np.abs(length - 1) > 1e-3))
    share = np.count_nonzero(wrong) / np.count_nonzero(core)
    return Measured(share, 0.02, _normals_as(case, turned, core, near) if share > 0.02 else "")


@check(
    "point_cloud", "points that are off where rays end, or whose segment is another, part of them"
)
def point_cloud(case: Case) -> Measured:
    rows, sight = case.image.array("point_cloud").astype(np.float64), case.sight
    try:
        seen = case.image.array("panoptic_map") > 0
    except NotStored:
        seen = sight.ids > 0
        if abs(int(seen.sum()) - len(rows)) <= 0.001 * seen.sum() + 4 and seen.sum() != len(rows):
            raise NotApplicable("panoptic_map is not stored, and ties at edges differ") from None
    if seen.sum() != len(rows):
        return Measured(np.inf, PART, f"{len(rows)} points, {int(seen.sum())} pixels see something")
    core = _comparable(case)[seen]
    off = np.abs(rows[:, :3] - sight.points[seen]).max(axis=1)
    reach = np.linalg.norm(sight.points[seen], axis=1)
    wrong = core & ((off > _limit(case, reach)) | (rows[:, 3] != sight.ids[seen]))
    return Measured(np.count_nonzero(wrong) / max(int(core.sum()), 1), PART)


def _comparable(case: Case) -> Mask:
    """Return the pixels away from silhouettes that show what is known; also not by stored ids."""
    core = case.core
    if not case.image.complete:
        visible = case.image.masks("mask_visib")
        known = np.zeros(core.shape, dtype=bool)
        for mask, number in zip(visible, case.image.instance_ids, strict=True):
            known |= mask & (case.sight.ids == number)
        core = core & known
    if case.image.lens.model == "kannala_brandt":
        core = core & (case.sight.depth > 1e-3)
    return core


def _limit(case: Case, reach: Float) -> Float:
    relative = RELATIVE if case.image.lens.straight else LENS_RELATIVE
    return case.depth_tolerance + relative * reach


def _distances(
    case: Case, stored: Float, wanted: Float, other: Float, limit: Float, core: Mask, as_what: str
) -> Measured:
    if not core.any():
        raise NotApplicable("nothing is seen away from silhouettes")
    off = np.abs(stored - wanted)
    wrong = core & ~(off <= limit)
    shares = {"": np.count_nonzero(wrong) / np.count_nonzero(core)}
    for number in np.unique(case.sight.ids[core]):
        mine = core & (case.sight.ids == number)
        if np.count_nonzero(mine) >= 100:
            text = case.image.bodies[number - 1].name or f"instance {number - 1}"
            shares[text] = np.count_nonzero(wrong & mine) / np.count_nonzero(mine) / 4
    part = PART if case.image.lens.straight else LENS_PART
    detail, share = max(shares.items(), key=lambda one: one[1])
    if share > part:
        detail += f": median {1000 * float(np.median(off[wrong])):.2f} mm off"
        if np.mean(np.abs(stored - other)[core] <= limit[core]) > 0.9:
            detail += f"; they are {as_what}"
    return Measured(share, part, detail)


def _normals_as(case: Case, turned: NDArray[np.float64], core: Mask, near: float) -> str:
    """Return which frame wrong normals are in, if it is another one's."""
    if "cam_R_w2c" not in case.image.camera:
        return ""
    R = np.reshape(np.array(case.image.camera["cam_R_w2c"], dtype=np.float64), (3, 3))
    alike = np.einsum("hwc,hwc->hw", turned @ R.T, case.sight.smooth)
    return "they are in the world's frame" if np.mean(alike[core] > near) > 0.9 else ""
