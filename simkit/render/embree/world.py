"""What the compiled code reads: one scene as one table of addresses and counts.

Compiled functions that take NumPy arrays pay for counting references and for passing shapes, on
each call; a packet of 16 rays makes hundreds. So they get addresses, as C would.

Column numbers of the tables stand here once, for `simkit.render.embree.packing`, which fills them,
and for the compiled code, which reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

# World.arrays: addresses of a body's mesh, 0 where it has no such array.
VERTICES, FACES, NORMALS, TEX_COORDS, COLORS = range(5)

# World.looks: how a body looks.
SCALE, BASE, ROUGHNESS, METALLIC = 0, 3, 6, 7
TEXTURE, BY_BOX, TILE, BUMPS, BUMP_TILE, MEAN, EVEN = 8, 9, 10, 11, 12, 13, 16
LOOK_COLUMNS = 17

# World.lights
KIND, POSITION, TOWARDS, POWER, RADIUS, CONE, SHADOW, SIDE, UP, AREA = (
    0, 1, 4, 7, 10, 11, 12, 13, 16, 19,
)  # fmt: skip
LIGHT_COLUMNS = 20
DIRECTIONAL, POINT, SPOT, AREA_LIGHT = 0.0, 1.0, 2.0, 3.0

ARGUMENT_BYTES = 128
"""From Embree's arguments for coherent rays to those for others."""

MAX_LEVELS = 16
"""Mip levels of a texture: sides up to 32,768 texels."""

# The table that `World.address` points to: addresses, and some counts.
(
    HANDLES, TIMES, POSES, BODIES, CAMERAS, CAMERA_ROWS, ARRAYS, LOOKS, TEXELS, SIZES, OFFSETS, LIGHTS,
    LIGHT_COUNT, SUN, HAS_ENVIRONMENT, IMAGE, IMAGE_HEIGHT, IRRADIANCE, SPECULAR, LOBE_HEIGHT, TABLE,
    RAYS, RAY_COLUMNS, ARGUMENTS, NUMBERS, BACKDROP,
) = range(26)  # fmt: skip

# The table that NUMBERS points to.
AMBIENT, BACKGROUND, SPREAD, NEAREST, FARTHEST, APERTURE, FOCUS = 0, 3, 6, 7, 8, 9, 10


@dataclass(frozen=True, eq=False)
class World:
    """A scene, or some moments of it.

    Attributes:
        handles: (T,) int64, Embree's scene at each moment.
        poses: (T + 1, N, 12) float64, a body's rotation (row by row) and position in the world [m]; the
            last is that of the exposure's middle.
        cameras: (R, T + 1, 12) float64, the same of the camera; R is 1, or a row of the image each.
        arrays: (N, 5) int64, see above.
        looks: (N, LOOK_COLUMNS) float64: scale, base colour, roughness, metallic, texture's number
            or -1, whether it is mapped by box, tile's side [m], normal map's number or -1, its tile's
            side, the mean colour for indirect light, and whether the scale is even in all axes.
        texels: (M,) int64, addresses of textures, (texel, 4) uint16 linear, level after level.
        sizes: (M, 3) int64, width, height, and number of levels.
        offsets: (M, MAX_LEVELS) int64, a level's first texel.
        lights: (L, LIGHT_COLUMNS) float64.
        sun: number of the light that makes indirect light, or -1.
        ambient, background: linear RGB.
        backdrop: (H, W, 3) float32, what pixels show where nothing is hit; empty if there is none.
        lit: whether there is an environment; the next three are its.
        image, irradiance, specular: see `simkit.render.prefilter.Prefiltered`.
        table: the split sum's, see `simkit.render.prefilter.split_sum_table`.
        rays: (H + 2, W + 2, 3) float64, `camera_rays` of the pixels and of one more on each side.
        spread: angle that a pixel takes [rad].
        near, far: of a ray's parameter.
        aperture, focus: of the lens [m].
        arguments: (2, 32) uint32, Embree's, for coherent rays, and for those that go all ways.
    """

    handles: NDArray[Any]
    poses: NDArray[Any]
    cameras: NDArray[Any]
    arrays: NDArray[Any]
    looks: NDArray[Any]
    texels: NDArray[Any]
    sizes: NDArray[Any]
    offsets: NDArray[Any]
    lights: NDArray[Any]
    sun: int
    ambient: tuple[float, float, float]
    background: tuple[float, float, float]
    backdrop: NDArray[Any]
    lit: bool
    image: NDArray[Any]
    irradiance: NDArray[Any]
    specular: NDArray[Any]
    table: NDArray[Any]
    rays: NDArray[Any]
    spread: float
    near: float
    far: float
    aperture: float
    focus: float
    arguments: NDArray[Any]

    @property
    def address(self) -> int:
        """Where compiled code finds the table; good for as long as this object lives."""
        return int(self._words.ctypes.data)

    @cached_property
    def _numbers(self) -> NDArray[np.float64]:
        camera = (self.spread, self.near, self.far, self.aperture, self.focus)
        return np.array([*self.ambient, *self.background, *camera], dtype=np.float64)

    @cached_property
    def _words(self) -> NDArray[np.int64]:
        words = np.zeros(26, dtype=np.int64)
        tables = {
            HANDLES: self.handles, POSES: self.poses, CAMERAS: self.cameras, ARRAYS: self.arrays,
            LOOKS: self.looks, TEXELS: self.texels, SIZES: self.sizes, OFFSETS: self.offsets,
            LIGHTS: self.lights, IMAGE: self.image, IRRADIANCE: self.irradiance,
            SPECULAR: self.specular, TABLE: self.table, RAYS: self.rays, ARGUMENTS: self.arguments,
            NUMBERS: self._numbers, BACKDROP: self.backdrop,
        }  # fmt: skip
        for place, table in tables.items():
            assert table.flags.c_contiguous
            assert table.dtype.itemsize in (4, 8)
            words[place] = table.ctypes.data
        words[TIMES], words[BODIES], words[SUN] = len(self.handles), self.poses.shape[1], self.sun
        words[CAMERA_ROWS], words[LIGHT_COUNT] = len(self.cameras), len(self.lights)
        words[HAS_ENVIRONMENT], words[RAY_COLUMNS] = self.lit, self.rays.shape[1]
        if self.backdrop.size == 0:
            words[BACKDROP] = 0
        words[IMAGE_HEIGHT], words[LOBE_HEIGHT] = self.image.shape[0], self.specular.shape[1]
        return words
