"""Compiled: a surface point with its look: colour, roughness, and normal as texture maps have it."""

from __future__ import annotations

import math

from simkit.compiled import compiled
from simkit.render.brdf import MIN_ROUGHNESS, alpha_of
from simkit.render.embree.lookup import (
    doubles,
    floats,
    ints,
    split_sum_at,
    texture_at,
)
from simkit.render.embree.surface import (
    ALPHA,
    AT,
    BODY,
    COLOR,
    COSINE,
    FACE,
    FACE_NUMBER,
    FACE_SIZE,
    FACING,
    FLAT,
    LEAVE,
    LIFT,
    LOCAL,
    METAL,
    MIN_COSINE,
    PLAIN,
    ROUGH,
    SMOOTH,
    SPLIT_A,
    SPLIT_B,
    VIEW,
    array_of,
    look_of,
    pose_of,
    smooth_normal,
)
from simkit.render.embree.world import (
    BASE,
    BUMP_TILE,
    BUMPS,
    BY_BOX,
    COLORS,
    FACES,
    METALLIC,
    NUMBERS,
    ROUGHNESS,
    SPREAD,
    TEX_COORDS,
    TEXTURE,
    TILE,
)


@compiled
def _same_face(p, like, ray, t, point):  # type: ignore[no-untyped-def]
    """Fill what `smooth_normal` does, from another point of the same flat face at the same moment."""
    for k in range(3):
        facing = like[FACING + k]
        at = ray[k] + t * ray[3 + k]
        point[AT + k], point[FACING + k] = at, facing
        point[SMOOTH + k], point[PLAIN + k] = like[PLAIN + k], like[PLAIN + k]
        point[FACE + k] = like[FACE + k]
    far = max(abs(point[AT]), abs(point[AT + 1]), abs(point[AT + 2]), 0.05)
    for k in range(3):
        point[LEAVE + k] = point[AT + k] + LIFT * far * point[FACING + k]
    x, y, z = point[AT] - p[9], point[AT + 1] - p[10], point[AT + 2] - p[11]
    point[LOCAL] = p[0] * x + p[3] * y + p[6] * z
    point[LOCAL + 1] = p[1] * x + p[4] * y + p[7] * z
    point[LOCAL + 2] = p[2] * x + p[5] * y + p[8] * z
    point[FACE_SIZE], point[FLAT] = like[FACE_SIZE], 1.0
    point[BODY], point[FACE_NUMBER] = like[BODY], like[FACE_NUMBER]


@compiled
def fill_point(world, moment, body, face, u, v, t, ray, point, like):  # type: ignore[no-untyped-def]
    """Fill all of a surface point (POINT_COLUMNS,) from a hit and its ray (6,).

    `like` is a point of the packet before this one: on the same flat face, its normals are taken.
    """
    length = math.sqrt(ray[3] * ray[3] + ray[4] * ray[4] + ray[5] * ray[5])
    inverse = 1.0 / length
    dx, dy, dz = ray[3] * inverse, ray[4] * inverse, ray[5] * inverse
    if like[FLAT] > 0.0 and like[BODY] == body and like[FACE_NUMBER] == face:
        _same_face(pose_of(world, moment, body), like, ray, t, point)
    else:
        smooth_normal(world, moment, body, face, u, v, dx, dy, dz, point)
        point[BODY], point[FACE_NUMBER] = body, face
    point[VIEW], point[VIEW + 1], point[VIEW + 2] = -dx, -dy, -dz
    look = look_of(world, body)
    for k in range(3):
        point[COLOR + k] = look[BASE + k]
    slant = -(dx * point[FACING] + dy * point[FACING + 1] + dz * point[FACING + 2])
    width = doubles(world[NUMBERS])[SPREAD] * t * length / math.sqrt(max(slant, 0.02))
    if look[TEXTURE] >= 0.0 or look[BUMPS] >= 0.0 or array_of(world, body, COLORS) != 0:
        _lay_on(world, moment, body, face, u, v, width, point)
    rough = max(look[ROUGHNESS], MIN_ROUGHNESS)
    cosine = 0.0
    for k in range(3):
        cosine += point[SMOOTH + k] * point[VIEW + k]
    cosine = min(max(cosine, MIN_COSINE), 1.0)
    point[ROUGH], point[METAL], point[ALPHA], point[COSINE] = (
        rough, look[METALLIC], alpha_of(rough), cosine,
    )  # fmt: skip
    point[SPLIT_A], point[SPLIT_B] = split_sum_at(world, cosine, rough)


@compiled
def _lay_on(world, moment, body, face, u, v, width, point):  # type: ignore[no-untyped-def]
    """Multiply a point's colour by its texture or vertex colours, and bend its normal."""
    look = look_of(world, body)
    faces = ints(array_of(world, body, FACES))
    a, b, c = (
        int(faces[3 * face]), int(faces[3 * face + 1]), int(faces[3 * face + 2]),
    )  # fmt: skip
    w = 1.0 - u - v
    tints, coords = array_of(world, body, COLORS), floats(array_of(world, body, TEX_COORDS))
    if tints != 0:
        colors = floats(tints)
        for k in range(3):
            point[COLOR + k] *= (
                w * colors[3 * a + k] + u * colors[3 * b + k] + v * colors[3 * c + k]
            )
    if look[TEXTURE] < 0.0 and look[BUMPS] < 0.0:
        return
    # Box mapping as in simkit.assets.mapping, in the scaled frame.
    x, y, z = point[LOCAL], point[LOCAL + 1], point[LOCAL + 2]
    fx, fy, fz = point[FACE], point[FACE + 1], point[FACE + 2]
    axis, facing = 0, fx
    if abs(fy) > abs(facing):
        axis, facing = 1, fy
    if abs(fz) > abs(facing):
        axis, facing = 2, fz
    sign = 1.0 if (facing >= 0.0) == (axis != 1) else -1.0
    along = (y if axis == 0 else x) * sign
    above = y if axis == 2 else z
    if look[TEXTURE] >= 0.0:
        number = int(look[TEXTURE])
        if look[BY_BOX] > 0.0:
            tile = look[TILE]
            red, green, blue = texture_at(world, number, along / tile, above / tile, width / tile)
        else:
            ua, va = coords[2 * a], coords[2 * a + 1]
            ub, vb = coords[2 * b], coords[2 * b + 1]
            uc, vc = coords[2 * c], coords[2 * c + 1]
            tiles2 = abs((ub - ua) * (vc - va) - (uc - ua) * (vb - va))
            metres2 = point[FACE_SIZE]
            footprint = width * math.sqrt(tiles2 / metres2) if metres2 > 0.0 else 0.0
            red, green, blue = texture_at(
                world, number, w * ua + u * ub + v * uc, w * va + u * vb + v * vc, footprint
            )
        point[COLOR] *= red
        point[COLOR + 1] *= green
        point[COLOR + 2] *= blue
    if look[BUMPS] >= 0.0:
        tile = look[BUMP_TILE]
        red, green, blue = texture_at(
            world, int(look[BUMPS]), along / tile, above / tile, width / tile
        )
        _bend(
            pose_of(world, moment, body),
            axis,
            sign,
            2 * red - 1,
            2 * green - 1,
            2 * blue - 1,
            point,
        )


@compiled
def _bend(p, axis, sign, bx, by, bz, point):  # type: ignore[no-untyped-def]
    """Turn the smooth normal to a tangent-space normal, for tangents along the box map's u and v."""
    tangent, upright = (1 if axis == 0 else 0), (1 if axis == 2 else 2)
    nx, ny, nz = point[SMOOTH], point[SMOOTH + 1], point[SMOOTH + 2]
    tx, ty, tz = p[tangent] * sign, p[3 + tangent] * sign, p[6 + tangent] * sign
    ux, uy, uz = p[upright], p[3 + upright], p[6 + upright]
    dot = tx * nx + ty * ny + tz * nz
    tx, ty, tz = tx - dot * nx, ty - dot * ny, tz - dot * nz
    dot = ux * nx + uy * ny + uz * nz
    ux, uy, uz = ux - dot * nx, uy - dot * ny, uz - dot * nz
    tl = max(math.sqrt(tx * tx + ty * ty + tz * tz), 1e-6)
    ul = max(math.sqrt(ux * ux + uy * uy + uz * uz), 1e-6)
    x = bx * tx / tl + by * ux / ul + bz * nx
    y = bx * ty / tl + by * uy / ul + bz * ny
    z = bx * tz / tl + by * uz / ul + bz * nz
    length = math.sqrt(x * x + y * y + z * z)
    seen = x * point[VIEW] + y * point[VIEW + 1] + z * point[VIEW + 2]
    if length > 1e-6 and seen > 0.0:
        point[SMOOTH], point[SMOOTH + 1], point[SMOOTH + 2] = x / length, y / length, z / length
