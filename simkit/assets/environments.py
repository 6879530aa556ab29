"""Environments as equirectangular images of linear radiance, in the world's frame (z up).

The image's centre looks along the world's +x, its top row is the zenith (+z), and as seen from
inside, columns run to the right: from +x towards -y. `direction_to_uv` and `uv_to_direction` are
the only places that know this.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from simkit.assets.cache import Arrays, cached_arrays
from simkit.assets.color import LUMINANCE
from simkit.assets.openexr import read_exr
from simkit.errors import AssetError
from simkit.randomness import stream
from simkit.scene import Environment

Array = NDArray[np.float64]
Image = NDArray[np.float32]

SUN_RADIUS = 0.025
"""Radius of a sky's sun [rad]: five times the real one, so that it covers pixels of the image."""

SUN_RADIANCE = 150.0
"""At intensity 1; it gives a surface that faces the sun 0.3 pi of irradiance. A sharp shadow needs a
directional `Light` beside it: renderers filter an environment, they do not trace it."""

_HEIGHT = 256
_LARGE = 2**21
"""Files of more bytes are worth an entry in the cache."""

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
def environment_image(environment: Environment, height: int = _HEIGHT) -> Image:
    """Return the radiance (height, 2 height, 3) float32, linear RGB, from all world directions.

    Intensity and rotation are in it. The array is shared between callers, and read-only.

    Raises:
        AssetError: the image file is missing, cannot be read, or holds no valid radiance.
    """
    scaled = _PAINTED[environment.kind](environment, height)
    scaled *= np.float32(environment.intensity)
    scaled.flags.writeable = False
    return scaled


@lru_cache(maxsize=256)
def upward_irradiance(environment: Environment) -> float:
    """Return the luminance of what a white Lambertian surface that faces up reflects.

    That is the irradiance from the upper half over pi, the same for all rotations. Luminance weighs
    linear RGB by ITU-R BT.709.

    Raises:
        AssetError: see `environment_image`.
    """
    image = environment_image(environment)
    edges = np.cos(np.linspace(0.0, np.pi / 2, _HEIGHT // 2 + 1))
    weights = edges[:-1] ** 2 - edges[1:] ** 2  # cosine over a row's solid angle, over pi
    rows = image[: _HEIGHT // 2].mean(axis=1, dtype=np.float64)
    return float(weights @ rows @ np.array(LUMINANCE))


@lru_cache(maxsize=4)
def pixel_directions(height: int) -> Array:
    """Return the unit world directions (2 height^2, 3) of an image's pixel centres, row by row."""
    v, u = np.mgrid[0:height, 0 : 2 * height]
    uv = np.stack([(u.ravel() + 0.5) / (2 * height), (v.ravel() + 0.5) / height], axis=1)
    directions = uv_to_direction(uv)
    directions.flags.writeable = False
    return directions


def _angles(environment: Environment, height: int) -> tuple[Array, Array, Array]:
    """Return rows' sine and cosine of the polar angle (H, 1), and columns' azimuths (2H,).

    Azimuths are in the environment's own frame, before its rotation.
    """
    polar = (np.arange(height)[:, None] + 0.5) * np.pi / height
    azimuth = (0.5 - (np.arange(2 * height) + 0.5) / (2 * height)) * 2 * np.pi
    return np.sin(polar), np.cos(polar), azimuth - environment.rotation


def _constant(environment: Environment, height: int) -> Image:
    image = np.empty((height, 2 * height, 3), dtype=np.float32)
    image[:] = environment.colors[0]
    return image


def _sky(environment: Environment, height: int) -> Image:
    """Zenith to horizon as haze thickens, a sun with its glow, and a plain ground."""
    zenith, horizon, ground = (np.array(color) for color in environment.colors[:3])
    across, up, azimuth = _angles(environment, height)
    pixel = np.pi / height
    haze = (1.0 - np.clip(up, 0.0, 1.0)) ** _HAZE
    away = np.clip(-up, 0.0, 1.0)
    earth = ground + (horizon - ground) * 0.5 * np.exp(-away / 0.03)
    edge = np.clip(0.5 + up / pixel, 0.0, 1.0)
    image = np.empty((height, 2 * height, 3), dtype=np.float32)
    image[:] = (earth + (zenith + (horizon - zenith) * haze - earth) * edge)[:, None]
    # Low suns are redder and weaker: light crosses more air.
    x, y, z = environment.sun
    low = np.clip(z, 0.0, 1.0) ** 0.5
    tint = np.array([1.0, 0.55 + 0.4 * low, 0.25 + 0.65 * low])
    strength = np.clip(z / 0.05 + 0.5, 0.0, 1.0)
    rows = int(np.count_nonzero(edge))
    cosine = across[:rows] * (x * np.cos(azimuth) + y * np.sin(azimuth)) + z * up[:rows]
    angle = np.arccos(np.clip(cosine, -1.0, 1.0)).astype(np.float32)
    disc = np.clip((np.float32(SUN_RADIUS + 0.5 * pixel) - angle) / np.float32(pixel), 0.0, 1.0)
    glow = np.float32(0.8) * np.exp(angle / np.float32(-0.12))
    glow += np.float32(0.15) * np.exp(angle / np.float32(-0.5))
    glow += np.float32(SUN_RADIANCE) * disc
    glow *= (strength * edge[:rows]).astype(np.float32)
    image[:rows] += glow[..., None] * tint.astype(np.float32)
    return image


def _studio(environment: Environment, height: int) -> Image:
    """Walls, darker towards the floor, with softboxes: rectangles that fall off at their edges."""
    walls, lamps = (np.array(color) for color in environment.colors[:2])
    across, up, azimuth = _angles(environment, height)
    image = np.empty((height, 2 * height, 3), dtype=np.float32)
    image[:] = (walls * (0.65 + 0.35 * up))[:, None]
    rng = stream(environment.seed, 0, "studio")
    count = int(rng.integers(*_LAMPS))
    start = rng.uniform(0.0, 2 * np.pi)
    for number in range(count):
        around = start + 2 * np.pi * (number + rng.uniform(-0.3, 0.3)) / count
        rise = rng.uniform(0.15, 0.85)
        half_width, half_height = rng.uniform(0.15, 0.5), rng.uniform(0.15, 0.5)
        radiance = rng.uniform(*_LAMP_RADIANCE)
        soft = 0.04 + np.pi / height
        reach = np.arctan(np.hypot(half_width + soft, half_height + soft))
        rows = np.flatnonzero(np.abs(np.arccos(up[:, 0]) - np.arccos(rise)) <= reach)
        part = slice(rows[0], rows[-1] + 1)
        ahead, z = across[part] * np.cos(azimuth - around), up[part]
        flat = np.sqrt(1.0 - rise * rise)
        depth = ahead * flat + z * rise
        front = depth > 0
        depth = np.maximum(depth, 1e-6)
        x = np.abs(across[part] * np.sin(azimuth - around)) / depth
        y = np.abs(z * flat - ahead * rise) / depth
        inside = np.clip((half_width - x) / soft + 0.5, 0.0, 1.0)
        inside *= np.clip((half_height - y) / soft + 0.5, 0.0, 1.0) * front
        vignette = 1.0 - 0.35 * np.minimum((x / half_width) ** 2 + (y / half_height) ** 2, 1.0)
        shine = (inside * vignette * radiance).astype(np.float32)
        image[part] += shine[..., None] * lamps.astype(np.float32)
    return image


def _file_image(environment: Environment, height: int) -> Image:
    """Return a file's radiance, turned about z and shrunk by averaging."""
    path = Path(environment.path)
    if not path.is_file():
        name = environment.path or "(no path)"
        raise AssetError(f"{name}: the environment map is not there; check Environment.path")
    image = _shrunk(path, path.stat().st_mtime_ns, height)
    # Turning the world by +rotation moves its columns to the left (u falls as azimuth grows).
    shift = -environment.rotation / (2 * np.pi) * 2 * height
    whole = int(np.floor(shift))
    part = np.float32(shift - whole)
    low, high = np.roll(image, whole, axis=1), np.roll(image, whole + 1, axis=1)
    return np.asarray(low * (1 - part) + high * part, dtype=np.float32)


_PAINTED = {"constant": _constant, "sky": _sky, "studio": _studio, "image": _file_image}


@lru_cache(maxsize=32)
def _shrunk(path: Path, changed: int, height: int) -> Image:
    """Return a file's radiance (height, 2 height, 3), read once for each change of the file.

    What a large file shrinks to is kept in the cache folder: reading 4k maps takes half a second.
    """
    del changed

    def made() -> Arrays:
        image = _read(path)
        method = cv2.INTER_AREA if image.shape[0] >= height else cv2.INTER_LINEAR
        return {"image": np.asarray(cv2.resize(image, (2 * height, height), interpolation=method))}

    if path.stat().st_size < _LARGE:
        return np.asarray(made()["image"], dtype=np.float32)
    key = hashlib.sha256(f"{height}:".encode() + path.read_bytes()).hexdigest()
    return np.asarray(cached_arrays("environments", key, made)["image"], dtype=np.float32)


def _read(path: Path) -> Image:
    radiance = read_exr(path) if path.suffix.lower() == ".exr" else _read_hdr(path)
    if not np.isfinite(radiance).all() or radiance.min() < 0:
        raise AssetError(f"{path}: holds negative or non-finite radiance; export it again")
    return radiance


def _read_hdr(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] < 3 or image.dtype != np.float32:
        raise AssetError(
            f"{path}: is no RGB image of floating-point radiance; give an equirectangular .hdr or .exr"
        )
    return np.ascontiguousarray(image[..., 2::-1], dtype=np.float32)
