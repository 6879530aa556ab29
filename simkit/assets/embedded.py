"""Eight small parts that come with simkit, made by formula: no files, no licence of others.

Sizes are those of real parts (2 to 12 cm), meshes are watertight, z is their upright axis, and the
origin is at the middle of the base or of the axis.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simkit.assets.named_parts import named
from simkit.assets.painting import painted, plain
from simkit.assets.parts import Part
from simkit.assets.shapes import (
    Profile,
    circle,
    closed,
    hexagon,
    holed_patch,
    lofted,
    polar_rings,
    turned,
)
from simkit.assets.tableware import bowl, mug

Float = NDArray[np.float64]

EMBEDDED_LICENCE = "Apache-2.0"

# Looks in sRGB, as a colour picker gives them.
BRASS = (0.83, 0.66, 0.30)
STEEL = (0.66, 0.68, 0.71)
RED_OXIDE = (0.60, 0.20, 0.15)
MACHINED = (0.78, 0.78, 0.76)
ORANGE = (0.93, 0.47, 0.10)
GREEN = (0.13, 0.50, 0.30)
COPPER = (0.79, 0.48, 0.34)


def embedded_part_names() -> list[str]:
    """Return the names of the embedded parts, sorted."""
    return sorted(_BUILDERS)


def embedded_parts(name: str) -> list[Part]:
    """Return the part `name` [m]; `KeyError` if there is none."""
    return [_BUILDERS[name]()]


def _hex_nut() -> Part:
    """M16 nut: 24 mm across flats, 13 mm high, with chamfers and a threaded bore."""
    angles = circle(48)
    flats = hexagon(angles, 0.024)
    inner, chamfered, half = 0.0069, 0.0115, 0.0065
    drop = np.tan(np.radians(30.0)) * np.maximum(flats - chamfered, 0.0)
    turns = 5
    ridges = []
    for step in range(2 * turns + 1):
        z = half - 0.0012 - step * (2.0 * (half - 0.0012)) / (2 * turns)
        ridges.append((inner + (0.0009 if step % 2 == 0 else 0.0), z))
    profile: Profile = [
        (0.0087, -half),
        (chamfered, -half),
        (flats, -half + drop),
        (flats, half - drop),
        (chamfered, half),
        (0.0087, half),
        *ridges,
    ]
    vertices, faces, _ = closed(lofted(polar_rings(angles, profile), along=True))
    return plain(vertices, faces, BRASS, np.radians(25.0))


def _hex_bolt() -> Part:
    """M10 bolt: 55 mm long under a 17 mm hexagon head, with a helical thread."""
    angles = circle(36)
    flats = hexagon(angles, 0.017)
    chamfered = 0.0080
    drop = np.tan(np.radians(30.0)) * np.maximum(flats - chamfered, 0.0)
    shank, pitch, length, thread = 0.005, 0.0025, 0.048, 0.030
    profile: list[tuple[ArrayLike, ArrayLike]] = [(0.0, 0.0), (0.0036, 0.0)]
    rows = np.arange(0.0010, thread, pitch / 5.0)
    for z in rows:
        phase = np.mod(z / pitch - angles / (2.0 * np.pi), 1.0)
        fade = min((thread - z) / pitch, (z - 0.0002) / pitch, 1.0)
        depth = 0.0009 * np.clip(2.4 * np.abs(phase - 0.5) - 0.1, 0.0, 1.0)
        profile.append((shank - 0.0009 + fade * (0.0009 - depth), z))
    profile += [(shank, thread + 0.0012), (shank, length), (0.0075, length)]
    profile += [(flats, length + 0.0002), (flats, length + 0.0067 - drop)]
    profile += [(chamfered, length + 0.0067), (0.0066, length + 0.0067), (0.0062, length + 0.0063)]
    profile += [(0.0, length + 0.0063)]
    vertices, faces, _ = closed(lofted(polar_rings(angles, profile)))
    is_head = vertices[faces][..., 2].mean(axis=1) >= length
    return named(plain(vertices, faces, STEEL), "shank", "head", of_face=is_head)


def _flange() -> Part:
    """Pipe flange of 80 mm with six bolt holes and a hub; the hub's rim is machined bare."""
    sectors, side = 6, 6
    inner, outer, thick, bore = 0.0195, 0.040, 0.008, 0.0125
    angles = circle(sectors * side)
    top, bottom, walls = [], [], []
    for sector in range(sectors):
        start = sector * np.pi * 2.0 / sectors
        edge, hole = _flange_sector(start, np.pi * 2.0 / sectors, inner, outer, side)
        top.append(holed_patch(_lifted(edge, thick), _lifted(hole, thick)))
        bottom.append(turned(holed_patch(_lifted(edge, 0.0), _lifted(hole, 0.0))))
        walls.append(lofted(np.stack([_lifted(hole, thick), _lifted(hole, 0.0)])))
    rim = lofted(polar_rings(angles, [(outer, 0.0), (outer, thick)]))
    neck = [(inner, thick), (0.0182, thick + 0.0008), (0.0176, thick + 0.0022), (0.0170, 0.0190)]
    hub = lofted(polar_rings(angles, neck))
    lip = [(0.0170, 0.0190), (0.0160, 0.0200), (bore + 0.0008, 0.0200), (bore, 0.0192)]
    bored = [(bore, 0.0192), (bore, 0.0), (inner, 0.0)]
    bare = lofted(polar_rings(angles, [*lip, *bored[1:]]))
    vertices, faces, owner = closed(*top, *bottom, rim, hub, bare, *walls)
    first_bare = 2 * sectors + 2
    is_bare = (owner >= first_bare).astype(np.int64)
    is_hub = (owner == first_bare - 1) | (owner == first_bare)
    part = painted(vertices, faces, is_bare, (RED_OXIDE, MACHINED))
    return named(part, "plate", "hub", of_face=is_hub)


def _flange_sector(
    start: float, width: float, inner: float, outer: float, side: int
) -> tuple[Float, Float]:
    """Return a sector's edge (4 side, 2), counter-clockwise, and the bolt hole in it, to match."""
    steps = np.arange(side) / side
    radius = np.concatenate(
        [inner + steps * (outer - inner), np.full(side, outer),
         outer - steps * (outer - inner), np.full(side, inner)]
    )  # fmt: skip
    angle = np.concatenate(
        [np.full(side, start), start + steps * width,
         np.full(side, start + width), start + (1.0 - steps) * width]
    )  # fmt: skip
    edge = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    middle = start + width / 2.0
    center = 0.0305 * np.array([np.cos(middle), np.sin(middle)])
    return edge, _hole(edge, center, 0.0042)


def _hole(edge: Float, center: Float, radius: float) -> Float:
    """Return points (N, 2) on a circle, in the directions in which the edge points lie."""
    first = edge[0] - center
    around = np.arctan2(first[1], first[0]) + circle(len(edge))
    return center + radius * np.stack([np.cos(around), np.sin(around)], axis=1)


def _lifted(points: Float, z: float) -> Float:
    return np.column_stack([points, np.full(len(points), z)])


def _l_bracket() -> Part:
    """Bent sheet bracket: legs of 50 mm, 40 mm wide, 4 mm thick, two holes in each leg."""
    thick, bend, length, width = 0.004, 0.008, 0.050, 0.040
    count, side = 2, 8
    pieces = []
    for upright in (False, True):
        edges = np.linspace(bend, length, count + 1)
        for low, high in pairwise(edges):
            edge = _rectangle(low, high, -width / 2.0, width / 2.0, side)
            hole = _hole(edge, np.array([(low + high) / 2.0, 0.0]), 0.0045)
            under, over = (_on_leg(edge, w, upright) for w in (0.0, thick))
            hole_under, hole_over = (_on_leg(hole, w, upright) for w in (0.0, thick))
            leg = [
                holed_patch(over, hole_over),
                turned(holed_patch(under, hole_under)),
                lofted(np.stack([hole_over, hole_under])),
            ]
            # Sides in turn: long, far, long, near. Only the last piece of a leg has a far end.
            for start in (0, side, 2 * side) if high == length else (0, 2 * side):
                rows = np.arange(start, start + side + 1)
                leg.append(lofted(np.stack([under[rows], over[rows]]), around=False))
            pieces += [turned(piece) for piece in leg] if upright else leg
    pieces += _bend(thick, bend, width, side)
    vertices, faces, _ = closed(*pieces)
    return plain(vertices, faces, ORANGE)


def _rectangle(x0: float, x1: float, y0: float, y1: float, side: int) -> Float:
    """Return the edge (4 side, 2) of a rectangle, counter-clockwise from its lower left corner."""
    steps = np.arange(side) / side
    x = np.concatenate([x0 + steps * (x1 - x0), np.full(side, x1),
                        x1 - steps * (x1 - x0), np.full(side, x0)])  # fmt: skip
    y = np.concatenate([np.full(side, y0), y0 + steps * (y1 - y0),
                        np.full(side, y1), y1 - steps * (y1 - y0)])  # fmt: skip
    return np.stack([x, y], axis=1)


def _on_leg(points: Float, height: float, upright: bool) -> Float:
    """Return leg coordinates (N, 2) and height above its outside in space (N, 3)."""
    along, across = points[:, 0], points[:, 1]
    level = np.full(len(points), height)
    return np.stack([level, across, along] if upright else [along, across, level], axis=1)


def _bend(thick: float, bend: float, width: float, side: int) -> list[Float]:
    """Return the quarter turn between the legs, about the axis x = z = `bend`."""
    angles = np.linspace(-np.pi / 2.0, -np.pi, 9)
    across = -width / 2.0 + np.arange(side + 1) / side * width

    def arc(radius: float) -> Float:
        x, z = bend + radius * np.cos(angles), bend + radius * np.sin(angles)
        rows = [np.stack([np.full(side + 1, a), across, np.full(side + 1, b)], axis=1)
                for a, b in zip(x, z, strict=True)]  # fmt: skip
        return np.stack(rows)

    outside, inside = arc(bend), arc(bend - thick)
    return [
        turned(lofted(outside, around=False)),
        lofted(inside, around=False),
        turned(lofted(np.stack([outside[:, 0], inside[:, 0]]), around=False)),
        lofted(np.stack([outside[:, -1], inside[:, -1]]), around=False),
    ]


def _spur_gear() -> Part:
    """Involute gear: module 2.5 mm, 20 teeth, 55 mm across, 14 mm wide; a steel hub in nylon."""
    angles, teeth = _gear_outline(20, 0.0025)
    half, web = 0.007, 0.0035
    rim, hub, bore = 0.0185, 0.0100, 0.0050
    tooth_edge = 0.0004
    nylon: Profile = [
        (hub, web), (rim - 0.0012, web), (rim, half), (teeth - tooth_edge, half),
        (teeth, half - tooth_edge), (teeth, -half + tooth_edge), (teeth - tooth_edge, -half),
        (rim, -half), (rim - 0.0012, -web), (hub, -web),
    ]  # fmt: skip
    steel = [
        (hub, -web), (hub, -half - 0.0006), (hub - 0.0006, -half - 0.0012),
        (bore + 0.0006, -half - 0.0012), (bore, -half - 0.0006), (bore, half + 0.0006),
        (bore + 0.0006, half + 0.0012), (hub - 0.0006, half + 0.0012), (hub, half + 0.0006),
        (hub, web),
    ]  # fmt: skip
    body = turned(lofted(polar_rings(angles, nylon)))
    bush = turned(lofted(polar_rings(angles, steel)))
    vertices, faces, owner = closed(body, bush)
    part = painted(vertices, faces, owner, (GREEN, STEEL))
    return named(part, "rim", "bush", of_face=owner)


def _gear_outline(teeth: int, module: float) -> tuple[Float, Float]:
    """Return angles (N,) [rad], rising, and radii (N,) [m] of an involute gear of 20 degrees."""
    pressure = np.radians(20.0)
    pitch = teeth * module / 2.0
    base = pitch * np.cos(pressure)
    radii = np.linspace(base, pitch + module, 3)
    slope = np.arccos(np.clip(base / radii, -1.0, 1.0))
    half_angle = np.pi / (2.0 * teeth) + (np.tan(pressure) - pressure) - (np.tan(slope) - slope)
    root = pitch - 1.2 * module
    offsets = np.concatenate([[-half_angle[0] - 0.012], -half_angle, half_angle[::-1],
                              [half_angle[0] + 0.012]])  # fmt: skip
    profile = np.concatenate([[root], radii, radii[::-1], [root]])
    places = np.arange(teeth) * (2.0 * np.pi / teeth)
    return (places[:, None] + offsets).ravel(), np.tile(profile, teeth)


def _pipe_elbow() -> Part:
    """Copper elbow of 90 degrees for 22 mm pipe, with a socket at each end."""
    around, bend = circle(40), 0.026
    steps = np.linspace(0.0, np.pi / 2.0, 13)
    outside = [(-0.018, 0.0130), (-0.0176, 0.0134), (-0.003, 0.0134), (-0.0005, 0.0121)]
    inside = [(-0.001, 0.0102), (-0.0014, 0.0111), (-0.0178, 0.0111), (-0.018, 0.0113)]
    path = [*outside, *[(step, 0.0119) for step in steps]]
    path += [(np.pi / 2.0 - t, r) for t, r in reversed(outside)]
    path += [(np.pi / 2.0 - t, r) for t, r in reversed(inside)]
    path += [(step, 0.0102) for step in steps[::-1]]
    path += inside
    rings = np.stack([_pipe_ring(around, bend, t, r) for t, r in path])
    vertices, faces, _ = closed(lofted(rings, along=True))
    return plain(vertices, faces, COPPER)


def _pipe_ring(around: Float, bend: float, turn: float, radius: float) -> Float:
    """Return a ring (N, 3) at angle `turn` [rad] of the bend, or that far [m] beyond an end."""
    angle = float(np.clip(turn, 0.0, np.pi / 2.0))
    beyond = turn - angle
    out = np.array([np.cos(angle), 0.0, np.sin(angle)])
    along = np.array([-np.sin(angle), 0.0, np.cos(angle)])
    center = bend * out + beyond * along - np.array([bend, 0.0, 0.0])
    side = np.array([0.0, 1.0, 0.0])
    # Right-handed about the path, so that rings that go forward have their outside outwards.
    ring: Float = center + radius * (np.cos(around)[:, None] * out + np.sin(around)[:, None] * side)
    return ring[::-1] if np.dot(np.cross(out, side), along) < 0 else ring


_BUILDERS: dict[str, Callable[[], Part]] = {
    "bowl": bowl,
    "flange": _flange,
    "hex_bolt": _hex_bolt,
    "hex_nut": _hex_nut,
    "l_bracket": _l_bracket,
    "mug": mug,
    "pipe_elbow": _pipe_elbow,
    "spur_gear": _spur_gear,
}
