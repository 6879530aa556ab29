"""Depth images as surfaces: rays, angles of incidence, what a second place sees, another camera's view.

Depth is the renderers' (`simkit.render.CHANNELS`): a ray's parameter, 0 where there is nothing.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.cameras import camera_rays, project_points
from simkit.compiled import compiled
from simkit.scene import Camera

Map = NDArray[np.float32]

COARSE = 1 / 75
"""Between pixels whose rays through a lens are computed [focal length]."""

GROWN = 1.2
"""A pixel that is registered covers this many times its size, so that slanted surfaces stay closed."""


def rays_of(camera: Camera) -> Map:
    """Return a camera's rays (H, W, 3) float32, see `simkit.cameras.camera_rays`; NaN where none is.

    Through a lens they are interpolated between some pixels' own, for inverting it takes time.
    """
    columns, rows = np.arange(camera.width), np.arange(camera.height)
    if camera.model == "pinhole":
        inverse = np.linalg.inv(camera.K)
        rays = np.ones((camera.height, camera.width, 3), dtype=np.float32)
        for axis in range(2):
            down = inverse[axis, 1] * rows[:, None] + inverse[axis, 2]
            rays[..., axis] = inverse[axis, 0] * columns + down
        return rays
    if camera.model != "equirectangular":
        step = max(1, int(COARSE * camera.cam_K[0][0]))
        spread = [np.arange(0, size + step - 1, step) for size in (camera.width, camera.height)]
        coarse = _rays(camera, *spread)
        if np.isfinite(coarse).all():
            at = np.meshgrid(columns / step, rows / step)
            across, along = (one.astype(np.float32) for one in at)
            return np.asarray(cv2.remap(coarse, across, along, cv2.INTER_LINEAR), dtype=np.float32)
    return _rays(camera, columns, rows)


def _rays(camera: Camera, columns: NDArray[Any], rows: NDArray[Any]) -> Map:
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1)
    found = camera_rays(camera, pixels.reshape(-1, 2))
    return found.reshape(*pixels.shape[:2], 3).astype(np.float32)


def incidence(depth: Map, rays: Map) -> Map:
    """Return the cosine (H, W) float32 between a surface's normal and the ray that meets it.

    The normal comes from the nearer in depth of two neighbours along each axis, so that it belongs
    to the pixel's own surface at an edge as well; 0 where there is no surface or no neighbour.
    """
    cosine = np.zeros(depth.shape, dtype=np.float32)
    _incidence(depth, rays, cosine)
    return cosine


def jumps(depth: Map, limit: float) -> NDArray[np.uint8]:
    """Return 1 (H, W) on both sides of where depth changes by more than `limit` times itself a pixel."""
    jump = np.zeros(depth.shape, dtype=np.uint8)
    _jumps(depth, np.float32(limit), jump)
    return jump


def seen_beside(depth: Map, rays: Map, offset: float) -> NDArray[np.bool_]:
    """Return which pixels (H, W) are in view from a place `offset` [m] along the camera's x axis.

    Only what the camera itself sees can hide them. Row by row (as disparity orders points along a
    row), so rows must be epipolar lines: all pinholes', and nearly so a moderate lens'.
    """
    seen = np.zeros(depth.shape, dtype=np.bool_)
    _seen_beside(depth, rays, float(offset), seen)
    return seen


def register(depth: Map, eye: Camera, camera: Camera, offset: float) -> Map:
    """Return depth (H, W) float32 [m] of a pinhole `eye` as `camera` sees it; 0 where nothing falls.

    Each pixel covers its own size in the new image; the nearest one shows (z-buffer).

    Args:
        depth: of the eye.
        offset: of the camera from the eye along their common x axis [m].
    """
    seen = np.zeros((camera.height, camera.width), dtype=np.float32)
    rows, columns = np.nonzero(depth)
    reach = depth[rows, columns].astype(np.float64)
    if camera.model == "pinhole":  # parallel axes: two fused maps in place of general projection
        M = camera.K @ np.linalg.inv(eye.K)
        shift = camera.K[0, 0] * offset
        pixels = np.empty((len(rows), 2))
        pixels[:, 0] = M[0, 0] * columns + M[0, 1] * rows + M[0, 2] - shift / reach
        pixels[:, 1] = M[1, 0] * columns + M[1, 1] * rows + M[1, 2]
    else:
        points = rays_of(eye)[rows, columns] * reach[:, None]
        pixels = project_points(camera, points - np.array([offset, 0.0, 0.0]))
    half = GROWN / 2 * np.array([camera.K[i, i] / eye.K[i, i] for i in (0, 1)])
    _splat(pixels, reach, half, seen)
    return seen


@compiled
def _incidence(depth, rays, cosine):  # type: ignore[no-untyped-def]
    height, width = depth.shape
    far = np.float32(np.inf)
    for row in range(height):
        above, below = max(row - 1, 0), min(row + 1, height - 1)
        for column in range(width):
            z = depth[row, column]
            if not z > 0.0:
                continue
            before, after = max(column - 1, 0), min(column + 1, width - 1)
            x0, y0, z0 = (
                z * rays[row, column, 0],
                z * rays[row, column, 1],
                z * rays[row, column, 2],
            )
            p, q = depth[row, before], depth[row, after]
            to_p = abs(p - z) if p > 0.0 and before < column else far
            to_q = abs(q - z) if q > 0.0 and after > column else far
            if min(to_p, to_q) == far:
                continue
            c, other = (before, p) if to_p < to_q else (after, q)
            ax = other * rays[row, c, 0] - x0
            ay = other * rays[row, c, 1] - y0
            az = other * rays[row, c, 2] - z0
            p, q = depth[above, column], depth[below, column]
            to_p = abs(p - z) if p > 0.0 and above < row else far
            to_q = abs(q - z) if q > 0.0 and below > row else far
            if min(to_p, to_q) == far:
                continue
            r, other = (above, p) if to_p < to_q else (below, q)
            bx = other * rays[r, column, 0] - x0
            by = other * rays[r, column, 1] - y0
            bz = other * rays[r, column, 2] - z0
            nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            length = math.sqrt((nx * nx + ny * ny + nz * nz) * (x0 * x0 + y0 * y0 + z0 * z0))
            if length > 0.0:
                cosine[row, column] = abs(nx * x0 + ny * y0 + nz * z0) / length


@compiled
def _jumps(depth, limit, jump):  # type: ignore[no-untyped-def]
    height, width = depth.shape
    for row in range(height):
        below = min(row + 1, height - 1)
        for column in range(width):
            z = depth[row, column]
            other, after = depth[below, column], min(column + 1, width - 1)
            if abs(other - z) > limit * min(other, z):
                jump[row, column] = jump[below, column] = 1
            other = depth[row, after]
            if abs(other - z) > limit * min(other, z):
                jump[row, column] = jump[row, after] = 1


@compiled
def _seen_beside(depth, rays, offset, seen):  # type: ignore[no-untyped-def]
    """From the right (offset > 0), points of a row keep their order unless one hides the other."""
    height, width = depth.shape
    for row in range(height):
        limit = np.inf
        for k in range(width):
            column = width - 1 - k if offset > 0 else k
            z = depth[row, column] * rays[row, column, 2]
            if not z > 0.0:
                continue
            place = rays[row, column, 0] / rays[row, column, 2] - offset / z
            ahead = place if offset > 0 else -place
            if ahead < limit:
                limit = ahead
                seen[row, column] = True


@compiled
def _splat(pixels, reach, half, seen):  # type: ignore[no-untyped-def]
    height, width = seen.shape
    for i in range(pixels.shape[0]):
        u, v, z = pixels[i, 0], pixels[i, 1], reach[i]
        if math.isnan(u):
            continue
        left, right = max(math.ceil(u - half[0]), 0), min(math.floor(u + half[0]), width - 1)
        top, bottom = max(math.ceil(v - half[1]), 0), min(math.floor(v + half[1]), height - 1)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                if seen[row, column] == 0.0 or z < seen[row, column]:
                    seen[row, column] = z
