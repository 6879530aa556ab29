"""Compiled: passes over an image's rows. What a pass fills is sized by the image, (H, W, ...).

`world` and `memory` are addresses, see `World` and `Memory`.
"""

from __future__ import annotations

import math

from simkit.compiled import compiled
from simkit.embree import PACKET
from simkit.render.embree.gathering import gather
from simkit.render.embree.lighting import direct_light, surrounding_light
from simkit.render.embree.lookup import doubles, floats, ints, panorama_at, words
from simkit.render.embree.points import fill_point
from simkit.render.embree.surface import (
    ACTIVE,
    AROUND,
    BASES,
    COLUMNS,
    FLAT,
    LANES,
    MOMENTS,
    OUT,
    PLAIN,
    ROWS,
    SAMPLE,
    SEEN,
    SMOOTH,
    array_of,
    cast,
    exact_hit,
    exact_place,
    point_of,
    set_ray,
    smooth_normal,
)
from simkit.render.embree.world import (
    BACKGROUND,
    CAMERA_ROWS,
    CAMERAS,
    FACES,
    FARTHEST,
    HAS_ENVIRONMENT,
    IMAGE,
    IMAGE_HEIGHT,
    NEAREST,
    NUMBERS,
    RAY_COLUMNS,
    RAYS,
    TIMES,
    VERTICES,
)

SIDE = 4
"""A packet is a tile of 4 by 4 pixels, or 16 by 1 where a row is drawn by itself."""

MATCH_COSINE = 0.8
MATCH_DEPTH = 0.03
"""Pixels share what they gathered if their normals and relative distances differ by less."""


@compiled
def camera_at(world, row, moment):  # type: ignore[no-untyped-def]
    """Return the camera's rotation and position (12,) for a row of the image."""
    own = row if world[CAMERA_ROWS] > 1 else 0
    return doubles(world[CAMERAS] + 96 * (own * world[TIMES] + moment))


@compiled
def base_ray(world, row, column, right, down, moment, ray):  # type: ignore[no-untyped-def]
    """Fill a world-space ray (6,) through a point right of and below a pixel's centre [px].

    Between pixels, rays are interpolated: linearly, which for a pinhole is exact. Returns False
    where the camera has no ray.
    """
    rays, stride = doubles(world[RAYS]), 3 * world[RAY_COLUMNS]
    at = (row + 1) * stride + (column + 1) * 3
    x, y, z = rays[at], rays[at + 1], rays[at + 2]
    if right != 0.0 or down != 0.0:
        r, d = 0.5 * right, 0.5 * down
        up, low = at - stride, at + stride
        mx = r * (rays[at + 3] - rays[at - 3]) + d * (rays[low] - rays[up])
        my = r * (rays[at + 4] - rays[at - 2]) + d * (rays[low + 1] - rays[up + 1])
        mz = r * (rays[at + 5] - rays[at - 1]) + d * (rays[low + 2] - rays[up + 2])
        if not math.isnan(mx):
            x, y, z = x + mx, y + my, z + mz
    if math.isnan(x):
        return False
    c = camera_at(world, row, moment)
    ray[0], ray[1], ray[2] = c[9], c[10], c[11]
    ray[3] = c[0] * x + c[1] * y + c[2] * z
    ray[4] = c[3] * x + c[4] * y + c[5] * z
    ray[5] = c[6] * x + c[7] * y + c[8] * z
    return True


@compiled
def aim(world, memory, lane, ray):  # type: ignore[no-untyped-def]
    """Put a camera's ray (6,) into a lane."""
    numbers = doubles(world[NUMBERS])
    near, far = numbers[NEAREST], numbers[FARTHEST]
    set_ray(memory, lane, ray[0], ray[1], ray[2], ray[3], ray[4], ray[5], near, far)


@compiled
def behind_everything(world, ray, out):  # type: ignore[no-untyped-def]
    """Fill the colour (3,) where a ray meets nothing."""
    if world[HAS_ENVIRONMENT] != 0:
        out[0], out[1], out[2] = panorama_at(
            world[IMAGE], world[IMAGE_HEIGHT], ray[3], ray[4], ray[5]
        )
    else:
        numbers = doubles(world[NUMBERS])
        for k in range(3):
            out[k] = numbers[BACKGROUND + k]


@compiled
def _pixel(top, left, side, lane):  # type: ignore[no-untyped-def]
    """Return (row, column) of a lane of the tile whose first pixel is given."""
    if side == SIDE:
        return top + (lane >> 2), left + (lane & 3)
    return top, left + lane


@compiled
def trace(world_at, memory_at, first_row, last_row, side, body, face, place, reach):  # type: ignore[no-untyped-def]
    """Fill what is hit through the pixel centres of some rows.

    `body` and `face` (H, W) int32 (-1: nothing), `place` (H, W, 2) barycentric, `reach` (H, W), the
    ray's parameter.
    """
    world, memory = words(world_at), words(memory_at)
    lanes, moments = ints(memory[LANES]), words(memory[MOMENTS])
    width = body.shape[1]
    across = (width * side + PACKET - 1) // PACKET
    tiles = ((last_row - first_row + side - 1) // side) * across
    for lane in range(PACKET):
        moments[lane] = 0
    for tile in range(tiles):
        top = first_row + tile // across * side
        left = tile % across * (PACKET // side)
        for lane in range(PACKET):
            row, column = _pixel(top, left, side, lane)
            lanes[lane] = 0
            if row >= last_row or column >= width:
                continue
            ray = doubles(memory[BASES] + 48 * lane)
            if base_ray(world, row, column, 0.0, 0.0, 0, ray):
                lanes[lane] = -1
                aim(world, memory, lane, ray)
        cast(world, memory, False)
        for lane in range(PACKET):
            if lanes[lane] == 0:
                continue
            row, column = _pixel(top, left, side, lane)
            ray = doubles(memory[BASES] + 48 * lane)
            b, t, u, v, r = exact_hit(world, memory, 0, lane, ray)
            body[row, column], face[row, column], reach[row, column] = b, t, r
            place[row, column, 0], place[row, column, 1] = u, v


@compiled
def labels(  # type: ignore[no-untyped-def]
    world_at, memory_at, first_row, last_row, exact, body, face, place, reach, normal, coords
):
    """Fill normals in the camera frame and object coordinates; an empty array is not asked for.

    With `exact`, barycentric places are computed anew, in double precision.
    """
    world, memory = words(world_at), words(memory_at)
    point, ray = point_of(memory, 0), doubles(memory[BASES])
    for row in range(first_row, last_row):
        c = camera_at(world, row, 0)
        for column in range(body.shape[1]):
            b, t = body[row, column], face[row, column]
            if b < 0:
                continue
            base_ray(world, row, column, 0.0, 0.0, 0, ray)
            u, v = place[row, column, 0], place[row, column, 1]
            if normal.shape[0] > 0:
                x, y, z = ray[3], ray[4], ray[5]
                length = math.sqrt(x * x + y * y + z * z)
                smooth_normal(world, 0, b, t, u, v, x / length, y / length, z / length, point)
                _to_camera(c, point, normal[row, column])
            if exact:
                u, v = exact_place(world, 0, b, t, ray, reach[row, column])
                place[row, column, 0], place[row, column, 1] = u, v
            if coords.shape[0] > 0:
                faces = ints(array_of(world, b, FACES))
                vertices = floats(array_of(world, b, VERTICES))
                first, second, third = faces[3 * t], faces[3 * t + 1], faces[3 * t + 2]
                for k in range(3):
                    coords[row, column, k] = (
                        (1.0 - u - v) * vertices[3 * first + k]
                        + u * vertices[3 * second + k]
                        + v * vertices[3 * third + k]
                    )


@compiled
def _to_camera(c, point, out):  # type: ignore[no-untyped-def]
    """Fill a point's normal, without its normal map's bumps, in the camera frame (3,)."""
    x, y, z = point[PLAIN], point[PLAIN + 1], point[PLAIN + 2]
    for k in range(3):
        out[k] = c[k] * x + c[3 + k] * y + c[6 + k] * z


@compiled
def _points_of_tile(  # type: ignore[no-untyped-def]
    world, memory, top, left, side, last_row, body, face, place, reach
):
    """Fill the surface points of a tile's pixels; return how many there are."""
    active, columns, rows = words(memory[ACTIVE]), words(memory[COLUMNS]), words(memory[ROWS])
    moments, numbers = words(memory[MOMENTS]), words(memory[SAMPLE])
    count = 0
    like = point_of(memory, PACKET - 1)
    like[FLAT] = 0.0
    for lane in range(PACKET):
        row, column = _pixel(top, left, side, lane)
        active[lane], moments[lane], numbers[lane] = 0, 0, 0
        rows[lane], columns[lane] = row, column
        if row >= last_row or column >= body.shape[1] or body[row, column] < 0:
            continue
        ray = doubles(memory[BASES] + 48 * lane)
        base_ray(world, row, column, 0.0, 0.0, 0, ray)
        u, v = place[row, column, 0], place[row, column, 1]
        b, t, r = body[row, column], face[row, column], reach[row, column]
        point = point_of(memory, lane)
        fill_point(world, 0, b, t, u, v, r, ray, point, like)
        like = point
        active[lane] = 1
        count += 1
    return count


@compiled
def gather_pass(  # type: ignore[no-untyped-def]
    world_at, memory_at, first_row, last_row, side, count, indirect, body, face, place, reach,
    gathered, normals,
):  # fmt: skip
    """Fill `gathered` (H, W, 4) and smooth `normals` (H, W, 3), see `gather`."""
    world, memory = words(world_at), words(memory_at)
    active, columns, rows = words(memory[ACTIVE]), words(memory[COLUMNS]), words(memory[ROWS])
    around = doubles(memory[AROUND])
    across = (body.shape[1] * side + PACKET - 1) // PACKET
    tiles = ((last_row - first_row + side - 1) // side) * across
    for tile in range(tiles):
        top = first_row + tile // across * side
        left = tile % across * (PACKET // side)
        if not _points_of_tile(world, memory, top, left, side, last_row, body, face, place, reach):
            continue
        gather(world, memory, active, count, indirect)
        for lane in range(PACKET):
            if active[lane] != 0:
                row, column = rows[lane], columns[lane]
                point = point_of(memory, lane)
                for k in range(4):
                    gathered[row, column, k] = around[4 * lane + k]
                for k in range(3):
                    normals[row, column, k] = point[SMOOTH + k]


@compiled
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
                    if body[y, x] != b or abs(reach[y, x] - t) > MATCH_DEPTH * t:
                        continue
                    cosine = nx * normals[y, x, 0] + ny * normals[y, x, 1] + nz * normals[y, x, 2]
                    weight = (cosine - MATCH_COSINE) / (1.0 - MATCH_COSINE)
                    if weight <= 0.0:
                        continue
                    if y == row - 2 or y == row + 2:
                        weight *= 0.5
                    if x == column - 2 or x == column + 2:
                        weight *= 0.5
                    total += weight
                    s0 += weight * gathered[y, x, 0]
                    s1 += weight * gathered[y, x, 1]
                    s2 += weight * gathered[y, x, 2]
                    s3 += weight * gathered[y, x, 3]
            smoothed[row, column, 0] = s0 / total
            smoothed[row, column, 1] = s1 / total
            smoothed[row, column, 2] = s2 / total
            smoothed[row, column, 3] = s3 / total


@compiled
def shade(  # type: ignore[no-untyped-def]
    world_at, memory_at, first_row, last_row, side, count, body, face, place, reach, gathered,
    rgb, normals, light, camera_normals,
):  # fmt: skip
    """Fill `rgb` (H, W, 3) at pixel centres, with `normals` and visible `light` (H, W) for edges.

    `camera_normals` (H, W, 3) are the label; an empty array is not asked for.
    """
    world, memory = words(world_at), words(memory_at)
    active, columns, rows = words(memory[ACTIVE]), words(memory[COLUMNS]), words(memory[ROWS])
    seen, around = doubles(memory[SEEN]), doubles(memory[AROUND])
    width = body.shape[1]
    across = (width * side + PACKET - 1) // PACKET
    tiles = ((last_row - first_row + side - 1) // side) * across
    outs = doubles(memory[OUT])
    for tile in range(tiles):
        top = first_row + tile // across * side
        left = tile % across * (PACKET // side)
        for k in range(3 * PACKET):
            outs[k] = 0.0
        if _points_of_tile(world, memory, top, left, side, last_row, body, face, place, reach):
            direct_light(world, memory, count)
        for lane in range(PACKET):
            row, column = rows[lane], columns[lane]
            if row >= last_row or column >= width:
                continue
            out = doubles(memory[OUT] + 24 * lane)
            if active[lane] != 0:
                point = point_of(memory, lane)
                around[0], around[1], around[2], around[3] = 1.0, 0.0, 0.0, 0.0
                if gathered.shape[0] > 0:
                    for k in range(4):
                        around[k] = gathered[row, column, k]
                surrounding_light(world, point, around, out)
                light[row, column] = seen[lane]
                if camera_normals.shape[0] > 0:
                    _to_camera(camera_at(world, row, 0), point, camera_normals[row, column])
                for k in range(3):
                    normals[row, column, k] = point[SMOOTH + k]
            else:
                ray = doubles(memory[BASES])
                if base_ray(world, row, column, 0.0, 0.0, 0, ray):
                    behind_everything(world, ray, out)
            for k in range(3):
                rgb[row, column, k] = out[k]
