"""Textures as images: computed tiles without a seam, and image files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from simkit.assets.color import srgb_bytes
from simkit.assets.patterns import HEIGHTS, PATTERNS
from simkit.errors import AssetError
from simkit.randomness import stream
from simkit.scene import Texture

Bytes = NDArray[np.uint8]

LARGEST = 2048
"""A larger image file is reduced to this many pixels a side: photos' megapixels cost time to read."""

_SHADES = 4096
"""Steps from a pattern's first colour to its last; sRGB bytes need no more."""


def texture_image(texture: Texture, resolution: int = 256) -> Bytes:
    """Return one tile of a texture (H, W, 3) uint8, read-only: sRGB, or normals if it has a relief.

    Computed kinds are `resolution` pixels a side and continue at their edges; an image file keeps
    its own size, up to the larger of `resolution` and `LARGEST`.

    Raises:
        AssetError: the image file is missing or cannot be read.
    """
    if texture.kind != "image":
        return _computed(texture, resolution)
    image = _file(Path(texture.path), max(resolution, LARGEST))
    return _normals(image.mean(axis=2) / 255.0, texture.relief) if texture.relief > 0 else image


@lru_cache(maxsize=16)
def _computed(texture: Texture, resolution: int) -> Bytes:
    rng = stream(texture.seed, 0, "texture")
    patterns = HEIGHTS if texture.relief > 0 else PATTERNS
    weight = patterns[texture.kind](rng, resolution, len(texture.colors), texture.octaves)
    if texture.relief > 0:
        return _normals(weight, texture.relief)
    shade = np.rint(weight * np.float32(_SHADES - 1)).astype(np.int64)
    return _fixed(_ramp(np.array(texture.colors, dtype=np.float64))[shade])


def _ramp(colors: NDArray[np.float64]) -> Bytes:
    """Return sRGB (`_SHADES`, 3) along linear colours (C, 3)."""
    stops, places = np.linspace(0.0, 1.0, len(colors)), np.linspace(0.0, 1.0, _SHADES)
    return srgb_bytes(np.stack([np.interp(places, stops, colors[:, k]) for k in range(3)], axis=-1))


def _normals(height: NDArray[np.floating], relief: float) -> Bytes:
    """Return tangent-space normals (H, W, 3), as `simkit.scene.Material.normal_map` has them.

    Args:
        height: (H, W) in [0, 1], rows downwards; it continues at its edges.
        relief: how high 1 is [tile's side].
    """
    rows, columns = height.shape
    along_u = (np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)) * (relief * columns / 2)
    along_v = (np.roll(height, 1, axis=0) - np.roll(height, -1, axis=0)) * (relief * rows / 2)
    up = 1.0 / np.sqrt(along_u * along_u + along_v * along_v + 1.0)
    normals = np.stack([-along_u * up, -along_v * up, up], axis=-1)
    return _fixed(np.rint((normals * 0.5 + 0.5) * 255.0).astype(np.uint8))


def _file(path: Path, largest: int) -> Bytes:
    if not path.is_file():
        raise AssetError(f"{path if path.name else '(no path)'}: the texture image is not there; "
                         "check the path")  # fmt: skip
    try:
        with Image.open(path) as image:
            if max(image.size) > largest:
                image.draft("RGB", (largest, largest))  # JPEG: decodes no more than needed
            upright = ImageOps.exif_transpose(image).convert("RGB")
            return _fixed(np.asarray(upright.reduce(-(-max(upright.size) // largest))))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise AssetError(
            f"{path}: the texture image cannot be read ({error}); export it as PNG or JPEG"
        ) from None


def _fixed(image: NDArray[np.uint8]) -> Bytes:
    image = np.ascontiguousarray(image)
    image.setflags(write=False)
    return image
