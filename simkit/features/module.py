"""A user's own torch network as features."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simkit.errors import AssetError, ConfigError
from simkit.features.contract import Extractor, Image
from simkit.features.networks import device_of, run_batches, torchscript_of, vectors
from simkit.features.resizing import resized
from simkit.options import setting

IMAGENET_MEAN = [0.485, 0.456, 0.406]
IMAGENET_STD = [0.229, 0.224, 0.225]
"""Of the ImageNet training images, sRGB in 0 to 1; most published networks want them."""


@dataclass(frozen=True)
class ModuleOptions:
    """Keys of ``module``."""

    file: str = setting("", help="package.module:function_or_class, or a TorchScript file")
    size: int = setting(224, unit="px", low=1, help="side that images are squeezed to")
    mean: list[float] = setting(IMAGENET_MEAN, help="taken off sRGB in 0 to 1")
    std: list[float] = setting(IMAGENET_STD, low=1e-6, help="divides what is left")
    title: str = setting("", help="in names of distances; the file's or function's name if empty")
    device: str = setting("cpu", help="cpu, cuda or cuda:N")

    def __post_init__(self) -> None:
        for name, value in (("mean", self.mean), ("std", self.std)):
            if len(value) != 3:
                raise ConfigError(f"{name}: {value} has {len(value)} numbers, not 3")


class Module(Extractor):
    """What a user's `torch.nn.Module` gives for an image: vectors, or maps, which are averaged.

    ``module:package.module:make`` names a module, a class, or a function without arguments that
    returns one; ``module:network.pt`` is a TorchScript file.
    """

    Options = ModuleOptions

    def __init__(self, options: ModuleOptions) -> None:
        self._size, self._name = options.size, options.file
        self._device = device_of(options.device)
        is_file = Path(options.file).is_file() or os.sep in options.file
        network = torchscript_of(options.file) if is_file else _made(options.file)
        self._network = network.eval().to(self._device)
        name = Path(options.file).stem if is_file else options.file.rpartition(":")[2]
        self.title = options.title or name
        self._mean, self._std = (
            torch.tensor(values, device=self._device).reshape(1, 3, 1, 1)
            for values in (options.mean, options.std)
        )
        with torch.inference_mode():
            probe = self._inputs([np.zeros((options.size, options.size, 3), np.uint8)])
            self.dimensions = int(self._vectors(probe).shape[1])

    def extract(self, images: Iterable[Image]) -> NDArray[np.float32]:
        return run_batches(self._vectors, images, self._inputs, self.dimensions, self.batch)

    def _vectors(self, x: Tensor) -> Tensor:
        return vectors(self._network(x), self._name)

    def _inputs(self, images: list[Image]) -> Tensor:
        stacked = np.stack([resized(image, self._size, self._size) for image in images])
        x = torch.from_numpy(stacked).to(self._device).permute(0, 3, 1, 2).to(torch.float32) / 255
        return (x - self._mean) / self._std


def _made(target: str) -> torch.nn.Module:
    """Return the module that ``package.module:name`` stands for."""
    package, colon, name = target.partition(":")
    if not colon:
        raise AssetError(
            f"{target}: there is no such file, and package.module:function has a colon"
        )
    if "" not in sys.path:  # as `python -m` has it: modules of the working folder are found
        sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(package), name)
    except (ImportError, AttributeError) as error:
        raise AssetError(f"features: {target} does not load: {error}") from error
    network = found if isinstance(found, torch.nn.Module) else found()
    if not isinstance(network, torch.nn.Module):
        raise AssetError(f"features: {target} gives {type(network).__name__}, no torch.nn.Module")
    return network
