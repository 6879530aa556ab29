"""Plain shapes that scenes are furnished with: floors, walls, distractors.

They are never labelled: `obj_id` and `category_id` are 0, so they clash with no model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.assets.collision import CollisionSettings
from simkit.assets.library import Library, Model, load_library
from simkit.assets.mesh import Mesh
from simkit.assets.normals import creased
from simkit.assets.options import ModelOptions
from simkit.assets.parts import Part, joined
from simkit.assets.shapes import Profile, circle, closed, lofted, polar_rings
from simkit.assets.solid import measure

Float = NDArray[np.float64]

BACKGROUND = "background"
_SIDES = 64


def primitives() -> Library:
    """Return the library of primitives, each 1 m large and centred.

    ``simkit:box``: unit cube. ``simkit:cylinder``: unit diameter and height, about z.
    ``simkit:plane``: unit square in z = 0 that faces +z; its collision shape is 1 mm thick, below.
    ``simkit:sphere``: unit diameter.
    """
    models = [
        _model("simkit:box", _box()),
        _model("simkit:cylinder", _cylinder()),
        _model("simkit:plane", _plane()),
        _model("simkit:sphere", _sphere()),
    ]
    return Library(models, collision=CollisionSettings("convex_hull"))


def load_furnished(options: ModelOptions) -> Library:
    """Return the models that the options name (see `load_library`), and the primitives."""
    return load_library(options).merged(primitives())


def _model(name: str, mesh: Mesh) -> Model:
    solid = measure(mesh)
    return Model(
        name=name,
        obj_id=0,
        category=BACKGROUND,
        category_id=0,
        mesh=mesh,
        diameter=solid.diameter,
        volume=solid.volume,
        center_of_mass=solid.center_of_mass,
        watertight=solid.watertight,
        licence="Apache-2.0",
    )


def _mesh(*pieces: Float) -> Mesh:
    vertices, faces, _ = closed(*pieces)
    old, faces, normals = creased(vertices, faces)
    return joined([Part(vertices[old], faces, normals)])


def _square(z: float) -> Float:
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    return np.column_stack([corners, np.full(4, z)])


def _box() -> Mesh:
    low, high = _square(-0.5), _square(0.5)
    return _mesh(lofted(np.stack([low, high])), high[None], low[None, ::-1])


def _plane() -> Mesh:
    return _mesh(_square(0.0)[None])


def _cylinder() -> Mesh:
    profile: Profile = [(0.0, -0.5), (0.5, -0.5), (0.5, 0.5), (0.0, 0.5)]
    return _mesh(lofted(polar_rings(circle(_SIDES), profile)))


def _sphere() -> Mesh:
    angles = np.linspace(-np.pi / 2.0, np.pi / 2.0, _SIDES // 2 + 1)
    radius = np.cos(angles)
    radius[[0, -1]] = 0.0
    profile: Profile = [(0.5 * r, 0.5 * np.sin(a)) for r, a in zip(radius, angles, strict=True)]
    return _mesh(lofted(polar_rings(circle(_SIDES), profile)))
