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
from simkit.render.embree.points import fill_points
from simkit.render.embree.surface import (
    ACTIVE,
    AROUND,
    BODY,
    COLUMNS,
    DISTANCE,
    FACE_NUMBER,
    HIT_U,
    HIT_V,
    LANES,
    LOCAL,
    MOMENTS,
    NEEDY,
    OPEN,
    OUT,
    PLAIN,
    POINTS,
    RAY,
    RAYED,
    REACH,
    ROWS,
    SAMPLE,
    SEEN,
    SHADED,
    SMOOTH,
    Y,
    Z,
    array_of,
    cast,
    exact_places,
    fetch,
    hits,
    normals_of,
    set_rays,
)
from simkit.render.embree.world import (
    BACKDROP,
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

SOFT_STEP = 0.25
"""Weight of soft lights in what makes an edge: theirs must differ by four times as much as hard ones'."""


@compiled
def camera_at(world, row, moment):  # type: ignore[no-untyped-def]
    """Return the camera's rotation and position (12,) for a row of the image."""
    own = row if world[CAMERA_ROWS] > 1 else 0
    return doubles(world[CAMERAS] + 96 * (own * (world[TIMES] + 1) + moment))


@compiled
def base_ray(world, row, column, right, down, moment, ray):  # type: ignore[no-untyped-def]
    """Fill a lane's world-space ray (6 columns) through a point right of and below a pixel's centre [px].

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
    ray[0], ray[Y], ray[2 * Y] = c[9], c[10], c[11]
    ray[3 * Y] = c[0] * x + c[1] * y + c[2] * z
    ray[4 * Y] = c[3] * x + c[4] * y + c[5] * z
    ray[5 * Y] = c[6] * x + c[7] * y + c[8] * z
    return True


@compiled
def aim(world, memory):  # type: ignore[no-untyped-def]
    """Make a packet of the cameras' rays."""
    p, numbers = doubles(memory[POINTS]), doubles(world[NUMBERS])
    far = numbers[FARTHEST]
    for lane in range(PACKET):
        p[DISTANCE + lane] = far
    set_rays(memory, RAY, RAY + 3 * Y, numbers[NEAREST])


@compiled
def behind_everything(world, row, column, point):  # type: ignore[no-untyped-def]
    """Fill a lane's `OUT` where its ray, through a pixel, meets nothing."""
    if world[BACKDROP] != 0:
        image, at = floats(world[BACKDROP]), 3 * (row * (world[RAY_COLUMNS] - 2) + column)
        for k in range(3):
            point[OUT + k * Y] = image[at + k]
    elif world[HAS_ENVIRONMENT] != 0:
        x, y, z = point[RAY + 3 * Y], point[RAY + 4 * Y], point[RAY + 5 * Y]
        point[OUT], point[OUT + Y], point[OUT + Z] = panorama_at(
            world[IMAGE], world[IMAGE_HEIGHT], x, y, z
        )
    else:
        numbers = doubles(world[NUMBERS])
        for k in range(3):
            point[OUT + k * Y] = numbers[BACKGROUND + k]


@compiled
def _pixel(top, left, side, lane):  # type: ignore[no-untyped-def]
    """Return (row, column) of a lane of the tile whose first pixel is given."""
    if side == SIDE:
        return top + (lane >> 2), left + (lane & 3)
    return top, left + lane


@compiled
def _tile_rays(world, memory, top, left, side, last_row, width):  # type: ignore[no-untyped-def]
    """Fill `RAY`, `ROWS` and `COLUMNS` of a tile's pixel centres; `LANES` says which have a ray."""
    p, lanes = doubles(memory[POINTS]), ints(memory[LANES])
    columns, rows = words(memory[COLUMNS]), words(memory[ROWS])
    rays, stride = doubles(world[RAYS]), 3 * world[RAY_COLUMNS]
    own = world[CAMERA_ROWS] > 1
    for lane in range(PACKET):
        row, column = _pixel(top, left, side, lane)
        rows[lane], columns[lane], lanes[lane] = row, column, 0
        if row >= last_row or column >= width:
            continue
        if own:
            ray = doubles(memory[POINTS] + 8 * (RAY + lane))
            lanes[lane] = -1 if base_ray(world, row, column, 0.0, 0.0, 0, ray) else 0
            continue
        at = (row + 1) * stride + (column + 1) * 3
        x, y, z = rays[at], rays[at + 1], rays[at + 2]
        lanes[lane] = 0 if math.isnan(x) else -1
        p[RAY + 3 * Y + lane], p[RAY + 4 * Y + lane], p[RAY + 5 * Y + lane] = x, y, z
    if own:
        return
    c = camera_at(world, top, 0)
    c0, c1, c2, c3, c4, c5 = c[0], c[1], c[2], c[3], c[4], c[5]
    c6, c7, c8, c9, c10, c11 = c[6], c[7], c[8], c[9], c[10], c[11]
    for lane in range(PACKET):
        x, y, z = p[RAY + 3 * Y + lane], p[RAY + 4 * Y + lane], p[RAY + 5 * Y + lane]
        p[RAY + lane], p[RAY + Y + lane], p[RAY + Z + lane] = c9, c10, c11
        p[RAY + 3 * Y + lane] = c0 * x + c1 * y + c2 * z
        p[RAY + 4 * Y + lane] = c3 * x + c4 * y + c5 * z
        p[RAY + 5 * Y + lane] = c6 * x + c7 * y + c8 * z


@compiled
def trace(world_at, memory_at, first_row, last_row, side, body, face, place, reach):  # type: ignore[no-untyped-def]
    """Fill what is hit through the pixel centres of some rows.

    `body` and `face` (H, W) int32 (-1: nothing), `place` (H, W, 2) barycentric, `reach` (H, W), the
    ray's parameter.
    """
    world, memory = words(world_at), words(memory_at)
    width = body.shape[1]
    across = (width * side + PACKET - 1) // PACKET
    tiles = ((last_row - first_row + side - 1) // side) * across
    for tile in range(tiles):
        top = first_row + tile // across * side
        left = tile % across * (PACKET // side)
        _trace_tile(world, memory, top, left, side, last_row, body, face, place, reach, False)


@compiled
def _trace_tile(  # type: ignore[no-untyped-def]
    world, memory, top, left, side, last_row, body, face, place, reach, with_normals
):
    """Find what is seen in a tile's pixels, and keep it; return whether there is anything."""
    columns, rows, moments = words(memory[COLUMNS]), words(memory[ROWS]), words(memory[MOMENTS])
    p, numbers = doubles(memory[POINTS]), words(memory[SAMPLE])
    bodies, faces = words(memory[BODY]), words(memory[FACE_NUMBER])
    _tile_rays(world, memory, top, left, side, last_row, body.shape[1])
    for lane in range(PACKET):
        moments[lane], numbers[lane] = 0, 0
    aim(world, memory)
    cast(world, memory, False, False)
    if not hits(world, memory, with_normals):
        return False
    for lane in range(PACKET):
        if bodies[lane] >= 0:
            row, column = rows[lane], columns[lane]
            body[row, column], face[row, column] = bodies[lane], faces[lane]
            reach[row, column] = p[REACH + lane]
            place[row, column, 0], place[row, column, 1] = p[HIT_U + lane], p[HIT_V + lane]
    return True


@compiled
def _seen_in_tile(  # type: ignore[no-untyped-def]
    world, memory, top, left, side, last_row, body, face, place, reach
):
    """Fetch what `trace` found in a tile's pixels; return whether there is anything."""
    columns, rows, moments = words(memory[COLUMNS]), words(memory[ROWS]), words(memory[MOMENTS])
    p, numbers = doubles(memory[POINTS]), words(memory[SAMPLE])
    bodies, faces = words(memory[BODY]), words(memory[FACE_NUMBER])
    _tile_rays(world, memory, top, left, side, last_row, body.shape[1])
    some = False
    for lane in range(PACKET):
        row, column = rows[lane], columns[lane]
        moments[lane], numbers[lane], p[ACTIVE + lane] = 0, 0, 0.0
        if row >= last_row or column >= body.shape[1] or body[row, column] < 0:
            continue
        bodies[lane], faces[lane] = body[row, column], face[row, column]
        p[HIT_U + lane], p[HIT_V + lane] = place[row, column, 0], place[row, column, 1]
        p[REACH + lane] = reach[row, column]
        p[ACTIVE + lane], some = 1.0, True
    if some:
        fetch(world, memory, True)
    return some


@compiled
def labels(  # type: ignore[no-untyped-def]
    world_at, memory_at, first_row, last_row, side, exact, body, face, place, reach, normal, coords
):
    """Fill normals in the camera frame and object coordinates; an empty array is not asked for.

    With `exact`, barycentric places are computed anew, in double precision.
    """
    world, memory = words(world_at), words(memory_at)
    p, columns, rows = doubles(memory[POINTS]), words(memory[COLUMNS]), words(memory[ROWS])
    across = (body.shape[1] * side + PACKET - 1) // PACKET
    tiles = ((last_row - first_row + side - 1) // side) * across
    for tile in range(tiles):
        top = first_row + tile // across * side
        left = tile % across * (PACKET // side)
        if not _seen_in_tile(world, memory, top, left, side, last_row, body, face, place, reach):
            continue
        if normal.shape[0] > 0:
            normals_of(memory)
        if exact:
            exact_places(memory)
        for lane in range(PACKET):
            if p[ACTIVE + lane] == 0.0:
                continue
            row, column = rows[lane], columns[lane]
            if normal.shape[0] > 0:
                _to_camera(camera_at(world, row, 0), p, lane, normal, row, column)
            if exact:
                place[row, column, 0], place[row, column, 1] = p[HIT_U + lane], p[HIT_V + lane]
            if coords.shape[0] > 0:
                u, v = place[row, column, 0], place[row, column, 1]
                b, t = body[row, column], face[row, column]
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
def _to_camera(c, p, lane, normal, row, column):  # type: ignore[no-untyped-def]
    """Write a lane's normal, without its normal map's bumps, in the camera frame."""
    x, y, z = p[PLAIN + lane], p[PLAIN + Y + lane], p[PLAIN + Z + lane]
    for k in range(3):
        normal[row, column, k] = c[k] * x + c[3 + k] * y + c[6 + k] * z


@compiled
def gather_pass(  # type: ignore[no-untyped-def]
    world_at, memory_at, first_row, last_row, side, count, indirect, body, face, place, reach,
    gathered, normals,
):  # fmt: skip
    """Fill `gathered` (H, W, 4) and smooth `normals` (H, W, 3), see `gather`."""
    world, memory = words(world_at), words(memory_at)
    p, columns, rows = doubles(memory[POINTS]), words(memory[COLUMNS]), words(memory[ROWS])
    needy, around = words(memory[NEEDY]), doubles(memory[AROUND])
    across = (body.shape[1] * side + PACKET - 1) // PACKET
    tiles = ((last_row - first_row + side - 1) // side) * across
    for tile in range(tiles):
        top = first_row + tile // across * side
        left = tile % across * (PACKET // side)
        if not _seen_in_tile(world, memory, top, left, side, last_row, body, face, place, reach):
            continue
        fill_points(world, memory)
        for lane in range(PACKET):
            needy[lane] = 1 if p[ACTIVE + lane] > 0.0 else 0
        gather(world, memory, needy, count, indirect)
        for lane in range(PACKET):
            if needy[lane] != 0:
                row, column = rows[lane], columns[lane]
                for k in range(4):
                    gathered[row, column, k] = around[4 * lane + k]
                for k in range(3):
                    normals[row, column, k] = p[SMOOTH + k * Y + lane]


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
    world_at, memory_at, first_row, last_row, side, count, traced, body, face, place, reach,
    gathered, rgb, normals, light, camera_normals, local, whole, shaded,
):  # fmt: skip
    """Fill `rgb` (H, W, 3) at pixel centres, with `normals` and visible `light` (H, W) for edges.

    Unless `traced`, what `trace` fills is filled, too: in one go the scene's data are read once.
    `camera_normals` (H, W, 3) are the label, `local` (H, W, 3) places in the body's scaled frame,
    `whole` and `shaded` (H, W, 3) soft lights' part without shadows and with them; an empty array is
    not asked for.
    """
    world, memory = words(world_at), words(memory_at)
    p, columns, rows = doubles(memory[POINTS]), words(memory[COLUMNS]), words(memory[ROWS])
    around, lanes = doubles(memory[AROUND]), ints(memory[LANES])
    width = body.shape[1]
    across = (width * side + PACKET - 1) // PACKET
    tiles = ((last_row - first_row + side - 1) // side) * across
    for k in range(4 * PACKET):
        around[k] = 1.0 if k % 4 == 0 else 0.0
    for tile in range(tiles):
        top = first_row + tile // across * side
        left = tile % across * (PACKET // side)
        for k in range(3 * PACKET):
            p[OUT + k] = 0.0
        if traced:
            some = _seen_in_tile(world, memory, top, left, side, last_row, body, face, place, reach)
        else:
            some = _trace_tile(
                world, memory, top, left, side, last_row, body, face, place, reach, True
            )
        rayed = words(memory[RAYED])
        for lane in range(PACKET):
            rayed[lane] = lanes[lane]  # shadow rays take these over
        if some:
            if gathered.shape[0] > 0:
                for lane in range(PACKET):
                    if p[ACTIVE + lane] != 0.0:
                        for k in range(4):
                            around[4 * lane + k] = gathered[rows[lane], columns[lane], k]
            fill_points(world, memory)
            direct_light(world, memory, count)
            surrounding_light(world, memory)
        for lane in range(PACKET):
            row, column = rows[lane], columns[lane]
            if row >= last_row or column >= width:
                continue
            if p[ACTIVE + lane] == 0.0:
                point = doubles(memory[POINTS] + 8 * lane)
                point[OUT], point[OUT + Y], point[OUT + Z] = 0.0, 0.0, 0.0
                if rayed[lane] != 0:
                    behind_everything(world, row, column, point)
            for k in range(3):
                rgb[row, column, k] = p[OUT + k * Y + lane]
            if p[ACTIVE + lane] == 0.0:
                continue
            light[row, column] = p[SEEN + lane]
            if camera_normals.shape[0] > 0:
                _to_camera(camera_at(world, row, 0), p, lane, camera_normals, row, column)
            for k in range(3):
                normals[row, column, k] = p[SMOOTH + k * Y + lane]
            if local.shape[0] > 0:
                for k in range(3):
                    local[row, column, k] = p[LOCAL + k * Y + lane]
            if whole.shape[0] > 0:
                for k in range(3):
                    whole[row, column, k] = p[OPEN + k * Y + lane]
                    shaded[row, column, k] = p[SHADED + k * Y + lane]


@compiled
def smooth_shadows(whole, shaded, normals, body, reach, rgb, light):  # type: ignore[no-untyped-def]
    """Average, over 3 by 3 neighbours of one body and nearly one plane, how much soft light arrives.

    Neighbours use different shadow rays, so this removes most of their noise; `rgb` (H, W, 3) is
    changed accordingly, and the share is added to `light` (H, W), times `SOFT_STEP`.
    """
    height, width = body.shape
    for row in range(height):
        for column in range(width):
            b = body[row, column]
            if b < 0:
                continue
            some, t = False, reach[row, column]
            for y in range(max(row - 1, 0), min(row + 2, height)):
                for x in range(max(column - 1, 0), min(column + 2, width)):
                    some |= body[y, x] == b and shaded[y, x, 1] != whole[y, x, 1]
            if not some:
                light[row, column] += SOFT_STEP if whole[row, column, 1] > 0.0 else 0.0
                continue
            open0, open1, open2, lit0, lit1, lit2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            nx, ny, nz = normals[row, column, 0], normals[row, column, 1], normals[row, column, 2]
            for y in range(max(row - 1, 0), min(row + 2, height)):
                for x in range(max(column - 1, 0), min(column + 2, width)):
                    if body[y, x] != b or abs(reach[y, x] - t) > MATCH_DEPTH * t:
                        continue
                    cosine = nx * normals[y, x, 0] + ny * normals[y, x, 1] + nz * normals[y, x, 2]
                    weight = (cosine - MATCH_COSINE) / (1.0 - MATCH_COSINE)
                    if weight <= 0.0:
                        continue
                    weight *= 1.0 if y == row else 0.5
                    weight *= 1.0 if x == column else 0.5
                    open0 += weight * whole[y, x, 0]
                    open1 += weight * whole[y, x, 1]
                    open2 += weight * whole[y, x, 2]
                    lit0 += weight * shaded[y, x, 0]
                    lit1 += weight * shaded[y, x, 1]
                    lit2 += weight * shaded[y, x, 2]
            share0 = lit0 / open0 if open0 > 0.0 else 0.0
            share1 = lit1 / open1 if open1 > 0.0 else 0.0
            share2 = lit2 / open2 if open2 > 0.0 else 0.0
            rgb[row, column, 0] += whole[row, column, 0] * share0 - shaded[row, column, 0]
            rgb[row, column, 1] += whole[row, column, 1] * share1 - shaded[row, column, 1]
            rgb[row, column, 2] += whole[row, column, 2] * share2 - shaded[row, column, 2]
            light[row, column] += SOFT_STEP * share1
