"""Contacts, support and who is on whom, against the distances of the bodies' collision shapes.

What touches is said of collision shapes, so these are moved to the stored poses; how far they are
apart is computed here (`simkit.audit.convex`), by no physics engine.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from simkit.audit.checking import Case, Float, Measured, check, worst
from simkit.audit.convex import separation
from simkit.audit.models import SKIN
from simkit.audit.stored import NotStored, StoredImage, rotation_of

TOUCHING = 0.0015
"""Collision shapes that are no farther apart touch [m]."""

TOLERANCE = 0.0004
"""By so much distances and points may differ from the physics engine's [m]."""

SHIFT = 0.005
"""Bodies are moved by this to see where a contact's normal points [m]."""

NEAR = 0.012
"""Hulls whose boxes are farther apart are not looked at [m]."""

CLOSE = 1e-5
"""Distances that differ by less are the same [m]."""

STEEPEST = float(np.cos(np.radians(60.0)))
UNSURE = 0.02
"""Cosines are not compared where they are as near as this to `STEEPEST`."""


class Touch:
    """The collision shapes of an image's bodies, in the world.

    Attributes:
        cores: (V, 3) [m] each, by body: hulls without the skin of `SKIN` about them.
        held: names of the bodies that physics does not move.
    """

    def __init__(self, image: StoredImage) -> None:
        bodies = image.world["scene"]["bodies"]
        self.held = {one["name"] for one in bodies if one["fixed"]}
        self.names = [one["name"] for one in bodies]
        self.labelled = {one["name"] for one in bodies if one["labelled"]}
        self.gravity = np.array(image.world["scene"]["gravity"], dtype=np.float64)
        self.cores: dict[str, list[Float]] = {}
        self._known: dict[tuple[Any, ...], tuple[float, int]] = {}
        for one, placed in zip(bodies, image.bodies, strict=True):
            R, at = rotation_of(one["quaternion"]), np.array(one["position"])
            cores = placed.shape.cores(tuple(one["scale"]))
            self.cores[one["name"]] = [core @ R.T + at for core in cores]
        self._boxes = {
            name: np.array([[core.min(axis=0), core.max(axis=0)] for core in cores])
            for name, cores in self.cores.items()
        }

    def distance(self, a: str, b: str, shift: Float | None = None) -> tuple[float, int]:
        """Return the distance [m] of two bodies, `a` moved by `shift`, and how many hulls touch.

        Inf if it is more than the shift beyond touching; below 0 where the skins overlap, to no less
        than twice `SKIN`.
        """
        by = np.zeros(3) if shift is None else shift
        key = (a, b, *by.tolist())
        if key not in self._known:
            self._known[key] = self._distance(a, b, by)
        return self._known[key]

    def _distance(self, a: str, b: str, by: Float) -> tuple[float, int]:
        near = 2 * (TOUCHING + SKIN) + float(np.linalg.norm(by))
        of_a, of_b = self._boxes[a] + by, self._boxes[b]
        gaps = np.maximum(of_a[:, None, 0] - of_b[None, :, 1], of_b[None, :, 0] - of_a[:, None, 1])
        some = np.argwhere(np.linalg.norm(np.maximum(gaps, 0.0), axis=2) < near).tolist()
        found = [
            float(np.linalg.norm(separation(self.cores[a][i] + by, self.cores[b][j]))) - 2 * SKIN
            for i, j in some
        ]
        touching = sum(one < TOUCHING + TOLERANCE for one in found)
        return min(found, default=np.inf), touching

    def away(self, name: str, point: Float) -> float:
        """Return how far a point (3,) is from a body [m]; inf if it is above `NEAR`."""
        gaps = np.maximum(self._boxes[name][:, 0] - point, point - self._boxes[name][:, 1])
        near = np.flatnonzero(np.linalg.norm(np.maximum(gaps, 0.0), axis=1) < NEAR)
        cores = self.cores[name]
        found = [float(np.linalg.norm(separation(cores[k], point[None]))) for k in near]
        return max(min(found, default=np.inf) - SKIN, 0.0)


def touch_of(case: Case) -> Touch:
    """Return the collision shapes; `NotStored` if the scene is not."""
    image = case.image
    if not isinstance(image, StoredImage) or not image.complete:
        raise NotStored("params.json")
    if case.touch is None:
        case.touch = Touch(image)
    touch: Touch = case.touch
    return touch


@check("contacts", "pairs that do not touch, points not between them, normals that do not part them, "
       "and pairs that touch and are left out; by distances of collision shapes")  # fmt: skip
def contacts(case: Case) -> Measured:
    stored, touch = case.image.of_image("contacts"), touch_of(case)
    assert isinstance(case.image, StoredImage)
    R, t = case.image.extrinsics
    wrong = []
    for one in stored:
        pair = f"{one['a']} and {one['b']}"
        if one["a"] not in touch.cores or one["b"] not in touch.cores:
            wrong.append(f"{pair}: there is no such body")
            continue
        wrong += [f"{pair}: {fault}" for fault in _faults(touch, one, R, t)]
    listed = {frozenset((one["a"], one["b"])) for one in stored}
    if len(listed) < len(stored):
        wrong.append("a pair is listed twice")
    wrong += [
        f"{a} and {b}: touch, and are not listed"
        for a, b in _pairs(touch)
        if frozenset((a, b)) not in listed and touch.distance(a, b)[0] < TOUCHING - TOLERANCE
    ]
    return Measured(len(wrong), 0, "; ".join(wrong[:3]))


@check("support", "pairs that the contacts' normals contradict or that are left out; without contacts, "
       "pairs of which the one does not lie on the other")  # fmt: skip
def support(case: Case) -> Measured:
    stored, touch = case.image.of_image("support"), touch_of(case)
    listed = {(one["supporter"], one["supported"]) for one in stored}
    wrong = [f"{low} carries {high}" for low, high in listed if not _lies_on(touch, high, low)]
    wrong += [f"{low} carries {high}: {why}" for low, high, why in _against_normals(case, listed)]
    return Measured(len(set(wrong)), 0, "; ".join(sorted(set(wrong))[:3]))


@check("on", "who is on whom, as relations have it, that is not so by support")
def on(case: Case) -> Measured:
    triples, touch = case.image.of_image("relations"), touch_of(case)
    listed = {(low, high) for high, predicate, low in triples if predicate == "on"}
    try:
        carried = case.image.of_image("support")
    except NotStored:
        wrong = {(low, high) for low, high in listed if not _lies_on(touch, high, low)}
    else:
        pairs = {(one["supporter"], one["supported"]) for one in carried}
        wrong = listed ^ {(low, high) for low, high in pairs if high in touch.labelled}
    return worst([(1.0, f"{high} on {low}") for low, high in sorted(wrong)] or [(0.0, "")], 0)


def _faults(touch: Touch, one: dict[str, Any], R: Float, t: Float) -> list[str]:
    """Return what is wrong with one contact."""
    a, b, found = one["a"], one["b"], []
    if a == b or (a in touch.held and b in touch.held):
        return ["neither can move, or they are one"]
    normal = R.T @ np.array(one["normal"], dtype=np.float64)
    points = (np.reshape(np.array(one["points"], dtype=np.float64), (-1, 3)) - t) @ R
    apart, count = touch.distance(a, b)
    if apart > TOUCHING + TOLERANCE:
        found.append(f"are {1000 * apart:.2f} mm apart")
    if abs(max(float(one["gap"]), -2 * SKIN) - apart) > TOLERANCE:
        found.append(f"gap {1000 * one['gap']:.2f} mm, not {1000 * apart:.2f} mm")
    reach = TOUCHING / 2 + TOLERANCE
    off = max((touch.away(name, p) for name in (a, b) for p in points), default=np.inf)
    if off > reach:
        found.append(f"a point is {1000 * off:.2f} mm away")
    if abs(np.linalg.norm(normal) - 1) > 1e-6:
        found.append("the normal has not length 1")
        return found
    parted, _ = touch.distance(a, b, SHIFT * normal)
    pushed, _ = touch.distance(a, b, -SHIFT * normal)
    if pushed > parted + CLOSE or (count == 1 and parted < 0.5 * SHIFT + min(one["gap"], 0.0)):
        found.append("the normal does not part them")
    return found


def _pairs(touch: Touch) -> list[tuple[str, str]]:
    """Return the pairs of bodies of which one can move."""
    pairs = combinations(touch.names, 2)
    return [(a, b) for a, b in pairs if not (a in touch.held and b in touch.held)]


def _lies_on(touch: Touch, high: str, low: str) -> bool:
    """Return whether two bodies touch, and the one goes into the other if it sinks."""
    strength = float(np.linalg.norm(touch.gravity))
    if strength == 0 or high not in touch.cores or low not in touch.cores:
        return False
    down = SHIFT * touch.gravity / strength
    if touch.distance(high, low)[0] > TOUCHING + TOLERANCE:
        return False
    sunk, lifted = (touch.distance(high, low, way)[0] for way in (down, -down))
    return bool(sunk <= lifted + CLOSE)


def _against_normals(case: Case, listed: set[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Return supporter, supported and what is wrong, by the stored contacts' normals if there are any."""
    try:
        stored = case.image.of_image("contacts")
    except NotStored:
        return []
    assert isinstance(case.image, StoredImage)
    gravity = touch_of(case).gravity
    strength = float(np.linalg.norm(gravity))
    up = case.image.extrinsics[0] @ (-gravity / max(strength, 1e-12))
    wrong, known = [], set()
    for one in stored:
        cosine = float(np.dot(one["normal"], up)) if strength else 0.0
        low, high = (one["b"], one["a"]) if cosine > 0 else (one["a"], one["b"])
        known |= {(low, high), (high, low)}
        if (high, low) in listed:
            wrong.append((high, low, "the normal points down"))
        if abs(abs(cosine) - STEEPEST) > UNSURE and (abs(cosine) > STEEPEST) != (
            (low, high) in listed
        ):
            angle = np.degrees(np.arccos(min(abs(cosine), 1.0)))
            wrong.append((low, high, f"the normal is {angle:.0f} degrees off the vertical"))
    return [*wrong, *((low, high, "they have no contact") for low, high in listed - known)]
