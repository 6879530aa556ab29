"""What a feature extractor is: images to vectors, under a name that every distance carries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3) sRGB."""


@dataclass(frozen=True)
class NoOptions:
    """Of an extractor that has none."""


class Extractor(ABC):
    """Images to feature vectors; a plug-in of the group ``simkit.features``.

    Attributes:
        Options: its keys, declared with `simkit.options`. A key named ``file`` is what stands after
            the colon in ``onnx:model.onnx``.
        title: as distances are named after it: ``EffLite0`` gives ``FD-EffLite0``.
        dimensions: length of a vector.
        batch: images that are worked on at once.
    """

    Options: ClassVar[type[Any]] = NoOptions
    title: str
    dimensions: int
    batch: ClassVar[int] = 32

    @abstractmethod
    def __init__(self, options: Any) -> None:
        """Make it ready; it is made once and used for many images.

        Raises:
            AssetError: a file or package that it needs is missing or damaged.
        """

    @abstractmethod
    def extract(self, images: Iterable[Image]) -> NDArray[np.float32]:
        """Return (N, dimensions) float32 features of (H, W, 3) uint8 sRGB images of any sizes.

        `images` may be a generator; no more than `batch` of them are held at once. The same images give
        the same features, however they are batched (up to the rounding of float32).
        """

    def probabilities(self, images: Iterable[Image]) -> NDArray[np.float32] | None:
        """Return (N, classes) class probabilities, for the Inception Score, if there are any."""
        return None
