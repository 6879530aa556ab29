"""Image-based lighting, prepared once an environment and shared by all backends.

* Diffuse: irradiance as nine spherical-harmonic coefficients a colour (Ramamoorthi and Hanrahan,
  "An Efficient Representation for Irradiance Environment Maps", 2001), with all constants
  multiplied in, see `irradiance`.
* Specular: the environment seen through GGX lobes of several roughnesses, at normal = view =
  reflection (Karis, "Real Shading in Unreal Engine 4", 2013), by importance sampling on fixed
  low-discrepancy points from images shrunk to the sample's solid angle (Krivanek and Colbert,
  "Real-time Shading with Filtered Importance Sampling", 2008).
* The split sum's table over cosine and roughness, with the height-correlated visibility of
  `simkit.render.brdf`.

All of it is the same on every machine: no randomness, one thread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.assets.environments import environment_image, pixel_directions
from simkit.compiled import compiled
from simkit.render.brdf import alpha_of, smith_visibility
from simkit.scene import Environment

Float32 = NDArray[np.float32]

ROUGHNESS_LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Roughness of `Prefiltered.specular`'s levels; between two of them, mix linearly."""

SPECULAR_HEIGHT = 64
_SHRUNK = (0, 0, 1, 2, 2, 2)
"""Wide lobes blur all detail: they are filtered at an image this many halvings smaller."""

TABLE_SIZE = 64
_LOBE_SAMPLES = 32
_TABLE_SAMPLES = 256


@dataclass(frozen=True, eq=False)
class Prefiltered:
    """An environment ready for shading; equirectangular as in `simkit.assets.environments`.

    Attributes:
        image: (H, 2H, 3) float32, the radiance itself: the background, and what mirrors show.
        irradiance: (9, 3) float32, see `irradiance`.
        specular: (6, 64, 128, 3) float32, radiance through a GGX lobe at `ROUGHNESS_LEVELS`; level
            0 is the image shrunk. Shading below roughness 0.2 mixes `image`, at roughness 0, with
            level 1, so that mirrors are sharp.
    """

    image: Float32
    irradiance: Float32
    specular: Float32


@lru_cache(maxsize=8)
def prefilter(environment: Environment) -> Prefiltered:
    """Return an environment's maps; those of the last few are kept.

    Raises:
        AssetError: the environment's image cannot be read.
    """
    image = environment_image(environment)
    height = SPECULAR_HEIGHT
    small = cv2.resize(image, (2 * height, height), interpolation=cv2.INTER_AREA)
    specular = np.empty((len(ROUGHNESS_LEVELS), height, 2 * height, 3), dtype=np.float32)
    specular[0] = small
    pyramid, starts = _pyramid(np.asarray(small))
    for level, roughness in enumerate(ROUGHNESS_LEVELS[1:], start=1):
        rows = height >> _SHRUNK[level]
        blurred = np.empty((rows, 2 * rows, 3), dtype=np.float32)
        lobe = _lobe(roughness, height)
        flat = blurred.reshape(-1, 3)
        _filter(pixel_directions(rows), lobe, pyramid, starts, height, flat)
        specular[level] = _enlarged(blurred, height)
    specular.flags.writeable = False
    return Prefiltered(image, _irradiance_coefficients(np.asarray(small)), specular)


@lru_cache(maxsize=1)
def split_sum_table() -> Float32:
    """Return (64, 64, 2) float32: scale A and offset B of f0.

    Row i is roughness ``(i + 1/2) / 64``, column j the cosine of normal and view ``(j + 1/2) / 64``.
    """
    table = np.empty((TABLE_SIZE, TABLE_SIZE, 2), dtype=np.float32)
    _fill_table(table, _TABLE_SAMPLES)
    table.flags.writeable = False
    return table


def irradiance(coefficients: NDArray[np.floating], normals: NDArray[np.floating]) -> Float32:
    """Return irradiance (N, 3) [radiance x sr] at unit world normals (N, 3); Lambert reflects 1/pi of it.

    With the normal (x, y, z) it is, clamped at 0, the sum of the coefficients times
    ``1, x, y, z, x y, y z, 3 z^2 - 1, x z, x^2 - y^2``.
    """
    x, y, z = np.asarray(normals, dtype=np.float64).T
    basis = np.stack(
        [np.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=1
    )
    return np.maximum(basis @ coefficients, 0.0).astype(np.float32)


def _irradiance_coefficients(image: Float32) -> Float32:
    """Return (9, 3): projection of radiance (H, 2H, 3), convolved with the clamped cosine."""
    height = image.shape[0]
    x, y, z = pixel_directions(height).T
    edges = np.cos(np.linspace(0.0, np.pi, height + 1))
    solid_angle = np.repeat((edges[:-1] - edges[1:]) * np.pi / height, 2 * height)
    ones = np.ones_like(x)
    basis = np.stack([ones, x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y])
    # Squares of the harmonics' normalisations, times the clamped cosine's pi, 2 pi / 3, pi / 4.
    norm2 = np.array([1 / 4, *[3 / 4] * 3, 15 / 4, 15 / 4, 5 / 16, 15 / 4, 15 / 16]) / np.pi
    cosine = np.pi * np.array([1.0, *[2 / 3] * 3, *[1 / 4] * 5])
    moments = (basis * solid_angle) @ image.reshape(-1, 3).astype(np.float64)
    return np.asarray((norm2 * cosine)[:, None] * moments, dtype=np.float32)


def _enlarged(image: Float32, height: int) -> Float32:
    """Return an equirectangular image (h, 2h, 3) at another height; it goes on at its sides."""
    factor = height // image.shape[0]
    if factor == 1:
        return image
    wrapped = np.concatenate([image[:, -2:], image, image[:, :2]], axis=1)
    size = (wrapped.shape[1] * factor, height)
    large = np.asarray(cv2.resize(wrapped, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    return large[:, 2 * factor : -2 * factor]


def _pyramid(image: Float32) -> tuple[Float32, NDArray[np.int64]]:
    """Return all halvings of an image as one array (P, 3), and where each begins."""
    levels, starts = [image], [0]
    while levels[-1].shape[0] > 2:
        height = levels[-1].shape[0] // 2
        starts.append(starts[-1] + levels[-1].shape[0] * levels[-1].shape[1])
        shrunk = cv2.resize(levels[-1], (2 * height, height), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(shrunk))
    joined = np.concatenate([level.reshape(-1, 3) for level in levels])
    return np.ascontiguousarray(joined), np.array(starts)


def _lobe(roughness: float, height: int) -> NDArray[np.float64]:
    """Return (S, 5): directions about z, weight n.l, and the pyramid's level, of GGX samples."""
    alpha = alpha_of(roughness)
    number = np.arange(_LOBE_SAMPLES)
    u = (number + 0.5) / _LOBE_SAMPLES
    turn = 2 * np.pi * ((number * (math.sqrt(5.0) - 1.0) / 2.0) % 1.0)  # Fibonacci's lattice
    cos_h = np.sqrt((1.0 - u) / (1.0 + (alpha * alpha - 1.0) * u))
    sin_h = np.sqrt(1.0 - cos_h * cos_h)
    light = np.stack(
        [2 * cos_h * sin_h * np.cos(turn), 2 * cos_h * sin_h * np.sin(turn), 2 * cos_h**2 - 1],
        axis=1,
    )
    density = alpha**2 / (np.pi * (cos_h**2 * (alpha**2 - 1) + 1) ** 2) / 4.0  # D n.h / 4 v.h
    solid_angle = 1.0 / (_LOBE_SAMPLES * density)
    pixel = 2 * np.pi**2 / (2 * height * height)
    level = np.maximum(0.5 * np.log2(solid_angle / pixel) + 0.5, 0.0)
    keep = light[:, 2] > 0
    return np.ascontiguousarray(np.column_stack([light, light[:, 2], level])[keep])


@compiled
def _filter(normals, lobe, pyramid, starts, height, out):  # type: ignore[no-untyped-def]
    """Fill out (N, 3) with the lobes' weighted means of the environment about normals (N, 3)."""
    for i in range(normals.shape[0]):
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        across = math.sqrt(max(nx * nx + ny * ny, 1e-18))
        tx, ty = -ny / across, nx / across
        bx, by, bz = -nz * ty, nz * tx, nx * ty - ny * tx
        red, green, blue, total = 0.0, 0.0, 0.0, 0.0
        for s in range(lobe.shape[0]):
            a, b, c, weight = lobe[s, 0], lobe[s, 1], lobe[s, 2], lobe[s, 3]
            x = a * tx + b * bx + c * nx
            y = a * ty + b * by + c * ny
            z = b * bz + c * nz
            level = min(int(lobe[s, 4] + 0.5), starts.shape[0] - 1)
            rows = height >> level
            columns = 2 * rows
            u = (0.5 - math.atan2(y, x) / (2.0 * math.pi)) * columns - 0.5
            v = math.acos(min(max(z, -1.0), 1.0)) / math.pi * rows - 0.5
            j, k = math.floor(u), math.floor(v)
            fu, fv = u - j, v - k
            left, right = int(j) % columns, (int(j) + 1) % columns
            top, low = max(int(k), 0), min(int(k) + 1, rows - 1)
            begin = starts[level]
            p, q = begin + top * columns, begin + low * columns
            w00, w01 = (1.0 - fu) * (1.0 - fv) * weight, fu * (1.0 - fv) * weight
            w10, w11 = (1.0 - fu) * fv * weight, fu * fv * weight
            p0, p1, q0, q1 = p + left, p + right, q + left, q + right
            red += (
                w00 * pyramid[p0, 0] + w01 * pyramid[p1, 0] + w10 * pyramid[q0, 0]
            ) + w11 * pyramid[q1, 0]
            green += (
                w00 * pyramid[p0, 1] + w01 * pyramid[p1, 1] + w10 * pyramid[q0, 1]
            ) + w11 * pyramid[q1, 1]
            blue += (
                w00 * pyramid[p0, 2] + w01 * pyramid[p1, 2] + w10 * pyramid[q0, 2]
            ) + w11 * pyramid[q1, 2]
            total += weight
        out[i, 0], out[i, 1], out[i, 2] = red / total, green / total, blue / total


@compiled
def _fill_table(table, samples):  # type: ignore[no-untyped-def]
    """Integrate f0's scale and offset by GGX importance sampling, as Karis' `IntegrateBRDF`."""
    rows, columns = table.shape[0], table.shape[1]
    golden = (math.sqrt(5.0) - 1.0) / 2.0
    for i in range(rows):
        alpha = alpha_of((i + 0.5) / rows)
        for j in range(columns):
            n_v = (j + 0.5) / columns
            vx, vz = math.sqrt(1.0 - n_v * n_v), n_v
            a, b = 0.0, 0.0
            for s in range(samples):
                u = (s + 0.5) / samples
                turn = 2.0 * math.pi * ((s * golden) % 1.0)
                cos_h = math.sqrt((1.0 - u) / (1.0 + (alpha * alpha - 1.0) * u))
                sin_h = math.sqrt(1.0 - cos_h * cos_h)
                v_h = vx * sin_h * math.cos(turn) + vz * cos_h
                n_l = 2.0 * v_h * cos_h - vz
                if n_l <= 0.0 or v_h <= 0.0:
                    continue
                visible = 4.0 * smith_visibility(n_l, n_v, alpha) * n_l * v_h / cos_h
                weight = (1.0 - v_h) ** 5
                a += (1.0 - weight) * visible
                b += weight * visible
            table[i, j, 0], table[i, j, 1] = a / samples, b / samples
