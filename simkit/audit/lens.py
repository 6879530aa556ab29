"""Pixels to rays and points to pixels, by OpenCV's own functions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
PINHOLE, BROWN, FISHEYE, PANORAMA = "pinhole", "brown_conrady", "kannala_brandt", "equirectangular"
CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-12)

RETURNS = 0.01
"""A ray that comes back to another pixel than this far away is none: the lens folds there [px]."""


@dataclass(frozen=True, eq=False)
class Lens:
    """A camera's image; the centre of the top left pixel is (0, 0).

    Attributes:
        width, height: [px].
        K: (3, 3) [px].
        model, distortion: as ``camera.json`` has them, with OpenCV's meaning.
        near, far: [m], see `simkit.cameras`.
        moves: the rows are from different times.
    """

    width: int
    height: int
    K: Float
    model: str = PINHOLE
    distortion: tuple[float, ...] = ()
    near: float = 0.0
    far: float = np.inf
    moves: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width [px]."""
        return self.height, self.width

    @property
    def wide(self) -> bool:
        """Whether near and far are distances, and depth may be."""
        return self.model in (FISHEYE, PANORAMA)

    @property
    def straight(self) -> bool:
        """Whether straight lines stay straight."""
        return self.model == PINHOLE

    @cached_property
    def grid(self) -> Float:
        """Rays (H, W, 3) through all pixels' centres; see `rays`."""
        return self.rays(self.pixels()).reshape(self.height, self.width, 3)

    def pixels(self) -> Float:
        """Return the centres (H W, 2) of all pixels, row by row."""
        rows, columns = np.mgrid[: self.height, : self.width]
        return np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)

    def rays(self, pixels: ArrayLike) -> Float:
        """Return directions (N, 3) through pixels (N, 2): z = 1, or unit for a panorama; else NaN."""
        at = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
        if self.model == PANORAMA:
            longitude = ((at[:, 0] + 0.5) / self.width - 0.5) * 2 * np.pi
            latitude = ((at[:, 1] + 0.5) / self.height - 0.5) * np.pi
            across = np.cos(latitude)
            sides = [np.sin(longitude) * across, np.sin(latitude), np.cos(longitude) * across]
            return np.stack(sides, axis=1)
        if self.model == PINHOLE or not len(at):
            homogeneous = np.column_stack([at, np.ones(len(at))])
            return np.asarray(np.linalg.solve(self.K, homogeneous.T).T)
        coefficients = np.array(self.distortion)
        if self.model == FISHEYE:
            plane = cv2.fisheye.undistortPoints(
                at[:, None], self.K, coefficients, criteria=CRITERIA
            )
        else:
            plane = cv2.undistortPoints(
                at[:, None], self.K, coefficients, None, None, None, CRITERIA
            )
        rays = np.column_stack([plane[:, 0], np.ones(len(at))])
        back = np.abs(self.project(rays) - at).max(axis=1)
        rays[~(back < RETURNS)] = np.nan
        return rays

    def project(self, points: ArrayLike) -> Float:
        """Return pixels (N, 2) of points (N, 3) of the camera's frame; NaN for those behind."""
        at = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        if self.model == PANORAMA:
            longitude = np.arctan2(at[:, 0], at[:, 2])
            latitude = np.arctan2(at[:, 1], np.hypot(at[:, 0], at[:, 2]))
            u = (longitude / (2 * np.pi) + 0.5) * self.width - 0.5
            return np.stack([u, (latitude / np.pi + 0.5) * self.height - 0.5], axis=1)
        pixels = np.full((len(at), 2), np.nan)
        front = at[:, 2] > 0
        if not front.any():
            return pixels
        seen, none = np.ascontiguousarray(at[front])[:, None], np.zeros(3)
        if self.model == PINHOLE:  # OpenCV's has no skew
            homogeneous = at[front] @ self.K.T
            pixels[front] = homogeneous[:, :2] / homogeneous[:, 2:]
        elif self.model == FISHEYE:
            lens = np.array(self.distortion)
            pixels[front] = cv2.fisheye.projectPoints(seen, none, none, self.K, lens)[0][:, 0]
        else:
            lens = np.array(self.distortion)
            pixels[front] = cv2.projectPoints(seen, none, none, self.K, lens)[0][:, 0]
        return pixels

    def inside(self, pixels: Float) -> NDArray[np.bool_]:
        """Return which pixels (N, 2) lie in the image; NaN do not."""
        x, y = pixels[:, 0], pixels[:, 1]
        return (x >= -0.5) & (y >= -0.5) & (x < self.width - 0.5) & (y < self.height - 0.5)
