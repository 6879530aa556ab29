"""Poses and cameras: by themselves, against each other, and against what is seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from simkit.audit.checking import Case, Float, Measured, check, same_length, worst
from simkit.audit.stored import NotApplicable, NotStored, Placed, StoredImage, rotation_of

ENOUGH = 150
"""Pixels of an instance from which its pose is recovered."""

ROUNDED = 1e-3
"""How far rotations that others annotated may be from orthonormal, or from what was made of them."""

MANY = 8
"""Boxes of an image that tell a shift of half a pixel from chance."""

INWARDS = 0.1
"""Thin tips miss all pixel centres: a box may end this part of its size within the vertices."""


@check(
    "rotation", "how far a rotation is from orthonormal: largest entry of R R^T - 1, or of det - 1"
)
def rotation(case: Case) -> Measured:
    found = [(_from_rigid(one.R), f"instance {i}") for i, one in enumerate(case.things())]
    if "cam_R_w2c" in case.image.camera:
        R = np.reshape(np.array(case.image.camera["cam_R_w2c"], dtype=np.float64), (3, 3))
        found.append((_from_rigid(R), "cam_R_w2c"))
    return worst(found, 1e-6 if case.image.complete else ROUNDED)


@check("quaternion", "how far the length of a quaternion in params.json is from 1")
def quaternion(case: Case) -> Measured:
    scene = case.image.world["scene"]
    placed = [*scene["bodies"], {**scene["camera"], "name": "camera"}]
    found = [(abs(np.linalg.norm(one["quaternion"]) - 1), str(one["name"])) for one in placed]
    return worst([(float(value), name) for value, name in found], 1e-6)


@check(
    "pose", "largest difference between the poses in gt.json, labels.json and params.json [m, 1]"
)
def pose(case: Case) -> Measured:
    image, found = case.image, []
    things = case.things()
    try:
        stored = [np.array(one, dtype=np.float64) for one in image.of_instances("pose")]
    except NotStored:
        stored = []
    scales = image.scales if isinstance(image, StoredImage) and not image.complete else None
    for place, T in enumerate(stored):
        R = T[:3, :3] if scales is None else T[:3, :3] * scales[place]
        found.append((_apart(R, T[:3, 3], things[place]), f"labels.json, instance {place}"))
    if image.complete:
        bodies = [image.bodies[number - 1] for number in image.instance_ids]
        for place, (body, thing) in enumerate(zip(bodies, things, strict=True)):
            found.append((_apart(body.R, body.t, thing), f"params.json, instance {place}"))
    if not found:
        raise NotStored("labels.json: pose, params.json")
    return worst(found, 1e-6 if image.complete else ROUNDED)


@check(
    "camera", "largest difference between the cameras in camera.json, labels.json and params.json"
)
def camera(case: Case) -> Measured:
    image, found = case.image, []
    if not isinstance(image, StoredImage):
        raise NotStored("params.json")
    R, t = image.extrinsics
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, t
    if image.complete:
        one = image.world["scene"]["camera"]
        back = rotation_of(one["quaternion"])
        found.append((_largest(back.T - R), "params.json: quaternion"))
        found.append((_largest(R @ np.array(one["position"]) + t), "params.json: position"))
        found.append((_largest(np.array(one["cam_K"]) - image.lens.K), "params.json: cam_K"))
    for name in ("cam_K", "camera"):
        try:
            label = image.of_image(name)
        except NotStored:
            continue
        found.append(
            (_largest(np.array(label["cam_K"]) - image.lens.K), f"labels.json: {name}.cam_K")
        )
        found.append((_largest(np.array(label["T_camera_world"]) - T), f"labels.json: {name}"))
    return worst(found, 1e-6)


@check(
    "cam_K", "how far the principal point lies outside the image, or a focal length below 1 [px]"
)
def intrinsics(case: Case) -> Measured:
    lens, K = case.image.lens, case.image.lens.K
    if lens.model == "equirectangular":
        raise NotApplicable("a panorama has no cam_K")
    beyond = [
        -0.5 - K[0, 2],
        K[0, 2] - lens.width + 0.5,
        -0.5 - K[1, 2],
        K[1, 2] - lens.height + 0.5,
    ]
    found = [(max(*beyond, 0.0), f"principal point ({K[0, 2]:.1f}, {K[1, 2]:.1f})")]
    found += [(max(1 - K[k, k], 0.0), f"focal length {K[k, k]:g}") for k in (0, 1)]
    return worst(found, 0)


@check(
    "projection",
    "how far bbox_obj reaches beyond the projected vertices, or ends much within them [px]",
)
def projection(case: Case) -> Measured:
    lens, found = case.image.lens, []
    slack = 0.01 if case.image.complete and lens.straight else 1.0
    for place, first, last, low, high in _projected(case):
        size = float((high - low).max())
        bend = 0.0 if lens.straight else 0.1 * size + 1
        beyond = np.concatenate([low - first, last - high]).max() - slack - bend
        within = np.concatenate([first - low, high - last]).max()
        allowed = max(3.0, INWARDS * size) + bend
        found.append((max(beyond, within - allowed, 0.0), f"instance {place}"))
    return worst(found, 0)


@check("box_centre", "median over instances of how far the middle of bbox_obj is from that of the "
       "projected vertices [px]: half a pixel, if cam_K has other pixel centres")  # fmt: skip
def box_centre(case: Case) -> Measured:
    if not case.image.lens.straight:
        raise NotApplicable("a lens bends boxes")
    sides = [(first - low) - (high - last) for _, first, last, low, high in _projected(case)]
    if len(sides) < MANY:
        raise NotApplicable(f"fewer than {MANY} boxes")
    off = np.median(sides, axis=0) / 2
    return Measured(
        float(np.abs(off).max()),
        1.1 / float(np.sqrt(len(sides))),
        f"x {off[0]:.2f}, y {off[1]:.2f}",
    )


def _projected(case: Case) -> Iterator[tuple[int, Float, Float, Float, Float]]:
    """Yield place, first and last pixel of bbox_obj, and lowest and highest projected vertex.

    Instances that reach behind the camera or beyond BOP's canvas are left out.
    """
    lens = case.image.lens
    if lens.wide:
        raise NotApplicable("a wide camera")
    case.need_one_moment()
    size = np.array([lens.width, lens.height])
    for place, (box, thing) in enumerate(zip(_amodal_boxes(case), case.things(), strict=True)):
        points = thing.points(thing.shape.vertices)
        if box is None or points[:, 2].min() <= max(lens.near, 1e-3):
            continue
        pixels = lens.project(points)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        if (low >= -size).all() and (high <= 2 * size - 1).all():
            first = np.array(box[:2], dtype=np.float64)
            yield place, first, first + np.array(box[2:]) - 1, low, high


@check("object_coords", "pixels whose object coordinates, by the pose, project elsewhere "
       "(more than 0.1 px), part of all")  # fmt: skip
def object_coords(case: Case) -> Measured:
    coords = case.image.array("object_coords")
    return _reprojected(case, lambda place, pixels: coords[pixels].astype(np.float64))


@check("nocs", "pixels whose normalized coordinates, by nocs_scale and the pose, project elsewhere "
       "(more than 0.1 px), part of all")  # fmt: skip
def nocs(case: Case) -> Measured:
    return _reprojected(case, _coordinates_of_nocs(case))


@check("pnp", "error of the pose that PnP recovers from object coordinates [0.1 degree or 0.5 mm]")
def pnp(case: Case) -> Measured:
    try:
        coords = case.image.array("object_coords")
    except NotStored:
        return _recovered(case, _coordinates_of_nocs(case))
    return _recovered(case, lambda place, pixels: coords[pixels].astype(np.float64))


def _coordinates_of_nocs(case: Case) -> Any:
    values, boxes = case.image.array("nocs"), case.image.of_instances("nocs_scale")
    things = case.things()

    def coordinates(place: int, pixels: Any) -> Float:
        box = boxes[place]
        scaled = (values[pixels].astype(np.float64) - 0.5) * box["diagonal"] + np.array(
            box["center"]
        )
        return np.asarray(scaled / things[place].scale)

    return coordinates


def _seen(case: Case) -> Any:
    """Yield place, instance, and rows and columns of its visible pixels."""
    case.need_one_moment()
    for place, (mask, thing) in enumerate(
        zip(case.image.masks("mask_visib"), case.things(), strict=True)
    ):
        yield place, thing, np.nonzero(mask)


def _reprojected(case: Case, coordinates: Any) -> Measured:
    lens, found = case.image.lens, []
    for place, thing, pixels in _seen(case):
        if len(pixels[0]) < 20:
            continue
        there = lens.project(thing.points(coordinates(place, pixels)))
        off = np.abs(there - np.stack(pixels[::-1], axis=1)).max(axis=1)
        known = np.isfinite(lens.grid[pixels][:, 0]) & np.isfinite(there[:, 0])
        wrong = int((known & (off > 0.1)).sum()) - 2
        found.append((max(wrong, 0) / len(off), f"instance {place}"))
    return worst(found, 0.02 if lens.straight else 0.1)


def _recovered(case: Case, coordinates: Any) -> Measured:
    lens, found = case.image.lens, []
    for place, thing, pixels in _seen(case):
        if len(pixels[0]) < ENOUGH:
            continue
        rays = lens.grid[pixels]
        chosen = np.flatnonzero(np.isfinite(rays[:, 0]) & (rays[:, 2] > 0.1))
        chosen = chosen[:: max(len(chosen) // 1000, 1)]
        if len(chosen) < ENOUGH // 2:
            continue
        local = coordinates(place, pixels)[chosen] * thing.scale
        plane = rays[chosen, :2] / rays[chosen, 2:]
        done, turn, t = cv2.solvePnP(local, plane, np.eye(3), None, flags=cv2.SOLVEPNP_SQPNP)
        if not done:
            found.append((np.inf, f"instance {place}: none found"))
            continue
        turn, t = cv2.solvePnPRefineLM(local, plane, np.eye(3), None, turn, t)
        R = cv2.Rodrigues(turn)[0]
        angle = np.degrees(np.arccos(np.clip((np.trace(R.T @ thing.R) - 1) / 2, -1, 1)))
        away = float(np.linalg.norm(t[:, 0] - thing.t)) * 1000
        text = f"instance {place}: {angle:.3f} degrees, {away:.3f} mm"
        found.append((max(angle / 0.1, away / 0.5), text))
    return worst(found, 1.0)


def _amodal_boxes(case: Case) -> list[Any]:
    """Return the stored amodal boxes as ours (width x_max - x_min + 1); None where there is none."""
    try:
        boxes = case.image.of_instances("bbox_obj")
    except NotStored:
        boxes = []
        for row in case.image.gt_info:
            x, y, w, h = row["bbox_obj"]
            boxes.append(None if w < 0 or h < 0 else [x, y, w + 1, h + 1])
    same_length(boxes, case, "bbox_obj")
    return boxes


def _from_rigid(R: Float) -> float:
    return max(_largest(R @ R.T - np.eye(3)), abs(float(np.linalg.det(R)) - 1))


def _apart(R: Float, t: Float, thing: Placed) -> float:
    return max(_largest(R - thing.R), _largest(t - thing.t))


def _largest(array: Float) -> float:
    return float(np.abs(array).max())
