"""Boxes in space, the box of normalized coordinates, and poses that look alike."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from scipy.spatial import cKDTree

from simkit.audit.checking import Case, Measured, check, worst
from simkit.audit.stored import NotStored, Placed, StoredImage

CORNERS = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], dtype=np.float64)


@check("bbox_3d", "largest difference to the model's bounds at the pose, and projected [m, px]")
def bbox_3d(case: Case) -> Measured:
    found = []
    for place, (box, thing) in enumerate(
        zip(case.image.of_instances("bbox_3d"), case.things(), strict=True)
    ):
        low, high = thing.shape.bounds
        corners = thing.points(low + CORNERS * (high - low))
        off = np.abs(np.array(box["corners_camera"]) - corners).max()
        off = max(off, np.abs(np.array(box["size"]) - (high - low) * thing.scale).max())
        off = max(off, np.abs(np.array(box["center"]) - corners.mean(axis=0)).max())
        found.append((off, f"instance {place}: in space"))
        pixels = case.image.lens.project(corners)
        for mine, given in zip(pixels, box["corners_px"], strict=True):
            if np.isfinite(mine).all() and not case.image.lens.wide:
                away = np.inf if given is None else np.abs(np.array(given) - mine).max()
                scale = 1e-3 / max(1.0, float(np.abs(mine).max()))
                found.append((float(away) * scale, f"instance {place}: in the image"))
    return worst(found, 1e-5)


@check("bbox_loose", "largest difference to the box around the eight projected corners [px]")
def bbox_loose(case: Case) -> Measured:
    lens, found = case.image.lens, []
    for place, (box, thing) in enumerate(
        zip(case.image.of_instances("bbox_loose"), case.things(), strict=True)
    ):
        low, high = thing.shape.bounds
        pixels = lens.project(thing.points(low + CORNERS * (high - low)))
        if not np.isfinite(pixels).all():
            found.append((0.0 if box is None or lens.wide else np.inf, f"instance {place}"))
            continue
        first, last = pixels.min(axis=0), pixels.max(axis=0)
        wanted = np.array([*first, *(last - first)])
        off = np.inf if box is None else np.abs(np.array(box) - wanted).max()
        found.append((float(off) / max(1.0, float(np.abs(wanted).max())), f"instance {place}"))
    return worst(found, 1e-6)


@check(
    "nocs_scale", "largest difference to the middle and diagonal of the model's scaled bounds [m]"
)
def nocs_scale(case: Case) -> Measured:
    found = []
    for place, (box, thing) in enumerate(
        zip(case.image.of_instances("nocs_scale"), case.things(), strict=True)
    ):
        low, high = thing.shape.bounds * thing.scale
        off = np.abs(np.array(box["center"]) - (low + high) / 2).max()
        diagonal = abs(box["diagonal"] - np.linalg.norm(high - low))
        found.append((float(max(off, diagonal)), f"instance {place}"))
    return worst(found, 1e-6)


@check("pose_canonical", "mean distance to the nearest vertex between the model at pose and at "
       "pose_canonical, part of its size; 0 if it has no symmetry that may be off")  # fmt: skip
def pose_canonical(case: Case) -> Measured:
    found = []
    for place, (one, thing) in enumerate(
        zip(case.image.of_instances("pose_canonical"), case.things(), strict=True)
    ):
        T = np.array(one, dtype=np.float64)
        vertices = thing.shape.vertices * thing.scale
        if not thing.shape.symmetries and not thing.shape.axes:
            found.append((float(np.abs(T[:3, :3] - thing.R).max()), f"instance {place}: has none"))
            continue
        chosen = vertices[:: max(len(vertices) // 300, 1)]
        there = chosen @ T[:3, :3].T + T[:3, 3]
        back = (there - thing.t) @ thing.R
        spacing = cKDTree(vertices).query(back)[0].mean()
        found.append((float(spacing) / thing.shape.diameter, f"instance {place}"))
    return worst(found, 0.02)


@check("inside", "who is inside whom, as relations have it, though less than a third of its corners lie "
       "in the other's convex hull, or left out though more than two thirds do")  # fmt: skip
def inside(case: Case) -> Measured:
    given = {(a, b) for a, what, b in case.image.of_image("relations") if what == "inside"}
    if not case.image.complete:
        raise NotStored("params.json")
    bodies = [case.image.bodies[number - 1] for number in case.image.instance_ids]
    wrong = []
    for subject, other in permutations(bodies, 2):
        share = _share_inside(subject, other)
        pair = subject.name, other.name
        if (pair in given and share < 1 / 3) or (pair not in given and share > 2 / 3):
            wrong.append(f"{' inside '.join(pair)}: {share:.0%}")
    names = {body.name for body in bodies}
    wrong += [" inside ".join(pair) for pair in sorted(given) if not set(pair) <= names]
    return Measured(len(wrong), 0, "; ".join(wrong[:3]))


def _share_inside(subject: Placed, other: Placed) -> float:
    """Return the share of the corners of a body's convex hull that lie in that of a larger one."""
    if subject.shape.diameter * subject.scale.max() >= other.shape.diameter * other.scale.max():
        return 0.0
    corners = subject.points(subject.shape.hull[0])
    local = (corners - other.t) @ other.R / other.scale
    low, high = other.shape.bounds
    boxed = np.flatnonzero(((local >= low) & (local <= high)).all(axis=1))
    if 3 * len(boxed) < len(local):
        return len(boxed) / len(local)
    planes = other.shape.hull[1]
    beyond = (local[boxed] @ planes[:, :3].T + planes[:, 3]).max(axis=1)
    return float((beyond <= 0).sum() / len(local))


@check("relations", "left of, in front of, above: triples that the bodies' middles contradict, or that "
       "are missing though they are far apart")  # fmt: skip
def relations(case: Case) -> Measured:
    image = case.image
    given = {tuple(one) for one in image.of_image("relations")}
    if not isinstance(image, StoredImage) or not image.complete:
        raise NotStored("params.json")
    R, t = image.extrinsics
    bodies = [image.bodies[number - 1] for number in image.instance_ids]
    world = [(body.points(body.shape.vertices) - t) @ R for body in bodies]
    middles = np.array([(v.min(axis=0) + v.max(axis=0)) / 2 for v in world]).reshape(-1, 3)
    seen = middles @ R.T + t
    reach = [body.shape.diameter * body.scale.max() / 4 for body in bodies]
    axes = {"left_of": seen[:, 0], "in_front_of": seen[:, 2], "above": -middles[:, 2]}
    wrong = []
    for a, b in permutations(range(len(bodies)), 2):
        for name, places in axes.items():
            apart, triple = places[b] - places[a], (bodies[a].name, name, bodies[b].name)
            if (triple in given and apart <= 0) or (
                triple not in given and apart > reach[a] + reach[b] + 1e-3
            ):
                wrong.append(" ".join(triple))
    return Measured(len(wrong), 0, "; ".join(wrong[:3]))
