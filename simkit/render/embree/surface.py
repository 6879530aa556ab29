"""Compiled: rays in packets, and the surface that a ray hits."""

from __future__ import annotations

import math

from simkit.compiled import compiled
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
from simkit.render.embree.lookup import (
    doubles,
    floats,
    ints,
    uints,
    words,
)
from simkit.render.embree.world import (
    ARGUMENTS,
    ARRAYS,
    BODIES,
    EVEN,
    FACES,
    HANDLES,
    LOOK_COLUMNS,
    LOOKS,
    NORMALS,
    POSES,
    SCALE,
    VERTICES,
)

# Columns of a surface point.
AT, FACING, SMOOTH, COLOR, VIEW = 0, 3, 6, 9, 12
ROUGH, METAL, ALPHA, COSINE, SPLIT_A, SPLIT_B, LEAVE = 15, 16, 17, 18, 19, 20, 21
PLAIN, LOCAL, FACE, FACE_SIZE, FLAT, BODY, FACE_NUMBER, POINT_COLUMNS = (
    24,
    27,
    30,
    33,
    34,
    35,
    36,
    37,
)
"""Position, geometric normal and smooth normal towards the viewer, base colour, direction to the
viewer, roughness, metallic, GGX's alpha, n.v, the split sum's A and B, and where shadow rays begin;
the smooth normal as it was before a normal map; in the body's scaled frame the position and the
face's normal outwards; twice the face's area; whether the
face is flat (its smooth normal is one, and not bent); and which body's face it is."""

MIN_COSINE = 1e-3

LIFT = 1e-5
"""How far above a face shadow rays begin, relative to the largest coordinate: a hundred roundings."""

# The table of working memory, see `simkit.render.embree.memory`.
(
    RAYS_AT, LANES, SINGLE, MOMENTS, MARKS, POINTS, ACTIVE, COLUMNS, ROWS, SAMPLE, OUT, SEEN, BASES,
    LIGHT_RAYS, GATHERED, VISIBLE, WEIGHTS, TOTALS, FAR_POINTS, AROUND, FOUND, NEEDY,
) = range(22)  # fmt: skip


@compiled
def pose_of(world, moment, body):  # type: ignore[no-untyped-def]
    """Return a body's rotation and position (12,)."""
    return doubles(world[POSES] + 96 * (moment * world[BODIES] + body))


@compiled
def look_of(world, body):  # type: ignore[no-untyped-def]
    """Return a body's look (LOOK_COLUMNS,)."""
    return doubles(world[LOOKS] + 8 * LOOK_COLUMNS * body)


@compiled
def array_of(world, body, which):  # type: ignore[no-untyped-def]
    """Return the address of one of a body's arrays, 0 if it has none."""
    return words(world[ARRAYS])[5 * body + which]


@compiled
def point_of(memory, lane):  # type: ignore[no-untyped-def]
    """Return a lane's surface point (POINT_COLUMNS,)."""
    return doubles(memory[POINTS] + 8 * POINT_COLUMNS * lane)


@compiled
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


@compiled
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


@compiled
def exact_hit(world, memory, moment, lane, ray):  # type: ignore[no-untyped-def]
    """Return (body, face, u, v, t) of a lane's hit; body is -1 for a miss.

    Embree decides in single precision what is hit; how far along the ray (6,) that face's plane is
    is computed here again, in double precision.
    """
    f, i = floats(memory[RAYS_AT]), uints(memory[RAYS_AT])
    if i[GEOMETRY * PACKET + lane] == NOTHING:
        return -1, -1, 0.0, 0.0, 0.0
    body, face = int(i[INSTANCE * PACKET + lane]), int(i[TRIANGLE * PACKET + lane])
    u, v = float(f[U * PACKET + lane]), float(f[V * PACKET + lane])
    near_t = float(f[FAR * PACKET + lane])
    p, look = pose_of(world, moment, body), look_of(world, body)
    faces, vertices = ints(array_of(world, body, FACES)), floats(array_of(world, body, VERTICES))
    a, b, c = 3 * faces[3 * face], 3 * faces[3 * face + 1], 3 * faces[3 * face + 2]
    sx, sy, sz = look[SCALE], look[SCALE + 1], look[SCALE + 2]
    ax, ay, az = float(vertices[a]), float(vertices[a + 1]), float(vertices[a + 2])
    ex, ey, ez = vertices[b] - ax, vertices[b + 1] - ay, vertices[b + 2] - az
    gx, gy, gz = vertices[c] - ax, vertices[c + 1] - ay, vertices[c + 2] - az
    nx = (ey * gz - ez * gy) * (sy * sz)
    ny = (ez * gx - ex * gz) * (sz * sx)
    nz = (ex * gy - ey * gx) * (sx * sy)
    wx = p[0] * nx + p[1] * ny + p[2] * nz
    wy = p[3] * nx + p[4] * ny + p[5] * nz
    wz = p[6] * nx + p[7] * ny + p[8] * nz
    slope = wx * ray[3] + wy * ray[4] + wz * ray[5]
    offset = nx * (ax * sx) + ny * (ay * sy) + nz * (az * sz)
    offset -= wx * (ray[0] - p[9]) + wy * (ray[1] - p[10]) + wz * (ray[2] - p[11])
    t = offset / slope
    if not abs(t - near_t) < 1e-3 * near_t:  # the face is seen edge on
        t = near_t
    return body, face, u, v, t


@compiled
def exact_place(world, moment, body, face, ray, t):  # type: ignore[no-untyped-def]
    """Return barycentric (u, v) of where a ray (6,) is at t, within the face, in double precision."""
    p, look = pose_of(world, moment, body), look_of(world, body)
    x, y, z = ray[0] + t * ray[3] - p[9], ray[1] + t * ray[4] - p[10], ray[2] + t * ray[5] - p[11]
    c = corners(world, body, face, look)
    hx = p[0] * x + p[3] * y + p[6] * z - c[0]
    hy = p[1] * x + p[4] * y + p[7] * z - c[1]
    hz = p[2] * x + p[5] * y + p[8] * z - c[2]
    ex, ey, ez = c[3] - c[0], c[4] - c[1], c[5] - c[2]
    gx, gy, gz = c[6] - c[0], c[7] - c[1], c[8] - c[2]
    nx, ny, nz = ey * gz - ez * gy, ez * gx - ex * gz, ex * gy - ey * gx
    length2 = nx * nx + ny * ny + nz * nz
    if length2 == 0.0:
        return 0.0, 0.0
    u = ((hy * gz - hz * gy) * nx + (hz * gx - hx * gz) * ny + (hx * gy - hy * gx) * nz) / length2
    v = ((ey * hz - ez * hy) * nx + (ez * hx - ex * hz) * ny + (ex * hy - ey * hx) * nz) / length2
    u, v = max(u, 0.0), max(v, 0.0)
    if u + v > 1.0:
        u, v = u / (u + v), v / (u + v)
    return u, v


@compiled
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


@compiled
def _same(normals, a, b):  # type: ignore[no-untyped-def]
    """Return whether two vertex normals are equal."""
    return (
        normals[a] == normals[b]
        and normals[a + 1] == normals[b + 1]
        and normals[a + 2] == normals[b + 2]
    )


@compiled
def _corner_normal(normals, at, look):  # type: ignore[no-untyped-def]
    """Return a vertex normal in the body's scaled frame; unit, or 0 where the mesh has none."""
    x, y, z = float(normals[at]), float(normals[at + 1]), float(normals[at + 2])
    if look[EVEN] > 0.0:
        return x, y, z
    x, y, z = x / look[SCALE], y / look[SCALE + 1], z / look[SCALE + 2]
    length = math.sqrt(x * x + y * y + z * z)
    if length < 1e-12:
        return 0.0, 0.0, 0.0
    return x / length, y / length, z / length


@compiled
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
        inverse = 1.0 / length
        fx, fy, fz = fx * inverse, fy * inverse, fz * inverse
    x, y, z = c[0] + u * ex + v * gx, c[1] + u * ey + v * gy, c[2] + u * ez + v * gz
    point[LOCAL], point[LOCAL + 1], point[LOCAL + 2] = x, y, z
    point[FACE], point[FACE + 1], point[FACE + 2], point[FACE_SIZE] = fx, fy, fz, length
    # The ray in the body's frame.
    rx = p[0] * dx + p[3] * dy + p[6] * dz
    ry = p[1] * dx + p[4] * dy + p[7] * dz
    rz = p[2] * dx + p[5] * dy + p[8] * dz
    if fx * rx + fy * ry + fz * rz > 0.0:
        fx, fy, fz = -fx, -fy, -fz
    faces, normals = ints(array_of(world, body, FACES)), floats(array_of(world, body, NORMALS))
    i0, i1, i2 = 3 * faces[3 * face], 3 * faces[3 * face + 1], 3 * faces[3 * face + 2]
    lx, ly, lz = x, y, z
    point[FLAT] = 0.0
    if _same(normals, i0, i1) and _same(normals, i0, i2):
        point[FLAT] = 1.0
        nx, ny, nz = _corner_normal(normals, i0, look)
        if nx * fx + ny * fy + nz * fz < 0.0:
            nx, ny, nz = -nx, -ny, -nz
    else:
        nx, ny, nz = 0.0, 0.0, 0.0
        for k in range(3):
            weight = 1.0 - u - v if k == 0 else (u if k == 1 else v)
            kx, ky, kz = _corner_normal(normals, i0 if k == 0 else (i1 if k == 1 else i2), look)
            if kx * fx + ky * fy + kz * fz < 0.0:
                kx, ky, kz = -kx, -ky, -kz
            nx, ny, nz = nx + weight * kx, ny + weight * ky, nz + weight * kz
            below = (x - c[3 * k]) * kx + (y - c[3 * k + 1]) * ky + (z - c[3 * k + 2]) * kz
            below = min(below, 0.0) * weight
            lx, ly, lz = lx - below * kx, ly - below * ky, lz - below * kz
        length = math.sqrt(nx * nx + ny * ny + nz * nz)
        if length > 1e-6:
            inverse = 1.0 / length
            nx, ny, nz = nx * inverse, ny * inverse, nz * inverse
    if nx == 0.0 and ny == 0.0 and nz == 0.0:
        nx, ny, nz = fx, fy, fz
    away = nx * rx + ny * ry + nz * rz
    if away > 0.0:
        point[FLAT] = 0.0
        nx, ny, nz = nx - away * rx, ny - away * ry, nz - away * rz
        length = math.sqrt(nx * nx + ny * ny + nz * nz)
        if length > 1e-6:
            inverse = 1.0 / length
            nx, ny, nz = nx * inverse, ny * inverse, nz * inverse
        else:
            nx, ny, nz = fx, fy, fz
    _put(p, point, AT, x, y, z)
    point[AT] += p[9]
    point[AT + 1] += p[10]
    point[AT + 2] += p[11]
    _put(p, point, FACING, fx, fy, fz)
    _put(p, point, SMOOTH, nx, ny, nz)
    for k in range(3):
        point[PLAIN + k] = point[SMOOTH + k]
    _put(p, point, LEAVE, lx, ly, lz)
    far = max(abs(point[AT]), abs(point[AT + 1]), abs(point[AT + 2]), 0.05)
    lift = LIFT * far
    for k in range(3):
        point[LEAVE + k] += p[9 + k] + lift * point[FACING + k]


@compiled
def _put(p, point, column, x, y, z):  # type: ignore[no-untyped-def]
    """Write a body's vector, turned to the world."""
    point[column] = p[0] * x + p[1] * y + p[2] * z
    point[column + 1] = p[3] * x + p[4] * y + p[5] * z
    point[column + 2] = p[6] * x + p[7] * y + p[8] * z
