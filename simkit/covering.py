"""Compiled: which pixels a mesh alone covers, where what is seen does not tell already."""

from __future__ import annotations

import math

import numpy as np

from simkit.compiled import compiled
from simkit.embree import (
    DIRECTION,
    FAR,
    FLAGS,
    MASK,
    NEAR,
    ORIGIN,
    PACKET,
    TIME,
    occluded16,
)

_SIDE = 4
"""Pixels go to the caster in squares of 4 x 4: rays of a packet then take nearly the same way."""

_SLACK = 1e-5
"""Relative, of depths and boxes: less than this is rounding."""


@compiled
def boxes_of_ids(instance, count):  # type: ignore[no-untyped-def]
    """Return (count + 1, 4) int64: x0, y0, x1, y1 [px], ends excluded, of the pixels of each id.

    All 0 for an id that no pixel of `instance` (H, W) has.
    """
    height, width = instance.shape
    boxes = np.zeros((count + 1, 4), dtype=np.int64)
    for row in range(height):
        column = 0
        while column < width:
            number, first = instance[row, column], column
            while column < width and instance[row, column] == number:
                column += 1
            box = boxes[number]
            if box[3] == 0:
                box[0], box[1], box[2], box[3] = first, row, column, row + 1
            else:
                box[0], box[2], box[3] = min(box[0], first), max(box[2], column), row + 1
    return boxes


@compiled
def undecided(instance, depth, own, window, pixels):  # type: ignore[no-untyped-def]
    """Fill `pixels` (h, w) of a window with what is seen of id `own`; return what is left to ask.

    That is columns and rows (N, 2) int32 in the window, and depths (N,) float32 before which the
    mesh cannot be, for else it would be seen; 0: it may be anywhere. Next to its visible pixels
    all is asked, for a rasterizer may decide a tie at an edge in another way than a ray does; and
    so it is outside the image (H, W). Without a `depth` (0, 0) depths are all 0.
    """
    height, width = instance.shape
    h, w = pixels.shape
    x0, y0 = window[0], window[1]
    places, nearest = np.empty((h * w, 2), np.int32), np.empty(h * w, np.float32)
    count = 0
    across, down = (w + _SIDE - 1) // _SIDE, (h + _SIDE - 1) // _SIDE
    for tile in range(across * down):
        top, left = tile // across * _SIDE, tile % across * _SIDE
        for row in range(top, min(top + _SIDE, h)):
            for column in range(left, min(left + _SIDE, w)):
                x, y = x0 + column, y0 + row
                before = 0.0
                if 0 <= x < width and 0 <= y < height:
                    number = instance[y, x]
                    if number == own:
                        pixels[row, column] = True
                        continue
                    beside = (
                        (x > 0 and instance[y, x - 1] == own)
                        or (x + 1 < width and instance[y, x + 1] == own)
                        or (y > 0 and instance[y - 1, x] == own)
                        or (y + 1 < height and instance[y + 1, x] == own)
                    )
                    if not beside:
                        if number == 0:
                            continue
                        if depth.shape[0] > 0:
                            before = depth[y, x]
                places[count, 0], places[count, 1], nearest[count] = column, row, before
                count += 1
    return places[:count], nearest[:count]


@compiled
def cover(  # type: ignore[no-untyped-def]
    handle, R, origin, K_inverse, rays, reach, start, bounds, places, nearest, f, i, lanes,
    arguments, pixels,
):  # fmt: skip
    """Set `pixels` (h, w) at those of `places` (N, 2) through which a ray meets the mesh.

    Rays go from `origin` (1 or h, 3) along ``R @ ray``, in the mesh's frame; `R` (1 or h, 3, 3) and
    `origin` may be a row's own. They are `rays` (N, 3), or, if there are none, a pinhole's, by the
    inverse of its intrinsics. None is cast that leaves the mesh's `bounds` (2, 3) before `nearest`
    (N,), or misses them.
    """
    slack = _SLACK * max(np.abs(bounds).max(), 1e-9)
    packed = np.zeros(PACKET, dtype=np.int64)
    held, count = 0, len(places)
    for number in range(count + 1):
        if held == PACKET or (number == count and held > 0):
            for lane in range(PACKET):
                lanes[lane] = -1 if lane < held else 0
            occluded16(lanes.ctypes.data, handle, f.ctypes.data, arguments.ctypes.data)
            for lane in range(held):
                if f[FAR, lane] < 0.0:
                    pixels[places[packed[lane], 1], places[packed[lane], 0]] = True
            held = 0
        if number == count:
            break
        column, row = places[number, 0], places[number, 1]
        if rays.shape[0] > 0:
            x, y, z = rays[number, 0], rays[number, 1], rays[number, 2]
            if math.isnan(x):
                continue
        else:
            u, v = float(column + start[0]), float(row + start[1])
            x = K_inverse[0, 0] * u + K_inverse[0, 1] * v + K_inverse[0, 2]
            y = K_inverse[1, 0] * u + K_inverse[1, 1] * v + K_inverse[1, 2]
            z = 1.0
        own = row if R.shape[0] > 1 else 0
        enter, leave = 0.0, np.inf
        for k in range(3):
            way = R[own, k, 0] * x + R[own, k, 1] * y + R[own, k, 2] * z
            at = origin[own, k]
            f[ORIGIN + k, held], f[DIRECTION + k, held] = at, way
            low, high = bounds[0, k] - slack - at, bounds[1, k] + slack - at
            if way != 0.0:
                first, last = low / way, high / way
                enter, leave = max(enter, min(first, last)), min(leave, max(first, last))
            elif low > 0.0 or high < 0.0:
                leave = -1.0
        if enter > leave or leave < nearest[number] * (1.0 - _SLACK):
            continue
        f[NEAR, held], f[FAR, held], f[TIME, held] = reach[0], reach[1], 0.0
        i[MASK, held], i[FLAGS, held] = 0xFFFFFFFF, 0
        packed[held] = number
        held += 1
