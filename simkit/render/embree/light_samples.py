"""Compiled: places on lights, evenly spread over a pixel's samples and over neighbours."""

from __future__ import annotations

import math

from simkit.compiled import compiled, square_root
from simkit.render.brdf import spot_falloff
from simkit.render.embree.world import (
    AREA,
    AREA_LIGHT,
    CONE,
    DIRECTIONAL,
    KIND,
    POSITION,
    RADIUS,
    SIDE,
    SPOT,
    TOWARDS,
    UP,
)

FAR_AWAY = 1e30

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
def light_sample(light, px, py, pz, s1, s2):  # type: ignore[no-untyped-def]
    """Return direction from a point to a light's sample, its distance, irradiance / (pi power)."""
    kind = light[KIND]
    if kind == DIRECTIONAL:
        x, y, z = -light[TOWARDS], -light[TOWARDS + 1], -light[TOWARDS + 2]
        if light[RADIUS] > 0.0:
            x, y, z = _disc(x, y, z, math.tan(min(light[RADIUS], 1.5)), s1, s2)
            length = square_root(x * x + y * y + z * z)
            inverse = 1.0 / length
            x, y, z = x * inverse, y * inverse, z * inverse
        return x, y, z, FAR_AWAY, 1.0
    x = light[POSITION] - px
    y = light[POSITION + 1] - py
    z = light[POSITION + 2] - pz
    if kind == AREA_LIGHT:
        for_side, for_up = s1 - 0.5, s2 - 0.5
        x += light[SIDE] * for_side + light[UP] * for_up
        y += light[SIDE + 1] * for_side + light[UP + 1] * for_up
        z += light[SIDE + 2] * for_side + light[UP + 2] * for_up
    distance2 = max(x * x + y * y + z * z, 1e-12)
    distance = square_root(distance2)
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
        length = square_root(x * x + y * y + z * z)
        x, y, z, distance = x / length, y / length, z / length, distance * length
    return x, y, z, distance, falloff


@compiled
def _disc(x, y, z, radius, s1, s2):  # type: ignore[no-untyped-def]
    """Return a unit vector moved to a point of the disc of some radius about its tip."""
    r, turn = radius * square_root(s1), 2.0 * math.pi * s2
    a, b = r * math.cos(turn), r * math.sin(turn)
    tx, ty, tz, ux, uy, uz = frame_about(x, y, z)
    return x + a * tx + b * ux, y + a * ty + b * uy, z + a * tz + b * uz
