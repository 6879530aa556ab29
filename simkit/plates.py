"""Rigid thin plates at rest on a plane and on each other, without a physics engine.

Bullet keeps a skin of 1 mm around its shapes, three times the thickness of a playing card. A plate
that is laid down at a given place and heading comes to rest where its middle is as low as the
others let it be. For small tilts that is a linear programme in the plate's height and two slopes:
its underside lies above each corner of what its outline shares with the outlines below it (the
tops below are planes, so the corners suffice). At the optimum the contacts carry the plate: the
multipliers are their forces, in balance with its weight at the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.spatial.transform import Rotation

from simkit.distributions import Choice, Distribution, Uniform
from simkit.geometry import Array
from simkit.options import setting, varied

CLEARANCE = 2e-5
"""Room [m] left beneath a plate, and around its outline, for what a small tilt changes in them."""

STEEPEST = 0.15
"""Slope beyond which a tilt is not small: what a plate's thickness t shifts is t slope^2 / 2."""

TRIES = 20
"""Places that are tried for a plate on others; if it would lie too steep at all, it lies apart."""

ARRANGEMENTS = ("apart", "stacked", "fanned", "held")

GROWTH = 0.02
"""By so much farther out is each next place that is tried for plates that must not meet."""

Size = tuple[float, float, float]


@dataclass
class ArrangementOptions:
    """How plates lie."""

    arrangement: Distribution = varied(
        Choice(ARRANGEMENTS),
        allowed=ARRANGEMENTS,
        help="apart on the table, over each other, fanned out, or held in the air",
    )
    spread: Distribution = varied(
        Uniform(-0.12, 0.12), unit="m", low=-50.0, high=50.0, help="of the plates' middles, x and y"
    )
    face_up: float = setting(0.9, low=0.0, high=1.0, help="probability that the front is above")
    fan_deg: Distribution = varied(
        Uniform(8.0, 30.0), unit="deg", low=0.0, high=90.0, help="turn between neighbours of a fan"
    )
    lift: Distribution = varied(
        Uniform(0.02, 0.3), unit="m", low=0.0, high=50.0, help="of what is held, above the table"
    )
    tilt_deg: Distribution = varied(
        Uniform(0.0, 60.0), unit="deg", low=0.0, high=180.0, help="of what is held, from level"
    )


@dataclass(frozen=True, eq=False)
class Plate:
    """A rectangular plate: width, height and thickness [m]; the pose of its middle in the world.

    Its faces are at z = +-thickness / 2 of its own frame.
    """

    size: Size
    position: Array
    rotation: Array

    @property
    def footprint(self) -> Array:
        """Corners (4, 2) [m] seen from above, a `CLEARANCE` further out, counter-clockwise."""
        width, height = self.size[0] / 2 + CLEARANCE, self.size[1] / 2 + CLEARANCE
        corners = np.array([[width, height], [-width, height], [-width, -height], [width, -height]])
        seen: Array = corners @ self.rotation[:2, :2].T + self.position[:2]
        return seen if self.rotation[2, 2] > 0 else seen[::-1]

    def top(self, points: Array) -> Array:
        """Return the height (N,) [m] of its upper side's plane above points (N, 2)."""
        normal = self.rotation[:, 2] * np.sign(self.rotation[2, 2])
        height = self.position[2] + self.size[2] / 2 / normal[2]
        return np.asarray(height - (points - self.position[:2]) @ normal[:2] / normal[2])


def laid(
    size: Size,
    place: ArrayLike,
    heading: float,
    face_up: bool,
    below: list[Plate],
) -> Plate | None:
    """Return a plate that rests at `place` [m] on z = 0 and on the plates below.

    None if it would lie steeper than this method holds for (`STEEPEST`).

    Args:
        size: width, height and thickness [m].
        place: of its middle, seen from above.
        heading: angle [rad] of its x axis about the world's z (before it is turned over about y).
        face_up: whether its +z side is above.
        below: what has been laid down before, in order.
    """
    turn = Rotation.from_euler("z", heading)
    if not face_up:
        turn = turn * Rotation.from_euler("y", np.pi)
    x, y = np.asarray(place, dtype=np.float64)
    flat = Plate(size, np.array([x, y, size[2] / 2]), turn.as_matrix())
    corners = flat.footprint
    points, floors = [corners], [np.zeros(4)]
    for other in below:
        shared = overlap(corners, other.footprint)
        if len(shared):
            points.append(shared)
            floors.append(other.top(shared))
    if len(points) == 1:
        return flat
    height, slopes = _lowest(np.vstack(points) - [x, y], np.concatenate(floors))
    if np.abs(slopes).max() > STEEPEST:
        return None
    normal = np.array([-slopes[0], -slopes[1], 1.0])
    normal /= np.linalg.norm(normal)
    across = np.array([-normal[1], normal[0], 0.0])  # z x normal
    length = float(np.linalg.norm(across))
    lean = Rotation.from_rotvec(across * (np.arctan2(length, normal[2]) / max(length, 1e-300)))
    up = size[2] / 2 / normal[2] + CLEARANCE
    return Plate(size, np.array([x, y, height + up]), (lean * turn).as_matrix())


def arranged(
    how: str, sizes: Sequence[Size], options: ArrangementOptions, rng: np.random.Generator
) -> list[Plate]:
    """Return plates of the sizes, in an arrangement.

    Args:
        how: one of `ARRANGEMENTS`. ``apart``: flat, none above another; ``stacked``: each but the
            first partly over an earlier one; ``fanned``: each turned on, about a point by its lower
            edge; ``held``: in the air, each clear of the others. Plates that must not meet and find
            no room within `spread` are placed farther out.
        sizes: width, height and thickness [m].
        options: how far apart, turned, high and tilted.
        rng: for all of it.
    """
    if how == "held":
        return _held(sizes, options, rng)
    done: list[Plate] = []
    start, turn = _place(options, rng), rng.uniform(0, 2 * np.pi)
    for size in sizes:
        up = bool(rng.random() < options.face_up)
        plate = None
        if how == "stacked":
            plate = _stacked(size, up, start, done, rng)
        if how == "fanned":
            arm = 0.45 * size[1]
            place = start + arm * np.array([-np.sin(turn), np.cos(turn)])
            plate = laid(size, place, turn, up, done)
            turn += np.deg2rad(options.fan_deg.sample(rng))
        done.append(plate or _apart(size, up, done, options, rng))
    return done


def _stacked(
    size: Size, face_up: bool, start: Array, done: list[Plate], rng: np.random.Generator
) -> Plate | None:
    """Return a plate partly over an earlier one; the first is at `start`. None if all lie too steep."""
    if not done:
        return laid(size, start, rng.uniform(0, 2 * np.pi), face_up, [])
    for _ in range(TRIES):
        other = done[int(rng.integers(len(done)))]
        away, angle = rng.uniform(0.3, 0.9), rng.uniform(0, 2 * np.pi)
        reach = (min(size[:2]) + min(other.size[:2])) / 2
        place = other.position[:2] + away * reach * np.array([np.cos(angle), np.sin(angle)])
        plate = laid(size, place, rng.uniform(0, 2 * np.pi), face_up, done)
        if plate is not None:
            return plate
    return None


def _place(options: ArrangementOptions, rng: np.random.Generator) -> Array:
    return np.array([options.spread.sample(rng) for _ in range(2)])


def _apart(
    size: Size,
    face_up: bool,
    done: list[Plate],
    options: ArrangementOptions,
    rng: np.random.Generator,
) -> Plate:
    tries = 0
    while True:
        place = _place(options, rng) * (1 + GROWTH * tries) + _push(tries, rng)
        plate = laid(size, place, rng.uniform(0, 2 * np.pi), face_up, [])
        assert plate is not None  # it lies flat
        if not any(len(overlap(plate.footprint, other.footprint)) for other in done):
            return plate
        tries += 1


def _held(
    sizes: Sequence[Size], options: ArrangementOptions, rng: np.random.Generator
) -> list[Plate]:
    done: list[Plate] = []
    for size in sizes:
        radius = float(np.linalg.norm(size)) / 2
        towards, heading = rng.uniform(0, 2 * np.pi, 2)
        tilt = np.deg2rad(options.tilt_deg.sample(rng))
        turn = Rotation.from_euler("ZXZ", [towards, tilt, heading])
        if rng.random() >= options.face_up:
            turn = turn * Rotation.from_euler("y", np.pi)
        z = radius + options.lift.sample(rng)
        tries = 0
        while True:
            place = _place(options, rng) * (1 + GROWTH * tries) + _push(tries, rng)
            at = np.array([*place, z])
            gaps = [np.linalg.norm(at - o.position) - np.linalg.norm(o.size) / 2 for o in done]
            if all(gap > radius for gap in gaps):
                break
            tries += 1
        done.append(Plate(size, at, turn.as_matrix()))
    return done


def _push(tries: int, rng: np.random.Generator) -> Array:
    """Return a step (2,) [m] that grows with the tries, for a `spread` that is but a point."""
    angle = rng.uniform(0, 2 * np.pi)
    return 1e-3 * tries * np.array([np.cos(angle), np.sin(angle)])


def overlap(a: Array, b: Array) -> Array:
    """Return the corners (N, 2) of what two convex polygons (counter-clockwise) share; N may be 0.

    Sutherland and Hodgman, "Reentrant polygon clipping", CACM 17(1), 1974.
    """
    shared = a
    for start, end in zip(b, np.roll(b, -1, axis=0), strict=True):
        if not len(shared):
            break
        along = end - start
        side = along[0] * (shared[:, 1] - start[1]) - along[1] * (shared[:, 0] - start[0])
        kept = []
        for k, point in enumerate(shared):
            last = k - 1
            if side[k] * side[last] < 0:
                share = side[last] / (side[last] - side[k])
                kept.append(shared[last] + share * (point - shared[last]))
            if side[k] >= 0:
                kept.append(point)
        shared = np.array(kept).reshape(-1, 2)
    return shared


def _lowest(points: Array, floors: Array) -> tuple[float, NDArray[np.float64]]:
    """Return height at the origin, and slopes (2,), of the lowest plane above points (N, 2)."""
    # z + s . p >= floor, in millimetres and metres: HiGHS' tolerances are absolute.
    scale = 1e3
    found = linprog(
        [1.0, 0.0, 0.0],
        A_ub=-np.column_stack([np.ones(len(points)), points]),
        b_ub=-floors * scale,
        bounds=[(None, None)] * 3,
        method="highs",
    )
    return float(found.x[0] / scale), np.asarray(found.x[1:] / scale)
