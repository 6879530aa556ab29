"""Box mapping: texture coordinates in metres for meshes that have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simkit.assets.mesh import Mesh
from simkit.assets.normals import face_normals

# For each dominant axis the two axes that become u and v, so that v runs upwards on the sides.
_U = np.array([1, 0, 0])
_V = np.array([2, 2, 1])


def box_mapped(mesh: Mesh, size: float, scale: Sequence[float] = (1.0, 1.0, 1.0)) -> Mesh:
    """Return the mesh with texture coordinates by box mapping; vertices are split per face.

    A face is projected along the axis nearest to its normal. Its texture is for the caller to set;
    the mesh's own look (texture, vertex and base colour) is dropped. Vertices stay unscaled.

    Args:
        mesh: any mesh.
        size: side of a tile [m]. Coordinates go beyond [0, 1]: the texture repeats.
        scale: factors along the model's axes with which the mesh will be drawn, so that a tile
            measures `size` in the world.
    """
    factors = np.asarray(scale, dtype=np.float64)
    corners = mesh.triangles * factors
    flat = corners.reshape(-1, 3)
    faces = np.arange(len(flat)).reshape(-1, 3)
    normals = face_normals(flat, faces)
    axis = np.abs(normals).argmax(axis=1)
    # Seen from outside u runs to the right: on the faces that look the other way it is mirrored.
    facing = np.take_along_axis(normals, axis[:, None], axis=1)[:, 0] >= 0
    sign = np.where(facing == (axis != 1), 1.0, -1.0)
    u = np.take_along_axis(corners, _U[axis][:, None, None], axis=2)[..., 0] * sign[:, None]
    v = np.take_along_axis(corners, _V[axis][:, None, None], axis=2)[..., 0]
    old = mesh.faces.reshape(-1)
    return replace(
        mesh,
        vertices=mesh.vertices[old],
        faces=faces.astype(np.int32),
        normals=mesh.normals[old],
        uv=(np.stack([u, v], axis=-1).reshape(-1, 2) / size).astype(np.float32),
        texture=None,
        vertex_colors=None,
        base_color=(1.0, 1.0, 1.0),
    )
