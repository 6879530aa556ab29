"""Images brought to the size that a network wants; the same bytes on every machine's same OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.features.contract import Image


def resized(image: Image, height: int, width: int) -> Image:
    """Return an image squeezed to (height, width, 3), its aspect ratio not kept.

    An axis that shrinks is averaged over areas, so that nothing aliases; one that grows is linear.
    """
    for axis, size in ((0, height), (1, width)):
        old = image.shape[axis]
        if old == size:
            continue
        shape = (image.shape[1], size) if axis == 0 else (size, image.shape[0])
        way = cv2.INTER_AREA if size < old else cv2.INTER_LINEAR
        image = cv2.resize(image, shape, interpolation=way)  # type: ignore[assignment]
    return image


def bounded(image: Image, longest: int) -> Image:
    """Return an image whose longer side is at most `longest` pixels; its aspect ratio is kept."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return image
    return resized(image, max(round(height * scale), 1), max(round(width * scale), 1))


def resized_without_antialiasing(image: Image, size: int) -> NDArray[np.float32]:
    """Return (size, size, 3) float32, bilinear as TensorFlow 1 had it: source = target x old / size.

    That is what the original FID was computed with; it aliases where an image shrinks.
    """
    values = image.astype(np.float32)
    for axis in (0, 1):
        old = image.shape[axis]
        source = np.arange(size, dtype=np.float32) * np.float32(old / size)
        low = np.floor(source).astype(np.int64)
        high = np.minimum(low + 1, old - 1)
        share = (source - low.astype(np.float32)).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
    return values
