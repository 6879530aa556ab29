"""Vertex colours as a texture, for renderers that know only textures."""

from __future__ import annotations

import numpy as np

from simkit.assets.mesh import Mesh

MAX_TEXTURE = 1024
"""Side of the texture that blocks are fitted into, as long as they stay in their bounds [texels]."""

MIN_BLOCK, MAX_BLOCK = 4, 32


def bake_vertex_colors(mesh: Mesh) -> Mesh:
    """Return the same surface with its vertex colours in a texture; vertices are split by face.

    Each face gets a square block of texels and its upper left triangle, on whose texel centres the
    colours are interpolated linearly. Faces are many where colours change fast, so blocks may be
    small: their side follows from the number of faces, between `MIN_BLOCK` and `MAX_BLOCK` texels.
    """
    if mesh.vertex_colors is None:
        raise ValueError("bake_vertex_colors: the mesh has no vertex colours")
    count = len(mesh.faces)
    across = int(np.ceil(np.sqrt(count)))
    side = int(np.clip(MAX_TEXTURE // across, MIN_BLOCK, MAX_BLOCK))
    blocks = _blocks(mesh.vertex_colors[mesh.faces].astype(np.float64), side)
    padded = np.zeros((across * across, side, side, 3), dtype=np.uint8)
    padded[:count] = blocks
    texture = padded.reshape(across, across, side, side, 3).swapaxes(1, 2)
    size = across * side
    texture = np.ascontiguousarray(texture.reshape(size, size, 3))
    return Mesh(
        vertices=mesh.vertices[mesh.faces].reshape(-1, 3),
        faces=np.arange(3 * count, dtype=np.int32).reshape(-1, 3),
        normals=mesh.normals[mesh.faces].reshape(-1, 3),
        uv=_corners(count, across, side, size),
        texture=texture,
        base_color=mesh.base_color,
    )


def _blocks(corner_colors: np.ndarray, side: int) -> np.ndarray:
    """Return (F, side, side, 3) uint8 texels of faces with corner colours (F, 3, 3)."""
    along = np.linspace(0.0, 1.0, side)
    b, c = np.meshgrid(along, along)  # b runs with the column, c with the row
    weights = np.stack([np.clip(1 - b - c, 0, None), b, c], axis=-1)
    weights /= weights.sum(axis=-1, keepdims=True)
    texels = np.einsum("vuk,fkc->fvuc", weights, corner_colors)
    return np.round(texels).astype(np.uint8)


def _corners(count: int, across: int, side: int, size: int) -> np.ndarray:
    """Return uv (3F, 2) float32 of the faces' corners: centres of three corner texels of a block."""
    row, column = np.divmod(np.arange(count), across)
    start = np.stack([column, row], axis=1)[:, None, :] * side + 0.5
    offsets = np.array([[0, 0], [side - 1, 0], [0, side - 1]])
    texel = (start + offsets).reshape(-1, 2)
    u, v = texel[:, 0] / size, 1 - texel[:, 1] / size
    return np.stack([u, v], axis=1).astype(np.float32)
