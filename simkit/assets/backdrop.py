"""Images that fill the picture behind everything."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.assets.color import linear_of_bytes
from simkit.assets.textures import texture_image
from simkit.scene import Texture

_LINEAR = linear_of_bytes(np.arange(256, dtype=np.uint8)).astype(np.float32)


@lru_cache(maxsize=8)
def backdrop_image(texture: Texture, width: int, height: int) -> NDArray[np.float32]:
    """Return a texture as linear RGB (`height`, `width`, 3) float32; read-only.

    It covers the picture: scaled evenly until both sides are covered, then cut about its middle.

    Raises:
        AssetError: the image file is missing or cannot be read.
    """
    image = _LINEAR[texture_image(texture, max(width, height))]
    factor = max(width / image.shape[1], height / image.shape[0])
    size = max(round(image.shape[1] * factor), width), max(round(image.shape[0] * factor), height)
    shrinks = factor < 1
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    x, y = (size[0] - width) // 2, (size[1] - height) // 2
    cut = np.ascontiguousarray(scaled[y : y + height, x : x + width], dtype=np.float32)
    cut.setflags(write=False)
    return cut
