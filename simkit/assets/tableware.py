"""The embedded mug and bowl."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.assets.named_parts import named
from simkit.assets.normals import creased
from simkit.assets.painting import painted
from simkit.assets.parts import Part
from simkit.assets.shapes import Profile, circle, closed, lofted, polar_rings

Float = NDArray[np.float64]

TEAL = (0.08, 0.42, 0.50)
CREAM = (0.95, 0.92, 0.84)

_MUG_SIDES = 54
_MUG_ROWS = 19
_UPPER, _LOWER, _HANDLE_ROWS = 14, 4, 2
"""Rows of the mug's wall above which its handle's ends begin, and how many rows each takes."""
_HANDLE_COLUMNS = 2


def mug() -> Part:
    """Return a mug, 80 mm across and 95 mm high: teal outside and on the handle, cream inside."""
    angles = circle(_MUG_SIDES, -np.pi / _MUG_SIDES * _HANDLE_COLUMNS)
    foot: Profile = [
        (0.0, 0.0025),
        (0.0300, 0.0025),
        (0.0315, 0.0),
        (0.0345, 0.0),
        (0.0385, 0.0030),
    ]
    wall: Profile = [(0.0400, z) for z in np.linspace(0.0070, 0.0920, _MUG_ROWS)]
    lip: Profile = [(0.0398, 0.0940), (0.0388, 0.0950), (0.0375, 0.0950), (0.0366, 0.0940)]
    inside: Profile = [(0.0364, z) for z in (0.0920, 0.0650, 0.0350, 0.0130)]
    floor: Profile = [(0.0350, 0.0085), (0.0310, 0.0063), (0.0150, 0.0060), (0.0, 0.0060)]
    wall_rings = polar_rings(angles, wall)
    outside = lofted(polar_rings(angles, [*foot, wall[0]]))
    rim = lofted(polar_rings(angles, [wall[-1], *lip[:2]]))
    within = lofted(polar_rings(angles, [*lip[1:], *inside, *floor]))
    pieces = [outside, _wall_with_gaps(wall_rings), rim, _handle(wall_rings), within]
    vertices, faces, owner = closed(*pieces)
    part = painted(vertices, faces, (owner == 4).astype(np.int64), (TEAL, CREAM))
    return named(part, "body", "handle", of_face=owner == 3)


def _wall_with_gaps(rings: Float) -> Float:
    """Return the wall's quads without those where the handle's ends go."""
    quads = lofted(rings).reshape(len(rings) - 1, _MUG_SIDES, 4, 3)
    keep = np.ones(quads.shape[:2], dtype=bool)
    for row in (_LOWER, _UPPER):
        keep[row : row + _HANDLE_ROWS, :_HANDLE_COLUMNS] = False
    return quads[keep]


def _gap(rings: Float, row: int) -> Float:
    """Return the edge (N, 3) of a gap in the wall, counter-clockwise as seen from outside."""
    across, up = range(_HANDLE_COLUMNS), range(_HANDLE_ROWS)
    places = [(row, c) for c in across]
    places += [(row + r, _HANDLE_COLUMNS) for r in up]
    places += [(row + _HANDLE_ROWS, _HANDLE_COLUMNS - c) for c in across]
    places += [(row + _HANDLE_ROWS - r, 0) for r in up]
    return np.stack([rings[r, c] for r, c in places])


def _handle(rings: Float) -> Float:
    """Return a tube from the lower gap to the upper one, on a flattened arc in the xz plane."""
    lower, upper = _gap(rings, _LOWER), _gap(rings, _UPPER)
    low, high = lower.mean(axis=0), upper.mean(axis=0)
    middle = (low + high) / 2.0
    half = (high[2] - low[2]) / 2.0
    steps = np.linspace(-np.pi / 2.0, np.pi / 2.0, 17)
    count = len(lower)
    # The gap's lower left corner is the first point; the section's angles start there too.
    section = np.arctan2(-1.0, -1.0) + circle(count)
    tube = []
    for turn in steps:
        out = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.62
        center = middle + np.array([0.0045 + 0.0245 * out, 0.0, half * np.sin(turn) * 0.98])
        along = np.array([-np.sin(turn) * 0.9, 0.0, np.cos(turn)])
        along /= np.linalg.norm(along)
        # At the lower end the tube leaves along +x; there its section lies as the gap does.
        side, up = np.array([0.0, 1.0, 0.0]), np.cross(along, [0.0, 1.0, 0.0])
        width, thick = 0.0058, 0.0042
        tube.append(
            center + width * np.cos(section)[:, None] * side + thick * np.sin(section)[:, None] * up
        )
    # Seen along the tube the upper gap is upside down: its rows run the other way.
    end = upper[_mirrored(count)]
    return lofted(np.stack([lower, *tube, end]))


def _mirrored(count: int) -> list[int]:
    """Return the order in which the points of a gap are met when it is turned upside down."""
    corner = 2 * _HANDLE_COLUMNS + _HANDLE_ROWS
    return [(corner - i) % count for i in range(count)]


def bowl() -> Part:
    """Return a bowl, 120 mm across and 50 mm high, with a glazed band as a texture."""
    sides = 56
    outside = [(0.0, 0.0025), (0.0230, 0.0025), (0.0240, 0.0), (0.0280, 0.0), (0.0285, 0.0045)]
    curve = np.linspace(0.12, 1.0, 13)
    outside += [
        (0.0285 + 0.0315 * np.sin(t * np.pi / 2.0), 0.0045 + 0.0445 * t**1.6) for t in curve
    ]
    lip = [(0.0596, 0.0500), (0.0588, 0.0502), (0.0580, 0.0498)]
    inside = [(0.0265 + 0.0312 * np.sin(t * np.pi / 2.0), 0.0080 + 0.0405 * t**1.6)
              for t in curve[::-1]]  # fmt: skip
    floor = [(0.0255, 0.0080), (0.0130, 0.0066), (0.0, 0.0062)]
    profile = [*outside, *lip, *inside, *floor]
    vertices, faces, _ = closed(lofted(polar_rings(circle(sides), profile)))
    old, faces, normals = creased(vertices, faces)
    return _bowl_look(vertices[old], faces, normals, np.array(profile))


def _bowl_look(vertices: Float, faces: NDArray[np.int64], normals: Float, profile: Float) -> Part:
    """Return the bowl with u around it and v along its profile; faces at the seam get their own."""
    steps = np.linalg.norm(np.diff(profile, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    radius = np.hypot(vertices[:, 0], vertices[:, 1])
    flat = np.stack([radius, vertices[:, 2]], axis=1)
    nearest = np.linalg.norm(flat[:, None] - profile[None], axis=2).argmin(axis=1)
    v = along[nearest]
    u = np.mod(np.arctan2(vertices[:, 1], vertices[:, 0]) / (2.0 * np.pi), 1.0)
    u[np.abs(u - 1.0) < 1e-9] = 0.0
    corners = u[faces]
    wrap = (corners.max(axis=1, keepdims=True) - corners) > 0.5
    pole = radius[faces] < 1e-9
    whole = corners + wrap
    others = np.where(pole, 0.0, whole).sum(axis=1, keepdims=True) / 2.0
    whole = np.where(pole, others, whole)
    keys = np.stack([faces.ravel(), np.rint(whole.ravel() * 1e6)], axis=1)
    _, first, corner = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    old = faces.ravel()[first]
    return Part(
        vertices=vertices[old],
        faces=corner.reshape(faces.shape).astype(np.int64),
        normals=normals[old],
        uv=np.stack([whole.ravel()[first], v[old]], axis=1),
        texture=_bowl_texture(along),
    )


def _bowl_texture(along: Float) -> NDArray[np.uint8]:
    """Return the glaze (512, 512, 3) uint8 sRGB: cream, a wavy blue band, brown rings."""
    size = 512
    u = (np.arange(size) + 0.5) / size
    v = 1.0 - (np.arange(size) + 0.5) / size
    waves = 0.014 * np.sin(2.0 * np.pi * 14.0 * u)[None, :]
    image = np.tile(np.array(CREAM), (size, size, 1))
    lip = float(along[19])
    height = v[:, None] - lip
    speckle = np.sin(911.0 * u)[None, :] * np.sin(577.0 * v)[:, None]
    image = image * (1.0 - 0.03 * (speckle > 0.6))[..., None]
    band = np.abs(height + 0.10 + waves) < 0.030
    image[np.broadcast_to(band, image.shape[:2])] = (0.12, 0.24, 0.52)
    for ring, thick in ((0.0, 0.012), (-0.165, 0.005), (-0.185, 0.003), (0.12, 0.006)):
        near = np.abs(height - ring) < thick
        image[np.broadcast_to(near, image.shape[:2])] = (0.36, 0.20, 0.11)
    return np.rint(image * 255.0).astype(np.uint8)
