"""Compiled: reading memory by address, textures, and environment maps."""

from __future__ import annotations

import math
from typing import Any

from numba import types
from numba.extending import intrinsic

from simkit.compiled import compiled, round_down, square_root
from simkit.render.embree.world import (
    IMAGE,
    IMAGE_HEIGHT,
    LOBE_HEIGHT,
    MAX_LEVELS,
    OFFSETS,
    SIZES,
    SPECULAR,
    TABLE,
    TEXELS,
)
from simkit.render.prefilter import ROUGHNESS_LEVELS, TABLE_SIZE

FROM_U16, U16 = 1.0 / 65535.0, 0xFFFF

SHARPEST2 = 2.0
"""Texels, squared, that a footprint may span on its level."""


def _pointer(element: types.Type) -> Any:
    """Return an intrinsic address -> pointer, which compiled code indexes like an array."""

    @intrinsic
    def pointer(typing, address):  # type: ignore[no-untyped-def]
        result = types.CPointer(element)

        def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.inttoptr(arguments[0], context.get_value_type(result))

        return result(types.int64), code

    return pointer


words = _pointer(types.int64)
doubles = _pointer(types.float64)
floats = _pointer(types.float32)
ints = _pointer(types.int32)
uints = _pointer(types.uint32)


@compiled
def level_of(world, number, span):  # type: ignore[no-untyped-def]
    """Return the address, width and height of the level of texture `number` to read.

    That is the one whose texels are nearest in size to the footprint, of `span` tiles.
    """
    size = words(world[SIZES] + 24 * number)
    width, height, levels = size[0], size[1], size[2]
    texels2 = span * span * float(width * height)
    level = 0
    while texels2 > SHARPEST2 and level < levels - 1:
        texels2 *= 0.25
        level += 1
    start = words(world[TEXELS])[number] + 8 * words(world[OFFSETS])[MAX_LEVELS * number + level]
    return start, float(max(width >> level, 1)), float(max(height >> level, 1))


@compiled
def panorama_at(address, height, x, y, z):  # type: ignore[no-untyped-def]
    """Return (r, g, b) of an equirectangular image (H, 2H, 3) in a world direction, bilinear."""
    width = 2 * height
    image = floats(address)
    u = (0.5 - math.atan2(y, x) / (2.0 * math.pi)) * width - 0.5
    v = math.atan2(square_root(x * x + y * y), z) / math.pi * height - 0.5
    left, top = round_down(u), round_down(v)
    fu, fv = u - left, v - top
    j0 = int(left) if left >= 0.0 else width - 1
    j1 = j0 + 1 if j0 + 1 < width else 0
    i0, i1 = max(int(top), 0), min(int(top) + 1, height - 1)
    wa, wb, wc, wd = (1.0 - fu) * (1.0 - fv), fu * (1.0 - fv), (1.0 - fu) * fv, fu * fv
    red = (wa * image[3 * (i0 * width + j0) + 0] + wb * image[3 * (i0 * width + j1) + 0]) + (
        wc * image[3 * (i1 * width + j0) + 0] + wd * image[3 * (i1 * width + j1) + 0]
    )
    green = (wa * image[3 * (i0 * width + j0) + 1] + wb * image[3 * (i0 * width + j1) + 1]) + (
        wc * image[3 * (i1 * width + j0) + 1] + wd * image[3 * (i1 * width + j1) + 1]
    )
    blue = (wa * image[3 * (i0 * width + j0) + 2] + wb * image[3 * (i0 * width + j1) + 2]) + (
        wc * image[3 * (i1 * width + j0) + 2] + wd * image[3 * (i1 * width + j1) + 2]
    )
    return red, green, blue


@compiled
def reflection_at(world, roughness, x, y, z):  # type: ignore[no-untyped-def]
    """Return (r, g, b) of the environment through a lobe of some roughness about a direction."""
    top = len(ROUGHNESS_LEVELS) - 1
    height, start = world[LOBE_HEIGHT], world[SPECULAR]
    stride = 24 * height * height  # bytes a level
    level = roughness * top
    low = min(int(level), top - 1)
    part = level - low
    if low == 0:
        r, g, b = panorama_at(world[IMAGE], world[IMAGE_HEIGHT], x, y, z)
    else:
        r, g, b = panorama_at(start + low * stride, height, x, y, z)
    r1, g1, b1 = panorama_at(start + (low + 1) * stride, height, x, y, z)
    return r + (r1 - r) * part, g + (g1 - g) * part, b + (b1 - b) * part


@compiled
def irradiance_at(address, k, x, y, z):  # type: ignore[no-untyped-def]
    """Return colour k of the irradiance at a normal, see `simkit.render.prefilter.irradiance`."""
    c = floats(address)
    total = c[k] + c[3 + k] * x + c[6 + k] * y + c[9 + k] * z + c[12 + k] * x * y
    total += c[15 + k] * y * z + c[18 + k] * (3.0 * z * z - 1.0) + c[21 + k] * x * z
    return max(total + c[24 + k] * (x * x - y * y), 0.0)


@compiled
def split_sum_at(world, cosine, roughness):  # type: ignore[no-untyped-def]
    """Return (A, B) of the split sum's table, bilinear."""
    table, size = floats(world[TABLE]), TABLE_SIZE
    x = min(max(cosine * size - 0.5, 0.0), size - 1.001)
    y = min(max(roughness * size - 0.5, 0.0), size - 1.001)
    j, i = int(x), int(y)
    fx, fy = x - j, y - i
    at, low = 2 * (i * size + j), 2 * ((i + 1) * size + j)
    wa, wb, wc, wd = (1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy
    a = (wa * table[at + 0] + wb * table[at + 2]) + (wc * table[low + 0] + wd * table[low + 2])
    b = (wa * table[at + 1] + wb * table[at + 3]) + (wc * table[low + 1] + wd * table[low + 3])
    return a, b
