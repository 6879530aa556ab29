"""Compiled: colours of pixel centres, found again by samples that see the same places.

What a surface point looks like hardly changes from a pixel's centre to its corner, nor while the
shutter is open, nor over the lens; so visibility is sampled more often than light (Ragan-Kelley et
al., "Decoupled Sampling for Graphics Pipelines", ACM TOG 2011).
"""

from __future__ import annotations

import math

from simkit.compiled import compiled
from simkit.render.embree.lookup import doubles, words
from simkit.render.embree.passes import camera_at
from simkit.render.embree.surface import (
    BODY,
    FACE,
    LOCAL,
    OUT,
    POINTS,
    REACH,
    SLANT,
    Y,
    Z,
    pose_of,
)
from simkit.render.embree.world import NUMBERS, RAY_COLUMNS, RAYS, SPREAD, TIMES

NEAR_ENOUGH = 2.0
"""Pixels that a place may be away from a centre whose colour it takes."""

LEVEL_ENOUGH = 0.35
"""Sine of the angle from a place's face to a centre's place, at most: not around a body's edge."""

ENOUGH_WEIGHT = 0.05
"""Bilinear weight that centres which fit must have together."""

_STEPS = 4


@compiled
def recall(world, memory, lane, u, v, body, local, sharp):  # type: ignore[no-untyped-def]
    """Fill a lane's `OUT` with the colour at image coordinates (u, v), if the same place is seen there.

    Bilinear, of those pixel centres that see the lane's body near the lane's place. `body` (H, W),
    `local` (H, W, 3) and `sharp` (H, W, 3) are what they see. Returns whether there are any.
    """
    p, b = doubles(memory[POINTS]), words(memory[BODY])[lane]
    height, width = body.shape
    left, top = math.floor(u), math.floor(v)
    if not (-1.0 <= left < width and -1.0 <= top < height):
        return False
    x0, y0, fu, fv = int(left), int(top), u - left, v - top
    at, face = LOCAL + lane, FACE + lane
    pixel = doubles(world[NUMBERS])[SPREAD] * p[REACH + lane] / max(p[SLANT + lane], 0.05)
    reach2 = (NEAR_ENOUGH * pixel) ** 2
    total, red, green, blue = 0.0, 0.0, 0.0, 0.0
    for corner in range(4):
        x, y = x0 + (corner & 1), y0 + (corner >> 1)
        if x < 0 or y < 0 or x >= width or y >= height or body[y, x] != b:
            continue
        weight = (fu if corner & 1 else 1.0 - fu) * (fv if corner >> 1 else 1.0 - fv)
        dx, dy, dz = (
            local[y, x, 0] - p[at], local[y, x, 1] - p[at + Y], local[y, x, 2] - p[at + Z],
        )  # fmt: skip
        away2 = dx * dx + dy * dy + dz * dz
        off = dx * p[face] + dy * p[face + Y] + dz * p[face + Z]
        level = off * off <= LEVEL_ENOUGH * LEVEL_ENOUGH * away2
        if away2 > reach2 or not (level or away2 < 1e-4 * reach2):
            continue
        total += weight
        red += weight * sharp[y, x, 0]
        green += weight * sharp[y, x, 1]
        blue += weight * sharp[y, x, 2]
    if total < ENOUGH_WEIGHT:
        return False
    p[OUT + lane], p[OUT + Y + lane], p[OUT + Z + lane] = red / total, green / total, blue / total
    return True


@compiled
def middle_pixel(world, memory, lane, row, column, height, width):  # type: ignore[no-untyped-def]
    """Return image coordinates, in the middle of the exposure, of the place that a lane sees.

    Newton's method on the camera's rays, which for a pinhole takes one step; -9 where it fails.
    """
    p, body = doubles(memory[POINTS]), words(memory[BODY])[lane]
    at, q = LOCAL + lane, pose_of(world, world[TIMES], body)
    ax, ay, az = p[at], p[at + Y], p[at + Z]
    x = q[0] * ax + q[1] * ay + q[2] * az + q[9]
    y = q[3] * ax + q[4] * ay + q[5] * az + q[10]
    z = q[6] * ax + q[7] * ay + q[8] * az + q[11]
    return _pixel_of(world, row, column, height, width, x, y, z)


@compiled
def _pixel_of(world, row, column, height, width, x, y, z):  # type: ignore[no-untyped-def]
    """Return image coordinates of a point."""
    rays, stride = doubles(world[RAYS]), 3 * world[RAY_COLUMNS]
    i, j = row, column
    for _ in range(_STEPS):
        c = camera_at(world, i, world[TIMES])
        px, py, pz = x - c[9], y - c[10], z - c[11]
        dx = c[0] * px + c[3] * py + c[6] * pz
        dy = c[1] * px + c[4] * py + c[7] * pz
        dz = c[2] * px + c[5] * py + c[8] * pz
        at = (i + 1) * stride + (j + 1) * 3
        up, low = at - stride, at + stride
        rx, ry, rz = rays[at], rays[at + 1], rays[at + 2]
        ax, ay, az = (
            0.5 * (rays[at + 3] - rays[at - 3]), 0.5 * (rays[at + 4] - rays[at - 2]),
            0.5 * (rays[at + 5] - rays[at - 1]),
        )  # fmt: skip
        bx, by, bz = (
            0.5 * (rays[low] - rays[up]), 0.5 * (rays[low + 1] - rays[up + 1]),
            0.5 * (rays[low + 2] - rays[up + 2]),
        )  # fmt: skip
        # r + s a + t b is along d: Cramer's rule with the planes' normals.
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        along = dx * nx + dy * ny + dz * nz
        reach = (rx * nx + ry * ny + rz * nz) / along
        if not reach > 0.0:
            return -9.0, -9.0
        ex, ey, ez = dx * reach - rx, dy * reach - ry, dz * reach - rz
        aa, ab, bb = (
            ax * ax + ay * ay + az * az, ax * bx + ay * by + az * bz, bx * bx + by * by + bz * bz,
        )  # fmt: skip
        ea, eb = ex * ax + ey * ay + ez * az, ex * bx + ey * by + ez * bz
        determinant = aa * bb - ab * ab
        s, t = (ea * bb - eb * ab) / determinant, (eb * aa - ea * ab) / determinant
        u, v = j + s, i + t
        if not (-1.0 <= u < width and -1.0 <= v < height):
            return -9.0, -9.0
        if abs(s) <= 1.0 and abs(t) <= 1.0:
            return u, v
        i, j = (
            min(max(math.floor(v + 0.5), 0), height - 1),
            min(max(math.floor(u + 0.5), 0), width - 1),
        )
    return u, v
