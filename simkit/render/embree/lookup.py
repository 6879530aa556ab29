"""Compiled: reading memory by address, textures, and environment maps."""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from simkit.render.embree.world import World

_FROM_U16 = 1.0 / 65535.0


def _reader(result: types.Type, element: ir.Type) -> Any:
    """Return an intrinsic (address, index) -> element; meshes are read where they lie, uncopied."""

    @intrinsic
    def read(typing, address, index):  # type: ignore[no-untyped-def]
        def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            start = builder.inttoptr(arguments[0], element.as_pointer())
            return builder.load(builder.gep(start, [arguments[1]]))

        return result(types.int64, types.int64), code

    return read


f32_at = _reader(types.float32, ir.FloatType())
i32_at = _reader(types.int32, ir.IntType(32))
u16_at = _reader(types.uint16, ir.IntType(16))


@njit(cache=True, nogil=True)
def _bilinear(start, width, height, u, v):  # type: ignore[no-untyped-def]
    """Return (r, g, b) of one level whose first texel is at address `start`; it repeats."""
    x, y = u * width - 0.5, v * height - 0.5
    left, top = math.floor(x), math.floor(y)
    fx, fy = x - left, y - top
    j0, i0 = int(left) % width, int(top) % height
    j1, i1 = j0 + 1, i0 + 1
    if j1 == width:
        j1 = 0
    if i1 == height:
        i1 = 0
    a, b = 3 * (i0 * width + j0), 3 * (i0 * width + j1)
    c, d = 3 * (i1 * width + j0), 3 * (i1 * width + j1)
    wa, wb = (1.0 - fx) * (1.0 - fy) * _FROM_U16, fx * (1.0 - fy) * _FROM_U16
    wc, wd = (1.0 - fx) * fy * _FROM_U16, fx * fy * _FROM_U16
    red = (wa * u16_at(start, a) + wb * u16_at(start, b)) + (
        wc * u16_at(start, c) + wd * u16_at(start, d)
    )
    green = (wa * u16_at(start, a + 1) + wb * u16_at(start, b + 1)) + (
        wc * u16_at(start, c + 1) + wd * u16_at(start, d + 1)
    )
    blue = (wa * u16_at(start, a + 2) + wb * u16_at(start, b + 2)) + (
        wc * u16_at(start, c + 2) + wd * u16_at(start, d + 2)
    )
    return red, green, blue


@njit(cache=True, nogil=True)
def texture_at(world: World, number, u, v, footprint):  # type: ignore[no-untyped-def]
    """Return (r, g, b) of texture `number` at (u, v), v upwards, seen over `footprint` tiles.

    Trilinear: two levels, whose texels are as large as the footprint, are mixed.
    """
    width, height, levels = world.sizes[number, 0], world.sizes[number, 1], world.sizes[number, 2]
    start = world.texels[number]
    v = 1.0 - v
    texels = footprint * math.sqrt(float(width * height))
    level = min(math.log2(texels), levels - 1.0) if texels > 1.0 else 0.0
    low = int(level)
    part = level - low
    at = start + 6 * world.offsets[number, low]
    r, g, b = _bilinear(at, max(width >> low, 1), max(height >> low, 1), u, v)
    if part > 0.0:
        high = low + 1
        at = start + 6 * world.offsets[number, high]
        r1, g1, b1 = _bilinear(at, max(width >> high, 1), max(height >> high, 1), u, v)
        r, g, b = r + (r1 - r) * part, g + (g1 - g) * part, b + (b1 - b) * part
    return r, g, b


@njit(cache=True, nogil=True)
def panorama_at(image, x, y, z):  # type: ignore[no-untyped-def]
    """Return (r, g, b) of an equirectangular image (H, W, 3) in a world direction, bilinear."""
    height, width = image.shape[0], image.shape[1]
    u = (0.5 - math.atan2(y, x) / (2.0 * math.pi)) * width - 0.5
    v = math.atan2(math.sqrt(x * x + y * y), z) / math.pi * height - 0.5
    left, top = math.floor(u), math.floor(v)
    fu, fv = u - left, v - top
    j0 = (int(left) + width) % width
    j1 = j0 + 1 if j0 + 1 < width else 0
    i0, i1 = max(int(top), 0), min(int(top) + 1, height - 1)
    wa, wb, wc, wd = (1.0 - fu) * (1.0 - fv), fu * (1.0 - fv), (1.0 - fu) * fv, fu * fv
    red = (wa * image[i0, j0, 0] + wb * image[i0, j1, 0]) + (
        wc * image[i1, j0, 0] + wd * image[i1, j1, 0]
    )
    green = (wa * image[i0, j0, 1] + wb * image[i0, j1, 1]) + (
        wc * image[i1, j0, 1] + wd * image[i1, j1, 1]
    )
    blue = (wa * image[i0, j0, 2] + wb * image[i0, j1, 2]) + (
        wc * image[i1, j0, 2] + wd * image[i1, j1, 2]
    )
    return red, green, blue


@njit(cache=True, nogil=True)
def reflection_at(world: World, roughness, x, y, z):  # type: ignore[no-untyped-def]
    """Return (r, g, b) of the environment through a lobe of some roughness about a direction."""
    top = world.specular.shape[0] - 1
    level = roughness * top
    low = min(int(level), top - 1)
    part = level - low
    if low == 0:
        r, g, b = panorama_at(world.image, x, y, z)
    else:
        r, g, b = panorama_at(world.specular[low], x, y, z)
    r1, g1, b1 = panorama_at(world.specular[low + 1], x, y, z)
    return r + (r1 - r) * part, g + (g1 - g) * part, b + (b1 - b) * part


@njit(cache=True, nogil=True)
def irradiance_at(c, k, x, y, z):  # type: ignore[no-untyped-def]
    """Return colour k of the irradiance at a normal, see `simkit.render.prefilter.irradiance`."""
    total = c[0, k] + c[1, k] * x + c[2, k] * y + c[3, k] * z + c[4, k] * x * y
    total += c[5, k] * y * z + c[6, k] * (3.0 * z * z - 1.0) + c[7, k] * x * z
    return max(total + c[8, k] * (x * x - y * y), 0.0)


@njit(cache=True, nogil=True)
def split_sum_at(table, cosine, roughness):  # type: ignore[no-untyped-def]
    """Return (A, B) of the split sum's table, bilinear."""
    size = table.shape[0]
    x = min(max(cosine * size - 0.5, 0.0), size - 1.001)
    y = min(max(roughness * size - 0.5, 0.0), size - 1.001)
    j, i = int(x), int(y)
    fx, fy = x - j, y - i
    wa, wb, wc, wd = (1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy
    a = (wa * table[i, j, 0] + wb * table[i, j + 1, 0]) + (
        wc * table[i + 1, j, 0] + wd * table[i + 1, j + 1, 0]
    )
    b = (wa * table[i, j, 1] + wb * table[i, j + 1, 1]) + (
        wc * table[i + 1, j, 1] + wd * table[i + 1, j + 1, 1]
    )
    return a, b
