"""A mesh as a solid of uniform density, and the checks that it can be one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simkit.assets.mesh import Mesh
from simkit.assets.normals import face_normals
from simkit.assets.options import UNITS, ModelOptions
from simkit.assets.parts import Part, turned_over
from simkit.assets.topology import (
    against_neighbours,
    centroid,
    convex_hull,
    diameter,
    is_watertight,
    signed_volume,
    weld,
    welded,
)
from simkit.errors import AssetError
from simkit.scene import Vec3, vec3

FLAT = 1e-5
"""A model whose smallest extent is below this part of its largest is flat."""


@dataclass(frozen=True)
class Solid:
    """What a mesh is as a solid: [m], [m^3]; the convex hull's if it is not watertight."""

    watertight: bool
    volume: float
    center_of_mass: Vec3
    diameter: float


def measure(mesh: Mesh) -> Solid:
    """Return the solid's properties of a mesh."""
    points, faces = welded(mesh.vertices.astype(np.float64), mesh.faces.astype(np.int64))
    watertight = is_watertight(faces)
    across = diameter(points)
    if not watertight:
        hull = convex_hull(points)
        if hull is None:
            return Solid(False, 0.0, vec3(points.mean(axis=0)), across)
        points, faces = hull
    # Moments are taken about the middle of the model, for its origin may be far away.
    middle = points.mean(axis=0)
    volume = signed_volume(points - middle, faces)
    if volume <= 0:
        return Solid(watertight, 0.0, vec3(middle), across)
    center = centroid(points - middle, faces) + middle
    return Solid(watertight, volume, vec3(center), across)


def check_parts(
    source: str, parts: list[Part], scale: float, options: ModelOptions
) -> tuple[list[Part], list[str]]:
    """Return the parts with faces outside out, and what was changed; `scale` is metres in a unit.

    Raises:
        AssetError: there is no surface, the model is flat, or its size is not plausible.
    """
    vertices = np.concatenate([part.vertices[np.unique(part.faces)] for part in parts])
    if not any(face_normals(part.vertices, part.faces).any() for part in parts):
        raise AssetError(
            f"{source}: all its faces have an area of zero (degenerate); export the model again"
        )
    extents = (vertices.max(axis=0) - vertices.min(axis=0)) * scale
    _check_size(source, float(extents.max()), scale, options)
    if extents.min() < FLAT * extents.max():
        axis = "xyz"[int(extents.argmin())]
        raise AssetError(
            f"{source}: is flat along {axis}, and a rigid body is not; "
            "give it a thickness (in Blender: Solidify)"
        )
    return _outside_out(source, parts)


def _check_size(source: str, extent: float, scale: float, options: ModelOptions) -> None:
    if options.min_size <= extent <= options.max_size:
        return
    too_large = extent > options.max_size
    bound = f"above models.max_size={options.max_size:g}"
    key = "models.max_size"
    if not too_large:
        bound, key = f"below models.min_size={options.min_size:g}", "models.min_size"
    raise AssetError(
        f"{source}: largest extent {extent:.4g} m is {bound} m; "
        f"{_unit_hint(extent / scale, scale, options)}or change {key}"
    )


def _unit_hint(extent: float, scale: float, options: ModelOptions) -> str:
    names = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "inch": "inches"}
    for unit in ("mm", "m", "cm", "inch"):
        fits = options.min_size <= extent * UNITS[unit] <= options.max_size
        if fits and UNITS[unit] != scale:
            return f"{names[unit]}? set models.unit={unit}, "
    return "scale the model, "


def _outside_out(source: str, parts: list[Part]) -> tuple[list[Part], list[str]]:
    starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    vertices = np.concatenate([part.vertices for part in parts])
    faces = np.concatenate([part.faces + s for part, s in zip(parts, starts, strict=True)])
    notes = []
    turn = against_neighbours(weld(vertices)[faces])
    if turn.any():
        notes.append(
            f"{source}: {turn.sum()} faces were wound against their neighbours; turned over"
        )
    faces = np.where(turn[:, None], faces[:, ::-1], faces)
    points, joined = welded(vertices, faces)
    if is_watertight(joined) and signed_volume(points, joined) < 0:
        notes.append(f"{source}: its faces were wound inside out; they have been turned over")
        turn = ~turn
    pieces = np.split(turn, np.cumsum([len(part.faces) for part in parts])[:-1])
    return [turned_over(p, t) for p, t in zip(parts, pieces, strict=True)], notes
