"""How a training image is made to look otherwise: light, colour, noise, blur, compression."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.options import setting

Pixels = NDArray[np.uint8]
Float = NDArray[np.float32]

GREY = np.array([0.299, 0.587, 0.114])
"""Luma of RGB, ITU-R BT.601."""


@dataclass(frozen=True)
class LookOptions:
    """How far the look of an image is altered; 0 leaves a property as it is."""

    brightness: float = setting(0.25, low=0.0, high=1.0, help="change of the scale, as a share")
    contrast: float = setting(0.25, low=0.0, high=1.0, help="... about the mean")
    gamma: float = setting(0.3, low=0.0, high=2.0, help="largest |log| of the exponent")
    cast: float = setting(0.15, low=0.0, high=1.0, help="change of each channel, as a share")
    saturation: float = setting(0.4, low=0.0, high=1.0, help="change, as a share")
    hue: float = setting(12.0, low=0.0, high=180.0, unit="deg", help="turn about the grey axis")
    grey: float = setting(0.03, low=0.0, high=1.0, help="share of images without colour")
    shadow: float = setting(0.25, low=0.0, high=1.0, help="share of images with a shadow's edge")
    noise: float = setting(8.0, low=0.0, unit="levels", help="largest standard deviation")
    blur: float = setting(1.2, low=0.0, unit="px", help="largest standard deviation, of half")
    motion: float = setting(5.0, low=0.0, unit="px", help="longest motion blur, of a quarter")
    jpeg: int = setting(40, low=1, high=100, help="lowest quality, of half; 100: none")


def look(image: Pixels, options: LookOptions, rng: np.random.Generator) -> Pixels:
    """Return an image (H, W, 3) uint8 that looks otherwise. The order is that of a camera."""
    values: Float = cv2.transform(image.astype(np.float32), _colours(options, rng))  # type: ignore[assignment]
    if rng.random() < options.shadow:
        values = values * _shadow(image.shape[:2], rng)[..., None]
    values = _toned(values, options, rng)
    values = _blurred(values, options, rng)
    if options.noise > 0:
        level = rng.uniform(0, options.noise)
        values = values + level * rng.standard_normal(values.shape, np.float32)
    made: Pixels = np.clip(values, 0, 255).astype(np.uint8)
    return _compressed(made, options, rng)


def _colours(options: LookOptions, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return (3, 3): hue, saturation, cast and brightness in one matrix."""
    angle = math.radians(rng.uniform(-1, 1) * options.hue)
    saturation = 1 + rng.uniform(-1, 1) * options.saturation
    if rng.random() < options.grey:
        saturation = 0.0
    axis = np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    turn = math.cos(angle) * np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * axis
    grey = np.tile(GREY, (3, 1))
    mixed = saturation * np.eye(3) + (1 - saturation) * grey
    cast = np.diag(1 + rng.uniform(-1, 1, 3) * options.cast)
    brightness = 1 + rng.uniform(-1, 1) * options.brightness
    matrix: NDArray[np.float64] = brightness * cast @ mixed @ turn
    return matrix


def _toned(values: Float, options: LookOptions, rng: np.random.Generator) -> Float:
    """Contrast about the mean, then a power."""
    contrast = 1 + rng.uniform(-1, 1) * options.contrast
    exponent = math.exp(rng.uniform(-1, 1) * options.gamma)
    mean = float(values.mean())
    values = np.clip((values - mean) * np.float32(contrast) + np.float32(mean), 0, 255)
    if exponent == 1:
        return values
    steps = np.arange(256, dtype=np.float32)
    table = 255 * (steps / 255) ** np.float32(exponent)
    toned: Float = cv2.LUT(np.round(values).astype(np.uint8), table)  # type: ignore[assignment]
    return toned


def _shadow(shape: tuple[int, ...], rng: np.random.Generator) -> Float:
    """Return (H, W) factors: darker, or warmer light, beyond a line, with a soft or a hard edge."""
    height, width = shape
    angle = rng.uniform(0, 2 * math.pi)
    through = rng.uniform(0.1, 0.9, 2) * [width, height]
    y, x = np.ogrid[:height, :width]
    distance = (x - through[0]) * math.cos(angle) + (y - through[1]) * math.sin(angle)
    softness = math.exp(rng.uniform(0, math.log(max(height, width) / 2)))
    depth = rng.uniform(0.2, 0.75)
    side = np.clip(distance / softness + 0.5, 0, 1)
    if rng.random() < 0.4:  # a band
        broad = rng.uniform(0.05, 0.4) * max(height, width)
        side = side * np.clip((broad - distance) / softness + 0.5, 0, 1)
    factors: Float = (1 - depth * side).astype(np.float32)
    return factors


def _blurred(values: Float, options: LookOptions, rng: np.random.Generator) -> Float:
    if options.blur > 0 and rng.random() < 0.5:
        sigma = rng.uniform(0, options.blur)
        if sigma > 0.2:
            values = cv2.GaussianBlur(values, (0, 0), sigma)  # type: ignore[assignment]
    if options.motion > 0 and rng.random() < 0.25:
        values = cv2.filter2D(values, -1, _line(rng.uniform(1, max(1, options.motion)), rng))  # type: ignore[assignment]
    return values


def _line(length: float, rng: np.random.Generator) -> Float:
    """Return a kernel that smears along a line."""
    half = math.ceil(length / 2)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    angle = rng.uniform(0, math.pi)
    for share in np.linspace(-0.5, 0.5, 4 * half + 1):
        x, y = (half + share * length * part for part in (math.cos(angle), math.sin(angle)))
        kernel[round(y), round(x)] += 1
    return kernel / kernel.sum()


def _compressed(image: Pixels, options: LookOptions, rng: np.random.Generator) -> Pixels:
    if options.jpeg >= 100 or rng.random() < 0.5:
        return image
    quality = int(rng.integers(options.jpeg, 100))
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded: Pixels = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)  # type: ignore[assignment, arg-type]
    return decoded
