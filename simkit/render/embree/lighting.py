"""Compiled: light that surface points receive, a packet of points at a time."""

from __future__ import annotations

import math

from simkit.compiled import compiled, square_root
from simkit.embree import FAR, PACKET
from simkit.render.brdf import (
    brdf_channel,
    energy_boost,
    environment_weights,
    specular_and_fresnel,
)
from simkit.render.embree.light_samples import FAR_AWAY, light_sample, sample_pair
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
    AROUND,
    ARRIVED_LIGHT,
    ARRIVING,
    AT,
    COLOR,
    COLUMNS,
    COSINE,
    DISTANCE,
    FALLOFF,
    GATHERED,
    LANES,
    LEAVE,
    LIGHT_RAY,
    LIT,
    METAL,
    OUT,
    OWN_ALPHA,
    POINTS,
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
    Y,
    Z,
    cast,
    set_rays,
)
from simkit.render.embree.world import (
    AMBIENT,
    AREA,
    AREA_LIGHT,
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

FIRST_SAMPLES = 4
"""After so many shadow rays a packet whose points all see the light, or all do not, stops."""

CELLS = 4
"""An area light is so many cells wide and high."""


@compiled
def direct_light(world, memory, count):  # type: ignore[no-untyped-def]
    """Add to `OUT` what the lights give; fill `SEEN` with the share of light visible.

    `SAMPLE` says which of its pixel's samples a point is, `count` how many shadow rays a soft light
    takes.
    """
    p = doubles(memory[POINTS])
    for lane in range(PACKET):
        p[SEEN + lane] = 0.0
    for number in range(world[LIGHT_COUNT]):
        light = doubles(world[LIGHTS] + 8 * LIGHT_COLUMNS * number)
        for lane in range(PACKET):
            p[VISIBLE + lane] = 0.0
            p[GATHERED + lane], p[GATHERED + Y + lane], p[GATHERED + Z + lane] = 0.0, 0.0, 0.0
        if light[KIND] == AREA_LIGHT:
            taken = _area_light(world, memory, light, count)
        else:
            taken = _small_light(world, memory, light, count)
        red, green, blue = (
            light[POWER] / taken, light[POWER + 1] / taken, light[POWER + 2] / taken,
        )  # fmt: skip
        for lane in range(PACKET):
            p[SEEN + lane] += p[VISIBLE + lane] / taken
            p[OUT + lane] += p[GATHERED + lane] * red
            p[OUT + Y + lane] += p[GATHERED + Y + lane] * green
            p[OUT + Z + lane] += p[GATHERED + Z + lane] * blue


@compiled
def _small_light(world, memory, light, count):  # type: ignore[no-untyped-def]
    """Fill `VISIBLE` and `GATHERED` with sums over samples; return how many."""
    p = doubles(memory[POINTS])
    soft = light[RADIUS] > 0.0
    samples, taken = count if soft else 1, 0
    while taken < samples:
        if soft or light[KIND] == SPOT:
            _samples_of_light(memory, light, soft, count, taken)
        else:
            _light_itself(memory, light)
        _shadows(world, memory, light[SHADOW] > 0.0)
        _reflect(memory)
        taken += 1
        if taken == FIRST_SAMPLES and samples > FIRST_SAMPLES and _agreed(p):
            break
    return taken


@compiled
def _area_light(world, memory, light, count):  # type: ignore[no-untyped-def]
    """Do what `_small_light` does for a rectangle.

    Its light without shadows is a sum over cells, the same for all pixels, so that it has no noise;
    shadow rays say which part of it arrives (Heitz, Hill and McGuire, "Combining Analytic Direct
    Illumination and Stochastic Shadows", I3D 2018). Highlights are as wide as a cell at least, so
    that cells do not show as dots (Kaplanyan and Dachsbacher, "Path Space Regularization", 2013).
    """
    p, samples = doubles(memory[POINTS]), count if light[SHADOW] > 0.0 else 1
    for lane in range(PACKET):
        p[ARRIVING + lane], p[ARRIVED_LIGHT + lane] = 0.0, 0.0
        p[OWN_ALPHA + lane] = p[ALPHA + lane]
    taken, some = 0, False
    while taken < samples:
        _samples_of_light(memory, light, True, count, taken)
        _facing(p)
        for lane in range(PACKET):
            p[ARRIVING + lane] += p[LIT + lane] * p[FALLOFF + lane]
        if light[SHADOW] > 0.0:
            _occlude(world, memory)
        for lane in range(PACKET):
            p[VISIBLE + lane] += 1.0 if p[LIT + lane] > 0.0 else 0.0
            p[ARRIVED_LIGHT + lane] += p[LIT + lane] * p[FALLOFF + lane]
            some |= p[LIT + lane] > 0.0
        taken += 1
        if taken == FIRST_SAMPLES and samples > FIRST_SAMPLES and _agreed(p):
            break
    if not some:
        return taken
    for cell in range(CELLS * CELLS):
        _cell_of_light(p, light, cell)
        _facing(p)
        _reflect(memory)
    scale = float(taken) / (CELLS * CELLS)
    for lane in range(PACKET):
        p[ALPHA + lane] = p[OWN_ALPHA + lane]
        arriving = p[ARRIVING + lane]
        share = p[ARRIVED_LIGHT + lane] / arriving if arriving > 0.0 else 0.0
        for k in range(3):
            p[GATHERED + k * Y + lane] *= share * scale
    return taken


@compiled
def _cell_of_light(p, light, cell):  # type: ignore[no-untyped-def]
    """Fill `LIGHT_RAY`, `FALLOFF` and `ALPHA` of the middle of a cell of an area light."""
    s1, s2 = (cell % CELLS + 0.5) / CELLS - 0.5, (cell // CELLS + 0.5) / CELLS - 0.5
    px = light[POSITION] + s1 * light[SIDE] + s2 * light[UP]
    py = light[POSITION + 1] + s1 * light[SIDE + 1] + s2 * light[UP + 1]
    pz = light[POSITION + 2] + s1 * light[SIDE + 2] + s2 * light[UP + 2]
    tx, ty, tz = light[TOWARDS], light[TOWARDS + 1], light[TOWARDS + 2]
    area, half_cell = light[AREA] / math.pi, 0.5 * square_root(light[AREA]) / CELLS
    for lane in range(PACKET):
        x, y, z = px - p[AT + lane], py - p[AT + Y + lane], pz - p[AT + Z + lane]
        inverse = 1.0 / square_root(max(x * x + y * y + z * z, 1e-12))
        x, y, z = x * inverse, y * inverse, z * inverse
        p[LIGHT_RAY + lane], p[LIGHT_RAY + Y + lane], p[LIGHT_RAY + Z + lane] = x, y, z
        cosine = max(-(x * tx + y * ty + z * tz), 0.0)
        p[FALLOFF + lane] = cosine * area * inverse * inverse
        p[ALPHA + lane] = min(p[OWN_ALPHA + lane] + half_cell * inverse, 1.0)


@compiled
def _samples_of_light(memory, light, soft, count, taken):  # type: ignore[no-untyped-def]
    """Fill `LIGHT_RAY`, `DISTANCE` and `FALLOFF` of a light's sample, lane by lane."""
    p, numbers = doubles(memory[POINTS]), words(memory[SAMPLE])
    columns, rows = words(memory[COLUMNS]), words(memory[ROWS])
    for lane in range(PACKET):
        if p[ACTIVE + lane] == 0.0:
            continue
        s1, s2 = 0.5, 0.5
        if soft:
            s1, s2 = sample_pair(columns[lane], rows[lane], numbers[lane] * count + taken)
        at = AT + lane
        x, y, z, distance, falloff = light_sample(light, p[at], p[at + Y], p[at + Z], s1, s2)
        p[LIGHT_RAY + lane], p[LIGHT_RAY + Y + lane], p[LIGHT_RAY + Z + lane] = x, y, z
        p[DISTANCE + lane], p[FALLOFF + lane] = distance, falloff


@compiled
def _light_itself(memory, light):  # type: ignore[no-untyped-def]
    """Do what `_samples_of_light` does for a hard directional or point light."""
    p = doubles(memory[POINTS])
    if light[KIND] == DIRECTIONAL:
        x, y, z = -light[TOWARDS], -light[TOWARDS + 1], -light[TOWARDS + 2]
        for lane in range(PACKET):
            p[LIGHT_RAY + lane], p[LIGHT_RAY + Y + lane], p[LIGHT_RAY + Z + lane] = x, y, z
            p[DISTANCE + lane], p[FALLOFF + lane] = FAR_AWAY, 1.0
        return
    px, py, pz = light[POSITION], light[POSITION + 1], light[POSITION + 2]
    for lane in range(PACKET):
        x, y, z = px - p[AT + lane], py - p[AT + Y + lane], pz - p[AT + Z + lane]
        distance2 = max(x * x + y * y + z * z, 1e-12)
        distance = square_root(distance2)
        inverse = 1.0 / distance
        p[LIGHT_RAY + lane] = x * inverse
        p[LIGHT_RAY + Y + lane] = y * inverse
        p[LIGHT_RAY + Z + lane] = z * inverse
        p[DISTANCE + lane], p[FALLOFF + lane] = distance, inverse * inverse


@compiled
def _facing(p):  # type: ignore[no-untyped-def]
    """Fill `LIT` with n.l where the light's sample is above the surface and shines there, else 0."""
    for lane in range(PACKET):
        above = p[LIGHT_RAY + lane] * p[SMOOTH + lane]
        above += p[LIGHT_RAY + Y + lane] * p[SMOOTH + Y + lane]
        above += p[LIGHT_RAY + Z + lane] * p[SMOOTH + Z + lane]
        lit = above if p[FALLOFF + lane] > 0.0 else 0.0
        p[LIT + lane] = max(lit, 0.0) if p[ACTIVE + lane] > 0.0 else 0.0


@compiled
def _occlude(world, memory):  # type: ignore[no-untyped-def]
    """Set `LIT` to 0 where a body is in the way."""
    p, lanes, f = doubles(memory[POINTS]), ints(memory[LANES]), floats(memory[RAYS_AT])
    for lane in range(PACKET):
        p[DISTANCE + lane] *= 1.0 - 1e-5
        lanes[lane] = -1 if p[LIT + lane] > 0.0 else 0
    set_rays(memory, LEAVE, LIGHT_RAY, 0.0)
    cast(world, memory, True)
    for lane in range(PACKET):
        p[LIT + lane] = 0.0 if f[FAR * PACKET + lane] < 0.0 else p[LIT + lane]


@compiled
def _shadows(world, memory, shadowed):  # type: ignore[no-untyped-def]
    """Fill `LIT`: more than 0 for points that face the light's sample, and see it."""
    p = doubles(memory[POINTS])
    _facing(p)
    if shadowed:
        _occlude(world, memory)
    for lane in range(PACKET):
        p[VISIBLE + lane] += 1.0 if p[LIT + lane] > 0.0 else 0.0


@compiled
def _reflect(memory):  # type: ignore[no-untyped-def]
    """Add to `GATHERED` of lit points pi times falloff times n.l times the BRDF."""
    p = doubles(memory[POINTS])
    for lane in range(PACKET):
        x, y, z = p[LIGHT_RAY + lane], p[LIGHT_RAY + Y + lane], p[LIGHT_RAY + Z + lane]
        nx, ny, nz = p[SMOOTH + lane], p[SMOOTH + Y + lane], p[SMOOTH + Z + lane]
        hx, hy, hz = x + p[VIEW + lane], y + p[VIEW + Y + lane], z + p[VIEW + Z + lane]
        length = max(square_root(hx * hx + hy * hy + hz * hz), 1e-9)
        inverse = 1.0 / length
        hx, hy, hz = hx * inverse, hy * inverse, hz * inverse
        n_l = x * nx + y * ny + z * nz
        n_h = min(max(hx * nx + hy * ny + hz * nz, 0.0), 1.0)
        v_h = x * hx + y * hy + z * hz
        specular, weight = specular_and_fresnel(n_l, p[COSINE + lane], n_h, v_h, p[ALPHA + lane])
        strength = math.pi * p[FALLOFF + lane] * n_l
        lit, metal = p[LIT + lane] > 0.0, p[METAL + lane]
        red = strength * brdf_channel(p[COLOR + lane], metal, specular, weight)
        green = strength * brdf_channel(p[COLOR + Y + lane], metal, specular, weight)
        blue = strength * brdf_channel(p[COLOR + Z + lane], metal, specular, weight)
        p[GATHERED + lane] += red if lit else 0.0
        p[GATHERED + Y + lane] += green if lit else 0.0
        p[GATHERED + Z + lane] += blue if lit else 0.0


@compiled
def _agreed(p):  # type: ignore[no-untyped-def]
    """Return whether all points of a packet saw all of the first samples, or each saw none."""
    low, high = False, False
    for lane in range(PACKET):
        if p[ACTIVE + lane] != 0.0:
            if p[VISIBLE + lane] == 0.0:
                low = True
            elif p[VISIBLE + lane] == FIRST_SAMPLES:
                high = True
            else:
                return False
    return not (low and high)


@compiled
def surrounding_light(world, memory):  # type: ignore[no-untyped-def]
    """Add to `OUT` the ambient light, the environment's, and the indirect light, by `AROUND`."""
    p, numbers = doubles(memory[POINTS]), doubles(world[NUMBERS])
    red, green, blue = numbers[AMBIENT], numbers[AMBIENT + 1], numbers[AMBIENT + 2]
    for lane in range(PACKET):
        a, b, metal = p[SPLIT_A + lane], p[SPLIT_B + lane], p[METAL + lane]
        boost = energy_boost(a, b)
        specular, diffuse = environment_weights(p[COLOR + lane], metal, a, b, boost)
        p[OUT + lane] += (specular + diffuse) * red
        specular, diffuse = environment_weights(p[COLOR + Y + lane], metal, a, b, boost)
        p[OUT + Y + lane] += (specular + diffuse) * green
        specular, diffuse = environment_weights(p[COLOR + Z + lane], metal, a, b, boost)
        p[OUT + Z + lane] += (specular + diffuse) * blue
    if world[HAS_ENVIRONMENT] == 0:
        return
    for lane in range(PACKET):
        if p[ACTIVE + lane] != 0.0:
            _environment(
                world, doubles(memory[POINTS] + 8 * lane), doubles(memory[AROUND] + 32 * lane)
            )


@compiled
def _environment(world, point, gathered):  # type: ignore[no-untyped-def]
    """Add to one point's `OUT` the environment's light, and what `gathered` (4,) has of bodies."""
    rough, cosine, share = point[ROUGH], point[COSINE], gathered[0]
    nx, ny, nz = point[SMOOTH], point[SMOOTH + Y], point[SMOOTH + Z]
    x, y, z = (
        2.0 * cosine * nx - point[VIEW],
        2.0 * cosine * ny - point[VIEW + Y],
        2.0 * cosine * nz - point[VIEW + Z],
    )
    mirrored = reflection_at(world, rough, x, y, z)
    # Occlusion of the lobe from that of the hemisphere (Lagarde and de Rousiers 2014).
    power = math.pow(2.0, -16.0 * rough - 1.0)
    open_lobe = math.pow(cosine + share, power) - 1.0 + share
    open_lobe = min(max(open_lobe, 0.0), 1.0)
    a, b, metal = point[SPLIT_A], point[SPLIT_B], point[METAL]
    closed, boost = max(1.0 - share, 1e-3), energy_boost(a, b)
    for k in range(3):
        specular, diffuse = environment_weights(point[COLOR + k * Y], metal, a, b, boost)
        irradiance = irradiance_at(world[IRRADIANCE], k, nx, ny, nz)
        light = diffuse * (share * irradiance / math.pi + gathered[1 + k])
        around = min(gathered[1 + k] / closed, 4.0)
        light += specular * (open_lobe * mirrored[k] + (1.0 - open_lobe) * around)
        point[OUT + k * Y] += light
