"""Camera models: pixels to rays and points to pixels, for all of `simkit.scene.CAMERA_MODELS`.

The models and the meaning of their coefficients are OpenCV's (``calib3d``: ``projectPoints`` for
``brown_conrady``, ``fisheye::projectPoints`` for ``kannala_brandt``, which is Kannala and Brandt,
TPAMI 2006, equation 6, without asymmetric terms). The centre of the top left pixel is (0, 0).

Depth and clipping: ``pinhole`` and ``brown_conrady`` cameras see only what lies in front of them;
`Camera.near` and `far` are z-depths, and so is the depth channel. A wide camera (see `is_wide`)
also sees what lies beside and behind it, where z-depth has no use: its `near` and `far` are
distances from the camera's centre. The depth channel of a ``kannala_brandt`` stays z-depth, and is
0 beyond 90 degrees off its axis; that of an ``equirectangular`` camera is the distance.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simkit.compiled import compiled
from simkit.scene import Camera

Array = NDArray[np.float64]

_ITERATIONS = 100
_CONVERGED = 1e-12
_WIDE_Z = 1e-3
"""A unit ray of a ``kannala_brandt`` camera with a smaller z is not scaled to z = 1."""


def is_wide(camera: Camera) -> bool:
    """Return whether the camera's model reaches 90 degrees off its axis and beyond."""
    return camera.model in ("kannala_brandt", "equirectangular")


def camera_rays(camera: Camera, pixels: ArrayLike) -> Array:
    """Return directions (N, 3) float64 in the camera frame through the pixels (N, 2) [px].

    They have z = 1 for ``pinhole``, ``brown_conrady`` and, within 90 degrees of its axis,
    ``kannala_brandt``, so that a ray's parameter is z-depth; all others are unit vectors. Pixels
    that no ray reaches (outside a fisheye's image circle) give NaN.
    """
    pixels = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
    if camera.model == "equirectangular":
        return _panorama_rays(camera, pixels)
    homogeneous = np.column_stack([pixels, np.ones(len(pixels))])
    plane = (homogeneous @ np.linalg.inv(camera.K).T)[:, :2]
    if camera.model == "kannala_brandt":
        return _fisheye_rays(plane, np.asarray(camera.distortion))
    if camera.model == "brown_conrady":
        plane = _undistorted(plane, camera.distortion)
    return np.column_stack([plane, np.ones(len(plane))])


def project_points(camera: Camera, points: ArrayLike) -> Array:
    """Return pixels (N, 2) float64 of points (N, 3) [m, camera frame]; NaN for those behind.

    For ``pinhole`` and ``brown_conrady``, behind means z <= 0. Wide cameras see all points but
    their own centre, and a fisheye also not the ray straight back.
    """
    points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    if camera.model == "equirectangular":
        return _panorama_pixels(camera, points)
    if camera.model == "kannala_brandt":
        plane = _fisheye_plane(points, np.asarray(camera.distortion))
    else:
        z = points[:, 2:3]
        plane = points[:, :2] / np.where(z > 0, z, np.nan)
    if camera.model == "brown_conrady":
        plane = _distorted(plane, camera.distortion)[0]
    return plane @ camera.K[:2, :2].T + camera.K[:2, 2]


def _coefficients(distortion: tuple[float, ...]) -> Array:
    """Return k1, k2, p1, p2, k3, k4, k5, k6 (8,)."""
    padded = np.zeros(8)
    padded[: len(distortion)] = distortion
    return padded


def _distorted(plane: Array, distortion: tuple[float, ...]) -> tuple[Array, Array]:
    """Return distorted points (N, 2) of the plane z = 1, and the Jacobian (N, 2, 2)."""
    k1, k2, p1, p2, k3, k4, k5, k6 = _coefficients(distortion)
    x, y = plane[:, 0], plane[:, 1]
    r2 = x * x + y * y
    above = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    below = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
    factor = above / below
    slope_above = k1 + r2 * (2 * k2 + r2 * 3 * k3)  # by r2
    slope_below = k4 + r2 * (2 * k5 + r2 * 3 * k6)
    slope = (slope_above - factor * slope_below) / below
    moved = np.stack(
        [
            x * factor + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * factor + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ],
        axis=1,
    )
    jacobian = np.empty((len(plane), 2, 2))
    jacobian[:, 0, 0] = factor + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x
    jacobian[:, 0, 1] = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
    jacobian[:, 1, 0] = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
    jacobian[:, 1, 1] = factor + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x
    return moved, jacobian


def _undistorted(wanted: Array, distortion: tuple[float, ...]) -> Array:
    """Return the points (N, 2) that `_distorted` moves to `wanted` (Newton's method); else NaN."""
    plane = np.empty_like(wanted)
    _newton(np.ascontiguousarray(wanted), _coefficients(distortion), plane)
    return plane


@compiled
def _newton(wanted, k, plane):  # type: ignore[no-untyped-def]
    """Fill `plane` with what the lens moves to `wanted`; the formulas are `_distorted`'s."""
    k1, k2, p1, p2, k3, k4, k5, k6 = k
    for i in range(wanted.shape[0]):
        u, v = wanted[i, 0], wanted[i, 1]
        x, y = u, v
        error, determinant = np.inf, 0.0
        for _ in range(_ITERATIONS):
            r2 = x * x + y * y
            above = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
            below = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
            factor = above / below
            slope = (
                k1 + r2 * (2 * k2 + r2 * 3 * k3) - factor * (k4 + r2 * (2 * k5 + r2 * 3 * k6))
            ) / below
            du = x * factor + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) - u
            dv = y * factor + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y - v
            a = factor + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x
            b = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
            d = factor + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x
            error = max(abs(du), abs(dv))
            determinant = a * d - b * b
            if not error > _CONVERGED:
                break
            safe = determinant if abs(determinant) >= 1e-9 else 1e-9
            step_x, step_y = (d * du - b * dv) / safe, (a * dv - b * du) / safe
            length = math.sqrt(step_x * step_x + step_y * step_y)
            share = min(1.0, 0.5 / max(length, 1e-300))
            x, y = x - step_x * share, y - step_y * share
        # Where the lens folds its image over, a pixel is seen from elsewhere too, or from nowhere.
        found = error < 1e-9 and determinant > 0
        plane[i, 0] = x if found else np.nan
        plane[i, 1] = y if found else np.nan


def _fisheye_rays(plane: Array, k: Array) -> Array:
    radius = np.linalg.norm(plane, axis=1)
    theta = np.empty_like(radius)
    _angles(radius, k.astype(np.float64), _fisheye_limit(k), theta)
    reached = np.abs(_fisheye_radius(theta, k)[0] - radius) < 1e-9
    sine = np.divide(np.sin(theta), radius, out=np.ones_like(theta), where=radius > 1e-12)
    rays = np.column_stack([plane * sine[:, None], np.cos(theta)])
    rays /= np.where(rays[:, 2] > _WIDE_Z, rays[:, 2], 1.0)[:, None]
    return np.where(reached[:, None], rays, np.nan)


@compiled
def _angles(radius, k, limit, theta):  # type: ignore[no-untyped-def]
    """Fill `theta` with the angles off the axis [rad] whose image radii these are, by Newton's method."""
    for i in range(radius.shape[0]):
        t = min(radius[i], limit)
        for _ in range(_ITERATIONS):
            t2 = t * t
            value = t * (1 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))))
            slope = 1 + t2 * (3 * k[0] + t2 * (5 * k[1] + t2 * (7 * k[2] + t2 * 9 * k[3])))
            step = (value - radius[i]) / (slope if abs(slope) >= 1e-6 else 1e-6)
            t = min(max(t - min(max(step, -0.5), 0.5), 0.0), limit)
            if abs(step) < _CONVERGED:
                break
        theta[i] = t


def _fisheye_plane(points: Array, k: Array) -> Array:
    across = np.linalg.norm(points[:, :2], axis=1)
    theta = np.arctan2(across, points[:, 2])
    radius = _fisheye_radius(theta, k)[0]
    scale = np.divide(radius, across, out=np.zeros_like(radius), where=across > 0)
    seen = (theta <= _fisheye_limit(k)) & ((across > 0) | (points[:, 2] > 0))
    return np.where(seen[:, None], points[:, :2] * scale[:, None], np.nan)


def _fisheye_radius(theta: Array, k: Array) -> tuple[Array, Array]:
    """Return the image radius at the angle off the axis [rad], on the plane z = 1, and its slope."""
    t2 = theta * theta
    value = theta * (1 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))))
    slope = 1 + t2 * (3 * k[0] + t2 * (5 * k[1] + t2 * (7 * k[2] + t2 * 9 * k[3])))
    return value, slope


def _fisheye_limit(k: Array) -> float:
    """Return the angle [rad] up to which the image radius grows, pi at most."""
    roots = np.roots([9 * k[3], 7 * k[2], 5 * k[1], 3 * k[0], 1.0])
    real = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)]
    return min(float(np.sqrt(real.min())) if len(real) else np.pi, np.pi)


def _panorama_rays(camera: Camera, pixels: Array) -> Array:
    longitude = ((pixels[:, 0] + 0.5) / camera.width - 0.5) * 2 * np.pi  # 0 along +z, to +x
    latitude = ((pixels[:, 1] + 0.5) / camera.height - 0.5) * np.pi  # towards +y, down
    across = np.cos(latitude)
    return np.stack(
        [np.sin(longitude) * across, np.sin(latitude), np.cos(longitude) * across], axis=1
    )


def _panorama_pixels(camera: Camera, points: Array) -> Array:
    x, y, z = points.T
    longitude = np.arctan2(x, z)
    latitude = np.arctan2(y, np.hypot(x, z))
    pixels = np.stack(
        [
            (longitude / (2 * np.pi) + 0.5) * camera.width - 0.5,
            (latitude / np.pi + 0.5) * camera.height - 0.5,
        ],
        axis=1,
    )
    somewhere = np.abs(points).max(axis=1, initial=0.0) > 0
    return np.where(somewhere[:, None], pixels, np.nan)
