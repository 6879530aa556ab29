"""Where shadow maps look from: frusta fitted to the bodies that cast shadows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simkit.geometry import Array
from simkit.render.gl import blocks
from simkit.scene import Light

MARGIN = 2
"""Texels around what a map shows."""

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
    """

    right: Array
    up: Array
    forward: Array
    eye: Array
    extent: float
    near: float
    far: float
    orthographic: bool

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
        block["tile"] = x, y, x + side, y + side
        block["range"] = self.near, self.far, 2 * self.extent / side, float(self.orthographic)
        block["right"][:3], block["up"][:3] = self.right, self.up
        return block


def maps_of(light: Light, casters: list[Array], side: int) -> list[Map]:
    """Return the maps of a light: none, one or six.

    Args:
        light: any.
        casters: corners (8, 3) [m, world] of the bodies that can hide something.
        side: of a map [texels].
    """
    if not casters or not light.casts_shadow or light.intensity == 0:
        return []
    points = np.concatenate(casters)
    if light.kind == "directional":
        return [parallel_map(np.asarray(light.direction), points, side)]
    return _near_maps(light, points, side)


def parallel_map(direction: Array, points: Array, side: int, reach: float | None = None) -> Map:
    """Return the map along `direction` that shows all `points`, and `reach` [m] before them."""
    forward = direction / np.linalg.norm(direction)
    right, up = axes_across(forward)
    x, y, z = points @ right, points @ up, points @ forward
    middle = right * (x.min() + x.max()) / 2 + up * (y.min() + y.max()) / 2
    half = float(max(np.ptp(x), np.ptp(y))) / 2
    half = max(half, 1e-3) * side / (side - 2 * MARGIN)
    slack = max(1e-3, 1e-3 * float(np.ptp(z)))
    near = float(z.min()) - (slack if reach is None else reach)
    return Map(right, up, forward, middle, half, near, float(z.max()) + slack, True)


def axes_across(forward: Array) -> tuple[Array, Array]:
    """Return two unit vectors square to `forward` and each other."""
    helper = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.9 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, helper)
    right = right / np.linalg.norm(right)
    return right, np.cross(right, forward)


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
