"""Compiled: passes over an image's rows. What a pass fills is sized by the image, (H, W, ...)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simkit.embree import FIELDS, PACKET
from simkit.render.embree.lighting import direct_light, gather, sample_pair, surrounding_light
from simkit.render.embree.lookup import f32_at, i32_at, panorama_at
from simkit.render.embree.surface import (
    POINT_COLUMNS,
    SMOOTH,
    cast,
    exact_hit,
    fill_point,
    set_ray,
    smooth_normal,
)
from simkit.render.embree.world import FACES, VERTICES, World

SIDE = 4
"""A packet is a tile of 4 by 4 pixels, or 16 by 1 where a row is drawn by itself."""

MATCH_COSINE = 0.8
EDGE_COSINE, EDGE_DEPTH, EDGE_LIGHT = 0.9, 0.03, 0.05
"""Neighbours whose normals, relative distance or visible light differ by more are an edge."""


@njit(cache=True, nogil=True)
def base_ray(world: World, row, column, right, down, moment, ray):  # type: ignore[no-untyped-def]
    """Fill a world-space ray (6,) through a point right of and below a pixel's centre [px].

    Between pixels, rays are interpolated: linearly, which for a pinhole is exact. Returns False
    where the camera has no ray.
    """
    x, y, z = (
        world.rays[row + 1, column + 1, 0],
        world.rays[row + 1, column + 1, 1],
        world.rays[row + 1, column + 1, 2],
    )
    if right != 0.0 or down != 0.0:
        r, c = row + 1, column + 1
        along, across = world.rays[r, c + 1], world.rays[r, c - 1]
        under, over = world.rays[r + 1, c], world.rays[r - 1, c]
        mx = 0.5 * (right * (along[0] - across[0]) + down * (under[0] - over[0]))
        my = 0.5 * (right * (along[1] - across[1]) + down * (under[1] - over[1]))
        mz = 0.5 * (right * (along[2] - across[2]) + down * (under[2] - over[2]))
        if mx == mx:
            x, y, z = x + mx, y + my, z + mz
    if not x == x:
        return False
    c = world.cameras[row if world.cameras.shape[0] > 1 else 0, moment]
    ray[0], ray[1], ray[2] = c[9], c[10], c[11]
    ray[3] = c[0] * x + c[1] * y + c[2] * z
    ray[4] = c[3] * x + c[4] * y + c[5] * z
    ray[5] = c[6] * x + c[7] * y + c[8] * z
    return True


@njit(cache=True, nogil=True)
def _tile(number, tiles_across, side, first_row, lane):  # type: ignore[no-untyped-def]
    """Return (row, column) of a lane of a tile."""
    width = PACKET // side
    return (
        first_row + (number // tiles_across) * side + lane // width,
        (number % tiles_across) * width + lane % width,
    )


@njit(cache=True, nogil=True)
def trace(world: World, memory, first_row, last_row, side, body, face, place, reach):  # type: ignore[no-untyped-def]
    """Fill what is hit through the pixel centres of some rows.

    `body` and `face` (H, W) int32 (-1: nothing), `place` (H, W, 2) barycentric, `reach` (H, W), the
    ray's parameter.
    """
    f, i, lanes, single_f, single_i, hits = memory
    width = body.shape[1]
    across = (width * side + PACKET - 1) // PACKET
    tiles = ((last_row - first_row + side - 1) // side) * across
    moments = np.zeros(PACKET, dtype=np.int64)
    rays = np.zeros((PACKET, 6))
    for tile in range(tiles):
        for lane in range(PACKET):
            row, column = _tile(tile, across, side, first_row, lane)
            lanes[lane] = 0
            if row >= last_row or column >= width:
                continue
            ray = rays[lane]
            if base_ray(world, row, column, 0.0, 0.0, 0, ray):
                lanes[lane] = -1
                set_ray(
                    f, i, lane, ray[0], ray[1], ray[2], ray[3], ray[4], ray[5], world.near, world.far
                )  # fmt: skip
            else:
                body[row, column], face[row, column] = -1, -1
        cast(world, moments, f, i, lanes, single_f, single_i, False)
        for lane in range(PACKET):
            if lanes[lane] == 0:
                continue
            row, column = _tile(tile, across, side, first_row, lane)
            b, t, u, v, r = exact_hit(world, 0, f, i, lane, rays[lane])
            body[row, column], face[row, column], reach[row, column] = b, t, r
            place[row, column, 0], place[row, column, 1] = u, v


@njit(cache=True, nogil=True)
def labels(world: World, first_row, last_row, body, face, place, reach, normal, coords):  # type: ignore[no-untyped-def]
    """Fill normals in the camera frame and object coordinates; an empty array is not asked for."""
    point = np.empty(POINT_COLUMNS)
    ray = np.empty(6)
    for row in range(first_row, last_row):
        c = world.cameras[row if world.cameras.shape[0] > 1 else 0, 0]
        for column in range(body.shape[1]):
            b, t = body[row, column], face[row, column]
            if b < 0:
                continue
            u, v = place[row, column, 0], place[row, column, 1]
            if normal.shape[0] > 0:
                base_ray(world, row, column, 0.0, 0.0, 0, ray)
                x, y, z = ray[3], ray[4], ray[5]
                length = math.sqrt(x * x + y * y + z * z)
                smooth_normal(
                    world, 0, b, t, u, v, x / length, y / length, z / length, point
                )
                x, y, z = point[SMOOTH], point[SMOOTH + 1], point[SMOOTH + 2]
                normal[row, column, 0] = c[0] * x + c[3] * y + c[6] * z
                normal[row, column, 1] = c[1] * x + c[4] * y + c[7] * z
                normal[row, column, 2] = c[2] * x + c[5] * y + c[8] * z
            if coords.shape[0] > 0:
                faces, vertices = world.arrays[b, FACES], world.arrays[b, VERTICES]
                for corner in range(3):
                    weight = 1.0 - u - v if corner == 0 else (u if corner == 1 else v)
                    at = 3 * int(i32_at(faces, 3 * t + corner))
                    for k in range(3):
                        coords[row, column, k] += weight * f32_at(vertices, at + k)


@njit(cache=True, nogil=True)
def _points_of_tile(  # type: ignore[no-untyped-def]
    world: World, tile, across, side, first_row, last_row, body, face, place, reach, points, active,
    columns, rows,
):  # fmt: skip
    """Fill the surface points of a tile's pixels; return how many there are."""
    count = 0
    ray = np.empty(6)
    for lane in range(PACKET):
        row, column = _tile(tile, across, side, first_row, lane)
        active[lane] = False
        rows[lane], columns[lane] = row, column
        if row >= last_row or column >= body.shape[1] or body[row, column] < 0:
            continue
        base_ray(world, row, column, 0.0, 0.0, 0, ray)
        u, v = place[row, column, 0], place[row, column, 1]
        fill_point(
            world, 0, body[row, column], face[row, column], u, v, reach[row, column], ray, points[lane]
        )  # fmt: skip
        active[lane] = True
        count += 1
    return count


@njit(cache=True, nogil=True)
def gather_pass(  # type: ignore[no-untyped-def]
    world: World, memory, first_row, last_row, side, count, indirect, body, face, place, reach,
    gathered, normals,
):  # fmt: skip
    """Fill `gathered` (H, W, 4) and smooth `normals` (H, W, 3), see `gather`."""
    width = body.shape[1]
    across = (width * side + PACKET - 1) // PACKET
    tiles = ((last_row - first_row + side - 1) // side) * across
    points = np.zeros((PACKET, POINT_COLUMNS))
    moments = np.zeros(PACKET, dtype=np.int64)
    active = np.zeros(PACKET, dtype=np.bool_)
    columns, rows = np.zeros(PACKET, dtype=np.int64), np.zeros(PACKET, dtype=np.int64)
    out = np.zeros((PACKET, 4))
    for tile in range(tiles):
        if not _points_of_tile(
            world, tile, across, side, first_row, last_row, body, face, place, reach, points, active,
            columns, rows,
        ):  # fmt: skip
            continue
        gather(world, points, moments, active, columns, rows, 0, count, indirect, memory, out)
        for lane in range(PACKET):
            if active[lane]:
                row, column = rows[lane], columns[lane]
                for k in range(4):
                    gathered[row, column, k] = out[lane, k]
                for k in range(3):
                    normals[row, column, k] = points[lane, SMOOTH + k]


@njit(cache=True, nogil=True)
def smooth_gathered(gathered, normals, body, reach, smoothed):  # type: ignore[no-untyped-def]
    """Average what 5 by 5 neighbours of one body and nearly one plane gathered.

    Neighbours use different samples of one sequence, so a mean over them is as good as many samples.
    """
    height, width = body.shape
    for row in range(height):
        for column in range(width):
            b = body[row, column]
            if b < 0:
                continue
            total = 0.0
            s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
            nx, ny, nz = normals[row, column, 0], normals[row, column, 1], normals[row, column, 2]
            t = reach[row, column]
            for y in range(max(row - 2, 0), min(row + 3, height)):
                for x in range(max(column - 2, 0), min(column + 3, width)):
                    if body[y, x] != b or abs(reach[y, x] - t) > EDGE_DEPTH * t:
                        continue
                    cosine = nx * normals[y, x, 0] + ny * normals[y, x, 1] + nz * normals[y, x, 2]
                    if cosine < MATCH_COSINE:
                        continue
                    weight = (cosine - MATCH_COSINE) / (1.0 - MATCH_COSINE)
                    if y == row - 2 or y == row + 2:
                        weight *= 0.5
                    if x == column - 2 or x == column + 2:
                        weight *= 0.5
                    total += weight
                    s0 += weight * gathered[y, x, 0]
                    s1 += weight * gathered[y, x, 1]
                    s2 += weight * gathered[y, x, 2]
                    s3 += weight * gathered[y, x, 3]
            if total > 0.0:
                smoothed[row, column, 0] = s0 / total
                smoothed[row, column, 1] = s1 / total
                smoothed[row, column, 2] = s2 / total
                smoothed[row, column, 3] = s3 / total
            else:
                for k in range(4):
                    smoothed[row, column, k] = gathered[row, column, k]


@njit(cache=True, nogil=True)
def _behind_everything(world: World, ray, out):  # type: ignore[no-untyped-def]
    """Fill the colour (3,) where a ray meets nothing."""
    if world.lit_by_environment:
        out[0], out[1], out[2] = panorama_at(world.image, ray[3], ray[4], ray[5])
    else:
        out[0], out[1], out[2] = world.background[0], world.background[1], world.background[2]


@njit(cache=True, nogil=True)
def shade(  # type: ignore[no-untyped-def]
    world: World, memory, first_row, last_row, side, count, body, face, place, reach, gathered,
    rgb, normals, light,
):  # fmt: skip
    """Fill `rgb` (H, W, 3) at pixel centres, with `normals` and visible `light` (H, W) for edges."""
    width = body.shape[1]
    across = (width * side + PACKET - 1) // PACKET
    tiles = ((last_row - first_row + side - 1) // side) * across
    points = np.zeros((PACKET, POINT_COLUMNS))
    moments = np.zeros(PACKET, dtype=np.int64)
    active = np.zeros(PACKET, dtype=np.bool_)
    columns, rows = np.zeros(PACKET, dtype=np.int64), np.zeros(PACKET, dtype=np.int64)
    out, seen, ray, around = np.zeros((PACKET, 3)), np.zeros(PACKET), np.zeros(6), np.ones(4)
    for tile in range(tiles):
        some = _points_of_tile(
            world, tile, across, side, first_row, last_row, body, face, place, reach, points, active,
            columns, rows,
        )  # fmt: skip
        out[:] = 0.0
        if some:
            direct_light(
                world, points, moments, active, columns, rows, 0, count, memory, out, seen
            )
        for lane in range(PACKET):
            row, column = rows[lane], columns[lane]
            if row >= last_row or column >= width:
                continue
            if active[lane]:
                if gathered.shape[0] > 0:
                    for k in range(4):
                        around[k] = gathered[row, column, k]
                surrounding_light(world, points[lane], around, out[lane])
                light[row, column] = seen[lane]
                for k in range(3):
                    normals[row, column, k] = points[lane, SMOOTH + k]
            elif base_ray(world, row, column, 0.0, 0.0, 0, ray):
                _behind_everything(world, ray, out[lane])
            for k in range(3):
                rgb[row, column, k] = out[lane, k]


@njit(cache=True, nogil=True)
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
                other = body[y, x]
                if b < 0 and other < 0:
                    continue
                differs = b != other
                if not differs:
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


@njit(cache=True, nogil=True)
def _borrow(row, column, b, point, body, normals, gathered, around):  # type: ignore[no-untyped-def]
    """Fill `around` (4,) from the neighbour of the same body whose normal is nearest."""
    best = -2.0
    for y in range(max(row - 1, 0), min(row + 2, body.shape[0])):
        for x in range(max(column - 1, 0), min(column + 2, body.shape[1])):
            if body[y, x] == b:
                cosine = 0.0
                for k in range(3):
                    cosine += normals[y, x, k] * point[SMOOTH + k]
                if cosine > best:
                    best = cosine
                    for k in range(4):
                        around[k] = gathered[y, x, k]
    return best > -2.0


@njit(cache=True, nogil=True)
def refine(  # type: ignore[no-untyped-def]
    world: World, memory, pixels, offsets, count, ambient_count, indirect, fresh, body, normals,
    gathered, rgb,
):  # fmt: skip
    """Replace pixels' colours by means over samples.

    Args:
        pixels: (P, 2) int64, row and column.
        offsets: (S, 3) float64: a sample's place in the pixel [px], and a number in [0, 1) that
            says when within the exposure, before the pixel's own is added.
        fresh: whether the colour of the pixel's centre is dropped, and each sample gathers its own
            light (blur); else it counts as one more sample, and gathered light is its neighbours'.
    """
    f, i, lanes, single_f, single_i, hits = memory
    samples = offsets.shape[0]
    total = pixels.shape[0] * samples
    points = np.zeros((PACKET, POINT_COLUMNS))
    moments = np.zeros(PACKET, dtype=np.int64)
    active = np.zeros(PACKET, dtype=np.bool_)
    columns, rows = np.zeros(PACKET, dtype=np.int64), np.zeros(PACKET, dtype=np.int64)
    rays = np.zeros((PACKET, 6))
    out, seen = np.zeros((PACKET, 3)), np.zeros(PACKET)
    arounds = np.ones((PACKET, 4))
    bodies = np.zeros(PACKET, dtype=np.int64)
    needy = np.zeros(PACKET, dtype=np.bool_)
    times = world.handles.shape[0] if world.cameras.shape[1] == 1 else world.cameras.shape[1]
    for pixel in range(pixels.shape[0]):
        for k in range(3):
            keep = 0.0 if fresh else rgb[pixels[pixel, 0], pixels[pixel, 1], k]
            rgb[pixels[pixel, 0], pixels[pixel, 1], k] = keep / (samples + 1)
    share = 1.0 / samples if fresh else 1.0 / (samples + 1)
    # Samples of one number go together: with one moment a packet, neighbours stay neighbours.
    per_sample = (pixels.shape[0] + PACKET - 1) // PACKET if fresh else 0
    packets = per_sample * samples if fresh else (total + PACKET - 1) // PACKET
    for packet in range(packets):
        for lane in range(PACKET):
            if fresh:
                sample = packet % samples
                pixel = (packet // samples) * PACKET + lane
                valid = pixel < pixels.shape[0]
            else:
                number = packet * PACKET + lane
                valid = number < total
                pixel, sample = number // samples, number % samples
            lanes[lane] = 0
            active[lane] = False
            bodies[lane] = -2
            moments[lane] = 0
            if not valid:
                continue
            row, column = pixels[pixel, 0], pixels[pixel, 1]
            rows[lane], columns[lane] = row, column
            if times > 1:
                shift = sample_pair(column, row, 0)[0]
                when = offsets[sample, 2] + shift / samples
                moments[lane] = int((when - math.floor(when)) * times) % times
            ray = rays[lane]
            if not base_ray(
                world, row, column, offsets[sample, 0], offsets[sample, 1], moments[lane], ray
            ):
                continue
            if world.aperture > 0.0:
                _through_lens(world, row, column, sample, moments[lane], ray)
            lanes[lane] = -1
            bodies[lane] = -1
            set_ray(
                f, i, lane, ray[0], ray[1], ray[2], ray[3], ray[4], ray[5], world.near, world.far
            )  # fmt: skip
        cast(world, moments, f, i, lanes, single_f, single_i, False)
        some, wanting = False, False
        for lane in range(PACKET):
            needy[lane] = False
            if lanes[lane] == 0:
                continue
            b, t, u, v, r = exact_hit(world, moments[lane], f, i, lane, rays[lane])
            bodies[lane] = b
            if b < 0:
                continue
            fill_point(world, moments[lane], b, t, u, v, r, rays[lane], points[lane])
            active[lane], some = True, True
            if world.lit_by_environment and ambient_count > 0:
                needy[lane] = fresh or not _borrow(
                    rows[lane], columns[lane], b, points[lane], body, normals, gathered, arounds[lane]
                )  # fmt: skip
                wanting |= needy[lane]
        out[:] = 0.0
        number = packet % samples
        if wanting:
            own = np.empty((PACKET, 4))
            gather(
                world, points, moments, needy, columns, rows, number, ambient_count, indirect, memory,
                own,
            )  # fmt: skip
            for lane in range(PACKET):
                if needy[lane]:
                    arounds[lane] = own[lane]
        if some:
            direct_light(
                world, points, moments, active, columns, rows, number, count, memory, out, seen
            )
        for lane in range(PACKET):
            if bodies[lane] == -2:
                continue
            if active[lane]:
                surrounding_light(world, points[lane], arounds[lane], out[lane])
            else:
                _behind_everything(world, rays[lane], out[lane])
            for k in range(3):
                rgb[rows[lane], columns[lane], k] += share * out[lane, k]


@njit(cache=True, nogil=True)
def _through_lens(world: World, row, column, sample, moment, ray):  # type: ignore[no-untyped-def]
    """Move a ray's origin over the thin lens' opening, so that it still meets the plane in focus."""
    c = world.cameras[row if world.cameras.shape[0] > 1 else 0, moment]
    s1, s2 = sample_pair(column, row, sample)
    r, turn = world.aperture * math.sqrt(s1), 2.0 * math.pi * s2
    x, y = r * math.cos(turn), r * math.sin(turn)
    forward = ray[3] * c[2] + ray[4] * c[5] + ray[5] * c[8]
    if forward <= 1e-6:
        return
    reach = world.focus / forward  # the ray's parameter in the plane of focus
    for k in range(3):
        move = c[3 * k] * x + c[3 * k + 1] * y
        ray[k] += move
        ray[3 + k] -= move / reach


def packet_scratch() -> tuple[object, ...]:
    """Return the memory that a pass works in: a packet, its lanes, a single ray, and marks."""
    from simkit.embree import lane_mask, packet_memory

    floats, integers = packet_memory()
    single_floats, single_integers = packet_memory()
    return (
        floats,
        integers,
        lane_mask(),
        single_floats.reshape(-1)[:FIELDS],
        single_integers.reshape(-1)[:FIELDS],
        np.zeros(PACKET, dtype=np.int64),
    )
