"""Compiled: rays in packets, and the surface that they hit.

What is known of a packet's rays and points stands in columns, `PACKET` numbers each, one after the
other in one piece of memory, so that loops over lanes become vector instructions. Reading what lies
scattered (vertices, poses, textures) is done lane by lane, in loops of its own.
"""

from __future__ import annotations

from simkit.compiled import compiled, square_root
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
    ARGUMENT_BYTES,
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
    TIMES,
    VERTICES,
)

Y, Z = PACKET, 2 * PACKET
"""From a vector's x to its y and z."""

# Where columns of the packet's points begin; a vector takes three.
AT, FACING, SMOOTH, COLOR, VIEW, LEAVE, PLAIN, LOCAL, FACE, OUT, GATHERED = (
    3 * PACKET * k for k in range(11)
)
ROUGH, METAL, ALPHA, COSINE, SPLIT_A, SPLIT_B, FACE_SIZE, SLANT = (
    PACKET * k for k in range(33, 41)
)
"""Position, geometric normal and smooth normal towards the viewer, base colour, direction to the
viewer, and where shadow rays begin; the smooth normal as it was before a normal map; in the body's
scaled frame the position and the face's normal outwards; light that leaves towards the viewer, and
that of one light. Roughness, metallic, GGX's alpha, n.v, the split sum's A and B, twice the face's
area, and the cosine between the face's normal and the view."""

RAY, HIT_U, HIT_V, REACH = (PACKET * k for k in (41, 47, 48, 49))
"""The camera's ray (origin, direction), barycentric place, and the ray's parameter there."""

CORNERS, CORNER_NORMALS, POSE, NEAR_REACH = (PACKET * k for k in (50, 59, 68, 80))
FACE_COLUMNS = 30
"""Of the face: corners (0, 1, 2) and unit vertex normals in the body's scaled frame; its body's pose."""

LIGHT_RAY, FALLOFF, DISTANCE, LIT, SEEN, VISIBLE, ACTIVE = (
    PACKET * k for k in (81, 84, 85, 86, 87, 88, 89)
)
"""Towards a light's sample, its irradiance, its distance; whether (0, 1) the light may reach a lane;
how many hard lights and how many samples of a soft one do; and whether there is a point at all."""

BOX_U, BOX_V, WIDTH, MAPPED, PLACE_U, PLACE_V, TEXELS_WIDE, TEXELS_HIGH, WEIGHTS_OF, NEIGHBOURS = (
    PACKET * k for k in (90, 91, 92, 93, 94, 95, 96, 97, 98, 102)
)
"""Box mapping and the pixel's width there [m]; whether there is a texture, where in it, its level's
size, and the four texels about that place: weights and numbers."""

ARRIVING, ARRIVED_LIGHT, OWN_ALPHA = (PACKET * k for k in (106, 107, 108))
"""Of a soft light's shadow rays: what would arrive with no body in the way, and what does; GGX's alpha
while it is wider than the surface's own."""

OPEN, SHADED = (PACKET * k for k in (109, 112))
"""Light of all soft lights that leaves towards the viewer: with no body in the way, and as it is."""

POINT_COLUMNS = 115

MIN_COSINE = 1e-3

LIFT = 1e-5
"""How far above a face shadow rays begin, relative to the largest coordinate: a hundred roundings."""

# The table of working memory, see `simkit.render.embree.memory`.
(
    RAYS_AT, LANES, SINGLE, MOMENTS, MARKS, POINTS, COLUMNS, ROWS, SAMPLE, WEIGHTS, TOTALS, FAR_POINTS,
    AROUND, BODY, FACE_NUMBER, NEEDY, ARRIVED, RAYED, STARTS, TEXELS_READ,
) = range(20)  # fmt: skip


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
def set_ray(memory, lane, ox, oy, oz, dx, dy, dz, far):  # type: ignore[no-untyped-def]
    """Write a ray that begins at once into a packet's lane."""
    f, i = floats(memory[RAYS_AT]), uints(memory[RAYS_AT])
    f[ORIGIN * PACKET + lane] = ox
    f[(ORIGIN + 1) * PACKET + lane] = oy
    f[(ORIGIN + 2) * PACKET + lane] = oz
    f[DIRECTION * PACKET + lane] = dx
    f[(DIRECTION + 1) * PACKET + lane] = dy
    f[(DIRECTION + 2) * PACKET + lane] = dz
    f[NEAR * PACKET + lane], f[FAR * PACKET + lane], f[TIME * PACKET + lane] = 0.0, far, 0.0
    i[MASK * PACKET + lane], i[FLAGS * PACKET + lane] = NOTHING, 0
    i[GEOMETRY * PACKET + lane], i[INSTANCE * PACKET + lane] = NOTHING, NOTHING


@compiled
def set_rays(memory, origin, direction, near):  # type: ignore[no-untyped-def]
    """Write rays into all lanes, from columns of the points; `DISTANCE` is their end."""
    f, i, p = floats(memory[RAYS_AT]), uints(memory[RAYS_AT]), doubles(memory[POINTS])
    for lane in range(PACKET):
        f[ORIGIN * PACKET + lane] = p[origin + lane]
        f[(ORIGIN + 1) * PACKET + lane] = p[origin + Y + lane]
        f[(ORIGIN + 2) * PACKET + lane] = p[origin + Z + lane]
        f[DIRECTION * PACKET + lane] = p[direction + lane]
        f[(DIRECTION + 1) * PACKET + lane] = p[direction + Y + lane]
        f[(DIRECTION + 2) * PACKET + lane] = p[direction + Z + lane]
        f[FAR * PACKET + lane] = p[DISTANCE + lane]
    for lane in range(PACKET):
        f[NEAR * PACKET + lane], f[TIME * PACKET + lane] = near, 0.0
        i[MASK * PACKET + lane], i[FLAGS * PACKET + lane] = NOTHING, 0
        i[GEOMETRY * PACKET + lane], i[INSTANCE * PACKET + lane] = NOTHING, NOTHING


@compiled
def cast(world, memory, any_hit, scattered):  # type: ignore[no-untyped-def]
    """Cast the rays of a packet at their moments' scenes; with `any_hit` far < 0 means occluded.

    Rays of one moment go together; else one by one, through the memory of a single ray. Embree finds
    its way otherwise for `scattered` rays than for those that go much the same way.
    """
    lanes, moments, handles = ints(memory[LANES]), words(memory[MOMENTS]), words(world[HANDLES])
    f, i = floats(memory[RAYS_AT]), uints(memory[RAYS_AT])
    single_f, single_i = floats(memory[SINGLE]), uints(memory[SINGLE])
    some = 0
    for lane in range(PACKET):
        some |= lanes[lane]
    if some == 0:
        return
    scene, together = handles[0], True
    if world[TIMES] > 1:
        scene = 0
        for lane in range(PACKET):
            if lanes[lane] != 0:
                own = handles[moments[lane]]
                if scene == 0:
                    scene = own
                elif own != scene:
                    together = False
    arguments = world[ARGUMENTS] + (ARGUMENT_BYTES if scattered else 0)
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
def hits(world, memory, with_normals):  # type: ignore[no-untyped-def]
    """Fill `BODY` (-1: a miss), `FACE_NUMBER` and the point's place after camera rays were cast.

    Embree decides in single precision what is hit; how far along the ray that face's plane is, is
    computed here again, in double precision. Returns whether anything was hit.
    """
    f, i, lanes = floats(memory[RAYS_AT]), uints(memory[RAYS_AT]), ints(memory[LANES])
    p, bodies, faces = doubles(memory[POINTS]), words(memory[BODY]), words(memory[FACE_NUMBER])
    some = False
    for lane in range(PACKET):
        bodies[lane], faces[lane], p[ACTIVE + lane] = -1, -1, 0.0
        if lanes[lane] != 0 and i[GEOMETRY * PACKET + lane] != NOTHING:
            bodies[lane] = int(i[INSTANCE * PACKET + lane])
            faces[lane] = int(i[TRIANGLE * PACKET + lane])
            p[ACTIVE + lane], some = 1.0, True
    if not some:
        return False
    for lane in range(PACKET):
        p[HIT_U + lane], p[HIT_V + lane] = float(f[U * PACKET + lane]), float(f[V * PACKET + lane])
        p[NEAR_REACH + lane] = float(f[FAR * PACKET + lane])
    fetch(world, memory, with_normals)
    _reach(p)
    return True


@compiled
def _reach(p):  # type: ignore[no-untyped-def]
    """Fill how far along the ray the face's plane is."""
    for lane in range(PACKET):
        c, q, r = CORNERS + lane, POSE + lane, RAY + lane
        ax, ay, az = p[c], p[c + Y], p[c + Z]
        ex, ey, ez = p[c + 3 * Y] - ax, p[c + 4 * Y] - ay, p[c + 5 * Y] - az
        gx, gy, gz = p[c + 6 * Y] - ax, p[c + 7 * Y] - ay, p[c + 8 * Y] - az
        nx, ny, nz = ey * gz - ez * gy, ez * gx - ex * gz, ex * gy - ey * gx
        wx = p[q] * nx + p[q + Y] * ny + p[q + 2 * Y] * nz
        wy = p[q + 3 * Y] * nx + p[q + 4 * Y] * ny + p[q + 5 * Y] * nz
        wz = p[q + 6 * Y] * nx + p[q + 7 * Y] * ny + p[q + 8 * Y] * nz
        slope = wx * p[r + 3 * Y] + wy * p[r + 4 * Y] + wz * p[r + 5 * Y]
        offset = nx * ax + ny * ay + nz * az
        offset -= wx * (p[r] - p[q + 9 * Y]) + wy * (p[r + Y] - p[q + 10 * Y])
        offset -= wz * (p[r + Z] - p[q + 11 * Y])
        t, near = offset / slope, p[NEAR_REACH + lane]
        # Where the face is seen edge on, Embree's is as good.
        p[REACH + lane] = t if abs(t - near) < 1e-3 * near else near


@compiled
def fetch(world, memory, with_normals):  # type: ignore[no-untyped-def]
    """Fill corners, pose, and, if asked for, vertex normals, of what active lanes see."""
    p, bodies, numbers = doubles(memory[POINTS]), words(memory[BODY]), words(memory[FACE_NUMBER])
    moments = words(memory[MOMENTS])
    first, same = -1, True
    for lane in range(PACKET):
        if p[ACTIVE + lane] == 0.0:
            continue
        if first < 0:
            first = lane
        body, face = bodies[lane], numbers[lane]
        same &= body == bodies[first] and face == numbers[first] and moments[lane] == moments[first]
    for lane in range(PACKET):
        if p[ACTIVE + lane] != 0.0 and (lane == first or not same):
            _fetch_face(world, p, bodies[lane], numbers[lane], moments[lane], lane, with_normals)
    if same:
        for column in range(FACE_COLUMNS):
            value = p[CORNERS + column * PACKET + first]
            for lane in range(PACKET):
                p[CORNERS + column * PACKET + lane] = value


@compiled
def _fetch_face(world, p, body, face, moment, lane, with_normals):  # type: ignore[no-untyped-def]
    faces, look = ints(array_of(world, body, FACES)), look_of(world, body)
    vertices = floats(array_of(world, body, VERTICES))
    normals = floats(array_of(world, body, NORMALS))
    pose = pose_of(world, moment, body)
    for k in range(12):
        p[POSE + k * PACKET + lane] = pose[k]
    sx, sy, sz = look[SCALE], look[SCALE + 1], look[SCALE + 2]
    for corner in range(3):
        at = 3 * int(faces[3 * face + corner])
        to = CORNERS + 3 * PACKET * corner + lane
        p[to], p[to + Y], p[to + Z] = (
            vertices[at] * sx, vertices[at + 1] * sy, vertices[at + 2] * sz,
        )  # fmt: skip
        if with_normals:
            x, y, z = float(normals[at]), float(normals[at + 1]), float(normals[at + 2])
            if look[EVEN] == 0.0:
                x, y, z = x / sx, y / sy, z / sz
                length = square_root(x * x + y * y + z * z)
                inverse = 1.0 / length if length > 1e-12 else 0.0
                x, y, z = x * inverse, y * inverse, z * inverse
            to = CORNER_NORMALS + 3 * PACKET * corner + lane
            p[to], p[to + Y], p[to + Z] = x, y, z


@compiled
def exact_places(memory):  # type: ignore[no-untyped-def]
    """Compute `HIT_U` and `HIT_V` of where rays are at `REACH`, in double precision."""
    p = doubles(memory[POINTS])
    for lane in range(PACKET):
        c, q, r, t = CORNERS + lane, POSE + lane, RAY + lane, p[REACH + lane]
        x = p[r] + t * p[r + 3 * Y] - p[q + 9 * Y]
        y = p[r + Y] + t * p[r + 4 * Y] - p[q + 10 * Y]
        z = p[r + Z] + t * p[r + 5 * Y] - p[q + 11 * Y]
        ax, ay, az = p[c], p[c + Y], p[c + Z]
        hx = p[q] * x + p[q + 3 * Y] * y + p[q + 6 * Y] * z - ax
        hy = p[q + Y] * x + p[q + 4 * Y] * y + p[q + 7 * Y] * z - ay
        hz = p[q + 2 * Y] * x + p[q + 5 * Y] * y + p[q + 8 * Y] * z - az
        ex, ey, ez = p[c + 3 * Y] - ax, p[c + 4 * Y] - ay, p[c + 5 * Y] - az
        gx, gy, gz = p[c + 6 * Y] - ax, p[c + 7 * Y] - ay, p[c + 8 * Y] - az
        nx, ny, nz = ey * gz - ez * gy, ez * gx - ex * gz, ex * gy - ey * gx
        size2 = nx * nx + ny * ny + nz * nz
        inverse = 1.0 / size2 if size2 > 0.0 else 0.0
        u = (hy * gz - hz * gy) * nx + (hz * gx - hx * gz) * ny + (hx * gy - hy * gx) * nz
        v = (ey * hz - ez * hy) * nx + (ez * hx - ex * hz) * ny + (ex * hy - ey * hx) * nz
        u, v = max(u * inverse, 0.0), max(v * inverse, 0.0)
        over = max(u + v, 1.0)
        p[HIT_U + lane], p[HIT_V + lane] = u / over, v / over


@compiled
def places_of(memory):  # type: ignore[no-untyped-def]
    """Fill `LOCAL`, `FACE` and `SLANT`, as `normals_of` does, which also needs vertex normals."""
    p = doubles(memory[POINTS])
    for lane in range(PACKET):
        c, q, r = CORNERS + lane, POSE + lane, RAY + lane
        dx, dy, dz = p[r + 3 * Y], p[r + 4 * Y], p[r + 5 * Y]
        inverse = 1.0 / square_root(dx * dx + dy * dy + dz * dz)
        rx = (p[q] * dx + p[q + 3 * Y] * dy + p[q + 6 * Y] * dz) * inverse
        ry = (p[q + Y] * dx + p[q + 4 * Y] * dy + p[q + 7 * Y] * dz) * inverse
        rz = (p[q + 2 * Y] * dx + p[q + 5 * Y] * dy + p[q + 8 * Y] * dz) * inverse
        ax, ay, az = p[c], p[c + Y], p[c + Z]
        ex, ey, ez = p[c + 3 * Y] - ax, p[c + 4 * Y] - ay, p[c + 5 * Y] - az
        gx, gy, gz = p[c + 6 * Y] - ax, p[c + 7 * Y] - ay, p[c + 8 * Y] - az
        fx, fy, fz = ey * gz - ez * gy, ez * gx - ex * gz, ex * gy - ey * gx
        size = square_root(fx * fx + fy * fy + fz * fz)
        inverse = 1.0 / size if size > 0.0 else 0.0
        fx, fy, fz = fx * inverse, fy * inverse, fz * inverse
        p[FACE + lane], p[FACE + Y + lane], p[FACE + Z + lane] = fx, fy, fz
        p[SLANT + lane] = abs(fx * rx + fy * ry + fz * rz)
        u, v = p[HIT_U + lane], p[HIT_V + lane]
        p[LOCAL + lane] = ax + u * ex + v * gx
        p[LOCAL + Y + lane] = ay + u * ey + v * gy
        p[LOCAL + Z + lane] = az + u * ez + v * gz


@compiled
def normals_of(memory):  # type: ignore[no-untyped-def]
    """Fill the points' places, normals, views, and where shadow rays leave.

    Normals are turned to the viewer's side by the face's side; an interpolated normal that still
    looks away is bent until it is at right angles to the ray. Shadow rays leave from the curved
    surface that the normals stand for, not from the flat face (Hanika, "Hacking the Shadow
    Terminator", Ray Tracing Gems II, 2021), and a little above it.
    """
    p = doubles(memory[POINTS])
    for lane in range(PACKET):
        c, q, r, m = CORNERS + lane, POSE + lane, RAY + lane, CORNER_NORMALS + lane
        dx, dy, dz = p[r + 3 * Y], p[r + 4 * Y], p[r + 5 * Y]
        inverse = 1.0 / square_root(dx * dx + dy * dy + dz * dz)
        dx, dy, dz = dx * inverse, dy * inverse, dz * inverse
        p[VIEW + lane], p[VIEW + Y + lane], p[VIEW + Z + lane] = -dx, -dy, -dz
        # The ray in the body's frame.
        rx = p[q] * dx + p[q + 3 * Y] * dy + p[q + 6 * Y] * dz
        ry = p[q + Y] * dx + p[q + 4 * Y] * dy + p[q + 7 * Y] * dz
        rz = p[q + 2 * Y] * dx + p[q + 5 * Y] * dy + p[q + 8 * Y] * dz
        ax, ay, az = p[c], p[c + Y], p[c + Z]
        bx, by, bz = p[c + 3 * Y], p[c + 4 * Y], p[c + 5 * Y]
        cx, cy, cz = p[c + 6 * Y], p[c + 7 * Y], p[c + 8 * Y]
        ex, ey, ez = bx - ax, by - ay, bz - az
        gx, gy, gz = cx - ax, cy - ay, cz - az
        fx, fy, fz = ey * gz - ez * gy, ez * gx - ex * gz, ex * gy - ey * gx
        size = square_root(fx * fx + fy * fy + fz * fz)
        inverse = 1.0 / size if size > 0.0 else 0.0
        fx, fy, fz = fx * inverse, fy * inverse, fz * inverse
        p[FACE + lane], p[FACE + Y + lane], p[FACE + Z + lane] = fx, fy, fz
        p[FACE_SIZE + lane] = size
        slant = fx * rx + fy * ry + fz * rz
        side = -1.0 if slant > 0.0 else 1.0
        p[SLANT + lane] = abs(slant)
        fx, fy, fz = fx * side, fy * side, fz * side
        u, v = p[HIT_U + lane], p[HIT_V + lane]
        w = 1.0 - u - v
        x, y, z = ax + u * ex + v * gx, ay + u * ey + v * gy, az + u * ez + v * gz
        p[LOCAL + lane], p[LOCAL + Y + lane], p[LOCAL + Z + lane] = x, y, z
        # Each corner's normal, on the viewer's side, and how far the point is below its plane.
        ix, iy, iz = p[m], p[m + Y], p[m + Z]
        jx, jy, jz = p[m + 3 * Y], p[m + 4 * Y], p[m + 5 * Y]
        kx, ky, kz = p[m + 6 * Y], p[m + 7 * Y], p[m + 8 * Y]
        spread = abs(jx - ix) + abs(jy - iy) + abs(jz - iz)
        spread += abs(kx - ix) + abs(ky - iy) + abs(kz - iz)
        si = -w if ix * fx + iy * fy + iz * fz < 0.0 else w
        sj = -u if jx * fx + jy * fy + jz * fz < 0.0 else u
        sk = -v if kx * fx + ky * fy + kz * fz < 0.0 else v
        hi = min(((x - ax) * ix + (y - ay) * iy + (z - az) * iz) * si, 0.0)
        hj = min(((x - bx) * jx + (y - by) * jy + (z - bz) * jz) * sj, 0.0)
        hk = min(((x - cx) * kx + (y - cy) * ky + (z - cz) * kz) * sk, 0.0)
        hi = -hi if si < 0.0 else hi
        hj = -hj if sj < 0.0 else hj
        hk = -hk if sk < 0.0 else hk
        nx, ny, nz = (
            si * ix + sj * jx + sk * kx,
            si * iy + sj * jy + sk * ky,
            si * iz + sj * jz + sk * kz,
        )
        curved = 1.0 if spread > 0.0 else 0.0
        lx = x - curved * (hi * ix + hj * jx + hk * kx)
        ly = y - curved * (hi * iy + hj * jy + hk * ky)
        lz = z - curved * (hi * iz + hj * jz + hk * kz)
        length = square_root(nx * nx + ny * ny + nz * nz)
        bare = length <= 1e-6
        inverse = 1.0 / length
        nx = fx if bare else nx * inverse
        ny = fy if bare else ny * inverse
        nz = fz if bare else nz * inverse
        away = max(nx * rx + ny * ry + nz * rz, 0.0)
        nx, ny, nz = nx - away * rx, ny - away * ry, nz - away * rz
        length = square_root(nx * nx + ny * ny + nz * nz)
        bare = length <= 1e-6
        inverse = 1.0 / length if away > 0.0 else 1.0
        nx = fx if bare else nx * inverse
        ny = fy if bare else ny * inverse
        nz = fz if bare else nz * inverse
        atx = p[q] * x + p[q + Y] * y + p[q + 2 * Y] * z + p[q + 9 * Y]
        aty = p[q + 3 * Y] * x + p[q + 4 * Y] * y + p[q + 5 * Y] * z + p[q + 10 * Y]
        atz = p[q + 6 * Y] * x + p[q + 7 * Y] * y + p[q + 8 * Y] * z + p[q + 11 * Y]
        p[AT + lane], p[AT + Y + lane], p[AT + Z + lane] = atx, aty, atz
        lift = LIFT * max(max(abs(atx), abs(aty)), max(abs(atz), 0.05))
        wx = p[q] * fx + p[q + Y] * fy + p[q + 2 * Y] * fz
        wy = p[q + 3 * Y] * fx + p[q + 4 * Y] * fy + p[q + 5 * Y] * fz
        wz = p[q + 6 * Y] * fx + p[q + 7 * Y] * fy + p[q + 8 * Y] * fz
        p[FACING + lane], p[FACING + Y + lane], p[FACING + Z + lane] = wx, wy, wz
        ux = p[q] * lx + p[q + Y] * ly + p[q + 2 * Y] * lz
        uy = p[q + 3 * Y] * lx + p[q + 4 * Y] * ly + p[q + 5 * Y] * lz
        uz = p[q + 6 * Y] * lx + p[q + 7 * Y] * ly + p[q + 8 * Y] * lz
        p[LEAVE + lane] = ux + p[q + 9 * Y] + lift * wx
        p[LEAVE + Y + lane] = uy + p[q + 10 * Y] + lift * wy
        p[LEAVE + Z + lane] = uz + p[q + 11 * Y] + lift * wz
        wx = p[q] * nx + p[q + Y] * ny + p[q + 2 * Y] * nz
        wy = p[q + 3 * Y] * nx + p[q + 4 * Y] * ny + p[q + 5 * Y] * nz
        wz = p[q + 6 * Y] * nx + p[q + 7 * Y] * ny + p[q + 8 * Y] * nz
        p[SMOOTH + lane], p[SMOOTH + Y + lane], p[SMOOTH + Z + lane] = wx, wy, wz
        p[PLAIN + lane], p[PLAIN + Y + lane], p[PLAIN + Z + lane] = wx, wy, wz
