"""Compiled: pixels that need more than one sample, at edges or where lens or exposure blur."""

from __future__ import annotations

import math

from simkit.compiled import compiled, square_root
from simkit.embree import PACKET
from simkit.render.embree.gathering import gather
from simkit.render.embree.lighting import direct_light, surrounding_light
from simkit.render.embree.lookup import doubles, ints, words
from simkit.render.embree.passes import aim, base_ray, behind_everything, camera_at
from simkit.render.embree.points import fill_points
from simkit.render.embree.reuse import middle_pixel, recall
from simkit.render.embree.surface import (
    ACTIVE,
    AROUND,
    BODY,
    COLUMNS,
    LANES,
    MOMENTS,
    NEEDY,
    OUT,
    POINTS,
    RAY,
    RAYED,
    ROWS,
    SAMPLE,
    SMOOTH,
    Y,
    Z,
    cast,
    fetch,
    hits,
    places_of,
)
from simkit.render.embree.world import APERTURE, FOCUS, NUMBERS, TIMES

EDGE_COSINE, EDGE_DEPTH, EDGE_LIGHT = 0.9, 0.03, 0.05
"""Neighbours whose normals, relative distance or visible light differ by more are an edge."""


@compiled
def edges(body, face, reach, normals, light, found, lit):  # type: ignore[no-untyped-def]
    """Mark pixels (H, W) that differ from the one to their right or below in what is seen there.

    In `lit` (H, W), those that differ in the light that they get.
    """
    height, width = body.shape
    for row in range(height):
        for column in range(width):
            b, t = body[row, column], reach[row, column]
            for way in range(2):
                y, x = row + way, column + 1 - way
                if y >= height or x >= width:
                    continue
                if b != body[y, x]:
                    found[row, column] = True
                    found[y, x] = True
                    continue
                if b < 0:
                    continue
                s = reach[y, x]
                differs = abs(s - t) > EDGE_DEPTH * min(s, t)
                if abs(light[y, x] - light[row, column]) > EDGE_LIGHT:
                    differs, lit[row, column], lit[y, x] = True, True, True
                if face[row, column] != face[y, x]:
                    cosine = 0.0
                    for k in range(3):
                        cosine += normals[row, column, k] * normals[y, x, k]
                    differs |= cosine < EDGE_COSINE
                if differs:
                    found[row, column] = True
                    found[y, x] = True


@compiled
def _borrow(row, column, b, point, body, normals, gathered, around):  # type: ignore[no-untyped-def]
    """Fill `around` (4,) from the neighbour of the same body whose normal is nearest."""
    best = -2.0
    for y in range(max(row - 1, 0), min(row + 2, body.shape[0])):
        for x in range(max(column - 1, 0), min(column + 2, body.shape[1])):
            if body[y, x] == b:
                cosine = 0.0
                for k in range(3):
                    cosine += normals[y, x, k] * point[SMOOTH + k * Y]
                if cosine > best:
                    best = cosine
                    for k in range(4):
                        around[k] = gathered[y, x, k]
    return best > -2.0


@compiled
def refine(  # type: ignore[no-untyped-def]
    world_at, memory_at, pixels, shade, offsets, count, rays, indirect, fresh, body, normals, gathered,
    local, sharp, rgb, low, high,
):  # fmt: skip
    """Replace pixels' colours by means over samples.

    A sample takes the colour that a pixel's centre nearby has at the same place, if there is one.

    Args:
        world_at, memory_at: addresses.
        pixels: (P, 2) int64, row and column.
        shade: (H, W) bool: samples of these pixels take their own light.
        offsets: (S, 5) float64: a sample's place in the pixel [px], when within the exposure, and
            where in the lens, [0, 1).
        count, rays, indirect: shadow rays, rays that gather light, and whether bodies give any.
        fresh: whether the colour of the pixel's centre is dropped (blur), or one more sample.
        body, normals, gathered, local, sharp: at pixel centres; see `shade` in
            `simkit.render.embree.passes`. `sharp` are the colours.
        rgb: (H, W, 3).
        low, high: (H, W), the least and the greatest brightness of its samples; an empty array is
            not asked for.
    """
    world, memory = words(world_at), words(memory_at)
    lanes, moments, p = ints(memory[LANES]), words(memory[MOMENTS]), doubles(memory[POINTS])
    columns, rows, numbers = words(memory[COLUMNS]), words(memory[ROWS]), words(memory[SAMPLE])
    rayed, around = words(memory[RAYED]), doubles(memory[AROUND])
    aperture, height, width = doubles(world[NUMBERS])[APERTURE], rgb.shape[0], rgb.shape[1]
    for k in range(4 * PACKET):
        around[k] = 1.0 if k % 4 == 0 else 0.0
    samples, times = offsets.shape[0], world[TIMES]
    for pixel in range(pixels.shape[0]):
        row, column = pixels[pixel, 0], pixels[pixel, 1]
        for k in range(3):
            rgb[row, column, k] = 0.0 if fresh else rgb[row, column, k] / (samples + 1)
        if low.shape[0] > 0:
            low[row, column], high[row, column] = 1e30, 0.0
    share = 1.0 / samples if fresh else 1.0 / (samples + 1)
    # A packet is one sample of neighbours, or, where these are few, all samples of a few pixels.
    groups = (pixels.shape[0] + PACKET - 1) // PACKET
    packets = groups * samples if fresh else (pixels.shape[0] * samples + PACKET - 1) // PACKET
    for packet in range(packets):
        for lane in range(PACKET):
            if fresh:
                pixel, sample = (packet // samples) * PACKET + lane, packet % samples
            else:
                number = packet * PACKET + lane
                pixel, sample = number // samples, number % samples
            lanes[lane], moments[lane] = 0, 0
            if pixel >= pixels.shape[0]:
                continue
            row, column = pixels[pixel, 0], pixels[pixel, 1]
            rows[lane], columns[lane] = row, column
            numbers[lane] = sample if fresh else sample + 1
            if times > 1:
                moments[lane] = int(offsets[sample, 2] * times)
            ray = doubles(memory[POINTS] + 8 * (RAY + lane))
            right, down = offsets[sample, 0], offsets[sample, 1]
            if not base_ray(world, row, column, right, down, moments[lane], ray):
                continue
            if fresh and aperture > 0.0:
                _through_lens(
                    world, row, moments[lane], offsets[sample, 3], offsets[sample, 4], ray
                )
            lanes[lane] = -1
        for lane in range(PACKET):
            rayed[lane] = lanes[lane]  # other rays take these over
        aim(world, memory)
        cast(world, memory, False, False)
        if hits(world, memory, False):
            places_of(memory)
            wanting = False
            for lane in range(PACKET):
                if p[ACTIVE + lane] == 0.0:
                    continue
                row, column, sample = rows[lane], columns[lane], numbers[lane]
                if not shade[row, column]:
                    if fresh:
                        u, v = middle_pixel(world, memory, lane, row, column, height, width)
                    else:
                        u, v = column + offsets[sample - 1, 0], row + offsets[sample - 1, 1]
                    if recall(world, memory, lane, u, v, body, local, sharp):
                        _add(p, lane, row, column, share, rgb, low, high)
                        p[ACTIVE + lane], rayed[lane] = 0.0, 0
                        continue
                wanting = True
            if wanting:
                fetch(world, memory, True)
                _shade(world, memory, count, rays, indirect, body, normals, gathered)
        for lane in range(PACKET):
            if rayed[lane] == 0:
                continue
            if p[ACTIVE + lane] == 0.0:
                point = doubles(memory[POINTS] + 8 * lane)
                behind_everything(world, rows[lane], columns[lane], point)
            _add(p, lane, rows[lane], columns[lane], share, rgb, low, high)


@compiled
def _shade(world, memory, count, rays, indirect, body, normals, gathered):  # type: ignore[no-untyped-def]
    """Fill `OUT` of active lanes; gathered light is their neighbours', if these see the same body."""
    columns, rows, needy = words(memory[COLUMNS]), words(memory[ROWS]), words(memory[NEEDY])
    p, bodies = doubles(memory[POINTS]), words(memory[BODY])
    fill_points(world, memory)
    if rays > 0:
        wanting = False
        for lane in range(PACKET):
            needy[lane] = 0
            if p[ACTIVE + lane] == 0.0:
                continue
            around = doubles(memory[AROUND] + 32 * lane)
            if not _borrow(
                rows[lane], columns[lane], bodies[lane], doubles(memory[POINTS] + 8 * lane), body,
                normals, gathered, around,
            ):  # fmt: skip
                needy[lane], wanting = 1, True
        if wanting:
            gather(world, memory, needy, rays, indirect)
    for k in range(3 * PACKET):
        p[OUT + k] = 0.0
    direct_light(world, memory, count)
    surrounding_light(world, memory)


@compiled
def _add(p, lane, row, column, share, rgb, low, high):  # type: ignore[no-untyped-def]
    """Add a lane's colour to its pixel."""
    red, green, blue = p[OUT + lane], p[OUT + Y + lane], p[OUT + Z + lane]
    rgb[row, column, 0] += share * red
    rgb[row, column, 1] += share * green
    rgb[row, column, 2] += share * blue
    if low.shape[0] > 0:
        bright = min(max(red, 0.0), 1.0) + min(max(green, 0.0), 1.0) + min(max(blue, 0.0), 1.0)
        bright = square_root(bright)
        low[row, column] = min(low[row, column], bright)
        high[row, column] = max(high[row, column], bright)


@compiled
def _through_lens(world, row, moment, s1, s2, ray):  # type: ignore[no-untyped-def]
    """Move a ray's origin over the thin lens' opening, so that it still meets the plane in focus."""
    c, numbers = camera_at(world, row, moment), doubles(world[NUMBERS])
    r, turn = numbers[APERTURE] * square_root(s1), 2.0 * math.pi * s2
    x, y = r * math.cos(turn), r * math.sin(turn)
    forward = ray[3 * Y] * c[2] + ray[4 * Y] * c[5] + ray[5 * Y] * c[8]
    if forward <= 1e-6:
        return
    reach = numbers[FOCUS] / forward  # the ray's parameter in the plane of focus
    for k in range(3):
        move = c[3 * k] * x + c[3 * k + 1] * y
        ray[k * Y] += move
        ray[(3 + k) * Y] -= move / reach
