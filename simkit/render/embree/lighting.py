"""Compiled: light that surface points receive, a packet of points at a time."""

from __future__ import annotations

import math

from simkit.embree import DIRECTION, FAR, GEOMETRY, INSTANCE, NOTHING, PACKET, TRIANGLE
from simkit.render.brdf import (
    brdf_channel,
    compiled,
    energy_boost,
    environment_weights,
    specular_and_fresnel,
    spot_falloff,
)
from simkit.render.embree.lookup import (
    doubles,
    floats,
    ints,
    irradiance_at,
    reflection_at,
    uints,
    words,
)
from simkit.render.embree.surface import (
    ACTIVE,
    ALPHA,
    AROUND,
    AT,
    COLOR,
    COLUMNS,
    COSINE,
    FACING,
    FAR_POINTS,
    GATHERED,
    LANES,
    LEAVE,
    LIGHT_RAYS,
    MARKS,
    METAL,
    MOMENTS,
    OUT,
    RAYS_AT,
    ROUGH,
    ROWS,
    SAMPLE,
    SEEN,
    SMOOTH,
    SPLIT_A,
    SPLIT_B,
    TOTALS,
    VIEW,
    VISIBLE,
    WEIGHTS,
    cast,
    corners,
    look_of,
    point_of,
    pose_of,
    set_ray,
)
from simkit.render.embree.world import (
    AMBIENT,
    AREA,
    AREA_LIGHT,
    CONE,
    DIRECTIONAL,
    HAS_ENVIRONMENT,
    IRRADIANCE,
    KIND,
    LIGHT_COLUMNS,
    LIGHT_COUNT,
    LIGHTS,
    MEAN,
    NUMBERS,
    POSITION,
    POWER,
    RADIUS,
    SHADOW,
    SIDE,
    SPOT,
    SUN,
    TOWARDS,
    UP,
)

FAR_AWAY = 1e30
FIRST_SAMPLES = 4
"""After so many shadow rays a packet whose points all see the light, or all do not, stops."""

# Roberts' R sequences (2018): low discrepancy in each prefix, and, over pixels, a good dither.
_R2 = (0.7548776662466927, 0.5698402909980532)
_DITHER = (0.8191725133961645, 0.6710436067037893, 0.5497004779019703, 0.4503044038573194)


@compiled
def sample_pair(column, row, number):  # type: ignore[no-untyped-def]
    """Return sample `number` of a pixel: two numbers in [0, 1), evenly spread with the neighbours'."""
    a = column * _DITHER[0] + row * _DITHER[1] + number * _R2[0]
    b = column * _DITHER[2] + row * _DITHER[3] + number * _R2[1]
    return a - math.floor(a), b - math.floor(b)


@compiled
def frame_about(x, y, z):  # type: ignore[no-untyped-def]
    """Return two unit vectors at right angles to a unit vector (Duff et al., JCGT 2017)."""
    sign = 1.0 if z >= 0.0 else -1.0
    a = -1.0 / (sign + z)
    b = x * y * a
    return 1.0 + sign * x * x * a, sign * b, -sign * x, b, sign + y * y * a, -y


@compiled
def _light_sample(light, point, s1, s2):  # type: ignore[no-untyped-def]
    """Return unit direction to a light's sample, its distance, and irradiance / (pi power) facing it."""
    kind = light[KIND]
    if kind == DIRECTIONAL:
        x, y, z = -light[TOWARDS], -light[TOWARDS + 1], -light[TOWARDS + 2]
        if light[RADIUS] > 0.0:
            x, y, z = _disc(x, y, z, math.tan(min(light[RADIUS], 1.5)), s1, s2)
            length = math.sqrt(x * x + y * y + z * z)
            inverse = 1.0 / length
            x, y, z = x * inverse, y * inverse, z * inverse
        return x, y, z, FAR_AWAY, 1.0
    x = light[POSITION] - point[AT]
    y = light[POSITION + 1] - point[AT + 1]
    z = light[POSITION + 2] - point[AT + 2]
    if kind == AREA_LIGHT:
        for_side, for_up = s1 - 0.5, s2 - 0.5
        x += light[SIDE] * for_side + light[UP] * for_up
        y += light[SIDE + 1] * for_side + light[UP + 1] * for_up
        z += light[SIDE + 2] * for_side + light[UP + 2] * for_up
    distance2 = max(x * x + y * y + z * z, 1e-12)
    distance = math.sqrt(distance2)
    inverse = 1.0 / distance
    x, y, z = x * inverse, y * inverse, z * inverse
    falloff = 1.0 / distance2
    if kind == AREA_LIGHT:
        cosine = -(x * light[TOWARDS] + y * light[TOWARDS + 1] + z * light[TOWARDS + 2])
        return x, y, z, distance, max(cosine, 0.0) * light[AREA] * falloff / math.pi
    if kind == SPOT:
        cosine = -(x * light[TOWARDS] + y * light[TOWARDS + 1] + z * light[TOWARDS + 2])
        falloff *= spot_falloff(cosine, light[CONE])
    if light[RADIUS] > 0.0:
        x, y, z = _disc(x, y, z, light[RADIUS] / distance, s1, s2)
        length = math.sqrt(x * x + y * y + z * z)
        x, y, z, distance = x / length, y / length, z / length, distance * length
    return x, y, z, distance, falloff


@compiled
def _disc(x, y, z, radius, s1, s2):  # type: ignore[no-untyped-def]
    """Return a unit vector moved to a point of the disc of some radius about its tip."""
    r, turn = radius * math.sqrt(s1), 2.0 * math.pi * s2
    a, b = r * math.cos(turn), r * math.sin(turn)
    tx, ty, tz, ux, uy, uz = frame_about(x, y, z)
    return x + a * tx + b * ux, y + a * ty + b * uy, z + a * tz + b * uz


@compiled
def direct_light(  # type: ignore[no-untyped-def]
    world, memory, count
):
    """Add to `OUT` (PACKET, 3) what the lights give; fill `SEEN` with the share of light visible.

    `SAMPLE` says which of its pixel's samples a point is, `count` how many shadow rays a soft light
    takes.
    """
    f, lanes, hits = floats(memory[RAYS_AT]), ints(memory[LANES]), words(memory[MARKS])
    active, numbers = words(memory[ACTIVE]), words(memory[SAMPLE])
    columns, rows = words(memory[COLUMNS]), words(memory[ROWS])
    out, seen, visible = doubles(memory[OUT]), doubles(memory[SEEN]), doubles(memory[VISIBLE])
    for lane in range(PACKET):
        seen[lane] = 0.0
    for number in range(world[LIGHT_COUNT]):
        light = doubles(world[LIGHTS] + 8 * LIGHT_COLUMNS * number)
        soft = light[RADIUS] > 0.0 or light[KIND] == AREA_LIGHT
        samples = count if soft else 1
        taken = 0
        gathered = doubles(memory[GATHERED])
        for lane in range(PACKET):
            visible[lane] = 0.0
            for k in range(3):
                gathered[3 * lane + k] = 0.0
        while taken < samples:
            for lane in range(PACKET):
                lanes[lane] = 0
                hits[lane] = 0
                if active[lane] == 0:
                    continue
                point = point_of(memory, lane)
                s1, s2 = 0.5, 0.5
                if soft:
                    s1, s2 = sample_pair(columns[lane], rows[lane], numbers[lane] * count + taken)
                x, y, z, distance, falloff = _light_sample(light, point, s1, s2)
                above = x * point[SMOOTH] + y * point[SMOOTH + 1] + z * point[SMOOTH + 2]
                if above <= 0.0 or falloff <= 0.0:
                    continue
                sample = doubles(memory[LIGHT_RAYS] + 32 * lane)
                sample[0], sample[1], sample[2], sample[3] = x, y, z, falloff
                hits[lane] = 1
                if light[SHADOW] > 0.0:
                    lanes[lane] = -1
                    end = distance * (1.0 - 1e-5)
                    set_ray(
                        memory, lane, point[LEAVE], point[LEAVE + 1], point[LEAVE + 2], x, y, z, 0.0, end
                    )  # fmt: skip
            cast(world, memory, True)
            for lane in range(PACKET):
                if hits[lane] == 0 or (lanes[lane] != 0 and f[FAR * PACKET + lane] < 0.0):
                    continue
                visible[lane] += 1.0
                _reflect(
                    point_of(memory, lane),
                    doubles(memory[LIGHT_RAYS] + 32 * lane),
                    doubles(memory[GATHERED] + 24 * lane),
                )
            taken += 1
            if taken == FIRST_SAMPLES and samples > FIRST_SAMPLES and _agreed(active, visible):
                break
        for lane in range(PACKET):
            seen[lane] += visible[lane] / taken
            for k in range(3):
                out[3 * lane + k] += gathered[3 * lane + k] * (light[POWER + k] / taken)


@compiled
def _agreed(active, visible):  # type: ignore[no-untyped-def]
    """Return whether all points of a packet saw all of the first samples, or each saw none."""
    low, high = False, False
    for lane in range(PACKET):
        if active[lane] != 0:
            if visible[lane] == 0.0:
                low = True
            elif visible[lane] == FIRST_SAMPLES:
                high = True
            else:
                return False
    return not (low and high)


@compiled
def _reflect(point, sample, gathered):  # type: ignore[no-untyped-def]
    """Add pi times falloff times n.l times the BRDF, for a light sample (x, y, z, falloff)."""
    x, y, z = sample[0], sample[1], sample[2]
    hx, hy, hz = x + point[VIEW], y + point[VIEW + 1], z + point[VIEW + 2]
    length = max(math.sqrt(hx * hx + hy * hy + hz * hz), 1e-9)
    inverse = 1.0 / length
    hx, hy, hz = hx * inverse, hy * inverse, hz * inverse
    n_l = x * point[SMOOTH] + y * point[SMOOTH + 1] + z * point[SMOOTH + 2]
    n_h = min(max(hx * point[SMOOTH] + hy * point[SMOOTH + 1] + hz * point[SMOOTH + 2], 0.0), 1.0)
    v_h = x * hx + y * hy + z * hz
    specular, weight = specular_and_fresnel(n_l, point[COSINE], n_h, v_h, point[ALPHA])
    strength = math.pi * sample[3] * n_l
    for k in range(3):
        gathered[k] += strength * brdf_channel(point[COLOR + k], point[METAL], specular, weight)


@compiled
def gather(  # type: ignore[no-untyped-def]
    world, memory, active, count, indirect
):
    """Fill `AROUND` (PACKET, 4) of active lanes: the environment's visible share, and light from other bodies.

    Cosine-distributed rays from each point; each pixel of a 4 by 4 square has its own part of one
    sequence of directions, so that a mean over such a square has them all. The share is weighted by where the environment is
    bright. A ray that meets a body brings that body's mean colour times an estimate of its
    irradiance: half of what the environment gives it without occlusion, the ambient light, and one
    light with its shadow. The last three are radiance for a white diffuse surface.
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
            point = point_of(memory, lane)
            number = PACKET * (numbers[lane] * count + taken)
            s1, s2 = sample_pair(0, 0, number + 4 * (rows[lane] % 4) + columns[lane] % 4)
            x, y, z = _cosine_direction(point, s1, s2)
            weight = irradiance_at(world[IRRADIANCE], 1, x, y, z) + 1e-6
            weights[lane] = weight
            total[lane] += weight
            lanes[lane] = -1
            set_ray(
                memory, lane, point[LEAVE], point[LEAVE + 1], point[LEAVE + 2], x, y, z, 0.0, FAR_AWAY
            )  # fmt: skip
        cast(world, memory, not indirect)
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
    nx, ny, nz = point[SMOOTH], point[SMOOTH + 1], point[SMOOTH + 2]
    tx, ty, tz, ux, uy, uz = frame_about(nx, ny, nz)
    r, turn = math.sqrt(s1), 2.0 * math.pi * s2
    a, b, c = r * math.cos(turn), r * math.sin(turn), math.sqrt(max(1.0 - s1, 0.0))
    x, y, z = a * tx + b * ux + c * nx, a * ty + b * uy + c * ny, a * tz + b * uz + c * nz
    below = x * point[FACING] + y * point[FACING + 1] + z * point[FACING + 2]
    if below < 0.0:
        x -= 2.0 * below * point[FACING]
        y -= 2.0 * below * point[FACING + 1]
        z -= 2.0 * below * point[FACING + 2]
    return x, y, z


@compiled
def _far_point(world, memory, moment, lane):  # type: ignore[no-untyped-def]
    """Fill a lane's position, normal and body where its ray ended, single precision."""
    f, i = floats(memory[RAYS_AT]), uints(memory[RAYS_AT])
    mark = doubles(memory[FAR_POINTS] + 64 * lane)
    body, face = int(i[INSTANCE * PACKET + lane]), int(i[TRIANGLE * PACKET + lane])
    p = pose_of(world, moment, body)
    c = corners(world, body, face, look_of(world, body))
    ex, ey, ez = c[3] - c[0], c[4] - c[1], c[5] - c[2]
    gx, gy, gz = c[6] - c[0], c[7] - c[1], c[8] - c[2]
    fx, fy, fz = ey * gz - ez * gy, ez * gx - ex * gz, ex * gy - ey * gx
    x = p[0] * fx + p[1] * fy + p[2] * fz
    y = p[3] * fx + p[4] * fy + p[5] * fz
    z = p[6] * fx + p[7] * fy + p[8] * fz
    length = max(math.sqrt(x * x + y * y + z * z), 1e-30)
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
    around, falloffs = doubles(memory[AROUND]), doubles(memory[SEEN])
    number, numbers = world[SUN], doubles(world[NUMBERS])
    light = doubles(world[LIGHTS] + 8 * LIGHT_COLUMNS * max(number, 0))
    for lane in range(PACKET):
        falloffs[lane] = 0.0
    if number >= 0:
        for lane in range(PACKET):
            if hits[lane] == 0:
                continue
            m = doubles(memory[FAR_POINTS] + 64 * lane)
            x, y, z, distance, falloff = _light_sample(light, m, 0.5, 0.5)
            above = x * m[3] + y * m[4] + z * m[5]
            falloffs[lane] = falloff * max(above, 0.0)
            if falloffs[lane] > 0.0 and light[SHADOW] > 0.0:
                lanes[lane] = -1
                end = distance * (1.0 - 1e-5)
                set_ray(memory, lane, m[0], m[1], m[2], x, y, z, 0.0, end)
        cast(world, memory, True)
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


@compiled
def surrounding_light(world, point, gathered, out):  # type: ignore[no-untyped-def]
    """Add to `out` (3,) the ambient light, the environment's, and the indirect light."""
    rough = point[ROUGH]
    share = gathered[0]
    if world[HAS_ENVIRONMENT] != 0:
        twice = 2.0 * point[COSINE]
        x = twice * point[SMOOTH] - point[VIEW]
        y = twice * point[SMOOTH + 1] - point[VIEW + 1]
        z = twice * point[SMOOTH + 2] - point[VIEW + 2]
        mirrored = reflection_at(world, rough, x, y, z)
        # Occlusion of the lobe from that of the hemisphere (Lagarde and de Rousiers 2014).
        power = math.pow(2.0, -16.0 * rough - 1.0)
        open_lobe = math.pow(point[COSINE] + share, power) - 1.0 + share
        open_lobe = min(max(open_lobe, 0.0), 1.0)
    else:
        mirrored = (0.0, 0.0, 0.0)
        open_lobe = 1.0
    a, b, metal = point[SPLIT_A], point[SPLIT_B], point[METAL]
    closed, boost = max(1.0 - share, 1e-3), energy_boost(a, b)
    for k in range(3):
        specular, diffuse = environment_weights(point[COLOR + k], metal, a, b, boost)
        light = (specular + diffuse) * doubles(world[NUMBERS])[AMBIENT + k]
        if world[HAS_ENVIRONMENT] != 0:
            n = irradiance_at(
                world[IRRADIANCE], k, point[SMOOTH], point[SMOOTH + 1], point[SMOOTH + 2]
            )
            light += diffuse * (share * n / math.pi + gathered[1 + k])
            around = min(gathered[1 + k] / closed, 4.0)
            light += specular * (open_lobe * mirrored[k] + (1.0 - open_lobe) * around)
        out[k] += light
