"""An infrared projector of dots, and the grey camera that looks at them."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from simkit.compiled import compiled
from simkit.randomness import stream
from simkit.sensors.electrons import Well, caught
from simkit.sensors.matching import Gray
from simkit.sensors.reproject import Map

OVERSAMPLING = 2
"""Texels a pixel of the pattern."""

DOT = 1.0
"""Standard deviation of a dot [px]."""

SHARE = 0.7
"""Of the pattern's cells have a dot."""

BRIGHTNESS = 0.2
"""Mean of full scale that automatic exposure aims at."""

LONGEST = 8.0
"""Longest exposure: the factor on a signal of 1 (a white surface at 1 m) that gives full scale."""

HIDDEN = 1.01
"""What is this much farther than the projector's own depth lies in shadow."""


@lru_cache(maxsize=2)
def dots(height: int, width: int, spacing: int, seed: int) -> Map:
    """Return a pseudo-random dot pattern as float32 texels, `OVERSAMPLING` a pixel, of mean 1.

    A dot of random brightness lies anywhere in each cell of `spacing` pixels, or none.
    """
    rng = stream(seed, 0, "projector")
    cell = spacing * OVERSAMPLING
    shape = (height * OVERSAMPLING, width * OVERSAMPLING)
    cells = (-(-shape[0] // cell), -(-shape[1] // cell))
    corner = np.indices(cells) * cell
    place = (corner + rng.random((2, *cells)) * cell).astype(int)
    light = rng.uniform(0.5, 1.0, cells) * (rng.random(cells) < SHARE)
    inside = (place[0] < shape[0]) & (place[1] < shape[1])
    texels = np.zeros(shape, dtype=np.float32)
    texels[place[0][inside], place[1][inside]] = light[inside]
    blurred = cv2.GaussianBlur(texels, (0, 0), DOT * OVERSAMPLING)
    return np.asarray(blurred / blurred.mean(), dtype=np.float32)


def illuminate(
    depth: Map, rays: Map, cosine: Map, pattern: Map, shadow: Map, focal: float, offset: float
) -> Map:
    """Return the pattern's irradiance (H, W) float32; its mean is 1 on a surface that faces it at 1 m.

    It falls with distance squared and the cosine of incidence (taken from the eye: the projector is
    beside it), and does not reach what the projector does not see.

    Args:
        depth, rays, cosine: of the eye, see `simkit.sensors.reproject`.
        pattern: from `dots`; as many columns wider than `depth` on each side.
        shadow: depth (H, W + ...) as the projector sees it, in the pattern's pixels.
        focal: horizontal focal length [px] of eye and projector.
        offset: of the projector from the eye along the x axis [m].
    """
    light = np.zeros(depth.shape, dtype=np.float32)
    margin = (shadow.shape[1] - depth.shape[1]) / 2
    _illuminate(depth, rays, cosine, pattern, shadow, float(focal), float(offset), margin, light)
    return light


def photograph(signal: Map, well: Well, rng: np.random.Generator) -> Gray:
    """Return a grey picture (H, W) uint8 of an infrared signal (H, W), exposed automatically.

    `well` is at 8 bits; `rng` gives its noise.
    """
    mean = float(signal.mean())
    exposure = min(BRIGHTNESS / mean, LONGEST) if mean > 0 else LONGEST
    exposed = caught(signal[..., None] * np.float32(exposure), well, rng)
    return np.rint(exposed[..., 0] * np.float32(255)).astype(np.uint8)


@compiled
def _illuminate(depth, rays, cosine, pattern, shadow, focal, offset, margin, light):  # type: ignore[no-untyped-def]
    height, width = depth.shape
    for row in range(height):
        top = min(max(row * OVERSAMPLING + (OVERSAMPLING - 1) // 2, 0), pattern.shape[0] - 2)
        for column in range(width):
            z = depth[row, column]
            if not z > 0.0:
                continue
            u = column + margin - focal * offset / z
            first = math.floor(u)
            if first < 0 or first + 1 >= shadow.shape[1]:
                continue
            reach = max(shadow[row, first], shadow[row, first + 1])
            if reach > 0.0 and z > HIDDEN * reach:
                continue
            x, y = z * rays[row, column, 0] - offset, z * rays[row, column, 1]
            texel = (u + 0.5) * OVERSAMPLING - 0.5
            left = math.floor(texel)
            part = texel - left
            value = 0.0
            for k in range(OVERSAMPLING):
                line = min(top + k, pattern.shape[0] - 1)
                value += (1.0 - part) * pattern[line, left] + part * pattern[line, left + 1]
            light[row, column] = (
                value / OVERSAMPLING * cosine[row, column] / (x * x + y * y + z * z)
            )
