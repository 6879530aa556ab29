"""Computed patterns: weights from 0 to 1 over a tile that continues at its edges.

Each function takes a random stream, the side of the tile in pixels, how many colours the pattern
runs between and how many octaves its noise has; it returns weights (side, side) float32 in [0, 1],
0 for the first colour and 1 for the last. Rows run downwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Pattern = Callable[[np.random.Generator, int, int, int], Float]

_COARSEST = 4
"""Cells a side of the coarsest noise."""

_DIRECTIONS = ((1, 0), (0, 1), (1, 1), (1, -1))
"""Whole waves along a tile's sides, so that it continues."""

_BORDER = 0.035
"""Width of the borders of cells, of the tile's side."""


def checker(rng: np.random.Generator, side: int, colors: int, octaves: int) -> Float:
    """Two by two fields for two colours; a cyclic square of n by n for n."""
    field = np.arange(side) * colors // side
    return _float((field[:, None] + field[None, :]) % colors) / np.float32(colors - 1)


def stripes(rng: np.random.Generator, side: int, colors: int, octaves: int) -> Float:
    """Bands across the tile, of widths that the seed decides."""
    widths = rng.uniform(0.5, 1.5, size=2 * colors)
    edges = np.cumsum(widths)[:-1] / widths.sum()
    band = np.searchsorted(edges, (np.arange(side) + 0.5) / side) % colors
    return np.tile(_float(band) / np.float32(colors - 1), (side, 1))


def gradient(rng: np.random.Generator, side: int, colors: int, octaves: int) -> Float:
    """From the first colour to the last and back, in one of four directions."""
    across, down = _DIRECTIONS[int(rng.integers(len(_DIRECTIONS)))]
    place = _places(side)
    wave = (across * place[None, :] + down * place[:, None] + np.float32(rng.random())) % 1.0
    return _stretched(np.abs(2.0 * wave - 1.0))


def dots(rng: np.random.Generator, side: int, colors: int, octaves: int) -> Float:
    """Discs in staggered rows on the first colour; the others take turns at random."""
    count = 2 * int(rng.integers(2, 5))
    radius = rng.uniform(0.2, 0.4)
    of_disc = _float(rng.integers(1, colors, size=(count, count))) / np.float32(colors - 1)
    down = _places(side) * count
    row = down.astype(np.int64)
    across = _places(side) * count + 0.5 * (row[:, None] % 2)
    column = across.astype(np.int64)
    away = np.hypot(across - column - 0.5, (down - row - 0.5)[:, None])
    edge = count / side
    inside = np.clip((radius - away) / np.float32(edge) + 0.5, 0.0, 1.0)
    return _float(of_disc[row[:, None], column % count] * inside)


def noise(rng: np.random.Generator, side: int, colors: int, octaves: int) -> Float:
    """Clouds: value noise, each octave half as large and half as strong as the one before."""
    return _stretched(_octaves(rng, side, _COARSEST, octaves))


def wood(rng: np.random.Generator, side: int, colors: int, octaves: int) -> Float:
    """Growth rings cut lengthwise: bands that run along x, bent by noise, with fine fibres."""
    bent = _octaves(rng, side, 2, 3)
    reach = side // 8
    fibre = cv2.copyMakeBorder(
        _float(rng.random((side, side))), 0, 0, reach, reach, cv2.BORDER_WRAP
    )
    fibre = cv2.blur(fibre, (2 * reach + 1, 1))[:, reach : reach + side]
    rings = int(rng.integers(6, 11)) * (np.arange(side, dtype=np.float32)[:, None] / side)
    late = (rings + 0.7 * bent) % 1.0
    # Early wood darkens slowly to late wood, and starts anew at once.
    grain = np.where(late < 0.85, (late / 0.85) ** 2, (1.0 - late) / 0.15)
    return _stretched(0.75 * grain + 0.25 * _stretched(_float(fibre)))


def marble(rng: np.random.Generator, side: int, colors: int, octaves: int) -> Float:
    """Veins of the last colours: a wave bent by noise (Perlin 1985, An Image Synthesizer)."""
    clouds = _octaves(rng, side, 3, octaves)
    across, down = int(rng.integers(1, 3)), int(rng.integers(-2, 3))
    place = _places(side)
    wave = across * place[None, :] + down * place[:, None] + clouds
    vein = 1.0 - np.abs(np.sin(np.float32(math.pi) * wave))
    return _stretched(0.7 * vein * vein * vein + 0.3 * _stretched(clouds))


def brushed(rng: np.random.Generator, side: int, colors: int, octaves: int) -> Float:
    """Fine streaks along x, as brushed metal has."""
    streaks = _interpolated(rng.uniform(-1.0, 1.0, size=(64, 3)), side)
    for rows, columns in ((128, 5), (256, 8)):
        streaks += _interpolated(rng.uniform(-1.0, 1.0, size=(rows, columns)), side)
    return _stretched(streaks)


def voronoi(rng: np.random.Generator, side: int, colors: int, octaves: int) -> Float:
    """Cells about random points (Worley 1996), each of a shade of its own; borders of the last."""
    cell, inside, count = _cells(rng, side)
    shade = _stretched(_float(rng.permutation(count)))
    last = np.float32((colors - 1.5) / (colors - 1))
    return 1.0 + (shade[cell] * last - 1.0) * inside


def voronoi_height(rng: np.random.Generator, side: int, colors: int, octaves: int) -> Float:
    """Cells that stand out between grooves."""
    return _cells(rng, side)[1]


def fabric(rng: np.random.Generator, side: int, colors: int, octaves: int) -> Float:
    """Woven threads, in plain weave or twill: the warp of the first colours, the weft of the last."""
    over, height, count = _woven(rng, side)
    tone = rng.uniform(0.0, 0.2, size=(2, count))
    thread = (np.arange(side) * count) // side
    tones = np.where(over, _float(tone[0][thread])[None, :], _float(tone[1][thread])[:, None])
    fuzz = _float(rng.random((side, side))) * 0.08
    shade = tones + 0.35 * (1.0 - height) + fuzz
    return _stretched(np.where(over, shade, 1.0 - shade))


def fabric_height(rng: np.random.Generator, side: int, colors: int, octaves: int) -> Float:
    """Round threads that dive under each other."""
    return _woven(rng, side)[1]


PATTERNS: dict[str, Pattern] = {
    "brushed": brushed,
    "checker": checker,
    "dots": dots,
    "fabric": fabric,
    "gradient": gradient,
    "marble": marble,
    "noise": noise,
    "stripes": stripes,
    "voronoi": voronoi,
    "wood": wood,
}

HEIGHTS: dict[str, Pattern] = {**PATTERNS, "fabric": fabric_height, "voronoi": voronoi_height}
"""Patterns as height fields; most are as high as they are far along the colours."""


def _cells(rng: np.random.Generator, side: int) -> tuple[NDArray[np.uint8], Float, int]:
    """Return which point is nearest (side, side), 0 on borders to 1 inside, and how many there are.

    One point lies in each field of a square grid. Of the distances to the nearest and to the second
    nearest point, the difference vanishes on a border.
    """
    across = int(rng.integers(3, 6))
    grid = np.stack(np.meshgrid(np.arange(across), np.arange(across)), axis=-1).reshape(-1, 2)
    points = (grid + rng.uniform(0.05, 0.95, size=grid.shape)) / across
    nearest = np.full((side, side), np.inf, dtype=np.float32)
    second = nearest.copy()
    cell = np.zeros((side, side), dtype=np.uint8)
    for number, (x, y) in enumerate(points):
        away = _around(side, x)[None, :] + _around(side, y)[:, None]
        np.copyto(cell, number, where=away < nearest)
        np.minimum(second, np.maximum(nearest, away), out=second)
        np.minimum(nearest, away, out=nearest)
    inside = np.clip((np.sqrt(second) - np.sqrt(nearest)) / _BORDER * 1.5 - 0.5, 0.0, 1.0)
    return cell, _float(inside), len(points)


def _around(side: int, place: float) -> Float:
    """Return squared distances (side,) along one axis, the short way around the tile."""
    away = np.abs(_places(side) - np.float32(place))
    return np.minimum(away, 1.0 - away) ** 2


def _woven(rng: np.random.Generator, side: int) -> tuple[NDArray[np.bool_], Float, int]:
    """Return where the warp is on top (side, side), heights in [0, 1], and threads a side."""
    count = 4 * int(rng.integers(3, 7))
    twill = bool(rng.random() < 0.5)
    place = _places(side) * count
    thread = place.astype(np.int64)
    diagonal = thread[:, None] + thread[None, :]
    over = diagonal % 4 < 2 if twill else diagonal % 2 < 1
    bulge = 1.0 - (2.0 * (place - thread) - 1.0) ** 2
    bulge = bulge.astype(np.float32)
    down, across = bulge[:, None], bulge[None, :]
    height = np.where(over, across * (0.5 + 0.5 * down), down * (0.5 + 0.5 * across))
    return over, height, count


def _octaves(rng: np.random.Generator, side: int, cells: int, octaves: int) -> Float:
    """Return value noise (side, side) about 0."""
    total = np.zeros((side, side), dtype=np.float32)
    for octave in range(octaves):
        lattice = rng.uniform(-1.0, 1.0, size=(cells << octave, cells << octave))
        total += _interpolated(lattice, side) * np.float32(0.5**octave)
    return total


def _interpolated(lattice: NDArray[np.float64], side: int) -> Float:
    """Return a lattice (R, C), which repeats, at (side, side), with smooth steps in between."""
    low, high, t = _between(lattice.shape[0], side)
    values = _float(lattice)
    rows = values[low] + (values[high] - values[low]) * t[:, None]
    low, high, t = _between(lattice.shape[1], side)
    result: Float = rows[:, low] + (rows[:, high] - rows[:, low]) * t
    return result


def _between(count: int, side: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Float]:
    """Return the two of `count` points that each pixel lies between, and how far (Perlin's fade)."""
    place = (np.arange(side) + 0.5) * count / side
    low = np.floor(place).astype(np.int64)
    t = place - low
    t = t * t * t * (t * (6.0 * t - 15.0) + 10.0)
    return low % count, (low + 1) % count, _float(t)


def _places(side: int) -> Float:
    """Return pixel centres (side,) in [0, 1]."""
    return _float((np.arange(side) + 0.5) / side)


def _stretched(values: NDArray[np.floating[Any]]) -> Float:
    """Return values moved and scaled to fill [0, 1]."""
    low, high = float(values.min()), float(values.max())
    return _float((values - low) / (high - low)) if high > low else np.zeros_like(_float(values))


def _float(values: NDArray[Any]) -> Float:
    return np.asarray(values, dtype=np.float32)
