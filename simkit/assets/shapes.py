"""Closed surfaces from rings, strips and patches: what the procedural parts are built of.

Everything is made as quads (Q, 4, 3) [m], counter-clockwise as seen from outside, and `closed`
joins them by place. So pieces meet where their coordinates meet, and a gap shows as an open edge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

Profile = Sequence[tuple[ArrayLike, ArrayLike]]
"""Radius and height [m] of rings; each a number, or one per angle."""

SNAP = 1e-8
"""Corners closer than about this [m] are the same."""


def lofted(rings: ArrayLike, around: bool = True, along: bool = False) -> Float:
    """Return quads between consecutive rings (R, N, 3).

    Seen from outside, the points of a ring go to the right when the next ring is above: for
    rings that are counter-clockwise about +z and rise, the outside is away from the axis.

    Args:
        rings: (R, N, 3).
        around: the last point of a ring is joined to its first.
        along: the last ring is joined to the first.
    """
    points = np.asarray(rings, dtype=np.float64)
    if around:
        points = np.concatenate([points, points[:, :1]], axis=1)
    if along:
        points = np.concatenate([points, points[:1]], axis=0)
    low, high = points[:-1], points[1:]
    corners = [low[:, :-1], low[:, 1:], high[:, 1:], high[:, :-1]]
    quads = np.stack(corners, axis=2).reshape(-1, 4, 3)
    return np.asarray(quads, dtype=np.float64)


def circle(count: int, start: float = 0.0) -> Float:
    """Return `count` angles [rad] that go once around, counter-clockwise."""
    steps = np.arange(count, dtype=np.float64)
    return start + steps * (2.0 * np.pi / count)


def polar_rings(angles: Float, profile: Profile) -> Float:
    """Return rings (R, N, 3) about z from pairs of radius and height, each one or (N,)."""
    rings = []
    for radius, height in profile:
        r = np.broadcast_to(np.asarray(radius, dtype=np.float64), angles.shape)
        z = np.broadcast_to(np.asarray(height, dtype=np.float64), angles.shape)
        rings.append(np.stack([r * np.cos(angles), r * np.sin(angles), z], axis=1))
    return np.stack(rings)


def hexagon(angles: Float, across_flats: float) -> Float:
    """Return the radius (N,) of a hexagon at angles; its corners are at multiples of 60 degrees."""
    inside = np.mod(angles + 1e-12, np.pi / 3.0) - np.pi / 6.0
    radius: Float = across_flats / 2.0 / np.cos(inside)
    return radius


def holed_patch(boundary: Float, hole: Float) -> Float:
    """Return quads (N, 4, 3) between a hole (N, 3) and the boundary (N, 3) around it.

    Both are counter-clockwise as seen from outside.
    """
    return lofted(np.stack([boundary, hole]))


def closed(*pieces: Float) -> tuple[Float, Int, Int]:
    """Join quads by place to a triangle mesh.

    Returns:
        vertices (V, 3), faces (F, 3), and for each face the number of the piece it is from (F,).
    """
    quads = np.concatenate(pieces)
    owner = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    snapped = np.rint(quads.reshape(-1, 3) / SNAP)
    places, number = np.unique(snapped, axis=0, return_inverse=True)
    corners = number.reshape(-1, 4)
    faces = np.stack([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]], axis=1).reshape(-1, 3)
    owners = np.repeat(owner, 2)
    real = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    )
    return places * SNAP, faces[real].astype(np.int64), owners[real].astype(np.int64)


def turned(quads: Float) -> Float:
    """Return quads wound the other way."""
    return quads[:, ::-1]
