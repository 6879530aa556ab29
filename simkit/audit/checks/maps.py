"""Maps of ids against masks, and who hides whom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.audit.checking import Case, Measured, check, worst
from simkit.audit.checks.boxes import box_of
from simkit.audit.checks.masks import FREE, SHARE
from simkit.audit.stored import NotStored


@check("instance_map", "pixels that differ from mask_visib with identity's instance_id [px]")
def instance_map(case: Case) -> Measured:
    ids = [one["instance_id"] for one in case.image.of_instances("identity")]
    return _against_masks(case, "instance_map", ids)


@check("category_map", "pixels that differ from mask_visib with identity's category_id [px]")
def category_map(case: Case) -> Measured:
    ids = [one["category_id"] for one in case.image.of_instances("identity")]
    return _against_masks(case, "category_map", ids)


@check(
    "panoptic_map",
    "pixels whose segment is not that of mask_visib, or labelled beyond the masks [px]",
)
def panoptic_map(case: Case) -> Measured:
    stored, masks = case.image.array("panoptic_map"), case.image.masks("mask_visib")
    labelled = np.isin(stored, case.image.instance_ids)
    return _differing(np.where(labelled, stored, 0), masks, case.image.instance_ids.tolist())


@check("stuff", "pixels of panoptic_map that differ from what rays meet first, part of their rims")
def stuff(case: Case) -> Measured:
    stored, ids = case.image.array("panoptic_map").astype(np.int64), case.sight.ids
    known = ids >= 0
    differ = int(((stored != ids) & known).sum())
    edges = int((stored[:, 1:] != stored[:, :-1]).sum())
    edges += int((stored[1:] != stored[:-1]).sum())
    return Measured(max(differ - FREE, 0) / max(edges, 1), SHARE)


@check(
    "panoptic", "segments whose area, box, category or name differ from panoptic_map and the scene"
)
def panoptic(case: Case) -> Measured:
    stored, segments = case.image.array("panoptic_map"), case.image.of_image("panoptic")
    found = []
    for one in segments:
        mask, body = stored == one["id"], case.image.bodies[one["id"] - 1]
        wanted = {"area": int(mask.sum()), "bbox": box_of(mask) or [], "name": body.name,
                  "isthing": int(body.labelled)}  # fmt: skip
        if body.labelled:
            wanted |= {"category": body.shape.category, "category_id": body.shape.category_id}
        wrong = [
            f"{key} {one[key]}, not {value}" for key, value in wanted.items() if one[key] != value
        ]
        found.append((len(wrong), f"segment {one['id']}: {'; '.join(wrong)}"))
    missing = sorted(set(np.unique(stored).tolist()) - {0} - {one["id"] for one in segments})
    found.append((len(missing), f"segments {missing} are not listed"))
    return worst(found, 0)


@check("part_map", "pixels whose part differs from that of the face that rays meet first, part of the "
       "parts' rims")  # fmt: skip
def part_map(case: Case) -> Measured:
    stored, sight = case.image.array("part_map").astype(np.int64), case.sight
    wanted = np.zeros(stored.shape, dtype=np.int64)
    for number in case.image.instance_ids.tolist():
        shape, mine = case.image.bodies[number - 1].shape, sight.ids == number
        assert shape.part_of_face is not None
        wanted[mine] = np.array(shape.part_ids)[shape.part_of_face[sight.faces[mine]]]
    differ = int(((stored != wanted) & (sight.ids >= 0)).sum())
    edges = int((wanted[:, 1:] != wanted[:, :-1]).sum() + (wanted[1:] != wanted[:-1]).sum())
    return Measured(max(differ - FREE, 0) / max(edges, 1), SHARE)


@check("parts", "parts whose name, id or px differ from the model and from part_map within mask_visib, "
       "and pixels of part_map beyond the masks or without a part in them")  # fmt: skip
def parts(case: Case) -> Measured:
    stored, masks = case.image.array("part_map"), case.image.masks("mask_visib")
    beyond = int(((stored > 0) != masks.any(axis=0)).sum())
    found = [(beyond, "part_map and the masks differ")]
    for place, (one, thing, mask) in enumerate(
        zip(case.image.of_instances("parts"), case.things(), masks, strict=True)
    ):
        shape = thing.shape
        has = [] if shape.part_of_face is None else np.unique(shape.part_of_face).tolist()
        wanted = [
            {"part_id": shape.part_ids[k], "name": shape.part_names[k],
             "px": int((stored[mask] == shape.part_ids[k]).sum())}
            for k in has
        ]  # fmt: skip
        wrong = abs(sum(part["px"] for part in one["parts"]) - int(mask.sum()))
        wrong += sum(a != b for a, b in zip(one["parts"], wanted, strict=True))
        found.append((wrong + (one["whole"] != shape.whole), f"instance {place}"))
    return worst(found, 0)


@check("occluders", "pixels by which who hides whom differs from mask and what rays meet first, "
       "part of the mask")  # fmt: skip
def occluders(case: Case) -> Measured:
    masks, found = case.image.masks("mask"), []
    try:
        ids = case.image.array("panoptic_map").astype(np.int64)
        free, tolerance = 0, 0.0
    except NotStored:
        ids, free, tolerance = case.sight.ids, FREE, 0.02
    for place, (stored, mask) in enumerate(
        zip(case.image.of_instances("occluders"), masks, strict=True)
    ):
        counts = np.bincount(ids[mask & (ids > 0)], minlength=len(case.image.bodies) + 1)
        counts[case.image.instance_ids[place]] = 0
        given = np.zeros_like(counts)
        for one in stored:
            given[one["instance_id"]] = one["px"]
            share = one["px"] / max(mask.sum(), 1)
            found.append((abs(one["fraction"] - share) > 1e-9, f"instance {place}: fraction"))
        off = int(np.abs(given - counts).max())
        found.append((max(off - free, 0) / max(mask.sum(), 1), f"instance {place}"))
    return worst(found, tolerance)


def _against_masks(case: Case, name: str, ids: list[int]) -> Measured:
    return _differing(case.image.array(name), case.image.masks("mask_visib"), ids)


def _differing(stored: NDArray[np.integer], masks: NDArray[np.bool_], ids: list[int]) -> Measured:
    wanted = np.zeros(masks.shape[1:], dtype=np.int64)
    for mask, number in zip(masks, ids, strict=True):
        wanted[mask] = number
    rows, columns = np.nonzero(stored != wanted)
    text = f"(x, y) = ({columns[0]}, {rows[0]})" if len(rows) else ""
    return Measured(len(rows), 0, text)
