"""Keypoints against the models' named points and rays to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from simkit.audit.checking import Case, Measured, check, worst
from simkit.audit.stored import NotApplicable

SLACK = 0.002
"""A surface that stands no farther than this before a point does not hide it [m]."""

NEARLY = 0.001
"""States are not compared where a surface is this near to where it would begin to hide [m]."""

STATES = ("outside", "occluded", "visible")


@check("keypoints", "keypoints that are not where the model's named points lie and project "
       "(1e-5 m, 0.01 px), or whose state rays contradict")  # fmt: skip
def keypoints(case: Case) -> Measured:
    found: list[tuple[float, str]] = []
    lens = case.image.lens
    case.need_one_moment()
    for place, (stored, thing) in enumerate(
        zip(case.image.of_instances("keypoints"), case.things(), strict=True)
    ):
        named = thing.shape.keypoints
        if [one["name"] for one in stored] != [name for name, _ in named]:
            found.append((np.inf, f"instance {place}: the names are not the model's"))
            continue
        if not named:
            continue
        points = thing.points(np.array([point for _, point in named]))
        pixels, inside = lens.project(points), lens.inside(lens.project(points))
        away = np.linalg.norm(points, axis=1)
        nearest = np.full(len(points), np.inf)
        for body in case.image.bodies:
            met = case.alone.distance(body, points / away[:, None])
            nearest = np.minimum(nearest, met)
        wrong = [
            one["name"]
            for k, one in enumerate(stored)
            if _is_wrong(one, points[k], pixels[k], bool(inside[k]), away[k] - nearest[k], case)
        ]
        found.append((len(wrong), f"instance {place}: {', '.join(wrong)}"))
    if not any(thing.shape.keypoints for thing in case.image.things):
        raise NotApplicable("the models have no named points")
    return worst(found, 0)


def _is_wrong(one: Any, point: Any, pixel: Any, inside: bool, before: float, case: Case) -> bool:
    """Return whether a stored keypoint is off; a surface stands `before` [m] in front of it."""
    if np.abs(np.array(one["point"]) - point).max() > 1e-5 or one["state"] not in STATES:
        return True
    lens = case.image.lens
    if np.isfinite(pixel).all():
        limit = 0.01 if lens.straight else 0.05
        if one["px"] is None or np.abs(np.array(one["px"]) - pixel).max() > limit:
            return not lens.wide
        edge = np.array([lens.width, lens.height]) - 0.5
        if min(np.abs(pixel + 0.5).min(), np.abs(pixel - edge).min()) < 0.01:
            return False
    elif lens.wide:
        return False
    if not inside or one["state"] == "outside":
        return bool(inside == (one["state"] == "outside"))
    if not case.image.complete or abs(before - SLACK) < NEARLY:
        return False
    return bool((before > SLACK) != (one["state"] == "occluded"))
