"""A piece of a model with one material, as files have them, and how pieces become one `Mesh`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simkit.assets.atlas import pack, seamed
from simkit.assets.color import linear_of_bytes, srgb_bytes
from simkit.assets.mesh import Mesh
from simkit.assets.normals import agree, creased, unit, valid
from simkit.scene import Vec3, vec3

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bytes = NDArray[np.uint8]

WHITE: Vec3 = (1.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Part:
    """Triangles with one material, in the units of their file.

    Attributes:
        vertices: (V, 3) float64.
        faces: (F, 3) int64.
        normals: (V, 3) float64 as the file has them, or None.
        uv: (V, 2) float64, v upwards; given if and only if `texture` is.
        texture: (H, W, 3) uint8 sRGB, row 0 is v = 1.
        vertex_colors: (V, 3) uint8 sRGB; None where there is a texture.
        base_color: linear RGB that multiplies the texture or the vertex colours.
        names: of the parts of the model that its faces are of; none: not known.
        of_face: (F,) int64, the place in `names` of each face; None: all the first.
    """

    vertices: Float
    faces: Int
    normals: Float | None = None
    uv: Float | None = None
    texture: Bytes | None = None
    vertex_colors: Bytes | None = None
    base_color: Vec3 = WHITE
    names: tuple[str, ...] = ()
    of_face: Int | None = None

    def take(self, old: Int, faces: Int, normals: Float | None) -> Part:
        """Return this part with vertices `old` (N,) in place of its own, and new faces, normals."""
        return replace(
            self,
            vertices=self.vertices[old],
            faces=faces,
            normals=normals,
            uv=None if self.uv is None else self.uv[old],
            vertex_colors=None if self.vertex_colors is None else self.vertex_colors[old],
        )


def moved(part: Part, T: Float) -> Part:
    """Return the part under an affine map (4, 4); a mirroring one turns its faces over."""
    vertices = part.vertices @ T[:3, :3].T + T[:3, 3]
    determinant = float(np.linalg.det(T[:3, :3]))
    faces = part.faces if determinant >= 0 else part.faces[:, ::-1]
    normals = part.normals
    if normals is not None and determinant != 0:
        normals = unit(normals @ np.linalg.inv(T[:3, :3]))
    return replace(part, vertices=vertices, faces=faces, normals=normals)


def turned_over(part: Part, which: NDArray[np.bool_]) -> Part:
    """Return the part with some faces (F,) wound the other way; `joined` sees to its normals."""
    return replace(part, faces=np.where(which[:, None], part.faces[:, ::-1], part.faces))


def joined(parts: list[Part], scale: float = 1.0) -> Mesh:
    """Return the parts as one mesh.

    Normals of the file are kept where they are valid; others are made, with creases. Parts without
    texture that differ in colour become vertex colours; where a part has a texture, all go to one
    atlas, and a part's vertex colours are replaced by their mean (the caller says so).

    Args:
        parts: at least one, each with at least one face.
        scale: metres in a unit of the parts.

    Raises:
        ValueError: a texture repeats too often over one face to be put in an atlas.
    """
    shaded = [_with_normals(part) for part in parts]
    if len(shaded) > 1 and any(part.texture is not None for part in shaded):
        return _mesh([_in_atlas(shaded)], scale)
    return _mesh(shaded, scale)


def _with_normals(part: Part) -> Part:
    if part.normals is not None and valid(part.normals, part.vertices, part.faces):
        used, faces = np.unique(part.faces, return_inverse=True)
        normals = unit(part.normals[used])
        faces = faces.reshape(part.faces.shape).astype(np.int64)
        sign = 1.0 if agree(normals, part.vertices[used], faces) else -1.0
        return part.take(used, faces, sign * normals)
    return part.take(*creased(part.vertices, part.faces))


def _in_atlas(parts: list[Part]) -> Part:
    """Return one part whose texture holds the looks of all."""
    cut, tiles = [], []
    for part in parts:
        if part.texture is None or part.uv is None:
            tiles.append(_plain(part))
            cut.append(replace(part, uv=np.full((len(part.vertices), 2), 0.5), vertex_colors=None))
            continue
        old, faces, uv = seamed(part.uv, part.faces)
        tiles.append(_tinted(part.texture, part.base_color))
        cut.append(replace(part.take(old, faces, _rows(part.normals, old)), uv=uv))
    uvs, atlas = pack([np.asarray(part.uv) for part in cut], tiles)
    whole = [replace(part, uv=uv, texture=atlas) for part, uv in zip(cut, uvs, strict=True)]
    return Part(
        vertices=np.concatenate([part.vertices for part in whole]),
        faces=_stacked(whole),
        normals=np.concatenate([_some(part.normals) for part in whole]),
        uv=np.concatenate([_some(part.uv) for part in whole]),
        texture=atlas,
    )


def _mesh(parts: list[Part], scale: float) -> Mesh:
    single = len({part.base_color for part in parts}) == 1
    plain = single and all(part.vertex_colors is None for part in parts)
    first = parts[0]
    colors = None if plain else np.concatenate([_colors(part) for part in parts])
    normals = unit(np.concatenate([_some(part.normals) for part in parts]))
    return Mesh(
        vertices=(np.concatenate([part.vertices for part in parts]) * scale).astype(np.float32),
        faces=_stacked(parts).astype(np.int32),
        normals=normals.astype(np.float32),
        uv=None if first.texture is None else _some(first.uv).astype(np.float32),
        texture=first.texture,
        vertex_colors=colors,
        base_color=first.base_color if plain else WHITE,
    )


def _stacked(parts: list[Part]) -> Int:
    starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    return np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=True)])


def _colors(part: Part) -> Bytes:
    if part.vertex_colors is None:
        return np.tile(srgb_bytes(part.base_color), (len(part.vertices), 1))
    if part.base_color == WHITE:
        return part.vertex_colors
    return _tinted(part.vertex_colors, part.base_color)


def _plain(part: Part) -> Bytes:
    mean = vec3(linear_of_bytes(_colors(part)).mean(axis=0))
    return np.tile(srgb_bytes(mean), (4, 4, 1))


def _tinted(image: Bytes, color: Vec3) -> Bytes:
    if color == WHITE:
        return image
    tables = [srgb_bytes(linear_of_bytes(np.arange(256, dtype=np.uint8)) * c) for c in color]
    return np.stack([tables[k][image[..., k]] for k in range(3)], axis=-1)


def _rows(values: Float | None, rows: Int) -> Float | None:
    return None if values is None else values[rows]


def _some(values: Float | None) -> Float:
    assert values is not None
    return values
