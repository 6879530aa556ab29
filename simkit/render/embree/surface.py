"""Compiled: rays in packets, and the surface that a ray hits."""

from __future__ import annotations

import math

from numba import njit

from simkit.embree import (
    DIRECTION,
    FAR,
    FIELDS,
    FLAGS,
    GEOMETRY,
    INSTANCE,
    MASK,
    NEAR,
    NOTHING,
    ORIGIN,
    PACKET,
    TIME,
    TRIANGLE,
    U,
    V,
    intersect1,
    intersect16,
    occluded1,
    occluded16,
)
from simkit.render.brdf import MIN_ROUGHNESS, alpha_of
from simkit.render.embree.lookup import (
    doubles,
    floats,
    ints,
    split_sum_at,
    texture_at,
    uints,
    words,
)
from simkit.render.embree.world import (
    ARGUMENTS,
    ARRAYS,
    BASE,
    BODIES,
    BUMP_TILE,
    BUMPS,
    BY_BOX,
    COLORS,
    FACES,
    HANDLES,
    LOOK_COLUMNS,
    LOOKS,
    METALLIC,
    NORMALS,
    NUMBERS,
    POSES,
    ROUGHNESS,
    SCALE,
    SPREAD,
    TEX_COORDS,
    TEXTURE,
    TILE,
    VERTICES,
)

# Columns of a surface point.
AT, FACING, SMOOTH, COLOR, VIEW = 0, 3, 6, 9, 12
ROUGH, METAL, ALPHA, COSINE, SPLIT_A, SPLIT_B, LEAVE = 15, 16, 17, 18, 19, 20, 21
POINT_COLUMNS = 24
"""Position, geometric normal and smooth normal towards the viewer, base colour, direction to the
viewer, roughness, metallic, GGX's alpha, n.v, the split sum's A and B, and where shadow rays begin."""

MIN_COSINE = 1e-3

# The table of working memory, see `simkit.render.embree.memory`.
(
    RAYS_AT, LANES, SINGLE, MOMENTS, MARKS, POINTS, ACTIVE, COLUMNS, ROWS, SAMPLE, OUT, SEEN, BASES,
    LIGHT_RAYS, GATHERED, VISIBLE, WEIGHTS, TOTALS, FAR_POINTS, AROUND, FOUND, NEEDY,
) = range(22)  # fmt: skip


@njit(cache=True, nogil=True)
def pose_of(world, moment, body):  # type: ignore[no-untyped-def]
    """Return a body's rotation and position (12,)."""
    return doubles(world[POSES] + 96 * (moment * world[BODIES] + body))


@njit(cache=True, nogil=True)
def look_of(world, body):  # type: ignore[no-untyped-def]
    """Return a body's look (LOOK_COLUMNS,)."""
    return doubles(world[LOOKS] + 8 * LOOK_COLUMNS * body)


@njit(cache=True, nogil=True)
def array_of(world, body, which):  # type: ignore[no-untyped-def]
    """Return the address of one of a body's arrays, 0 if it has none."""
    return words(world[ARRAYS])[5 * body + which]


@njit(cache=True, nogil=True)
def point_of(memory, lane):  # type: ignore[no-untyped-def]
    """Return a lane's surface point (POINT_COLUMNS,)."""
    return doubles(memory[POINTS] + 8 * POINT_COLUMNS * lane)


@njit(cache=True, nogil=True)
def set_ray(memory, lane, ox, oy, oz, dx, dy, dz, near, far):  # type: ignore[no-untyped-def]
    """Write a ray into a packet's lane."""
    f, i = floats(memory[RAYS_AT]), uints(memory[RAYS_AT])
    f[ORIGIN * PACKET + lane], f[(ORIGIN + 1) * PACKET + lane], f[(ORIGIN + 2) * PACKET + lane] = (
        ox,
        oy,
        oz,
    )
    (
        f[DIRECTION * PACKET + lane],
        f[(DIRECTION + 1) * PACKET + lane],
        f[(DIRECTION + 2) * PACKET + lane],
    ) = dx, dy, dz
    f[NEAR * PACKET + lane], f[FAR * PACKET + lane], f[TIME * PACKET + lane] = near, far, 0.0
    i[MASK * PACKET + lane], i[FLAGS * PACKET + lane] = NOTHING, 0
    i[GEOMETRY * PACKET + lane], i[INSTANCE * PACKET + lane] = NOTHING, NOTHING


@njit(cache=True, nogil=True)
def cast(world, memory, any_hit):  # type: ignore[no-untyped-def]
    """Cast the rays of a packet at their moments' scenes; with `any_hit` far < 0 means occluded.

    Rays of one moment go together; else one by one, through the memory of a single ray.
    """
    lanes, moments, handles = ints(memory[LANES]), words(memory[MOMENTS]), words(world[HANDLES])
    f, i = floats(memory[RAYS_AT]), uints(memory[RAYS_AT])
    single_f, single_i = floats(memory[SINGLE]), uints(memory[SINGLE])
    scene = 0
    together = True
    for lane in range(PACKET):
        if lanes[lane] != 0:
            own = handles[moments[lane]]
            if scene == 0:
                scene = own
            elif own != scene:
                together = False
    if scene == 0:
        return
    arguments = world[ARGUMENTS]
    if together:
        if any_hit:
            occluded16(memory[LANES], scene, memory[RAYS_AT], arguments)
        else:
            intersect16(memory[LANES], scene, memory[RAYS_AT], arguments)
        return
    for lane in range(PACKET):
        if lanes[lane] == 0:
            continue
        for field in range(FIELDS):
            single_i[field] = i[field * PACKET + lane]
        if any_hit:
            occluded1(handles[moments[lane]], memory[SINGLE], arguments)
            f[FAR * PACKET + lane] = single_f[FAR]
        else:
            intersect1(handles[moments[lane]], memory[SINGLE], arguments)
            for field in range(FAR, FIELDS):
                i[field * PACKET + lane] = single_i[field]


@njit(cache=True, nogil=True)
def exact_hit(world, memory, moment, lane, ray):  # type: ignore[no-untyped-def]
    """Return (body, face, u, v, t) of a lane's hit, in double precision; body is -1 for a miss.

    Embree decides in single precision what is hit; where on that face's plane is computed here
    again. `ray` (6,) float64 is the ray as it was before it was rounded into the packet.
    """
    f, i = floats(memory[RAYS_AT]), uints(memory[RAYS_AT])
    if i[GEOMETRY * PACKET + lane] == NOTHING:
        return -1, -1, 0.0, 0.0, 0.0
    body, face = int(i[INSTANCE * PACKET + lane]), int(i[TRIANGLE * PACKET + lane])
    near_u, near_v, near_t = (
        float(f[U * PACKET + lane]),
        float(f[V * PACKET + lane]),
        float(f[FAR * PACKET + lane]),
    )
    p, look = pose_of(world, moment, body), look_of(world, body)
    x, y, z = ray[0] - p[9], ray[1] - p[10], ray[2] - p[11]
    ox = p[0] * x + p[3] * y + p[6] * z
    oy = p[1] * x + p[4] * y + p[7] * z
    oz = p[2] * x + p[5] * y + p[8] * z
    dx = p[0] * ray[3] + p[3] * ray[4] + p[6] * ray[5]
    dy = p[1] * ray[3] + p[4] * ray[4] + p[7] * ray[5]
    dz = p[2] * ray[3] + p[5] * ray[4] + p[8] * ray[5]
    c = corners(world, body, face, look)
    ex, ey, ez = c[3] - c[0], c[4] - c[1], c[5] - c[2]
    gx, gy, gz = c[6] - c[0], c[7] - c[1], c[8] - c[2]
    nx, ny, nz = ey * gz - ez * gy, ez * gx - ex * gz, ex * gy - ey * gx
    slope = dx * nx + dy * ny + dz * nz
    length2 = nx * nx + ny * ny + nz * nz
    if slope == 0.0 or length2 == 0.0:
        return body, face, near_u, near_v, near_t
    hx, hy, hz = c[0] - ox, c[1] - oy, c[2] - oz
    t = (hx * nx + hy * ny + hz * nz) / slope
    if not abs(t - near_t) < 1e-3 * near_t:
        return body, face, near_u, near_v, near_t
    hx, hy, hz = dx * t - hx, dy * t - hy, dz * t - hz  # from the first corner
    u = ((hy * gz - hz * gy) * nx + (hz * gx - hx * gz) * ny + (hx * gy - hy * gx) * nz) / length2
    v = ((ey * hz - ez * hy) * nx + (ez * hx - ex * hz) * ny + (ex * hy - ey * hx) * nz) / length2
    u, v = max(u, 0.0), max(v, 0.0)
    if u + v > 1.0:
        u, v = u / (u + v), v / (u + v)
    return body, face, u, v, t


@njit(cache=True, nogil=True)
def corners(world, body, face, look):  # type: ignore[no-untyped-def]
    """Return a face's three corners, nine numbers, in the body's scaled frame [m]."""
    faces, vertices = ints(array_of(world, body, FACES)), floats(array_of(world, body, VERTICES))
    a = 3 * int(faces[3 * face])
    b = 3 * int(faces[3 * face + 1])
    c = 3 * int(faces[3 * face + 2])
    sx, sy, sz = look[SCALE], look[SCALE + 1], look[SCALE + 2]
    return (
        vertices[a] * sx, vertices[a + 1] * sy, vertices[a + 2] * sz,
        vertices[b] * sx, vertices[b + 1] * sy, vertices[b + 2] * sz,
        vertices[c] * sx, vertices[c + 1] * sy, vertices[c + 2] * sz,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _corner_normal(world, body, corner, look):  # type: ignore[no-untyped-def]
    normals, at = floats(array_of(world, body, NORMALS)), 3 * corner
    x = normals[at] / look[SCALE]
    y = normals[at + 1] / look[SCALE + 1]
    z = normals[at + 2] / look[SCALE + 2]
    length = math.sqrt(x * x + y * y + z * z)
    if length < 1e-12:
        return 0.0, 0.0, 0.0
    return x / length, y / length, z / length


@njit(cache=True, nogil=True)
def smooth_normal(world, moment, body, face, u, v, dx, dy, dz, point):  # type: ignore[no-untyped-def]
    """Fill a point's position, both normals, and where shadow rays leave, for a ray's direction.

    Normals are turned to the viewer's side by the face's side; an interpolated normal that still
    looks away is bent until it is at right angles to the ray. Shadow rays leave from the curved
    surface that the normals stand for, not from the flat face (Hanika, "Hacking the Shadow
    Terminator", Ray Tracing Gems II, 2021), and a little above it.
    """
    p, look = pose_of(world, moment, body), look_of(world, body)
    c = corners(world, body, face, look)
    ex, ey, ez = c[3] - c[0], c[4] - c[1], c[5] - c[2]
    gx, gy, gz = c[6] - c[0], c[7] - c[1], c[8] - c[2]
    fx, fy, fz = ey * gz - ez * gy, ez * gx - ex * gz, ex * gy - ey * gx
    length = math.sqrt(fx * fx + fy * fy + fz * fz)
    if length > 0.0:
        fx, fy, fz = fx / length, fy / length, fz / length
    x, y, z = c[0] + u * ex + v * gx, c[1] + u * ey + v * gy, c[2] + u * ez + v * gz
    # The ray in the body's frame.
    rx = p[0] * dx + p[3] * dy + p[6] * dz
    ry = p[1] * dx + p[4] * dy + p[7] * dz
    rz = p[2] * dx + p[5] * dy + p[8] * dz
    if fx * rx + fy * ry + fz * rz > 0.0:
        fx, fy, fz = -fx, -fy, -fz
    faces = ints(array_of(world, body, FACES))
    nx, ny, nz = 0.0, 0.0, 0.0
    lx, ly, lz = x, y, z
    for k in range(3):
        weight = 1.0 - u - v if k == 0 else (u if k == 1 else v)
        kx, ky, kz = _corner_normal(world, body, int(faces[3 * face + k]), look)
        if kx * fx + ky * fy + kz * fz < 0.0:
            kx, ky, kz = -kx, -ky, -kz
        nx, ny, nz = nx + weight * kx, ny + weight * ky, nz + weight * kz
        below = (x - c[3 * k]) * kx + (y - c[3 * k + 1]) * ky + (z - c[3 * k + 2]) * kz
        if below < 0.0:
            lx, ly, lz = (
                lx - weight * below * kx,
                ly - weight * below * ky,
                lz - weight * below * kz,
            )
    length = math.sqrt(nx * nx + ny * ny + nz * nz)
    if length < 1e-6:
        nx, ny, nz = fx, fy, fz
    else:
        nx, ny, nz = nx / length, ny / length, nz / length
    away = nx * rx + ny * ry + nz * rz
    if away > 0.0:
        nx, ny, nz = nx - away * rx, ny - away * ry, nz - away * rz
        length = math.sqrt(nx * nx + ny * ny + nz * nz)
        if length > 1e-6:
            nx, ny, nz = nx / length, ny / length, nz / length
        else:
            nx, ny, nz = fx, fy, fz
    _put(p, point, AT, x, y, z)
    point[AT] += p[9]
    point[AT + 1] += p[10]
    point[AT + 2] += p[11]
    _put(p, point, FACING, fx, fy, fz)
    _put(p, point, SMOOTH, nx, ny, nz)
    _put(p, point, LEAVE, lx, ly, lz)
    far = max(abs(point[AT]), abs(point[AT + 1]), abs(point[AT + 2]), 0.05)
    lift = 1e-5 * far
    for k in range(3):
        point[LEAVE + k] += p[9 + k] + lift * point[FACING + k]


@njit(cache=True, nogil=True)
def _put(p, point, column, x, y, z):  # type: ignore[no-untyped-def]
    """Write a body's vector, turned to the world."""
    point[column] = p[0] * x + p[1] * y + p[2] * z
    point[column + 1] = p[3] * x + p[4] * y + p[5] * z
    point[column + 2] = p[6] * x + p[7] * y + p[8] * z


@njit(cache=True, nogil=True)
def fill_point(world, moment, body, face, u, v, t, ray, point):  # type: ignore[no-untyped-def]
    """Fill all of a surface point (POINT_COLUMNS,) from a hit and its ray (6,)."""
    length = math.sqrt(ray[3] * ray[3] + ray[4] * ray[4] + ray[5] * ray[5])
    dx, dy, dz = ray[3] / length, ray[4] / length, ray[5] / length
    smooth_normal(world, moment, body, face, u, v, dx, dy, dz, point)
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


@njit(cache=True, nogil=True)
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
    q = corners(world, body, face, look)
    ex, ey, ez = q[3] - q[0], q[4] - q[1], q[5] - q[2]
    gx, gy, gz = q[6] - q[0], q[7] - q[1], q[8] - q[2]
    fx, fy, fz = ey * gz - ez * gy, ez * gx - ex * gz, ex * gy - ey * gx
    # Box mapping as in simkit.assets.mapping, in the scaled frame.
    x, y, z = (
        w * q[0] + u * q[3] + v * q[6],
        w * q[1] + u * q[4] + v * q[7],
        w * q[2] + u * q[5] + v * q[8],
    )
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
            metres2 = math.sqrt(fx * fx + fy * fy + fz * fz)
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


@njit(cache=True, nogil=True)
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
