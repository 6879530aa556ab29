"""Extractors that are torch networks: batching, devices, and the shape of what comes out."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simkit.errors import AssetError, ConfigError
from simkit.features.batching import batches
from simkit.features.contract import Image

DEVICES = "cpu, cuda or cuda:N"


def device_of(name: str) -> torch.device:
    """Return a torch device by its name.

    Raises:
        ConfigError: it is none, or is not there.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"features: device '{name}' is none; write {DEVICES}") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"features: device '{name}' is not there; write cpu")
    return device


@torch.inference_mode()
def run_batches(
    network: Callable[[Tensor], Tensor],
    images: Iterable[Image],
    prepare: Callable[[list[Image]], Tensor],
    dimensions: int,
    batch: int,
) -> NDArray[np.float32]:
    """Return (N, dimensions) float32: the network's output batch by batch."""
    rows = [network(prepare(chunk)).float().cpu().numpy() for chunk in batches(images, batch)]
    if not rows:
        return np.zeros((0, dimensions), np.float32)
    return np.concatenate(rows).astype(np.float32, copy=False)


def vectors(output: object, name: str) -> Tensor:
    """Return a network's output as (B, d): maps are averaged over the image.

    Raises:
        AssetError: it is neither vectors nor maps.
    """
    if isinstance(output, tuple | list) and len(output) == 1:
        output = output[0]
    if isinstance(output, Tensor) and output.ndim == 4:
        return output.mean(dim=(2, 3))
    if isinstance(output, Tensor) and output.ndim == 2:
        return output
    shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    raise AssetError(f"{name}: gives {shape}; features are (B, d), or maps (B, d, h, w)")


def state_dict_of(path: str) -> dict[str, Tensor]:
    """Return the parameters that a file holds; nothing else is ever unpickled from it.

    Raises:
        AssetError: there is no such file, or it holds something else.
    """
    _check_file(path)
    try:
        if path.endswith(".safetensors"):
            from safetensors.torch import load_file

            return load_file(path)
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what it likes on a damaged file
        raise AssetError(f"{path}: holds no state dict: {_first_line(error)}") from error
    if not isinstance(stored, dict) or not all(isinstance(v, Tensor) for v in stored.values()):
        raise AssetError(f"{path}: holds no state dict (parameters by name); save one")
    return stored


def load_into(network: torch.nn.Module, stored: dict[str, Tensor], path: str, what: str) -> None:
    """Set a network's parameters, which was made on the meta device.

    Raises:
        AssetError: names or shapes differ from those of `what`.
    """
    counters = {
        name: torch.zeros((), dtype=torch.int64)
        for name in network.state_dict()
        if name.endswith("num_batches_tracked")  # older files lack it, and nothing here reads it
    }
    stored = counters | stored
    for name, expected in network.state_dict().items():
        if name not in stored:
            raise AssetError(f"{path}: lacks {name}; is it {what}?")
        if stored[name].shape != expected.shape:
            raise AssetError(
                f"{path}: {name} is {tuple(stored[name].shape)}, "
                f"not {tuple(expected.shape)}; is it {what}?"
            )
    network.load_state_dict({name: stored[name] for name in network.state_dict()}, assign=True)


def torchscript_of(path: str) -> torch.jit.ScriptModule:
    """Return the network of a TorchScript file.

    Raises:
        AssetError: there is no such file, or it is none.
    """
    _check_file(path)
    try:
        return torch.jit.load(path, map_location="cpu").eval()
    except Exception as error:
        raise AssetError(f"{path}: is no TorchScript file: {_first_line(error)}") from error


def is_torchscript(path: str) -> bool:
    """Return whether a file is TorchScript: a zip archive with code in it."""
    _check_file(path)
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _check_file(path: str) -> None:
    if not Path(path).is_file():
        raise AssetError(f"{path}: there is no such file; features need it on the local disk")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
