"""Computed textures: tiles without a seam, the same for the same `simkit.scene.Texture`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from simkit.assets.color import srgb_bytes
from simkit.errors import AssetError
from simkit.randomness import stream
from simkit.scene import Texture

Float = NDArray[np.float64]
Bytes = NDArray[np.uint8]

_OCTAVES = 5
_COARSEST = 4
"""Cells a side of the coarsest noise."""


def texture_image(texture: Texture, resolution: int = 256) -> Bytes:
    """Return one tile of a texture (H, W, 3) uint8 sRGB; it continues at its edges.

    Computed kinds are `resolution` pixels a side; an image file keeps its own size.

    Raises:
        AssetError: the image file is missing or cannot be read.
    """
    if texture.kind == "image":
        return _file(texture)
    rng = stream(texture.seed, 0, "texture")
    weight = _PATTERNS[texture.kind](rng, resolution, len(texture.colors))
    return srgb_bytes(_ramp(weight, np.array(texture.colors, dtype=np.float64)))


def _file(texture: Texture) -> Bytes:
    path = Path(texture.path)
    if not path.is_file():
        raise AssetError(f"{texture.path or '(no path)'}: the texture image is not there; "
                         "check the path")  # fmt: skip
    try:
        with Image.open(path) as image:
            return np.ascontiguousarray(np.asarray(image.convert("RGB"), dtype=np.uint8))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise AssetError(
            f"{path}: the texture image cannot be read ({error}); export it as PNG or JPEG"
        ) from None


def _ramp(weight: Float, colors: Float) -> Float:
    """Return colours (H, W, 3) at weights (H, W) in [0, 1] along the colours (C, 3)."""
    stops = np.linspace(0.0, 1.0, len(colors))
    return np.stack([np.interp(weight, stops, colors[:, k]) for k in range(3)], axis=-1)


def _checker(rng: np.random.Generator, resolution: int, colors: int) -> Float:
    """Two by two fields for two colours; a cyclic square of n by n for n."""
    del rng
    field = np.arange(resolution) * colors // resolution
    return ((field[:, None] + field[None, :]) % colors) / (colors - 1.0)


def _stripes(rng: np.random.Generator, resolution: int, colors: int) -> Float:
    """Bands across the tile, of widths that the seed decides."""
    widths = rng.uniform(0.5, 1.5, size=2 * colors)
    edges = np.cumsum(widths)[:-1] / widths.sum()
    place = (np.arange(resolution) + 0.5) / resolution
    band = np.searchsorted(edges, place) % colors
    return np.tile(band / (colors - 1.0), (resolution, 1))


def _noise(rng: np.random.Generator, resolution: int, colors: int) -> Float:
    del colors
    return _stretched(_octaves(rng, resolution, _COARSEST))


def _wood(rng: np.random.Generator, resolution: int, colors: int) -> Float:
    """Growth rings cut lengthwise: bands that run along x, bent by noise, with fine fibres."""
    del colors
    bent = _octaves(rng, resolution, 2, octaves=3)
    fibre = cv2.blur(_tiled(rng.random((resolution, resolution))), (resolution // 8 * 2 + 1, 1))
    fibre = _stretched(
        np.asarray(fibre, dtype=np.float64)[
            resolution : 2 * resolution, resolution : 2 * resolution
        ]
    )
    row = np.arange(resolution)[:, None] / resolution
    rings = int(rng.integers(6, 11)) * row + 0.7 * bent
    late = np.mod(rings, 1.0)
    # Early wood darkens slowly to late wood, and starts anew at once.
    grain = np.where(late < 0.85, (late / 0.85) ** 2, (1.0 - late) / 0.15)
    return _stretched(0.75 * grain + 0.25 * fibre)


def _octaves(
    rng: np.random.Generator, resolution: int, cells: int, octaves: int = _OCTAVES
) -> Float:
    """Return value noise (resolution, resolution) about 0 that continues at its edges."""
    total = np.zeros((resolution, resolution))
    for octave in range(octaves):
        lattice = rng.uniform(-1.0, 1.0, size=(cells << octave, cells << octave))
        total += _interpolated(lattice, resolution) * 0.5**octave
    return total


def _interpolated(lattice: Float, resolution: int) -> Float:
    """Return the lattice (n, n), which repeats, with smooth steps between its points."""
    count = len(lattice)
    place = (np.arange(resolution) + 0.5) * count / resolution
    low = np.floor(place).astype(np.int64)
    t = place - low
    t = t * t * t * (t * (6.0 * t - 15.0) + 10.0)
    low, high = low % count, (low + 1) % count
    rows = lattice[low] * (1.0 - t)[:, None] + lattice[high] * t[:, None]
    result: Float = rows[:, low] * (1.0 - t) + rows[:, high] * t
    return result


def _stretched(values: Float) -> Float:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _tiled(values: Float) -> Float:
    return np.tile(values, (3, 3))


_PATTERNS: dict[str, Callable[[np.random.Generator, int, int], Float]] = {
    "checker": _checker,
    "noise": _noise,
    "stripes": _stripes,
    "wood": _wood,
}
