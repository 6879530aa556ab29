"""What a feature extractor is: images to vectors, under a name that every distance carries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray


class Extractor(ABC):
    """Images to feature vectors; a plug-in of the group ``simkit.features``.

    Attributes:
        title: as distances are named after it: ``EffLite0`` gives ``FD-EffLite0``.
        dimensions: length of a vector.
    """

    title: str
    dimensions: int
    batch: ClassVar[int] = 32

    @abstractmethod
    def extract(self, images: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return (N, dimensions) float32 features of (H, W, 3) uint8 sRGB images of any sizes.

        The same images give the same features, however they are batched.
        """

    def probabilities(self, images: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32] | None:
        """Return (N, classes) class probabilities, for the Inception Score, if there are any."""
        return None
