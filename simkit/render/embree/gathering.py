"""Compiled: what surface points gather by rays: the environment's visible share, one bounce."""

from __future__ import annotations

import math

from simkit.compiled import compiled, square_root
from simkit.embree import DIRECTION, FAR, GEOMETRY, INSTANCE, NOTHING, PACKET, TRIANGLE
from simkit.render.embree.light_samples import (
    FAR_AWAY,
    frame_about,
    light_sample,
    sample_pair,
)
from simkit.render.embree.lookup import (
    doubles,
    floats,
    ints,
    irradiance_at,
    uints,
    words,
)
from simkit.render.embree.surface import (
    AROUND,
    ARRIVED,
    COLUMNS,
    FACING,
    FAR_POINTS,
    LANES,
    LEAVE,
    MARKS,
    MOMENTS,
    POINTS,
    RAYS_AT,
    ROWS,
    SAMPLE,
    SMOOTH,
    TOTALS,
    WEIGHTS,
    Y,
    Z,
    array_of,
    cast,
    look_of,
    pose_of,
    set_ray,
)
from simkit.render.embree.world import (
    AMBIENT,
    FACES,
    HAS_ENVIRONMENT,
    IRRADIANCE,
    LIGHT_COLUMNS,
    LIGHTS,
    MEAN,
    NUMBERS,
    POWER,
    SCALE,
    SHADOW,
    SUN,
    VERTICES,
)


@compiled
def gather(  # type: ignore[no-untyped-def]
    world, memory, active, count, indirect
):
    """Fill `AROUND` (PACKET, 4) of active lanes: the environment's visible share, and other light.

    Cosine-distributed rays from each point; each pixel of a 4 by 4 square has its own part of one
    sequence of directions, so that a mean over such a square has them all. The share is weighted by
    where the environment is bright. A ray that meets a body brings that body's mean colour times an
    estimate of its irradiance: half of what the environment gives it without occlusion, the ambient
    light, and one light with its shadow. The last three are radiance for a white diffuse surface.
    """
    f, i, lanes = floats(memory[RAYS_AT]), uints(memory[RAYS_AT]), ints(memory[LANES])
    hits, numbers = words(memory[MARKS]), words(memory[SAMPLE])
    columns, rows = words(memory[COLUMNS]), words(memory[ROWS])
    moments, around = words(memory[MOMENTS]), doubles(memory[AROUND])
    weights, total = doubles(memory[WEIGHTS]), doubles(memory[TOTALS])
    for lane in range(PACKET):
        total[lane] = 0.0
        if active[lane] != 0:
            for k in range(4):
                around[4 * lane + k] = 0.0
    for taken in range(count):
        for lane in range(PACKET):
            lanes[lane] = 0
            if active[lane] == 0:
                continue
            point = doubles(memory[POINTS] + 8 * lane)
            number = PACKET * (numbers[lane] * count + taken)
            s1, s2 = sample_pair(0, 0, number + 4 * (rows[lane] % 4) + columns[lane] % 4)
            x, y, z = _cosine_direction(point, s1, s2)
            weight = irradiance_at(world[IRRADIANCE], 1, x, y, z) + 1e-6
            weights[lane] = weight
            total[lane] += weight
            lanes[lane] = -1
            set_ray(
                memory, lane, point[LEAVE], point[LEAVE + Y], point[LEAVE + Z], x, y, z, FAR_AWAY
            )  # fmt: skip
        cast(world, memory, not indirect, True)
        any_hit = False
        for lane in range(PACKET):
            hits[lane] = 0
            if lanes[lane] == 0:
                continue
            lanes[lane] = 0
            missed = (
                i[GEOMETRY * PACKET + lane] == NOTHING
                if indirect
                else f[FAR * PACKET + lane] >= 0.0
            )
            if missed:
                around[4 * lane] += weights[lane]
            elif indirect:
                hits[lane] = 1
                any_hit = True
                _far_point(world, memory, moments[lane], lane)
        if any_hit:
            _add_indirect(world, memory, count)
    for lane in range(PACKET):
        if active[lane] != 0:
            around[4 * lane] /= total[lane]


@compiled
def _cosine_direction(point, s1, s2):  # type: ignore[no-untyped-def]
    """Return a unit direction about the smooth normal, above the face's plane."""
    nx, ny, nz = point[SMOOTH], point[SMOOTH + Y], point[SMOOTH + Z]
    tx, ty, tz, ux, uy, uz = frame_about(nx, ny, nz)
    r, turn = square_root(s1), 2.0 * math.pi * s2
    a, b, c = r * math.cos(turn), r * math.sin(turn), square_root(max(1.0 - s1, 0.0))
    x, y, z = a * tx + b * ux + c * nx, a * ty + b * uy + c * ny, a * tz + b * uz + c * nz
    below = x * point[FACING] + y * point[FACING + Y] + z * point[FACING + Z]
    if below < 0.0:
        x -= 2.0 * below * point[FACING]
        y -= 2.0 * below * point[FACING + Y]
        z -= 2.0 * below * point[FACING + Z]
    return x, y, z


@compiled
def _far_point(world, memory, moment, lane):  # type: ignore[no-untyped-def]
    """Fill a lane's position, normal and body where its ray ended, single precision."""
    f, i = floats(memory[RAYS_AT]), uints(memory[RAYS_AT])
    mark = doubles(memory[FAR_POINTS] + 64 * lane)
    body, face = int(i[INSTANCE * PACKET + lane]), int(i[TRIANGLE * PACKET + lane])
    p = pose_of(world, moment, body)
    faces, vertices = ints(array_of(world, body, FACES)), floats(array_of(world, body, VERTICES))
    look = look_of(world, body)
    sx, sy, sz = look[SCALE], look[SCALE + 1], look[SCALE + 2]
    a, b, c = 3 * faces[3 * face], 3 * faces[3 * face + 1], 3 * faces[3 * face + 2]
    ax, ay, az = vertices[a] * sx, vertices[a + 1] * sy, vertices[a + 2] * sz
    ex, ey, ez = vertices[b] * sx - ax, vertices[b + 1] * sy - ay, vertices[b + 2] * sz - az
    gx, gy, gz = vertices[c] * sx - ax, vertices[c + 1] * sy - ay, vertices[c + 2] * sz - az
    fx, fy, fz = ey * gz - ez * gy, ez * gx - ex * gz, ex * gy - ey * gx
    x = p[0] * fx + p[1] * fy + p[2] * fz
    y = p[3] * fx + p[4] * fy + p[5] * fz
    z = p[6] * fx + p[7] * fy + p[8] * fz
    length = max(square_root(x * x + y * y + z * z), 1e-30)
    facing = (
        x * f[DIRECTION * PACKET + lane]
        + y * f[(DIRECTION + 1) * PACKET + lane]
        + z * f[(DIRECTION + 2) * PACKET + lane]
    )
    if facing > 0.0:
        length = -length
    t = float(f[FAR * PACKET + lane])
    mark[3], mark[4], mark[5] = x / length, y / length, z / length
    for k in range(3):
        at = f[k * PACKET + lane] + t * f[(DIRECTION + k) * PACKET + lane]
        mark[k] = at + 1e-4 * mark[3 + k] * max(abs(at), t, 0.01)
    mark[6] = body


@compiled
def _add_indirect(world, memory, count):  # type: ignore[no-untyped-def]
    """Add what the marked points reflect, over `count` rays; `MARKS` says which lanes have one."""
    f, lanes, hits = floats(memory[RAYS_AT]), ints(memory[LANES]), words(memory[MARKS])
    around, falloffs = doubles(memory[AROUND]), doubles(memory[ARRIVED])
    number, numbers = world[SUN], doubles(world[NUMBERS])
    light = doubles(world[LIGHTS] + 8 * LIGHT_COLUMNS * max(number, 0))
    for lane in range(PACKET):
        falloffs[lane] = 0.0
    if number >= 0:
        for lane in range(PACKET):
            if hits[lane] == 0:
                continue
            m = doubles(memory[FAR_POINTS] + 64 * lane)
            x, y, z, distance, falloff = light_sample(light, m[0], m[1], m[2], 0.5, 0.5)
            above = x * m[3] + y * m[4] + z * m[5]
            falloffs[lane] = falloff * max(above, 0.0)
            if falloffs[lane] > 0.0 and light[SHADOW] > 0.0:
                lanes[lane] = -1
                end = distance * (1.0 - 1e-5)
                set_ray(memory, lane, m[0], m[1], m[2], x, y, z, end)
        cast(world, memory, True, True)
        for lane in range(PACKET):
            if lanes[lane] != 0 and f[FAR * PACKET + lane] < 0.0:
                falloffs[lane] = 0.0
            lanes[lane] = 0
    for lane in range(PACKET):
        if hits[lane] == 0:
            continue
        m = doubles(memory[FAR_POINTS] + 64 * lane)
        look = look_of(world, int(m[6]))
        for k in range(3):
            light_in = numbers[AMBIENT + k]
            if world[HAS_ENVIRONMENT] != 0:
                light_in += 0.5 / math.pi * irradiance_at(world[IRRADIANCE], k, m[3], m[4], m[5])
            if number >= 0:
                light_in += falloffs[lane] * light[POWER + k]
            around[4 * lane + 1 + k] += look[MEAN + k] * light_in / count
