"""Boxes and counts in the image, from masks; BOP's by its definition, ours by ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from simkit.audit.checking import Case, Float, Mask, Measured, check, laid, same_length, worst
from simkit.audit.stored import NotApplicable, NotStored

NOT_VISIBLE = [-1, -1, -1, -1]
BEYOND = 1
"""By how much a box may differ where it leaves the image, and so no mask can tell [px]."""

BY_RAYS = 2
"""By how much a box may differ where no mask is stored: one that rays alone tell [px]."""


@check("bbox_visib", "largest difference to the box of mask_visib, width x_max - x_min + 1 [px]")
def bbox_visib(case: Case) -> Measured:
    masks = case.image.masks("mask_visib")

    def exact(place: int) -> Float:
        return np.zeros(4)

    return worst(
        [
            *_compared(case, "bbox_visib", [box_of(mask) for mask in masks], exact),
            *_bop_boxes(case, "bbox_visib", [box_of(mask) for mask in masks], exact),
        ],
        0,
    )


@check("bbox_obj", "largest difference to the box of mask and of rays outside the image [px]")
def bbox_obj(case: Case) -> Measured:
    has_masks, boxes = True, []
    try:
        case.image.masks("mask")
    except NotStored:
        has_masks = False
    for place in range(len(case.things())):
        whole, x, y = _whole(case, place) if has_masks else _by_rays(case, place)
        box = box_of(whole)
        boxes.append(None if box is None else [box[0] + x, box[1] + y, *box[2:]])

    def slack(place: int) -> Float:
        return np.full(4, BY_RAYS) if not has_masks else _cut_sides(case, boxes[place])

    ours, bop = (
        _compared(case, "bbox_obj", boxes, slack),
        _bop_boxes(case, "bbox_obj", boxes, slack),
    )
    return worst([*ours, *bop], 0)


@check(
    "visib_fract", "largest difference of a pixel count to that of the masks, beyond rounding [px]"
)
def counts(case: Case) -> Measured:
    visible, found = case.image.masks("mask_visib"), []
    for source, rows in _rows(case, "visib_fract"):
        for place, row in enumerate(rows):
            text = f"instance {place} in {source}"
            seen = int(visible[place].sum())
            found.append((abs(row["px_count_visib"] - seen), f"{text}: px_count_visib"))
            whole = row["px_count_all"]
            ratio = row["px_count_visib"] / whole if whole else 0.0
            off = abs(row["visib_fract"] - ratio)
            found.append((off * max(whole, 1) if off > 1e-4 else 0, f"{text}: visib_fract"))
            found += _amodal_counts(case, row, place, text)
    return worst(found, 0)


@check("visibility", "largest difference of the three visible fractions to those of masks")
def visibility(case: Case) -> Measured:
    visible, masks, found = case.image.masks("mask_visib"), case.image.masks("mask"), []
    for place, row in enumerate(case.image.of_instances("visibility")):
        whole, *_ = _whole(case, place)
        seen, framed, area = (
            int(np.count_nonzero(m)) for m in (visible[place], masks[place], whole)
        )
        if not _is_inside(case, place) and not case.image.lens.straight:
            continue
        wanted = {
            "visible_of_whole": seen / max(area, 1),
            "in_frame_of_whole": framed / max(area, 1),
            "visible_of_in_frame": seen / max(framed, 1),
        }
        slack = 1e-9 if _is_inside(case, place) else 0.01
        for name, value in wanted.items():
            off = abs(row[name] - value)
            found.append((0.0 if off <= slack else off, f"instance {place}: {name}"))
    return worst(found, 1e-9)


@check("obb_visib", "how far a corner of a pixel of mask_visib lies outside its oriented box, or a side "
       "of the box is away from them all [px]")  # fmt: skip
def oriented(case: Case) -> Measured:
    found = []
    masks = case.image.masks("mask_visib")
    for place, (box, mask) in enumerate(
        zip(case.image.of_instances("obb_visib"), masks, strict=True)
    ):
        if box is None or not mask.any():
            found.append((float((box is None) == mask.any()), f"instance {place}"))
            continue
        rows, columns = np.nonzero(mask)
        corners = np.concatenate(
            [np.stack([columns + x, rows + y], axis=1) for x in (-0.5, 0.5) for y in (-0.5, 0.5)]
        )
        turn = np.radians(box["angle_deg"])
        axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        local = (corners - np.array(box["center"])) @ axes.T
        half = np.array(box["size"]) / 2
        off = np.abs(np.stack([local.max(axis=0) - half, local.min(axis=0) + half])).max()
        given = (np.array(box["corners"]) - np.array(box["center"])) @ axes.T
        wanted = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
        found.append((max(off, np.abs(given - wanted).max()), f"instance {place}"))
    return worst(found, 0.05)


def box_of(mask: Mask) -> list[int] | None:
    """Return ``[x, y, width, height]`` around a mask's pixels; None if it has none."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(rows):
        return None
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1]


def _whole(case: Case, place: int) -> tuple[Mask, int, int]:
    """Return an instance's stored mask with what rays say outside the image, and its top left."""
    mask, lens = case.image.masks("mask")[place], case.image.lens
    x, y, cast = case.silhouettes[place]
    h, w = cast.shape
    x0, y0 = min(x, 0) if cast.size else 0, min(y, 0) if cast.size else 0
    x1, y1 = (
        (max(x + w, lens.width), max(y + h, lens.height))
        if cast.size
        else (lens.width, lens.height)
    )
    canvas = np.zeros((y1 - y0, x1 - x0), dtype=bool)
    laid(canvas, x - x0, y - y0, cast)
    canvas[-y0 : lens.height - y0, -x0 : lens.width - x0] = mask
    return canvas, x0, y0


def _by_rays(case: Case, place: int) -> tuple[Mask, int, int]:
    """Return what rays say of an instance, and its top left."""
    x, y, cast = case.silhouettes[place]
    return cast, x, y


def _is_inside(case: Case, place: int) -> bool:
    """Return whether nothing of an instance can lie outside the image."""
    try:
        mask = case.image.masks("mask")[place]
    except NotStored:
        mask = case.silhouette_in_image(place)
    at_border = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
    inside = int(case.silhouette_in_image(place).sum())
    return not at_border and int(case.silhouettes[place][2].sum()) == inside and mask.any()


def _rows(case: Case, name: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the counts of an image by the file that holds them."""
    found: list[tuple[str, list[dict[str, Any]]]] = []
    for source, get in (
        ("labels.json", lambda: case.image.of_instances(name)),
        ("gt_info", lambda: case.image.gt_info),
    ):
        try:
            found.append((source, get()))
        except NotStored:
            continue
    if not found:
        raise NotStored(f"labels.json: {name}, gt_info")
    for source, rows in found:
        same_length(rows, case, source)
    return found


def _amodal_counts(
    case: Case, row: dict[str, Any], place: int, text: str
) -> list[tuple[float, str]]:
    """Return how far the counts of the whole instance are off."""
    try:
        mask = case.image.masks("mask")[place]
    except NotStored:
        return []
    found: list[tuple[float, str]] = []
    try:
        valid = int((mask & (case.image.depth > 0)).sum())
        found.append((abs(row["px_count_valid"] - valid), f"{text}: px_count_valid"))
    except NotStored:
        pass
    inside = _is_inside(case, place)
    if inside or case.image.lens.straight:
        area = int(_whole(case, place)[0].sum())
        slack = 0 if inside else 0.01 * area + 4
        found.append((max(abs(row["px_count_all"] - area) - slack, 0), f"{text}: px_count_all"))
    return found


def _compared(
    case: Case, name: str, boxes: Sequence[Any], slack: Callable[[int], Float]
) -> list[tuple[float, str]]:
    """Return how far our own boxes are off."""
    try:
        stored = case.image.of_instances(name)
    except (NotStored, NotApplicable):
        return []
    same_length(stored, case, "labels.json")
    return [
        (_off(one, box, slack(place)), f"instance {place} in labels.json: {one}, not {box}")
        for place, (one, box) in enumerate(zip(stored, boxes, strict=True))
        if _tells(case, name, place)
    ]


def _bop_boxes(
    case: Case, name: str, boxes: Sequence[Any], slack: Callable[[int], Float]
) -> list[tuple[float, str]]:
    """Return how far BOP's boxes are off: width x_max - x_min, four -1 of what is not visible."""
    try:
        info = case.image.gt_info
    except NotStored:
        case.image.of_instances(name)  # raises if neither file has boxes
        return []
    same_length(info, case, "gt_info")
    found = []
    for place, (row, box) in enumerate(zip(info, boxes, strict=True)):
        wanted = NOT_VISIBLE
        if box is not None and row["px_count_visib"] > 0:
            wanted = [box[0], box[1], box[2] - 1, box[3] - 1]
        if _tells(case, name, place):
            text = f"instance {place} in gt_info: {row[name]}, not {wanted}"
            found.append((_off(row[name], wanted, slack(place)), text))
    return found


def _tells(case: Case, name: str, place: int) -> bool:
    """Return whether a box can be told: beyond the image, a bent lens keeps it to itself."""
    return name == "bbox_visib" or case.image.lens.straight or _is_inside(case, place)


def _cut_sides(case: Case, box: list[int] | None) -> Float:
    """Return by how much each side (left, top, right, bottom) may differ: those outside the image."""
    if box is None:
        return np.zeros(4)
    lens = case.image.lens
    x, y, width, height = box
    outside = [x <= 0, y <= 0, x + width >= lens.width, y + height >= lens.height]
    return BEYOND * np.array(outside, dtype=np.float64)


def _off(stored: Any, box: Any, slack: Float) -> float:
    if stored is None or box is None:
        return 0.0 if stored is None and box is None else np.inf
    ends = [np.array([b[0], b[1], b[0] + b[2], b[1] + b[3]]) for b in (stored, box)]
    return float(np.maximum(np.abs(ends[0] - ends[1]) - slack, 0).max())
