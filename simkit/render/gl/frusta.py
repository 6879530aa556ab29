"""What of the scene's boxes cameras can see: the corners of their intersections with frusta."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.geometry import Array
from simkit.scene import Camera

_EDGES = np.array([(k, k | bit) for bit in (1, 2, 4) for k in range(8) if not k & bit])
"""(12, 2): corners of a box that an edge joins; bit `a` of a corner's number is its end of axis a."""

_FACES = np.array(
    [(k, k | a, k | b) for a, b, c in ((1, 2, 4), (2, 4, 1), (4, 1, 2)) for k in (0, c)]
)
"""(6, 3): a face's corner and the two beside it."""

_SLACK = 1e-6
"""Relative, by which a point may lie outside and still counts."""


def seen_points(camera: Camera, boxes: Array) -> Array:
    """Return points (N, 3) [m, world] whose convex hull holds all of the boxes that a camera sees.

    Args:
        camera: a pinhole.
        boxes: corners (B, 8, 3) [m, world], in the order of their numbers' bits.
    """
    planes, frustum = _frustum(camera)
    found = [_edges_inside(boxes, planes), _edges_through(frustum, boxes)]
    low, high = boxes.min(axis=1), boxes.max(axis=1)
    inside = (frustum[:, None] >= low) & (frustum[:, None] <= high)
    found.append(frustum[inside.all(axis=2).any(axis=1)])
    return np.concatenate(found)


def _frustum(camera: Camera) -> tuple[Array, Array]:
    """Return planes (6, 4), positive inside and of unit normals, and corners (8, 3), in the world."""
    u = np.array([-0.5, camera.width - 0.5])
    v = np.array([-0.5, camera.height - 0.5])
    z = np.array([camera.near, camera.far])
    bits = np.arange(8)[:, None] >> np.arange(3) & 1
    pixels = np.stack([u[bits[:, 0]], v[bits[:, 1]], np.ones(8)], axis=1)
    T = camera.T_world_camera
    rays = pixels @ np.linalg.inv(camera.K).T * z[bits[:, 2], None]
    corners = rays @ T[:3, :3].T + T[:3, 3]
    normals = _cross(corners[_FACES[:, 1]] - corners[_FACES[:, 0]],
                       corners[_FACES[:, 2]] - corners[_FACES[:, 0]])  # fmt: skip
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    offsets = -np.einsum("ij,ij->i", normals, corners[_FACES[:, 0]])
    inwards = np.sign(normals @ corners.mean(axis=0) + offsets)[:, None]
    return np.column_stack([normals, offsets]) * inwards, corners


def _edges_inside(boxes: Array, planes: Array) -> Array:
    """Return the ends (N, 3) of what of the boxes' edges lies on the inner side of all planes."""
    height = boxes @ planes[:, :3].T + planes[:, 3]  # (B, 8, 6)
    first, last = height[:, _EDGES[:, 0]], height[:, _EDGES[:, 1]]
    rise = last - first
    with np.errstate(divide="ignore", invalid="ignore"):
        cross = -first / rise
    enter = np.where(rise > 0, cross, 0.0).max(axis=2).clip(0.0)
    leave = np.where(rise < 0, cross, 1.0).min(axis=2).clip(None, 1.0)
    slack = _SLACK * (1.0 + np.abs(boxes).max())
    outside = (np.maximum(first, last) < -slack).any(axis=2)
    some = (enter <= leave) & ~outside
    start, way = boxes[:, _EDGES[:, 0]], boxes[:, _EDGES[:, 1]] - boxes[:, _EDGES[:, 0]]
    ends = [(start + t[..., None] * way)[some] for t in (enter, leave)]
    return np.concatenate(ends)


def _edges_through(frustum: Array, boxes: Array) -> Array:
    """Return where (N, 3) the frustum's edges meet the boxes' faces."""
    start = frustum[_EDGES[:, 0]]
    way = frustum[_EDGES[:, 1]] - start
    origin = boxes[:, _FACES[:, 0], None]  # (B, 6, 1, 3)
    a, b = (boxes[:, _FACES[:, k], None] - origin for k in (1, 2))
    normal = _cross(a, b)
    square = _dot(normal, normal)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = _dot(normal, origin - start) / _dot(normal, way)
        place = start + t[..., None] * way - origin
        u, v = _dot(_cross(place, b), normal) / square, _dot(_cross(a, place), normal) / square
        inside = [(x >= -_SLACK) & (x <= 1 + _SLACK) for x in (t, u, v)]
    met: NDArray[np.bool_] = inside[0] & inside[1] & inside[2]
    return np.asarray((place + origin)[met])


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(np.einsum("...i,...i->...", a, b))


def _cross(a: Array, b: Array) -> Array:
    """Return the cross products (..., 3), several times as fast as `np.cross`."""
    return np.asarray(a[..., _NEXT] * b[..., _LAST] - a[..., _LAST] * b[..., _NEXT])


_NEXT, _LAST = [1, 2, 0], [2, 0, 1]
