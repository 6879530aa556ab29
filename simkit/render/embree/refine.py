"""Compiled: pixels that need more than one sample, at edges or where lens or exposure blur."""

from __future__ import annotations

import math

from simkit.compiled import compiled, square_root
from simkit.embree import PACKET
from simkit.render.embree.gathering import gather
from simkit.render.embree.light_samples import sample_pair
from simkit.render.embree.lighting import direct_light, surrounding_light
from simkit.render.embree.lookup import doubles, ints, words
from simkit.render.embree.passes import aim, base_ray, behind_everything, camera_at
from simkit.render.embree.points import fill_points
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
    cast,
    hits,
)
from simkit.render.embree.world import APERTURE, FOCUS, NUMBERS, TIMES

EDGE_COSINE, EDGE_DEPTH, EDGE_LIGHT = 0.9, 0.03, 0.05
"""Neighbours whose normals, relative distance or visible light differ by more are an edge."""


@compiled
def edges(body, face, reach, normals, light, found):  # type: ignore[no-untyped-def]
    """Mark pixels (H, W) that differ from the one to their right or below in what is seen there."""
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
                differs |= abs(light[y, x] - light[row, column]) > EDGE_LIGHT
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
    world_at, memory_at, pixels, offsets, count, rays, indirect, fresh, body, normals, gathered, rgb
):
    """Replace pixels' colours by means over samples.

    Args:
        world_at, memory_at: addresses.
        pixels: (P, 2) int64, row and column.
        offsets: (S, 5) float64: a sample's place in the pixel [px], when within the exposure, and
            where in the lens, [0, 1); to the last three the pixel's own is added.
        count, rays, indirect: shadow rays, rays that gather light, and whether bodies give any.
        fresh: whether the colour of the pixel's centre is dropped, and each sample gathers its own
            light (blur); else it counts as one more sample, and gathered light is its neighbours'.
        body, normals, gathered: at pixel centres.
        rgb: (H, W, 3).
    """
    world, memory = words(world_at), words(memory_at)
    lanes, moments, p = ints(memory[LANES]), words(memory[MOMENTS]), doubles(memory[POINTS])
    columns, rows, numbers = words(memory[COLUMNS]), words(memory[ROWS]), words(memory[SAMPLE])
    needy, rayed, bodies = words(memory[NEEDY]), words(memory[RAYED]), words(memory[BODY])
    aperture, around = doubles(world[NUMBERS])[APERTURE], doubles(memory[AROUND])
    for k in range(4 * PACKET):
        around[k] = 1.0 if k % 4 == 0 else 0.0
    samples, times = offsets.shape[0], world[TIMES]
    for pixel in range(pixels.shape[0]):
        row, column = pixels[pixel, 0], pixels[pixel, 1]
        for k in range(3):
            rgb[row, column, k] = 0.0 if fresh else rgb[row, column, k] / (samples + 1)
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
                when = offsets[sample, 2] + sample_pair(column, row, 0)[0] / samples
                moments[lane] = int((when - math.floor(when)) * times) % times
            ray = doubles(memory[POINTS] + 8 * (RAY + lane))
            right, down = offsets[sample, 0], offsets[sample, 1]
            if not base_ray(world, row, column, right, down, moments[lane], ray):
                continue
            if aperture > 0.0:
                u, v = sample_pair(column, row, 0)
                u, v = u + offsets[sample, 3], v + offsets[sample, 4]
                _through_lens(world, row, moments[lane], u - math.floor(u), v - math.floor(v), ray)
            lanes[lane] = -1
        for lane in range(PACKET):
            rayed[lane] = lanes[lane]  # other rays take these over
        aim(world, memory)
        cast(world, memory, False)
        if hits(world, memory, True):
            fill_points(world, memory)
            if rays > 0:
                wanting = False
                for lane in range(PACKET):
                    needy[lane] = 0
                    if p[ACTIVE + lane] == 0.0:
                        continue
                    around = doubles(memory[AROUND] + 32 * lane)
                    if fresh or not _borrow(
                        rows[lane], columns[lane], bodies[lane],
                        doubles(memory[POINTS] + 8 * lane), body, normals, gathered, around,
                    ):  # fmt: skip
                        needy[lane], wanting = 1, True
                if wanting:
                    gather(world, memory, needy, rays, indirect)
            for k in range(3 * PACKET):
                p[OUT + k] = 0.0
            direct_light(world, memory, count)
            surrounding_light(world, memory)
        for lane in range(PACKET):
            if rayed[lane] == 0:
                continue
            if p[ACTIVE + lane] == 0.0:
                point = doubles(memory[POINTS] + 8 * lane)
                behind_everything(world, rows[lane], columns[lane], point)
            for k in range(3):
                rgb[rows[lane], columns[lane], k] += share * p[OUT + k * Y + lane]


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
