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
    OPEN,
    OUT,
    OWN_ALPHA,
    POINTS,
    RAYS_AT,
    ROUGH,
    ROWS,
    SAMPLE,
    SEEN,
    SHADED,
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

FIRST_SAMPLES = 2
"""After so many shadow rays a packet whose points all see the light, or all do not, stops: as each of
its points has rays of its own, these are 32 to all parts of the light."""

CELLS, FEW_CELLS = 4, 2
"""An area light is so many cells wide and high, few where it is small; a disc is so many places, or 1."""

SMALL, LARGE = 0.15, 0.3
"""Small is a light whose size is less than so much of its distance. Up to large, cells' width changes
evenly, so that none sees where their number does."""


@compiled
def direct_light(world, memory, count):  # type: ignore[no-untyped-def]
    """Add to `OUT` what the lights give; fill `SEEN` with how many hard lights are visible.

    `SAMPLE` says which of its pixel's samples a point is, `count` how many shadow rays a soft light
    takes. If there are soft lights, `OPEN` and `SHADED` are filled with the part of those that
    cast shadows.
    """
    p = doubles(memory[POINTS])
    for lane in range(PACKET):
        p[SEEN + lane] = 0.0
    some_soft = False
    for number in range(world[LIGHT_COUNT]):
        light = doubles(world[LIGHTS] + 8 * LIGHT_COLUMNS * number)
        for lane in range(PACKET):
            p[VISIBLE + lane] = 0.0
            p[GATHERED + lane], p[GATHERED + Y + lane], p[GATHERED + Z + lane] = 0.0, 0.0, 0.0
        if light[RADIUS] > 0.0 or light[KIND] == AREA_LIGHT:
            if not some_soft:
                some_soft = True
                for k in range(3 * PACKET):
                    p[OPEN + k], p[SHADED + k] = 0.0, 0.0
            _soft_light(world, memory, light, count)
        else:
            _hard_light(world, memory, light)


@compiled
def _hard_light(world, memory, light):  # type: ignore[no-untyped-def]
    p = doubles(memory[POINTS])
    if light[KIND] == SPOT:
        _samples_of_light(memory, light, False, 1, 0)
    else:
        _light_itself(memory, light)
    _facing(p)
    if light[SHADOW] > 0.0:
        _occlude(world, memory)
    _reflect(memory)
    red, green, blue = light[POWER], light[POWER + 1], light[POWER + 2]
    for lane in range(PACKET):
        p[SEEN + lane] += 1.0 if p[LIT + lane] > 0.0 else 0.0
        p[OUT + lane] += p[GATHERED + lane] * red
        p[OUT + Y + lane] += p[GATHERED + Y + lane] * green
        p[OUT + Z + lane] += p[GATHERED + Z + lane] * blue


@compiled
def _soft_light(world, memory, light, count):  # type: ignore[no-untyped-def]
    """Add the light of a rectangle, a sphere or a disc in the sky.

    Its light without shadows is a sum over cells, the same for all pixels, so that it has no noise;
    shadow rays say which part of it arrives (Heitz, Hill and McGuire, "Combining Analytic Direct
    Illumination and Stochastic Shadows", I3D 2018). Highlights are as wide as a cell at least, so
    that cells do not show as dots (Kaplanyan and Dachsbacher, "Path Space Regularization", 2013).
    """
    p, shadowed = doubles(memory[POINTS]), light[SHADOW] > 0.0
    _arriving(world, memory, light, count if shadowed else 1)
    some = False
    for lane in range(PACKET):
        p[OWN_ALPHA + lane] = p[ALPHA + lane]
        some |= p[ARRIVING + lane] > 0.0
    if not some:
        return
    small = _is_small(p, light)
    if light[KIND] == AREA_LIGHT:
        wide = FEW_CELLS if small else CELLS
        cells = wide * wide
        for cell in range(cells):
            _cell_of_light(p, light, wide, cell)
            _facing(p)
            _reflect(memory)
    else:
        cells = 1 if small else CELLS
        for cell in range(cells):
            _place_on_disc(memory, light, small, cell)
            _facing(p)
            _reflect(memory)
    for lane in range(PACKET):
        p[ALPHA + lane] = p[OWN_ALPHA + lane]
        arriving = p[ARRIVING + lane]
        share = p[ARRIVED_LIGHT + lane] / arriving if arriving > 0.0 else 0.0
        for k in range(3):
            whole = p[GATHERED + k * Y + lane] * light[POWER + k] / cells
            p[OUT + k * Y + lane] += whole * share
            p[OPEN + k * Y + lane] += whole if shadowed else 0.0
            p[SHADED + k * Y + lane] += whole * share if shadowed else 0.0


@compiled
def _arriving(world, memory, light, samples):  # type: ignore[no-untyped-def]
    """Fill `VISIBLE`, `ARRIVING` and `ARRIVED_LIGHT` with sums over shadow rays."""
    p = doubles(memory[POINTS])
    for lane in range(PACKET):
        p[ARRIVING + lane], p[ARRIVED_LIGHT + lane] = 0.0, 0.0
    taken = 0
    while taken < samples:
        _samples_of_light(memory, light, True, samples, taken)
        _facing(p)
        for lane in range(PACKET):
            p[ARRIVING + lane] += p[LIT + lane] * p[FALLOFF + lane]
        if light[SHADOW] > 0.0:
            _occlude(world, memory)
        for lane in range(PACKET):
            p[VISIBLE + lane] += 1.0 if p[LIT + lane] > 0.0 else 0.0
            p[ARRIVED_LIGHT + lane] += p[LIT + lane] * p[FALLOFF + lane]
        taken += 1
        if taken == FIRST_SAMPLES and samples > FIRST_SAMPLES and _agreed(p):
            break


@compiled
def _is_small(p, light):  # type: ignore[no-untyped-def]
    """Return whether a light is small as seen from all active lanes."""
    if light[KIND] == DIRECTIONAL:
        return light[RADIUS] < SMALL
    nearest2 = FAR_AWAY
    for lane in range(PACKET):
        x = light[POSITION] - p[AT + lane]
        y = light[POSITION + 1] - p[AT + Y + lane]
        z = light[POSITION + 2] - p[AT + Z + lane]
        away2 = x * x + y * y + z * z
        nearest2 = min(nearest2, away2 if p[ACTIVE + lane] != 0.0 else FAR_AWAY)
    size2 = light[AREA] if light[KIND] == AREA_LIGHT else light[RADIUS] * light[RADIUS]
    return size2 < SMALL * SMALL * nearest2


@compiled
def _widening(ratio):  # type: ignore[no-untyped-def]
    """Return by how much highlights of a light of this size over distance are widened, as alpha."""
    part = min(max((ratio - SMALL) / (LARGE - SMALL), 0.0), 1.0)
    return ratio * (0.25 - 0.125 * part)


@compiled
def _cell_of_light(p, light, wide, cell):  # type: ignore[no-untyped-def]
    """Fill `LIGHT_RAY`, `FALLOFF` and `ALPHA` of the middle of a cell of an area light."""
    s1, s2 = (cell % wide + 0.5) / wide - 0.5, (cell // wide + 0.5) / wide - 0.5
    px = light[POSITION] + s1 * light[SIDE] + s2 * light[UP]
    py = light[POSITION + 1] + s1 * light[SIDE + 1] + s2 * light[UP + 1]
    pz = light[POSITION + 2] + s1 * light[SIDE + 2] + s2 * light[UP + 2]
    tx, ty, tz = light[TOWARDS], light[TOWARDS + 1], light[TOWARDS + 2]
    area, size = light[AREA] / math.pi, square_root(light[AREA])
    for lane in range(PACKET):
        x, y, z = px - p[AT + lane], py - p[AT + Y + lane], pz - p[AT + Z + lane]
        inverse = 1.0 / square_root(max(x * x + y * y + z * z, 1e-12))
        x, y, z = x * inverse, y * inverse, z * inverse
        p[LIGHT_RAY + lane], p[LIGHT_RAY + Y + lane], p[LIGHT_RAY + Z + lane] = x, y, z
        cosine = max(-(x * tx + y * ty + z * tz), 0.0)
        p[FALLOFF + lane] = cosine * area * inverse * inverse
        p[ALPHA + lane] = min(p[OWN_ALPHA + lane] + _widening(size * inverse), 1.0)


@compiled
def _place_on_disc(memory, light, small, place):  # type: ignore[no-untyped-def]
    """Do what `_cell_of_light` does for a light with a radius: its middle, or the disc's mean circle."""
    p = doubles(memory[POINTS])
    if small and light[KIND] != SPOT:
        _light_itself(memory, light)
    else:
        s1, s2 = 0.0 if small else 0.5, (place + 0.5) / CELLS
        for lane in range(PACKET):
            if p[ACTIVE + lane] == 0.0:
                continue
            at = AT + lane
            x, y, z, distance, falloff = light_sample(light, p[at], p[at + Y], p[at + Z], s1, s2)
            p[LIGHT_RAY + lane], p[LIGHT_RAY + Y + lane], p[LIGHT_RAY + Z + lane] = x, y, z
            p[DISTANCE + lane], p[FALLOFF + lane] = distance, falloff
    for lane in range(PACKET):
        ratio = light[RADIUS]
        ratio = ratio if light[KIND] == DIRECTIONAL else ratio / max(p[DISTANCE + lane], 1e-6)
        p[ALPHA + lane] = min(p[OWN_ALPHA + lane] + _widening(ratio), 1.0)


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
    cast(world, memory, True, False)
    for lane in range(PACKET):
        p[LIT + lane] = 0.0 if f[FAR * PACKET + lane] < 0.0 else p[LIT + lane]


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
