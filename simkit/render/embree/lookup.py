"""Compiled: reading memory by address, textures, and environment maps."""

from __future__ import annotations

import math
from typing import Any

from numba import types
from numba.extending import intrinsic

from simkit.compiled import compiled
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

_FROM_U16 = 1.0 / 65535.0

SHARPEST = math.sqrt(2.0)
"""Texels that a footprint may span on its level."""


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
shorts = _pointer(types.uint16)


@compiled
def _bilinear(start, width, height, u, v):  # type: ignore[no-untyped-def]
    """Return (r, g, b) of one level whose first texel is at address `start`; it repeats."""
    x, y = (u - math.floor(u)) * width + 0.5, (v - math.floor(v)) * height + 0.5
    j1, i1 = int(x), int(y)
    fx, fy = x - j1, y - i1
    j0, i0 = (j1 if j1 > 0 else width) - 1, (i1 if i1 > 0 else height) - 1
    if j1 >= width:
        j1 = 0
    if i1 >= height:
        i1 = 0
    texel = shorts(start)
    a, b = 3 * (i0 * width + j0), 3 * (i0 * width + j1)
    c, d = 3 * (i1 * width + j0), 3 * (i1 * width + j1)
    wa, wb = (1.0 - fx) * (1.0 - fy) * _FROM_U16, fx * (1.0 - fy) * _FROM_U16
    wc, wd = (1.0 - fx) * fy * _FROM_U16, fx * fy * _FROM_U16
    red = (wa * texel[a] + wb * texel[b]) + (wc * texel[c] + wd * texel[d])
    green = (wa * texel[a + 1] + wb * texel[b + 1]) + (wc * texel[c + 1] + wd * texel[d + 1])
    blue = (wa * texel[a + 2] + wb * texel[b + 2]) + (wc * texel[c + 2] + wd * texel[d + 2])
    return red, green, blue


@compiled
def texture_at(world, number, u, v, footprint):  # type: ignore[no-untyped-def]
    """Return (r, g, b) of texture `number` at (u, v), v upwards, seen over `footprint` tiles.

    Bilinear, on the level whose texels are nearest to the footprint in size.
    """
    size = words(world[SIZES] + 24 * number)
    width, height, levels = size[0], size[1], size[2]
    start = words(world[TEXELS])[number]
    offsets = words(world[OFFSETS] + 8 * MAX_LEVELS * number)
    v = 1.0 - v
    texels = footprint * math.sqrt(float(width * height))
    level = 0
    while texels > SHARPEST and level < levels - 1:
        texels *= 0.5
        level += 1
    at = start + 6 * offsets[level]
    return _bilinear(at, max(width >> level, 1), max(height >> level, 1), u, v)


@compiled
def panorama_at(address, height, x, y, z):  # type: ignore[no-untyped-def]
    """Return (r, g, b) of an equirectangular image (H, 2H, 3) in a world direction, bilinear."""
    width = 2 * height
    image = floats(address)
    u = (0.5 - math.atan2(y, x) / (2.0 * math.pi)) * width - 0.5
    v = math.atan2(math.sqrt(x * x + y * y), z) / math.pi * height - 0.5
    left, top = math.floor(u), math.floor(v)
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
