"""A triangle mesh with its colours, as plain arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh in its model's own frame; two with the same `content_hash` are the same.

    At most one of (`uv` with `texture`) and `vertex_colors` is given; both come multiplied by
    `base_color` where they are drawn.

    Attributes:
        vertices: (V, 3) float32 [m].
        faces: (F, 3) int32, counter-clockwise as seen from outside.
        normals: (V, 3) float32, unit vertex normals.
        uv: (V, 2) float32 texture coordinates, v upwards (OpenGL, glTF after its flip), or None.
        texture: (H, W, 3) uint8 sRGB, row 0 is the top (v = 1), or None.
        vertex_colors: (V, 3) uint8 sRGB, or None.
        base_color: linear RGB.
    """

    vertices: Float32
    faces: NDArray[np.int32]
    normals: Float32
    uv: Float32 | None = None
    texture: NDArray[np.uint8] | None = None
    vertex_colors: NDArray[np.uint8] | None = None
    base_color: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (hex) over all that defines the mesh and its look."""
        digest = hashlib.sha256()
        parts = (self.vertices, self.faces, self.normals, self.uv, self.texture, self.vertex_colors)
        for part in parts:
            if part is None:
                digest.update(b"none")
                continue
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update(repr(self.base_color).encode())
        return digest.hexdigest()

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        """Lower and upper corner (2, 3) [m] of the axis-aligned box around the vertices."""
        vertices = self.vertices.astype(np.float64)
        return np.stack([vertices.min(axis=0), vertices.max(axis=0)])

    @cached_property
    def radius(self) -> float:
        """Radius [m] of the smallest sphere about the model's origin that holds all vertices."""
        return float(np.linalg.norm(self.vertices.astype(np.float64), axis=1).max())

    @cached_property
    def triangles(self) -> NDArray[np.float64]:
        """Corners (F, 3, 3) [m] of the faces."""
        return self.vertices.astype(np.float64)[self.faces]
