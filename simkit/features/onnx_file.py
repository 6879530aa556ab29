"""A network in an ONNX file as features; needs the package ``onnxruntime``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.errors import AssetError, ConfigError
from simkit.features.batching import batches
from simkit.features.contract import Extractor, Image
from simkit.features.resizing import resized
from simkit.options import setting

USUAL_SIZE = 224


@dataclass(frozen=True)
class OnnxFileOptions:
    """Keys of ``onnx``."""

    file: str = setting("", help="path of the ONNX file")
    size: int = setting(0, unit="px", low=0, help="side of its input; 0: as the file says, or 224")
    mean: list[float] = setting([0.485, 0.456, 0.406], help="taken off sRGB in 0 to 1")
    std: list[float] = setting([0.229, 0.224, 0.225], low=1e-6, help="divides what is left")
    output: str = setting("", help="name of the output; the first if empty")
    title: str = setting("", help="in names of distances; the file's name if empty")

    def __post_init__(self) -> None:
        for name, value in (("mean", self.mean), ("std", self.std)):
            if len(value) != 3:
                raise ConfigError(f"{name}: {value} has {len(value)} numbers, not 3")


class OnnxFile(Extractor):
    """What a network in an ONNX file gives: vectors, or maps, which are averaged. On the CPU.

    Its one input is (B, 3, H, W) or (B, H, W, 3); float inputs get (sRGB - mean) / std, uint8 inputs
    the bytes as they are.
    """

    Options = OnnxFileOptions

    def __init__(self, options: OnnxFileOptions) -> None:
        self._session = _session(options.file)
        (taken, *more) = self._session.get_inputs()
        if more:
            raise AssetError(
                f"{options.file}: has {1 + len(more)} inputs; features want one, images"
            )
        self._input, shape = taken.name, taken.shape
        self._bytes = taken.type == "tensor(uint8)"
        if len(shape) != 4 or 3 not in (shape[1], shape[3]):
            raise AssetError(
                f"{options.file}: its input is {shape}, not (B, 3, H, W) or (B, H, W, 3)"
            )
        self._first = shape[1] == 3
        sides = shape[2:] if self._first else shape[1:3]
        self._height, self._width = (
            side if isinstance(side, int) else options.size or USUAL_SIZE for side in sides
        )
        if options.size and (self._height, self._width) != (options.size, options.size):
            raise ConfigError(
                f"features.onnx.size: the file's input is {self._height} x {self._width}; leave it out"
            )
        self._fixed = shape[0] if isinstance(shape[0], int) else None
        self._mean = np.array(options.mean, np.float32)
        self._std = np.array(options.std, np.float32)
        names = [one.name for one in self._session.get_outputs()]
        self._output = options.output or names[0]
        if self._output not in names:
            raise ConfigError(
                f"features.onnx.output: '{self._output}' is none of {', '.join(names)}"
            )
        self._name = options.file
        self.title = options.title or Path(options.file).stem
        probe = np.zeros((self._height, self._width, 3), np.uint8)
        self.dimensions = int(self._vectors([probe]).shape[1])

    def extract(self, images: Iterable[Image]) -> NDArray[np.float32]:
        rows = [self._vectors(chunk) for chunk in batches(images, self._fixed or self.batch)]
        return np.concatenate(rows) if rows else np.zeros((0, self.dimensions), np.float32)

    def _vectors(self, images: list[Image]) -> NDArray[np.float32]:
        count = len(images)
        missing = (self._fixed or count) - count
        images = images + images[-1:] * missing
        x: NDArray[Any] = np.stack([resized(one, self._height, self._width) for one in images])
        if not self._bytes:
            x = ((x / np.float32(255)) - self._mean) / self._std
        if self._first:
            x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        (output,) = self._session.run([self._output], {self._input: x})
        if output.ndim == 4:
            output = output.mean(axis=(2, 3))
        if output.ndim != 2:
            raise AssetError(f"{self._name}: gives {output.shape}; features are (B, d) or maps")
        return np.asarray(output[:count], np.float32)


def _session(path: str) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise AssetError("features: onnx needs a package: pip install onnxruntime") from None
    if not Path(path).is_file():
        raise AssetError(f"{path}: there is no such file")
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has an exception class for each fault
        raise AssetError(f"{path}: is no ONNX file that runs here: {str(error)[:200]}") from error
