"""Triangles with colours: what makes a `Part` of a bare closed surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.assets.color import srgb_bytes, srgb_to_linear
from simkit.assets.normals import CREASE_ANGLE, creased
from simkit.assets.parts import Part
from simkit.scene import Vec3, vec3

Float = NDArray[np.float64]
Int = NDArray[np.int64]


def plain(vertices: Float, faces: Int, srgb: Vec3, crease: float = CREASE_ANGLE) -> Part:
    """Return a part (V, 3), (F, 3) of one sRGB colour; hard where faces meet at over `crease`."""
    old, faces, normals = creased(vertices, faces, crease)
    return Part(vertices[old], faces, normals, base_color=vec3(srgb_to_linear(srgb)))


def painted(vertices: Float, faces: Int, color: Int, palette: tuple[Vec3, ...]) -> Part:
    """Return a part whose faces have the colours `palette[color]`, with sharp borders between."""
    old, faces, normals = creased(vertices, faces)
    keys = np.stack([faces.ravel(), np.repeat(color, 3)], axis=1)
    kept, corner = np.unique(keys, axis=0, return_inverse=True)
    colors = np.stack([srgb_bytes(srgb_to_linear(srgb)) for srgb in palette])
    return Part(
        vertices=vertices[old][kept[:, 0]],
        faces=corner.reshape(faces.shape).astype(np.int64),
        normals=normals[kept[:, 0]],
        vertex_colors=colors[kept[:, 1]],
    )
