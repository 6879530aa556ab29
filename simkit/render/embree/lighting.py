"""Compiled: light that surface points receive, a packet of points at a time."""

from __future__ import annotations

import math

from simkit.compiled import compiled
from simkit.embree import FAR, PACKET
from simkit.render.brdf import (
    brdf_channel,
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
    words,
)
from simkit.render.embree.surface import (
    ACTIVE,
    ALPHA,
    AT,
    COLOR,
    COLUMNS,
    COSINE,
    GATHERED,
    LANES,
    LEAVE,
    LIGHT_RAYS,
    MARKS,
    METAL,
    OUT,
    RAYS_AT,
    ROUGH,
    ROWS,
    SAMPLE,
    SEEN,
    SMOOTH,
    SPLIT_A,
    SPLIT_B,
    VIEW,
    VISIBLE,
    cast,
    point_of,
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
    NUMBERS,
    POSITION,
    POWER,
    RADIUS,
    SHADOW,
    SIDE,
    SPOT,
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
def light_sample(light, point, s1, s2):  # type: ignore[no-untyped-def]
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
                x, y, z, distance, falloff = light_sample(light, point, s1, s2)
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
