"""Environments as equirectangular images of linear radiance, in the world's frame (z up).

The image's centre looks along the world's +x, its top row is the zenith (+z), and as seen from
inside, columns run to the right: from +x towards -y. `direction_to_uv` and `uv_to_direction` are
the only places that know this.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simkit.errors import AssetError
from simkit.randomness import stream
from simkit.scene import Environment

os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")  # OpenCV looks when it first meets an .exr

import cv2

Array = NDArray[np.float64]
Image = NDArray[np.float32]

SUN_RADIUS = 0.025
"""Radius of a sky's sun [rad]: five times the real one, so that it covers pixels of the image."""

SUN_RADIANCE = 150.0
"""At intensity 1; it gives a surface that faces the sun 0.3 pi of irradiance. A sharp shadow needs a
directional `Light` beside it: renderers filter an environment, they do not trace it."""

_HAZE = 3.0
_LAMPS = (3, 6)
_LAMP_RADIANCE = (3.0, 9.0)


def direction_to_uv(directions: ArrayLike) -> Array:
    """Return image coordinates (N, 2) in [0, 1] of world directions (N, 3) of any length.

    ``u = 1/2 - atan2(y, x) / 2 pi`` runs to the right, ``v = acos(z) / pi`` downwards. The centre of
    the pixel in row i, column j of an (H, W) image is ``((j + 1/2) / W, (i + 1/2) / H)``.
    """
    directions = np.asarray(directions, dtype=np.float64).reshape(-1, 3)
    x, y, z = directions.T
    u = 0.5 - np.arctan2(y, x) / (2 * np.pi)
    v = np.arctan2(np.hypot(x, y), z) / np.pi
    return np.stack([u, v], axis=1)


def uv_to_direction(uv: ArrayLike) -> Array:
    """Return unit world directions (N, 3) of image coordinates (N, 2): `direction_to_uv` undone."""
    u, v = np.asarray(uv, dtype=np.float64).reshape(-1, 2).T
    azimuth, polar = (0.5 - u) * 2 * np.pi, v * np.pi
    across = np.sin(polar)
    return np.stack([np.cos(azimuth) * across, np.sin(azimuth) * across, np.cos(polar)], axis=1)


@lru_cache(maxsize=8)
def environment_image(environment: Environment, height: int = 256) -> Image:
    """Return the radiance (height, 2 height, 3) float32, linear RGB, from all world directions.

    Intensity and rotation are in it. The array is shared between callers, and read-only.

    Raises:
        AssetError: the image file is missing, cannot be read, or holds no valid radiance.
    """
    if environment.kind == "image":
        image = _file_image(environment, height)
    else:
        turned = pixel_directions(height) @ _turn(environment.rotation)  # world to environment
        image = _COMPUTED[environment.kind](environment, turned, np.pi / height)
        image = image.reshape(height, 2 * height, 3)
    scaled: Image = np.asarray(image * environment.intensity, dtype=np.float32, order="C")
    scaled.flags.writeable = False
    return scaled


@lru_cache(maxsize=4)
def pixel_directions(height: int) -> Array:
    """Return the unit world directions (2 height^2, 3) of an image's pixel centres, row by row."""
    v, u = np.mgrid[0:height, 0 : 2 * height]
    uv = np.stack([(u.ravel() + 0.5) / (2 * height), (v.ravel() + 0.5) / height], axis=1)
    directions = uv_to_direction(uv)
    directions.flags.writeable = False
    return directions


def _turn(angle: float) -> Array:
    """Return the matrix (3, 3) whose product from the right turns row vectors by -angle about z."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _constant(environment: Environment, directions: Array, pixel: float) -> Array:
    del pixel
    return np.tile(np.array(environment.colors[0]), (len(directions), 1))


def _sky(environment: Environment, directions: Array, pixel: float) -> Array:
    """Zenith to horizon as haze thickens, a sun with its glow, and a plain ground."""
    zenith, horizon, ground = (np.array(color) for color in environment.colors[:3])
    up = directions[:, 2:3]
    haze = (1.0 - np.clip(up, 0.0, 1.0)) ** _HAZE
    sky = zenith + (horizon - zenith) * haze
    away = np.clip(-up, 0.0, 1.0)
    earth = ground + (horizon - ground) * 0.5 * np.exp(-away / 0.03)
    sun = np.array(environment.sun)
    # Low suns are redder and weaker: light crosses more air.
    height = np.clip(sun[2], 0.0, 1.0)
    tint = np.array([1.0, 0.55 + 0.4 * height**0.5, 0.25 + 0.65 * height**0.5])
    cosine = np.clip(directions @ sun, -1.0, 1.0)[:, None]
    angle = np.arccos(cosine)
    disc = np.clip((SUN_RADIUS + 0.5 * pixel - angle) / pixel, 0.0, 1.0)
    glow = 0.8 * np.exp(-angle / 0.12) + 0.15 * np.exp(-angle / 0.5)
    strength = np.clip(sun[2] / 0.05 + 0.5, 0.0, 1.0)
    sky = sky + tint * strength * (SUN_RADIANCE * disc + glow)
    edge = np.clip(0.5 + up / pixel, 0.0, 1.0)
    return np.asarray(earth + (sky - earth) * edge)


def _studio(environment: Environment, directions: Array, pixel: float) -> Array:
    """Walls, darker towards the floor, with softboxes: rectangles that fall off at their edges."""
    walls, lamps = (np.array(color) for color in environment.colors[:2])
    image = walls * (0.65 + 0.35 * directions[:, 2:3])
    rng = stream(environment.seed, 0, "studio")
    count = int(rng.integers(*_LAMPS))
    start = rng.uniform(0.0, 2 * np.pi)
    for number in range(count):
        azimuth = start + 2 * np.pi * (number + rng.uniform(-0.3, 0.3)) / count
        height = rng.uniform(0.15, 0.85)
        across = np.sqrt(1.0 - height * height)
        middle = np.array([np.cos(azimuth) * across, np.sin(azimuth) * across, height])
        side = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
        above = np.cross(middle, side)
        half_width, half_height = rng.uniform(0.15, 0.5), rng.uniform(0.15, 0.5)
        radiance = rng.uniform(*_LAMP_RADIANCE)
        depth = np.maximum(directions @ middle, 1e-6)
        x, y = np.abs(directions @ side) / depth, np.abs(directions @ above) / depth
        soft = 0.04 + pixel
        inside = np.clip((half_width - x) / soft + 0.5, 0.0, 1.0)
        inside = inside * np.clip((half_height - y) / soft + 0.5, 0.0, 1.0)
        inside = inside * (directions @ middle > 0)
        vignette = 1.0 - 0.35 * np.minimum((x / half_width) ** 2 + (y / half_height) ** 2, 1.0)
        image = image + (inside * vignette)[:, None] * radiance * lamps
    return np.asarray(image)


_COMPUTED = {"constant": _constant, "sky": _sky, "studio": _studio}


def _file_image(environment: Environment, height: int) -> Array:
    """Return a file's radiance, turned about z and shrunk by averaging."""
    image = _read(Path(environment.path))
    method = cv2.INTER_AREA if image.shape[0] >= height else cv2.INTER_LINEAR
    image = np.asarray(cv2.resize(image, (2 * height, height), interpolation=method))
    # Turning the world by +rotation moves its columns to the left (u falls as azimuth grows).
    shift = -environment.rotation / (2 * np.pi) * 2 * height
    whole = int(np.floor(shift))
    part = shift - whole
    low, high = np.roll(image, whole, axis=1), np.roll(image, whole + 1, axis=1)
    return np.asarray(low * (1.0 - part) + high * part, dtype=np.float64)


def _read(path: Path) -> Image:
    name = str(path) if str(path) != "." else "(no path)"
    if not path.is_file():
        raise AssetError(f"{name}: the environment map is not there; check Environment.path")
    try:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise AssetError(
            f"{name}: the environment map cannot be read ({error}); if it is an .exr, set the "
            "environment variable OPENCV_IO_ENABLE_OPENEXR=1 before Python starts, or use .hdr"
        ) from None
    if image is None or image.ndim != 3 or image.shape[2] < 3 or image.dtype != np.float32:
        raise AssetError(
            f"{name}: is no RGB image of floating-point radiance; give an equirectangular .hdr or .exr"
        )
    radiance: Image = np.ascontiguousarray(image[..., 2::-1], dtype=np.float32)
    if not np.isfinite(radiance).all() or radiance.min() < 0:
        raise AssetError(f"{name}: holds negative or non-finite radiance; export it again")
    return radiance
