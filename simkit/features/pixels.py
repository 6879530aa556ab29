"""Small pictures as features: layout and colour, nothing learned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.features.contract import Extractor, Image
from simkit.features.resizing import resized
from simkit.options import setting


@dataclass(frozen=True)
class PixelsOptions:
    """Keys of ``pixels``."""

    size: int = setting(16, unit="px", low=1, high=128, help="side that images are squeezed to")


class Pixels(Extractor):
    """The sRGB values of a small picture, 0 to 1, row by row."""

    Options = PixelsOptions

    def __init__(self, options: PixelsOptions) -> None:
        self.title = "Pixels" if options.size == 16 else f"Pixels@{options.size}"
        self.dimensions = options.size**2 * 3
        self._size = options.size

    def extract(self, images: Iterable[Image]) -> NDArray[np.float32]:
        rows = [resized(image, self._size, self._size).reshape(-1) for image in images]
        return np.array(rows, np.float32).reshape(-1, self.dimensions) / np.float32(255)
