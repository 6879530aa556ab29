"""EfficientNet-Lite0 features: the default, with weights from a package."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simkit import backbone
from simkit.features.contract import Extractor, Image
from simkit.features.networks import device_of, run_batches
from simkit.features.resizing import resized
from simkit.options import setting


@dataclass(frozen=True)
class EfficientNetOptions:
    """Keys of ``efficientnet_lite0``."""

    size: int = setting(224, unit="px", low=32, high=1024, help="side that images are squeezed to")
    device: str = setting("cpu", help="cpu, cuda or cuda:N")


class EfficientNetLite0(Extractor):
    """The 1280 channels of EfficientNet-Lite0's head (ImageNet), averaged over the image."""

    Options = EfficientNetOptions
    dimensions = backbone.HEAD

    def __init__(self, options: EfficientNetOptions) -> None:
        self.title = "EffLite0" if options.size == 224 else f"EffLite0@{options.size}"
        self._size = options.size
        self._device = device_of(options.device)
        self._network = backbone.pretrained().to(self._device)

    def extract(self, images: Iterable[Image]) -> NDArray[np.float32]:
        return run_batches(self._network.embed, images, self._inputs, self.dimensions, self.batch)

    def probabilities(self, images: Iterable[Image]) -> NDArray[np.float32]:
        def network(x: Tensor) -> Tensor:
            return self._network.logits(x).softmax(dim=1)

        return run_batches(network, images, self._inputs, backbone.CLASSES, self.batch)

    def _inputs(self, images: list[Image]) -> Tensor:
        stacked = np.stack([resized(image, self._size, self._size) for image in images])
        return backbone.inputs_of(torch.from_numpy(stacked).to(self._device))
