"""DINOv2 ViT-S/14 features, from a weights file that the user has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simkit.errors import ConfigError
from simkit.features.contract import Extractor, Image
from simkit.features.module import IMAGENET_MEAN, IMAGENET_STD
from simkit.features.networks import device_of, load_into, run_batches, state_dict_of
from simkit.features.resizing import resized
from simkit.features.vision_transformer import PATCH, WIDTH, VisionTransformer
from simkit.options import setting


@dataclass(frozen=True)
class DinoV2Options:
    """Keys of ``dinov2``."""

    file: str = setting("", help="dinov2_vits14_pretrain.pth, or its parameters as safetensors")
    size: int = setting(224, unit="px", low=PATCH, help="side of its input, a multiple of 14")
    device: str = setting("cpu", help="cpu, cuda or cuda:N")

    def __post_init__(self) -> None:
        if self.size % PATCH:
            raise ConfigError(f"size: {self.size} is no multiple of {PATCH}; 224 is usual")


class DinoV2(Extractor):
    """The class token of DINOv2 ViT-S/14 (without registers), 384 numbers."""

    Options = DinoV2Options
    dimensions = WIDTH

    def __init__(self, options: DinoV2Options) -> None:
        self.title = "DINOv2-S" if options.size == 224 else f"DINOv2-S@{options.size}"
        self._size = options.size
        self._device = device_of(options.device)
        with torch.device("meta"):
            network = VisionTransformer()
        stored = state_dict_of(options.file)
        load_into(network, stored, options.file, "the state dict of DINOv2 ViT-S/14")
        self._network = network.eval().to(self._device)
        self._mean, self._std = (
            torch.tensor(values, device=self._device).reshape(1, 3, 1, 1)
            for values in (IMAGENET_MEAN, IMAGENET_STD)
        )

    def extract(self, images: Iterable[Image]) -> NDArray[np.float32]:
        return run_batches(self._network, images, self._inputs, self.dimensions, self.batch)

    def _inputs(self, images: list[Image]) -> Tensor:
        stacked = np.stack([resized(image, self._size, self._size) for image in images])
        x = torch.from_numpy(stacked).to(self._device).permute(0, 3, 1, 2).to(torch.float32) / 255
        return (x - self._mean) / self._std
