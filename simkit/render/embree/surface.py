"""Compiled: rays in packets, and the surface that a ray hits."""

from __future__ import annotations

import math

from numba import njit

from simkit.embree import (
    DIRECTION,
    FAR,
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
from simkit.render.embree.lookup import f32_at, i32_at, split_sum_at, texture_at
from simkit.render.embree.world import (
    BASE,
    BUMP_TILE,
    BUMPS,
    BY_BOX,
    COLORS,
    FACES,
    METALLIC,
    NORMALS,
    ROUGHNESS,
    SCALE,
    TEX_COORDS,
    TEXTURE,
    TILE,
    VERTICES,
    World,
)

# Columns of a surface point.
AT, FACING, SMOOTH, COLOR, VIEW = 0, 3, 6, 9, 12
ROUGH, METAL, ALPHA, COSINE, SPLIT_A, SPLIT_B, LEAVE = 15, 16, 17, 18, 19, 20, 21
POINT_COLUMNS = 24
"""Position, geometric normal and smooth normal towards the viewer, base colour, direction to the
viewer, roughness, metallic, GGX's alpha, n.v, the split sum's A and B, and where shadow rays begin."""

MIN_COSINE = 1e-3


@njit(cache=True, nogil=True)
def set_ray(f, i, lane, ox, oy, oz, dx, dy, dz, near, far):  # type: ignore[no-untyped-def]
    """Write a ray into a packet's lane."""
    f[ORIGIN, lane], f[ORIGIN + 1, lane], f[ORIGIN + 2, lane] = ox, oy, oz
    f[DIRECTION, lane], f[DIRECTION + 1, lane], f[DIRECTION + 2, lane] = dx, dy, dz
    f[NEAR, lane], f[FAR, lane], f[TIME, lane] = near, far, 0.0
    i[MASK, lane], i[FLAGS, lane] = NOTHING, 0
    i[GEOMETRY, lane], i[INSTANCE, lane] = NOTHING, NOTHING


@njit(cache=True, nogil=True)
def cast(world: World, moments, f, i, lanes, single_f, single_i, any_hit):  # type: ignore[no-untyped-def]
    """Cast the rays of a packet at their moments' scenes; with `any_hit` far < 0 means occluded.

    Rays of one moment go together; else one by one, through the memory of a single ray.
    """
    first = -1
    together = True
    for lane in range(PACKET):
        if lanes[lane] != 0:
            if first < 0:
                first = moments[lane]
            elif moments[lane] != first:
                together = False
    if first < 0:
        return
    arguments = world.arguments.ctypes.data
    if together:
        if any_hit:
            occluded16(lanes.ctypes.data, world.handles[first], f.ctypes.data, arguments)
        else:
            intersect16(lanes.ctypes.data, world.handles[first], f.ctypes.data, arguments)
        return
    for lane in range(PACKET):
        if lanes[lane] == 0:
            continue
        for field in range(single_f.shape[0]):
            single_i[field] = i[field, lane]
        if any_hit:
            occluded1(world.handles[moments[lane]], single_f.ctypes.data, arguments)
            f[FAR, lane] = single_f[FAR]
        else:
            intersect1(world.handles[moments[lane]], single_f.ctypes.data, arguments)
            for field in range(FAR, single_f.shape[0]):
                i[field, lane] = single_i[field]


@njit(cache=True, nogil=True)
def exact_hit(world: World, moment, f, i, lane, ray):  # type: ignore[no-untyped-def]
    """Return (body, face, u, v, t) of a lane's hit, in double precision; body is -1 for a miss.

    Embree decides in single precision what is hit; where on that face's plane is computed here
    again. `ray` (6,) float64 is the ray as it was before it was rounded into the packet.
    """
    if i[GEOMETRY, lane] == NOTHING:
        return -1, -1, 0.0, 0.0, 0.0
    body, face = int(i[INSTANCE, lane]), int(i[TRIANGLE, lane])
    near_u, near_v, near_t = float(f[U, lane]), float(f[V, lane]), float(f[FAR, lane])
    p, look = world.poses[moment, body], world.looks[body]
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
def corners(world: World, body, face, look):  # type: ignore[no-untyped-def]
    """Return a face's three corners, nine numbers, in the body's scaled frame [m]."""
    faces, vertices = world.arrays[body, FACES], world.arrays[body, VERTICES]
    a = 3 * int(i32_at(faces, 3 * face))
    b = 3 * int(i32_at(faces, 3 * face + 1))
    c = 3 * int(i32_at(faces, 3 * face + 2))
    sx, sy, sz = look[SCALE], look[SCALE + 1], look[SCALE + 2]
    return (
        f32_at(vertices, a) * sx, f32_at(vertices, a + 1) * sy, f32_at(vertices, a + 2) * sz,
        f32_at(vertices, b) * sx, f32_at(vertices, b + 1) * sy, f32_at(vertices, b + 2) * sz,
        f32_at(vertices, c) * sx, f32_at(vertices, c + 1) * sy, f32_at(vertices, c + 2) * sz,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _corner_normal(world: World, body, corner, look):  # type: ignore[no-untyped-def]
    normals, at = world.arrays[body, NORMALS], 3 * corner
    x = f32_at(normals, at) / look[SCALE]
    y = f32_at(normals, at + 1) / look[SCALE + 1]
    z = f32_at(normals, at + 2) / look[SCALE + 2]
    length = math.sqrt(x * x + y * y + z * z)
    if length < 1e-12:
        return 0.0, 0.0, 0.0
    return x / length, y / length, z / length


@njit(cache=True, nogil=True)
def smooth_normal(world: World, moment, body, face, u, v, dx, dy, dz, point):  # type: ignore[no-untyped-def]
    """Fill a point's position, both normals, and where shadow rays leave, for a ray's direction.

    Normals are turned to the viewer's side by the face's side; an interpolated normal that still
    looks away is bent until it is at right angles to the ray. Shadow rays leave from the curved
    surface that the normals stand for, not from the flat face (Hanika, "Hacking the Shadow
    Terminator", Ray Tracing Gems II, 2021), and a little above it.
    """
    p, look = world.poses[moment, body], world.looks[body]
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
    faces = world.arrays[body, FACES]
    nx, ny, nz = 0.0, 0.0, 0.0
    lx, ly, lz = x, y, z
    for k in range(3):
        weight = 1.0 - u - v if k == 0 else (u if k == 1 else v)
        kx, ky, kz = _corner_normal(world, body, int(i32_at(faces, 3 * face + k)), look)
        if kx * fx + ky * fy + kz * fz < 0.0:
            kx, ky, kz = -kx, -ky, -kz
        nx, ny, nz = nx + weight * kx, ny + weight * ky, nz + weight * kz
        below = (x - c[3 * k]) * kx + (y - c[3 * k + 1]) * ky + (z - c[3 * k + 2]) * kz
        if below < 0.0:
            lx, ly, lz = lx - weight * below * kx, ly - weight * below * ky, lz - weight * below * kz
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
def fill_point(world: World, moment, body, face, u, v, t, ray, point):  # type: ignore[no-untyped-def]
    """Fill all of a surface point (POINT_COLUMNS,) from a hit and its ray (6,)."""
    length = math.sqrt(ray[3] * ray[3] + ray[4] * ray[4] + ray[5] * ray[5])
    dx, dy, dz = ray[3] / length, ray[4] / length, ray[5] / length
    smooth_normal(world, moment, body, face, u, v, dx, dy, dz, point)
    point[VIEW], point[VIEW + 1], point[VIEW + 2] = -dx, -dy, -dz
    look = world.looks[body]
    for k in range(3):
        point[COLOR + k] = look[BASE + k]
    slant = -(dx * point[FACING] + dy * point[FACING + 1] + dz * point[FACING + 2])
    width = world.spread * t * length / math.sqrt(max(slant, 0.02))
    if look[TEXTURE] >= 0.0 or look[BUMPS] >= 0.0 or world.arrays[body, COLORS] != 0:
        _lay_on(world, moment, body, face, u, v, width, point)
    rough = max(look[ROUGHNESS], MIN_ROUGHNESS)
    cosine = 0.0
    for k in range(3):
        cosine += point[SMOOTH + k] * point[VIEW + k]
    cosine = min(max(cosine, MIN_COSINE), 1.0)
    point[ROUGH], point[METAL], point[ALPHA], point[COSINE] = (
        rough, look[METALLIC], alpha_of(rough), cosine,
    )  # fmt: skip
    point[SPLIT_A], point[SPLIT_B] = split_sum_at(world.table, cosine, rough)


@njit(cache=True, nogil=True)
def _lay_on(world: World, moment, body, face, u, v, width, point):  # type: ignore[no-untyped-def]
    """Multiply a point's colour by its texture or vertex colours, and bend its normal."""
    look = world.looks[body]
    faces = world.arrays[body, FACES]
    a, b, c = (
        int(i32_at(faces, 3 * face)), int(i32_at(faces, 3 * face + 1)), int(i32_at(faces, 3 * face + 2)),
    )  # fmt: skip
    w = 1.0 - u - v
    colors, coords = world.arrays[body, COLORS], world.arrays[body, TEX_COORDS]
    if colors != 0:
        for k in range(3):
            point[COLOR + k] *= (
                w * f32_at(colors, 3 * a + k)
                + u * f32_at(colors, 3 * b + k)
                + v * f32_at(colors, 3 * c + k)
            )
    if look[TEXTURE] < 0.0 and look[BUMPS] < 0.0:
        return
    q = corners(world, body, face, look)
    ex, ey, ez = q[3] - q[0], q[4] - q[1], q[5] - q[2]
    gx, gy, gz = q[6] - q[0], q[7] - q[1], q[8] - q[2]
    fx, fy, fz = ey * gz - ez * gy, ez * gx - ex * gz, ex * gy - ey * gx
    # Box mapping as in simkit.assets.mapping, in the scaled frame.
    x, y, z = w * q[0] + u * q[3] + v * q[6], w * q[1] + u * q[4] + v * q[7], w * q[2] + u * q[5] + v * q[8]
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
            ua, va = f32_at(coords, 2 * a), f32_at(coords, 2 * a + 1)
            ub, vb = f32_at(coords, 2 * b), f32_at(coords, 2 * b + 1)
            uc, vc = f32_at(coords, 2 * c), f32_at(coords, 2 * c + 1)
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
        _bend(world.poses[moment, body], axis, sign, 2 * red - 1, 2 * green - 1, 2 * blue - 1, point)


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
