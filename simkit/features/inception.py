"""Inception features of the original FID, from a weights file that the user has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simkit.errors import AssetError
from simkit.features.contract import Extractor, Image
from simkit.features.inception_network import CLASSES, WIDTH, InceptionV3
from simkit.features.networks import (
    device_of,
    is_torchscript,
    load_into,
    run_batches,
    sha256_of,
    state_dict_of,
    torchscript_of,
)
from simkit.features.resizing import resized_without_antialiasing
from simkit.options import setting

ORIGINAL = "6726825d"
"""The SHA-256 of the original weights as a PyTorch state dict begins so; its published name,
``pt_inception-2015-12-05-6726825d.pth``, carries it."""

SIZE = 299


@dataclass(frozen=True)
class InceptionOptions:
    """Keys of ``inception``."""

    file: str = setting("", help="pt_inception-2015-12-05-6726825d.pth, or a TorchScript file")
    original: bool = setting(False, help="you know that these are the original FID weights")
    device: str = setting("cpu", help="cpu, cuda or cuda:N")


class Inception(Extractor):
    """The 2048 pooled features of Inception v3, as FID is computed with.

    Its title is ``Inception`` for the original weights only: known by their hash, or by the user's word
    (``original=true``); ``Inception-`` and the file's hash for others. A state dict is run by our own
    definition, on images brought to 299 px as TensorFlow 1 did (bilinear, no antialiasing). A
    TorchScript file must take (B, 3, H, W) uint8 and ``return_features=True``, and resize by itself, as
    the widely used ``inception-2015-12-05.pt`` does.
    """

    Options = InceptionOptions
    dimensions = WIDTH

    def __init__(self, options: InceptionOptions) -> None:
        self._device = device_of(options.device)
        self._scripted = is_torchscript(options.file)
        if self._scripted:
            self._network: torch.nn.Module = torchscript_of(options.file)
        else:
            with torch.device("meta"):
                self._network = InceptionV3()
            stored = state_dict_of(options.file)
            load_into(self._network, stored, options.file, "the state dict of FID's Inception v3")
        self._network = self._network.eval().to(self._device)
        digest = sha256_of(options.file)
        is_original = options.original or digest.startswith(ORIGINAL)
        self.title = "Inception" if is_original else f"Inception-{digest[:8]}"
        self._file = options.file

    def extract(self, images: Iterable[Image]) -> NDArray[np.float32]:
        if not self._scripted:
            return run_batches(self._network, images, self._inputs, self.dimensions, self.batch)
        return run_batches(self._features, images, self._as_bytes, self.dimensions, 1)

    def probabilities(self, images: Iterable[Image]) -> NDArray[np.float32] | None:
        if not isinstance(self._network, InceptionV3):
            return None
        run = self._network.class_probabilities
        return run_batches(run, images, self._inputs, CLASSES, self.batch)

    def _features(self, x: Tensor) -> Tensor:
        try:
            features = self._network(x, return_features=True)
        except RuntimeError as error:
            first = str(error).strip().splitlines()[0]
            raise AssetError(
                f"{self._file}: does not take (B, 3, H, W) uint8 and return_features=True: {first}"
            ) from error
        if tuple(features.shape) != (len(x), WIDTH):
            raise AssetError(f"{self._file}: gives {tuple(features.shape)}, not (B, {WIDTH})")
        return features

    def _inputs(self, images: list[Image]) -> Tensor:
        stacked = np.stack([resized_without_antialiasing(image, SIZE) for image in images])
        x = torch.from_numpy(stacked).to(self._device).permute(0, 3, 1, 2)
        return (x - 128) / 128

    def _as_bytes(self, images: list[Image]) -> Tensor:
        """Return one image as it is; sizes differ, so they are not stacked."""
        return torch.from_numpy(np.stack(images)).to(self._device).permute(0, 3, 1, 2)
