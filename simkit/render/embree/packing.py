"""From a scene to what the compiled code reads; meshes and textures are kept between scenes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.assets.color import linear_of_bytes
from simkit.assets.library import Library
from simkit.assets.mesh import Mesh
from simkit.assets.textures import texture_image
from simkit.embree import MeshScene
from simkit.render.curve import along_curve
from simkit.render.embree.world import (
    AREA,
    AREA_LIGHT,
    BASE,
    BUMP_TILE,
    BUMPS,
    BY_BOX,
    CONE,
    EVEN,
    KIND,
    LIGHT_COLUMNS,
    LOOK_COLUMNS,
    MAX_LEVELS,
    MEAN,
    METALLIC,
    POSITION,
    POWER,
    RADIUS,
    ROUGHNESS,
    SCALE,
    SHADOW,
    SIDE,
    TEXTURE,
    TILE,
    TOWARDS,
    UP,
)
from simkit.scene import LIGHT_KINDS, Body, Light, Scene, Texture

MAX_MESH_BYTES = 2**30
MAX_TEXTURE_BYTES = 2**27
"""What is kept beyond the scene at hand; the least recently used goes first."""

_TO_LINEAR16 = np.rint(linear_of_bytes(np.arange(256, dtype=np.uint8)) * 65535).astype(np.uint16)

T = TypeVar("T", bound="_Sized")


@dataclass(frozen=True, eq=False)
class _Sized:
    nbytes: int


@dataclass(frozen=True, eq=False)
class Shape(_Sized):
    """A model's arrays and acceleration structure.

    Attributes:
        scene: of its triangles.
        arrays: vertices, faces, normals, texture coordinates and linear vertex colours, or None.
        mean: linear mean of its vertex colours; white without.
    """

    scene: MeshScene
    arrays: tuple[NDArray[np.generic] | None, ...]
    mean: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mipmap(_Sized):
    """A texture, linear, level after level.

    Attributes:
        texels: (T, 4) uint16, the last unused, so that a texel is one word.
        size: width, height, and number of levels.
        offsets: (MAX_LEVELS,) int64, each level's first texel.
        mean: (3,) in [0, 1].
    """

    texels: NDArray[np.uint16]
    size: tuple[int, int, int]
    offsets: NDArray[np.int64]
    mean: NDArray[np.float64]


class _Kept(Generic[T]):
    """Values by key, up to so many bytes; those used since `begin` are never dropped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._bytes = 0

    def begin(self) -> None:
        while self._bytes > self._limit and self._values:
            self._bytes -= self._values.popitem(last=False)[1].nbytes

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._values:
            self._values[key] = made = make()
            self._bytes += made.nbytes
        self._values.move_to_end(key)
        return self._values[key]


@dataclass(frozen=True, eq=False)
class Packed:
    """A scene's bodies and lights as tables, see `simkit.render.embree.world.World`."""

    shapes: list[Shape]
    mipmaps: list[Mipmap]
    arrays: NDArray[np.int64]
    looks: NDArray[np.float64]
    texels: NDArray[np.int64]
    sizes: NDArray[np.int64]
    offsets: NDArray[np.int64]
    lights: NDArray[np.float64]
    sun: int

    @property
    def shadows(self) -> bool:
        """Whether any light casts shadows."""
        return bool((self.lights[:, SHADOW] > 0).any())

    @property
    def soft_shadows(self) -> bool:
        """Whether any of these lights has a size."""
        soft = (self.lights[:, RADIUS] > 0) | (self.lights[:, KIND] == AREA_LIGHT)
        return bool((soft & (self.lights[:, SHADOW] > 0)).any())


class Packer:
    """Makes tables of scenes whose models are in one library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._shapes: _Kept[Shape] = _Kept(MAX_MESH_BYTES)
        self._mipmaps: _Kept[Mipmap] = _Kept(MAX_TEXTURE_BYTES)

    def pack(self, scene: Scene, colored: bool) -> Packed:
        """Return the tables; without `colored` those of looks are left empty.

        Raises:
            AssetError: a model is unknown, or a texture cannot be read.
        """
        self._shapes.begin()
        self._mipmaps.begin()
        shapes = [self._shape(body.model) for body in scene.bodies]
        arrays = np.zeros((len(shapes), 5), dtype=np.int64)
        for row, shape in zip(arrays, shapes, strict=True):
            row[:] = [0 if array is None else array.ctypes.data for array in shape.arrays]
        looks = np.zeros((len(shapes), LOOK_COLUMNS))
        for look, body in zip(looks, scene.bodies, strict=True):
            look[SCALE : SCALE + 3] = body.scale
            look[EVEN] = len(set(body.scale)) == 1
        mipmaps: list[Mipmap] = []
        if colored:
            for number, body in enumerate(scene.bodies):
                self._look(body, shapes[number], looks[number], arrays[number], mipmaps)
        lights = np.array([_light(light) for light in scene.lights if colored])
        lights = lights.reshape(-1, LIGHT_COLUMNS)
        return Packed(
            shapes,
            mipmaps,
            arrays,
            looks,
            np.array([mipmap.texels.ctypes.data for mipmap in mipmaps], dtype=np.int64),
            np.array([mipmap.size for mipmap in mipmaps], dtype=np.int64).reshape(-1, 3),
            np.array([m.offsets for m in mipmaps], dtype=np.int64).reshape(-1, MAX_LEVELS),
            lights,
            _sun(lights),
        )

    def _shape(self, model: str) -> Shape:
        return self._shapes.get(model, lambda: _shape(self._library[model].mesh))

    def _look(
        self,
        body: Body,
        shape: Shape,
        look: NDArray[np.float64],
        arrays: NDArray[np.int64],
        mipmaps: list[Mipmap],
    ) -> None:
        """Fill a body's row of the tables; a texture is appended to `mipmaps`."""
        mesh, material = self._library[body.model].mesh, body.material
        look[TEXTURE], look[BUMPS], look[TILE], look[BUMP_TILE] = -1, -1, 1, 1
        look[ROUGHNESS], look[METALLIC] = material.roughness, material.metallic
        base = np.array(material.base_color)
        if material.own_look and material.texture is None:
            base = base * mesh.base_color
        mean = base
        if material.texture is not None:
            mipmap = self._mipmaps.get(material.texture, lambda: _of_texture(material.texture))
            look[TEXTURE], look[BY_BOX], look[TILE] = len(mipmaps), 1, material.texture.size
            mipmaps.append(mipmap)
            mean = base * mipmap.mean
        elif material.own_look and mesh.texture is not None and mesh.uv is not None:
            own = mesh.texture
            mipmap = self._mipmaps.get(("own", body.model), lambda: _mipmap(_TO_LINEAR16[own]))
            look[TEXTURE], look[BY_BOX] = len(mipmaps), 0
            mipmaps.append(mipmap)
            mean = base * mipmap.mean
        elif material.own_look:
            mean = base * shape.mean
        if material.texture is not None or not material.own_look:
            arrays[4] = 0  # the vertex colours do not show
        if material.normal_map is not None:
            key = ("normals", material.normal_map)
            mipmap = self._mipmaps.get(key, lambda: _of_normals(material.normal_map))
            look[BUMPS], look[BUMP_TILE] = len(mipmaps), material.normal_map.size
            mipmaps.append(mipmap)
        look[BASE : BASE + 3] = base
        look[MEAN : MEAN + 3] = mean * (1.0 - material.metallic) + 0.5 * base * material.metallic


def _shape(mesh: Mesh) -> Shape:
    colors = None
    mean = np.ones(3)
    if mesh.vertex_colors is not None:
        colors = np.ascontiguousarray(linear_of_bytes(mesh.vertex_colors), dtype=np.float32)
        mean = colors.mean(axis=0, dtype=np.float64)
    # Neighbours' vertices lie side by side in memory, so that they are fetched together.
    order = along_curve(mesh.vertices)
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    arrays = (
        np.ascontiguousarray(mesh.vertices[order], dtype=np.float32),
        np.ascontiguousarray(place[mesh.faces]),
        np.ascontiguousarray(mesh.normals[order], dtype=np.float32),
        None if mesh.uv is None else np.ascontiguousarray(mesh.uv[order], dtype=np.float32),
        None if colors is None else colors[order],
    )
    nbytes = sum(array.nbytes for array in arrays if array is not None) + 150 * len(mesh.faces)
    return Shape(nbytes, MeshScene(mesh.vertices, mesh.faces), arrays, mean)


def _of_texture(texture: Texture | None) -> Mipmap:
    assert texture is not None
    return _mipmap(_TO_LINEAR16[texture_image(texture)])


def _of_normals(texture: Texture | None) -> Mipmap:
    assert texture is not None
    return _mipmap(texture_image(texture).astype(np.uint16) * 257)


def _mipmap(image: NDArray[np.uint16]) -> Mipmap:
    """Return an image (H, W, 3) uint16 linear with all its halvings, by averaging."""
    levels = [np.ascontiguousarray(image)]
    while max(levels[-1].shape[:2]) > 1 and len(levels) < MAX_LEVELS:
        height, width = (max(side // 2, 1) for side in levels[-1].shape[:2])
        shrunk = cv2.resize(levels[-1], (width, height), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(shrunk, dtype=np.uint16))
    offsets = np.zeros(MAX_LEVELS, dtype=np.int64)
    counts = [level.shape[0] * level.shape[1] for level in levels]
    offsets[1 : len(levels)] = np.cumsum(counts)[:-1]
    texels = np.zeros((sum(counts), 4), dtype=np.uint16)
    texels[:, :3] = np.concatenate([level.reshape(-1, 3) for level in levels])
    mean = levels[-1].reshape(-1, 3).mean(axis=0) / 65535.0
    size = (image.shape[1], image.shape[0], len(levels))
    return Mipmap(texels.nbytes, texels, size, offsets, mean)


def _light(light: Light) -> NDArray[np.float64]:
    row = np.zeros(LIGHT_COLUMNS)
    row[KIND] = LIGHT_KINDS.index(light.kind)
    row[POSITION : POSITION + 3] = light.position
    towards = np.array(light.direction)
    row[TOWARDS : TOWARDS + 3] = towards
    row[POWER : POWER + 3] = np.array(light.color) * light.intensity
    row[RADIUS] = 0.0 if light.kind == "area" else light.radius
    row[CONE], row[SHADOW] = light.cone, light.casts_shadow
    side = np.cross(towards, [0.0, 0.0, 1.0])
    length = np.linalg.norm(side)
    side = side / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    width, height = light.size
    row[SIDE : SIDE + 3] = side * width
    row[UP : UP + 3] = np.cross(side, towards) * height
    row[AREA] = width * height
    return row


def _sun(lights: NDArray[np.float64]) -> int:
    """Return the number of the strongest light, at a metre's distance; -1 if there is none."""
    if len(lights) == 0:
        return -1
    power = lights[:, POWER : POWER + 3].sum(axis=1)
    area = np.where(lights[:, KIND] == LIGHT_KINDS.index("area"), lights[:, AREA] / np.pi, 1.0)
    return int(np.argmax(power * area))
