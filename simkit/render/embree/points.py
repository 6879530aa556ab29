"""Compiled: surface points with their look: colour, roughness, and normal as texture maps have it."""

from __future__ import annotations

from simkit.compiled import compiled, round_down, square_root
from simkit.embree import PACKET
from simkit.render.brdf import MIN_ROUGHNESS, alpha_of
from simkit.render.embree.lookup import (
    FROM_U16,
    U16,
    doubles,
    floats,
    ints,
    level_of,
    split_sum_at,
    words,
)
from simkit.render.embree.surface import (
    ACTIVE,
    ALPHA,
    BODY,
    BOX_U,
    BOX_V,
    COLOR,
    COSINE,
    FACE,
    FACE_NUMBER,
    FACE_SIZE,
    GATHERED,
    HIT_U,
    HIT_V,
    LOCAL,
    MAPPED,
    METAL,
    MIN_COSINE,
    MOMENTS,
    NEIGHBOURS,
    PLACE_U,
    PLACE_V,
    POINTS,
    RAY,
    REACH,
    ROUGH,
    SLANT,
    SMOOTH,
    SPLIT_A,
    SPLIT_B,
    STARTS,
    TEXELS_HIGH,
    TEXELS_READ,
    TEXELS_WIDE,
    VIEW,
    WEIGHTS_OF,
    WIDTH,
    Y,
    Z,
    array_of,
    look_of,
    normals_of,
    pose_of,
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
def fill_points(world, memory):  # type: ignore[no-untyped-def]
    """Fill all of the active lanes' surface points, once `fetch` has been called."""
    p, bodies = doubles(memory[POINTS]), words(memory[BODY])
    normals_of(memory)
    textured, bumped = False, False
    for lane in range(PACKET):
        if p[ACTIVE + lane] == 0.0:
            continue
        body = bodies[lane]
        look = look_of(world, body)
        p[COLOR + lane], p[COLOR + Y + lane], p[COLOR + Z + lane] = (
            look[BASE], look[BASE + 1], look[BASE + 2],
        )  # fmt: skip
        p[ROUGH + lane], p[METAL + lane] = max(look[ROUGHNESS], MIN_ROUGHNESS), look[METALLIC]
        textured |= look[TEXTURE] >= 0.0
        bumped |= look[BUMPS] >= 0.0
        if array_of(world, body, COLORS) != 0:
            _tint(world, memory, lane, body)
    if textured or bumped:
        _box_map(p, doubles(world[NUMBERS])[SPREAD])
    if textured:
        _sample_maps(world, memory, TEXTURE, TILE)
        for lane in range(PACKET):
            has = p[MAPPED + lane] > 0.0
            p[COLOR + lane] *= p[GATHERED + lane] if has else 1.0
            p[COLOR + Y + lane] *= p[GATHERED + Y + lane] if has else 1.0
            p[COLOR + Z + lane] *= p[GATHERED + Z + lane] if has else 1.0
    if bumped:
        _sample_maps(world, memory, BUMPS, BUMP_TILE)
        for lane in range(PACKET):
            if p[MAPPED + lane] > 0.0:
                pose = pose_of(world, words(memory[MOMENTS])[lane], bodies[lane])
                _bend(pose, doubles(memory[POINTS] + 8 * lane))
    for lane in range(PACKET):
        cosine = p[SMOOTH + lane] * p[VIEW + lane]
        cosine += p[SMOOTH + Y + lane] * p[VIEW + Y + lane]
        cosine += p[SMOOTH + Z + lane] * p[VIEW + Z + lane]
        p[COSINE + lane] = min(max(cosine, MIN_COSINE), 1.0)
        p[ALPHA + lane] = alpha_of(p[ROUGH + lane])
    for lane in range(PACKET):
        if p[ACTIVE + lane] != 0.0:
            p[SPLIT_A + lane], p[SPLIT_B + lane] = split_sum_at(
                world, p[COSINE + lane], p[ROUGH + lane]
            )


@compiled
def _tint(world, memory, lane, body):  # type: ignore[no-untyped-def]
    """Multiply a lane's colour by the vertex colours."""
    p, face = doubles(memory[POINTS]), words(memory[FACE_NUMBER])[lane]
    faces, colors = ints(array_of(world, body, FACES)), floats(array_of(world, body, COLORS))
    a, b, c = int(faces[3 * face]), int(faces[3 * face + 1]), int(faces[3 * face + 2])
    u, v = p[HIT_U + lane], p[HIT_V + lane]
    w = 1.0 - u - v
    for k in range(3):
        tint = w * colors[3 * a + k] + u * colors[3 * b + k] + v * colors[3 * c + k]
        p[COLOR + k * Y + lane] *= tint


@compiled
def _box_map(p, spread):  # type: ignore[no-untyped-def]
    """Fill box mapping as in simkit.assets.mapping, in the scaled frame, and a pixel's width [m]."""
    for lane in range(PACKET):
        dx, dy, dz = p[RAY + 3 * Y + lane], p[RAY + 4 * Y + lane], p[RAY + 5 * Y + lane]
        length2 = (dx * dx + dy * dy + dz * dz) / max(p[SLANT + lane], 0.02)
        p[WIDTH + lane] = spread * p[REACH + lane] * square_root(length2)
        x, y, z = p[LOCAL + lane], p[LOCAL + Y + lane], p[LOCAL + Z + lane]
        fx, fy, fz = p[FACE + lane], p[FACE + Y + lane], p[FACE + Z + lane]
        by_y = abs(fy) > abs(fx)
        by_z = abs(fz) > max(abs(fx), abs(fy))
        along = y if not by_y and not by_z else x
        facing = fz if by_z else (-fy if by_y else fx)
        p[BOX_U + lane] = along if facing >= 0.0 else -along
        p[BOX_V + lane] = y if by_z else z


@compiled
def _sample_maps(world, memory, which, tile_of):  # type: ignore[no-untyped-def]
    """Fill `GATHERED` with colours of lanes' textures, or normal maps, and `MAPPED` (0, 1)."""
    p, starts, read = doubles(memory[POINTS]), words(memory[STARTS]), words(memory[TEXELS_READ])
    bodies = words(memory[BODY])
    for lane in range(PACKET):
        p[MAPPED + lane] = 0.0
        if p[ACTIVE + lane] == 0.0:
            continue
        look = look_of(world, bodies[lane])
        if look[which] < 0.0:
            continue
        p[MAPPED + lane] = 1.0
        inverse = 1.0 / look[tile_of]
        u, v, span = p[BOX_U + lane] * inverse, p[BOX_V + lane] * inverse, p[WIDTH + lane] * inverse
        if which == TEXTURE and look[BY_BOX] == 0.0:
            u, v, span = _own_coords(world, memory, lane, bodies[lane])
        p[PLACE_U + lane], p[PLACE_V + lane] = u, 1.0 - v
        starts[lane], p[TEXELS_WIDE + lane], p[TEXELS_HIGH + lane] = level_of(
            world, int(look[which]), span
        )
    for lane in range(PACKET):
        u, v = p[PLACE_U + lane], p[PLACE_V + lane]
        wide, high = p[TEXELS_WIDE + lane], p[TEXELS_HIGH + lane]
        x, y = (u - round_down(u)) * wide + 0.5, (v - round_down(v)) * high + 0.5
        right, low = round_down(x), round_down(y)
        fx, fy = x - right, y - low
        left = (right if right > 0.0 else wide) - 1.0
        top = ((low if low > 0.0 else high) - 1.0) * wide
        right = right if right < wide else 0.0
        low = (low if low < high else 0.0) * wide
        at = NEIGHBOURS + lane
        p[at], p[at + Y], p[at + 2 * Y], p[at + 3 * Y] = (
            top + left, top + right, low + left, low + right,
        )  # fmt: skip
        upper, lower, at = (1.0 - fy) * FROM_U16, fy * FROM_U16, WEIGHTS_OF + lane
        p[at], p[at + Y] = (1.0 - fx) * upper, fx * upper
        p[at + 2 * Y], p[at + 3 * Y] = (1.0 - fx) * lower, fx * lower
    for lane in range(PACKET):
        if p[MAPPED + lane] != 0.0:
            texels, at = words(starts[lane]), NEIGHBOURS + lane
            read[lane], read[Y + lane] = texels[int(p[at])], texels[int(p[at + Y])]
            read[2 * Y + lane] = texels[int(p[at + 2 * Y])]
            read[3 * Y + lane] = texels[int(p[at + 3 * Y])]
    for lane in range(PACKET):
        at = WEIGHTS_OF + lane
        wa, wb, wc, wd = p[at], p[at + Y], p[at + 2 * Y], p[at + 3 * Y]
        a, b, c, d = read[lane], read[Y + lane], read[2 * Y + lane], read[3 * Y + lane]
        p[GATHERED + lane] = (wa * (a & U16) + wb * (b & U16)) + (wc * (c & U16) + wd * (d & U16))
        a, b, c, d = a >> 16, b >> 16, c >> 16, d >> 16
        p[GATHERED + Y + lane] = (wa * (a & U16) + wb * (b & U16)) + (
            wc * (c & U16) + wd * (d & U16)
        )
        a, b, c, d = a >> 16, b >> 16, c >> 16, d >> 16
        p[GATHERED + Z + lane] = (wa * (a & U16) + wb * (b & U16)) + (
            wc * (c & U16) + wd * (d & U16)
        )


@compiled
def _own_coords(world, memory, lane, body):  # type: ignore[no-untyped-def]
    """Return (u, v) of a mesh's own texture coordinates, and a pixel's width there."""
    p, face = doubles(memory[POINTS]), words(memory[FACE_NUMBER])[lane]
    faces, coords = ints(array_of(world, body, FACES)), floats(array_of(world, body, TEX_COORDS))
    a, b, c = int(faces[3 * face]), int(faces[3 * face + 1]), int(faces[3 * face + 2])
    ua, va, ub, vb = coords[2 * a], coords[2 * a + 1], coords[2 * b], coords[2 * b + 1]
    uc, vc = coords[2 * c], coords[2 * c + 1]
    tiles2 = float(abs((ub - ua) * (vc - va) - (uc - ua) * (vb - va)))
    metres2 = p[FACE_SIZE + lane]
    span = p[WIDTH + lane] * square_root(tiles2 / metres2) if metres2 > 0.0 else 0.0
    u, v = p[HIT_U + lane], p[HIT_V + lane]
    w = 1.0 - u - v
    return w * ua + u * ub + v * uc, w * va + u * vb + v * vc, span


@compiled
def _bend(p, point):  # type: ignore[no-untyped-def]
    """Turn the smooth normal to a tangent-space normal, for tangents along the box map's u and v."""
    bx, by, bz = (
        2.0 * point[GATHERED] - 1.0, 2.0 * point[GATHERED + Y] - 1.0, 2.0 * point[GATHERED + Z] - 1.0,
    )  # fmt: skip
    axis, facing = 0, point[FACE]
    if abs(point[FACE + Y]) > abs(facing):
        axis, facing = 1, point[FACE + Y]
    if abs(point[FACE + Z]) > abs(facing):
        axis, facing = 2, point[FACE + Z]
    sign = 1.0 if (facing >= 0.0) == (axis != 1) else -1.0
    tangent, upright = (1 if axis == 0 else 0), (1 if axis == 2 else 2)
    nx, ny, nz = point[SMOOTH], point[SMOOTH + Y], point[SMOOTH + Z]
    tx, ty, tz = p[tangent] * sign, p[3 + tangent] * sign, p[6 + tangent] * sign
    ux, uy, uz = p[upright], p[3 + upright], p[6 + upright]
    dot = tx * nx + ty * ny + tz * nz
    tx, ty, tz = tx - dot * nx, ty - dot * ny, tz - dot * nz
    dot = ux * nx + uy * ny + uz * nz
    ux, uy, uz = ux - dot * nx, uy - dot * ny, uz - dot * nz
    tl = max(square_root(tx * tx + ty * ty + tz * tz), 1e-6)
    ul = max(square_root(ux * ux + uy * uy + uz * uz), 1e-6)
    x = bx * tx / tl + by * ux / ul + bz * nx
    y = bx * ty / tl + by * uy / ul + bz * ny
    z = bx * tz / tl + by * uz / ul + bz * nz
    length = square_root(x * x + y * y + z * z)
    seen = x * point[VIEW] + y * point[VIEW + Y] + z * point[VIEW + Z]
    if length > 1e-6 and seen > 0.0:
        point[SMOOTH], point[SMOOTH + Y], point[SMOOTH + Z] = x / length, y / length, z / length
