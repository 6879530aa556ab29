"""Where shadow maps look from: frusta fitted to the bodies that cast shadows, and to what is seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from simkit.geometry import Array
from simkit.render.gl import blocks
from simkit.scene import Light

MARGIN = 2
"""Texels around what a map shows."""

BORDER = 4.0
"""Texels at a fine map's rim that a coarse one stands in for."""

FINER = 0.5
"""A map of what is nearby is worth its while if it is no wider than that, relative to one of all."""

WIDEST = math.tan(math.radians(60.0))
"""Half the opening of one map of a near light; beyond it takes six."""

NEAREST = 5e-3
"""Bodies closer to a near light than this cast no shadow [m]."""


@dataclass(frozen=True, eq=False)
class Map:
    """One shadow map's view of the world.

    Attributes:
        right, up, forward: its axes (3,) in the world.
        eye: where it looks from (3,) [m]; an orthographic map's depth counts from there too.
        center: middle of an orthographic map on its first two axes [m].
        extent: half its width [m]; of a perspective map at distance 1.
        near, far: distances along `forward` [m].
        orthographic: else perspective.
        border: width of the rim in which a coarser map is better, if there is one [m].
    """

    right: Array
    up: Array
    forward: Array
    eye: Array
    extent: float
    near: float
    far: float
    orthographic: bool
    border: float = 0.0

    def camera(self) -> Array:
        """Return (4, 4): world to (along right, along up, along forward)."""
        rotation = np.stack([self.right, self.up, self.forward])
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = rotation, -rotation @ self.eye
        return T

    def clip_from_world(self) -> Array:
        """Return the matrix (4, 4) that draws the map."""
        n, f = self.near, self.far
        P = np.zeros((4, 4))
        P[0, 0] = P[1, 1] = 1 / self.extent
        if self.orthographic:
            P[2, 2], P[2, 3], P[3, 3] = 2 / (f - n), -(f + n) / (f - n), 1
        else:
            P[2, 2], P[2, 3], P[3, 2] = (f + n) / (f - n), -2 * f * n / (f - n), 1
        return P @ self.camera()

    def texel_from_world(self, x: int, y: int, side: int) -> Array:
        """Return (4, 4): world to (texel x, texel y, depth in [0, 1], 1) times w, at a tile."""
        T = np.diag([side / 2, side / 2, 0.5, 1.0])
        T[:3, 3] = x + side / 2, y + side / 2, 0.5
        return T @ self.clip_from_world()

    def block(self, x: int, y: int, side: int) -> np.ndarray:
        """Return the map's uniform block, for a tile of `side` texels at (x, y)."""
        block = np.zeros((), dtype=blocks.SHADOW_MAP)
        matrix = self.texel_from_world(x, y, side)
        block["texel_from_world"] = matrix.T
        block["plane"] = np.linalg.inv(matrix)  # transposed twice: GLSL stores columns
        block["tile"] = x + 1, y + 1, x + side - 1, y + side - 1  # four texels are read at once
        block["range"] = self.near, self.far, 2 * self.extent / side, float(self.orthographic)
        block["right"] = (*self.right, self.border * side / (2 * self.extent))
        block["up"][:3] = self.up
        return block


def maps_of(
    light: Light, casters: list[Array], side: int, seen: tuple[Array, Array] | None = None
) -> list[Map]:
    """Return the maps of a light: none, one, six, or a directional one's fine and coarse map.

    Args:
        light: any.
        casters: corners (8, 3) [m, world] of the bodies that can hide something.
        side: of a map [texels].
        seen: points (N, 3) [m, world] about what is seen nearby, and about all that is seen; None
            for all there is. Only directional lights are fitted to it.
    """
    if not casters or not light.casts_shadow or light.intensity == 0:
        return []
    points = np.concatenate(casters)
    if light.kind != "directional":
        return _near_maps(light, points, side)
    forward = np.asarray(light.direction)
    if seen is None:
        return [parallel_map(forward, points, side)]
    found: list[Map] = []
    for place in seen:
        beside = _beside(forward, points, place, math.tan(light.radius))
        window = _window(forward, points, place, beside)
        if window is not None:
            one = parallel_map(forward, points, side, window=window)
            found.append(replace(one, border=beside + BORDER * 2 * one.extent / side))
    if len(found) == 2 and found[0].extent > FINER * found[1].extent:
        return found[1:]
    return found


def _beside(forward: Array, points: Array, seen: Array, softness: float) -> float:
    """Return how far beside what is seen something may hide a part of a soft light [m]."""
    if len(seen) == 0:
        return 0.0
    return softness * max(float((seen @ forward).max() - (points @ forward).min()), 0.0)


def _window(forward: Array, points: Array, seen: Array, beside: float) -> Array | None:
    """Return (2, 2): low and high ends across `forward` of what both casts shadows and is seen.

    What is seen goes on for `beside` [m]. None if no shadow is seen.
    """
    if len(seen) == 0:
        return None
    across = np.stack(axes_across(forward), axis=1)
    casts, shows = points @ across, seen @ across
    low = np.maximum(casts.min(axis=0), shows.min(axis=0) - beside)
    high = np.minimum(casts.max(axis=0), shows.max(axis=0) + beside)
    return np.stack([low, high]) if (low < high).all() else None


def shows(one: Map, box: Array) -> bool:
    """Return whether a box of corners (8, 3) may lie in a map, or before it, if it is orthographic."""
    if not one.orthographic:
        return True
    across = (box - one.eye) @ np.stack([one.right, one.up], axis=1)
    return bool(
        (across.min(axis=0) < one.extent).all() and (across.max(axis=0) > -one.extent).all()
    )


def holds(one: Map, box: Array) -> bool:
    """Return whether a box of corners (8, 3) lies within the depth of a map that is orthographic."""
    if not one.orthographic:
        return False
    along = (box - one.eye) @ one.forward
    return bool(along.min() >= one.near and along.max() <= one.far)


def parallel_map(
    direction: Array,
    points: Array,
    side: int,
    reach: float | None = None,
    window: Array | None = None,
) -> Map:
    """Return the map along `direction` that shows all `points`, and `reach` [m] before them.

    With a `window`, low and high ends (2, 2) across the direction, it shows only what lies in that.
    """
    forward = direction / np.linalg.norm(direction)
    right, up = axes_across(forward)
    x, y, z = points @ right, points @ up, points @ forward
    if window is None:
        window = np.array([[x.min(), y.min()], [x.max(), y.max()]])
    middle = right * window[:, 0].mean() + up * window[:, 1].mean()
    half = float(np.ptp(window, axis=0).max()) / 2
    half = max(half, 1e-3) * side / (side - 2 * MARGIN)
    slack = max(1e-3, 1e-3 * float(np.ptp(z)))
    near = float(z.min()) - (slack if reach is None else reach)
    return Map(right, up, forward, middle, half, near, float(z.max()) + slack, True)


def axes_across(forward: Array) -> tuple[Array, Array]:
    """Return two unit vectors square to `forward` and each other."""
    x, y, z = forward
    right = np.array([y, -x, 0.0]) if abs(z) < 0.9 else np.array([-z, 0.0, x])
    right = right / np.linalg.norm(right)
    ax, ay, az = right
    return right, np.array([ay * z - az * y, az * x - ax * z, ax * y - ay * x])


def _near_maps(light: Light, points: Array, side: int) -> list[Map]:
    eye = np.asarray(light.position)
    spread = side / (side - 2 * MARGIN)
    farthest = float(np.linalg.norm(points - eye, axis=1).max())
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    aims = [middle - eye]
    if light.kind == "spot":
        aims.append(np.asarray(light.direction))
    best: Map | None = None
    for number, aim in enumerate(aims):
        length = float(np.linalg.norm(aim))
        if length < 1e-6:
            continue
        forward = aim / length
        right, up = axes_across(forward)
        x, y, z = ((points - eye) @ axis for axis in (right, up, forward))
        in_front = z.min() > NEAREST
        if number == 0:
            if not in_front:
                continue
            extent = float(max(np.abs(x / z).max(), np.abs(y / z).max()))
        else:
            extent = math.tan(min(light.cone, 1.2))
        near = max(float(z.min()) * 0.99, NEAREST)
        far = max(float(z.max()) * 1.01, near * 1.01)
        if extent <= WIDEST or number == 1:
            candidate = Map(right, up, forward, eye, extent * spread, near, far, False)
            if best is None or candidate.extent < best.extent:
                best = candidate
    if best is not None:
        return [best]
    return [
        Map(*_face(axis, sign), eye, spread, NEAREST, max(farthest * 1.01, 2 * NEAREST), False)
        for axis in range(3)
        for sign in (1.0, -1.0)
    ]


def _face(axis: int, sign: float) -> tuple[Array, Array, Array]:
    forward = np.zeros(3)
    forward[axis] = sign
    right, up = axes_across(forward)
    return right, up, forward
