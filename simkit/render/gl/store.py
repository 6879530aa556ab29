"""Meshes and textures on the GPU, kept between scenes by what they hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import moderngl
import numpy as np
from numpy.typing import NDArray

from simkit.assets.color import srgb_to_linear
from simkit.assets.mesh import Mesh
from simkit.assets.normals import face_normals
from simkit.assets.textures import texture_image
from simkit.render.gl.meshes import DENSE, by_first_use, drawing_order, hides_its_backs
from simkit.scene import Texture, Vec3

T = TypeVar("T")

AXES_WIDTH = 1024
"""Width of the texture of faces' axes; the shader divides by it."""

_SRGB8_ALPHA8 = 0x8C43
_LINEAR_OF_BYTE = srgb_to_linear(np.arange(256) / 255.0).astype(np.float32)


@dataclass(eq=False)
class MeshBuffers:
    """A mesh on the GPU; vertex arrays are made for a program on first use.

    Attributes:
        order: (F,) the mesh's faces in the order in which they are drawn; None: in their own.
        closed: whether faces that look away can be left out, see `hides_its_backs`.
    """

    context: moderngl.Context
    buffers: list[tuple[Any, ...]]
    indices: moderngl.Buffer
    order: NDArray[np.int64] | None = None
    closed: bool = False
    arrays: dict[int, moderngl.VertexArray] = field(default_factory=dict)

    def array(self, program: moderngl.Program) -> moderngl.VertexArray:
        """Return the vertex array that feeds this mesh to a program."""
        if program.glo not in self.arrays:
            self.arrays[program.glo] = self.context.vertex_array(
                program, self.buffers, self.indices, skip_errors=True
            )
        return self.arrays[program.glo]

    def release(self) -> None:
        """Free the GPU's memory."""
        for array in self.arrays.values():
            array.release()
        for buffer, *_ in self.buffers:
            buffer.release()
        self.indices.release()


class Store:
    """A cache by content, least recently used out first, once it holds more than `limit` bytes."""

    def __init__(self, context: moderngl.Context, limit: int, anisotropy: float) -> None:
        self._context = context
        self._limit = limit
        self._anisotropy = anisotropy
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self.bytes = 0

    def mesh(self, mesh: Mesh) -> MeshBuffers:
        """Return a mesh's buffers."""
        return self._get(("mesh", mesh.content_hash), lambda: self._mesh(mesh))

    def own_texture(self, mesh: Mesh) -> moderngl.Texture:
        """Return the texture that a mesh came with."""
        assert mesh.texture is not None
        image = mesh.texture
        return self._get(("own", mesh.content_hash), lambda: self._image(image, srgb=True))

    def texture(self, texture: Texture, linear: bool = False) -> moderngl.Texture:
        """Return a tile that repeats; a `linear` one holds no colours and is not decoded."""
        key: tuple[Hashable, ...] = ("texture", texture, linear)
        if texture.kind == "image" and Path(texture.path).is_file():
            stat = Path(texture.path).stat()
            key = (*key, stat.st_mtime_ns, stat.st_size)
        return self._get(key, lambda: self._image(texture_image(texture), srgb=not linear))

    def face_axes(self, mesh: Mesh, scale: Vec3) -> moderngl.Texture:
        """Return, by face, along which axis box mapping projects it (see ``surface.frag``).

        Its ``extra`` is the code of all faces, if they have the same.
        """
        ratio = tuple(factor / scale[0] for factor in scale)
        return self._get(("axes", mesh.content_hash, ratio), lambda: self._axes(mesh, scale))

    def floats(self, key: Hashable, data: NDArray[np.float32], repeat: bool = True) -> Any:
        """Return a float texture (H, W, C), or an array of them (N, H, W, C); columns may repeat."""
        return self._get(("floats", key), lambda: self._floats(data, repeat))

    def trim(self, in_use: int) -> None:
        """Drop what was used longest ago, but for the last `in_use` things, down to the limit."""
        while self.bytes > self._limit and len(self._held) > in_use:
            _, (thing, size) = self._held.popitem(last=False)
            thing.release()
            self.bytes -= size

    def release(self) -> None:
        """Free everything."""
        for thing, _ in self._held.values():
            thing.release()
        self._held.clear()
        self.bytes = 0

    def _get(self, key: Hashable, make: Callable[[], tuple[T, int]]) -> T:
        if key not in self._held:
            self._held[key] = make()
            self.bytes += self._held[key][1]
        self._held.move_to_end(key)
        thing: T = self._held[key][0]
        return thing

    def _mesh(self, mesh: Mesh) -> tuple[MeshBuffers, int]:
        context = self._context
        faces, order = mesh.faces, None
        kept: Any = slice(None)
        if len(faces) >= DENSE:
            order = drawing_order(mesh)
            faces, kept = by_first_use(faces[order])
        arrays = [("3f", "in_position", mesh.vertices), ("3f", "in_normal", mesh.normals)]
        if mesh.uv is not None:
            arrays.append(("2f", "in_uv", mesh.uv))
        if mesh.vertex_colors is not None:
            arrays.append(("3f", "in_color", _LINEAR_OF_BYTE[mesh.vertex_colors]))
        buffers: list[tuple[Any, ...]] = []
        size = faces.nbytes
        for kind, name, values in arrays:
            data = np.ascontiguousarray(values[kept], dtype=np.float32)
            buffers.append((context.buffer(data), kind, name))
            size += data.nbytes
        indices = context.buffer(np.ascontiguousarray(faces, dtype=np.int32))
        return MeshBuffers(context, buffers, indices, order, hides_its_backs(mesh)), size

    def _image(self, image: NDArray[np.uint8], srgb: bool) -> tuple[moderngl.Texture, int]:
        height, width = image.shape[:2]
        rgba = np.full((height, width, 4), 255, dtype=np.uint8)
        rgba[..., :3] = image
        texture = self._context.texture(
            (width, height), 4, rgba, internal_format=_SRGB8_ALPHA8 if srgb else None
        )
        texture.build_mipmaps()
        if self._anisotropy > 1:
            texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        else:  # llvmpipe: half the texels to read
            texture.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
        texture.repeat_x = texture.repeat_y = True
        texture.anisotropy = self._anisotropy
        return texture, rgba.nbytes * 4 // 3

    def _axes(self, mesh: Mesh, scale: Vec3) -> tuple[moderngl.Texture, int]:
        corners = (mesh.triangles * np.asarray(scale)).reshape(-1, 3)
        normals = face_normals(corners, np.arange(len(corners)).reshape(-1, 3))
        axis = np.abs(normals).argmax(axis=1)
        positive = np.take_along_axis(normals, axis[:, None], axis=1)[:, 0] >= 0
        order = self.mesh(mesh).order
        if order is not None:
            axis, positive = axis[order], positive[order]
        rows = -(-len(axis) // AXES_WIDTH)
        codes = np.zeros((rows, AXES_WIDTH), dtype=np.uint8)
        codes.reshape(-1)[: len(axis)] = 2 * axis + positive
        texture = self._context.texture((AXES_WIDTH, rows), 1, codes, dtype="u1")
        texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        one = codes.reshape(-1)[: len(axis)]
        texture.extra = int(one[0]) if len(one) and (one == one[0]).all() else None
        return texture, codes.nbytes

    def _floats(self, data: NDArray[np.float32], repeat: bool) -> tuple[Any, int]:
        *_, height, width, components = data.shape
        flat = np.ascontiguousarray(data)
        texture: Any
        if data.ndim == 4:
            texture = self._context.texture_array(
                (width, height, len(data)), components, flat, dtype="f4"
            )
        else:
            texture = self._context.texture((width, height), components, flat, dtype="f4")
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        texture.repeat_x, texture.repeat_y = repeat, False
        return texture, flat.nbytes
