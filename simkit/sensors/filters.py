"""Compiled filters of float32 images, the same on each processor."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.compiled import compiled

Image = NDArray[np.float32]
Kernel = NDArray[np.float64]


def weighted(image: Image, kernel: Kernel) -> Image:
    """Return an image (H, W, C) float32 convolved with a kernel (2m+1, 2n+1) of sum 1.

    Beyond its border the image goes on as it ends.
    """
    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = cv2.copyMakeBorder(image, rows, rows, columns, columns, cv2.BORDER_REPLICATE)
    height, width = image.shape[:2]
    wide = padded.reshape(height + 2 * rows, -1)
    channels = wide.shape[1] // (width + 2 * columns)
    taps = np.argwhere(kernel[::-1, ::-1] != 0)
    weights = kernel[::-1, ::-1][taps[:, 0], taps[:, 1]].astype(np.float32)
    summed = _sum(wide, taps[:, 0], taps[:, 1] * channels, weights, height, width * channels)
    return np.asarray(summed).reshape(image.shape)


def blurred(image: Image, sigma: float) -> Image:
    """Return an image (H, W, C) float32 under a Gaussian of standard deviation `sigma` [px]."""
    reach = math.ceil(3 * sigma)
    profile = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    profile /= profile.sum()
    return weighted(weighted(image, profile[None, :]), profile[:, None])


def line_kernel(length: float, angle: float) -> Kernel:
    """Return a kernel (2m+1, 2m+1) of sum 1: a straight line through its centre.

    Its variance along the line is ``length**2 / 12``, and up to 1/4 px^2 more along each axis, for
    points of the line are shared out among their four pixels.

    Args:
        length: [px].
        angle: from the rows' direction towards the columns' [rad].
    """
    reach = math.ceil(length / 2) + 1
    count = max(1, math.ceil(8 * length))
    along = ((np.arange(count) + 0.5) / count - 0.5) * length
    x, y = along * math.cos(angle) + reach, along * math.sin(angle) + reach
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for down in (0, 1):
        for right in (0, 1):
            share = (1 - np.abs(x - left - right)) * (1 - np.abs(y - top - down))
            np.add.at(kernel, (top + down, left + right), share)
    return kernel / count


def magnified(image: Image, channel: int, factor: float, centre: tuple[float, float]) -> Image:
    """Return one channel (H, W) of an image (H, W, C), larger by `factor` about `centre` (x, y) [px].

    Bilinear; beyond its border the image goes on as it ends.
    """
    height, width = image.shape[:2]
    x = np.clip((np.arange(width) - centre[0]) / factor + centre[0], 0, width - 1)
    y = np.clip((np.arange(height) - centre[1]) / factor + centre[1], 0, height - 1)
    found: Image = _interpolated(image[..., channel], x, y)
    return found


@compiled
def _sum(padded: Any, rows: Any, places: Any, weights: Any, height: int, width: int) -> Any:
    summed = np.zeros((height, width), dtype=np.float32)
    for y in range(height):
        into = summed[y]
        for tap in range(rows.size):
            line = padded[y + rows[tap], places[tap] : places[tap] + width]
            weight = weights[tap]
            for x in range(width):
                into[x] += weight * line[x]
    return summed


@compiled
def _interpolated(plane: Any, xs: Any, ys: Any) -> Any:
    height, width = plane.shape
    found = np.empty((height, width), dtype=np.float32)
    left = np.empty(width, dtype=np.int64)
    across = np.empty(width, dtype=np.float32)
    for x in range(width):
        left[x] = min(int(xs[x]), max(width - 2, 0))
        across[x] = xs[x] - left[x]
    for y in range(height):
        top = min(int(ys[y]), max(height - 2, 0))
        down = np.float32(ys[y] - top)
        upper, lower = plane[top], plane[min(top + 1, height - 1)]
        for x in range(width):
            a, b = left[x], min(left[x] + 1, width - 1)
            above = upper[a] + across[x] * (upper[b] - upper[a])
            below = lower[a] + across[x] * (lower[b] - lower[a])
            found[y, x] = above + down * (below - above)
    return found
