"""What the compiled code reads: one scene as arrays of numbers and addresses.

Column numbers of the tables stand here once, for `simkit.render.embree.packing`, which fills them,
and for the compiled code, which reads them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

# World.arrays: addresses of a body's mesh, 0 where it has no such array.
VERTICES, FACES, NORMALS, TEX_COORDS, COLORS = range(5)

# World.looks: how a body looks.
SCALE, BASE, ROUGHNESS, METALLIC = 0, 3, 6, 7
TEXTURE, BY_BOX, TILE, BUMPS, BUMP_TILE, MEAN = 8, 9, 10, 11, 12, 13
LOOK_COLUMNS = 16

# World.lights
KIND, POSITION, TOWARDS, POWER, RADIUS, CONE, SHADOW, SIDE, UP, AREA = (
    0, 1, 4, 7, 10, 11, 12, 13, 16, 19,
)  # fmt: skip
LIGHT_COLUMNS = 20
DIRECTIONAL, POINT, SPOT, AREA_LIGHT = 0.0, 1.0, 2.0, 3.0

MAX_LEVELS = 16
"""Mip levels of a texture: sides up to 32,768 texels."""


class World(NamedTuple):
    """A scene, or one moment of it.

    Attributes:
        handles: (T,) int64, Embree's scene at each moment.
        poses: (T, N, 12) float64, a body's rotation (row by row) and position in the world [m].
        cameras: (R, T, 12) float64, the same of the camera; R is 1, or a row of the image each.
        arrays: (N, 5) int64, see above.
        looks: (N, LOOK_COLUMNS) float64: scale, base colour, roughness, metallic, texture's number
            or -1, whether it is mapped by box, tile's side [m], normal map's number or -1, its tile's
            side, and the mean colour for indirect light.
        texels: (M,) int64, addresses of textures, (texel, 3) uint16 linear, level after level.
        sizes: (M, 3) int64, width, height, and number of levels.
        offsets: (M, MAX_LEVELS) int64, a level's first texel.
        lights: (L, LIGHT_COLUMNS) float64.
        sun: number of the light that makes indirect light, or -1.
        ambient, background: (3,) float64, linear RGB.
        lit_by_environment: whether there is an environment.
        image, irradiance, specular: see `simkit.render.prefilter.Prefiltered`.
        table: the split sum's, see `simkit.render.prefilter.split_sum_table`.
        rays: (H + 2, W + 2, 3) float64, `camera_rays` of the pixels and of one more on each side.
        spread: angle that a pixel takes [rad].
        near, far: of a ray's parameter.
        aperture, focus: of the lens [m].
        arguments: Embree's, for coherent rays.
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
    ambient: NDArray[Any]
    background: NDArray[Any]
    lit_by_environment: bool
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
