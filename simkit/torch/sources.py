"""Where a sample's tensors come from: a stored record, or a sample as it was just made.

Both give the same values. What a file would round (a depth image, a JPEG) is rounded for a sample
that has no file, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.config import OutputOptions
from simkit.dataset.encode import MM, encode_depth, encode_rgb
from simkit.dataset.reader import Record
from simkit.errors import DatasetError
from simkit.geometry import Array
from simkit.pipeline import Sample


class Source(Protocol):
    """One image and its labels."""

    @property
    def index(self) -> int:
        """Number of the image."""

    @property
    def instances(self) -> Sequence[Mapping[str, Any]]:
        """Labels by annotator, one mapping an instance."""

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 sRGB."""

    @property
    def cam_K(self) -> Array:
        """(3, 3) float64 [px]."""

    def masks(self, name: str) -> NDArray[np.bool_]:
        """Return ``mask`` or ``mask_visib`` (N, H, W) of all instances."""

    def array(self, name: str) -> NDArray[Any]:
        """Return an array annotator's value, or an image that a sensor measured."""


class StoredSource:
    """A record of a data set on disk.

    Args:
        record: with the files that are needed.
        images: kind (`simkit.sensors.OUTPUTS`) of the sensors' images by name.
    """

    def __init__(self, record: Record, images: Mapping[str, str]) -> None:
        self._record = record
        self._images = images
        self.index = record.index

    @property
    def instances(self) -> Sequence[Mapping[str, Any]]:
        instances: list[dict[str, Any]] = self._record.labels["instances"]
        return instances

    @property
    def rgb(self) -> NDArray[np.uint8]:
        return self._record.rgb

    @property
    def cam_K(self) -> Array:
        self._need("camera.json", "camera")
        return np.array(self._record.camera["cam_K"], dtype=np.float64).reshape(3, 3)

    def masks(self, name: str) -> NDArray[np.bool_]:
        self._need(f"{name}.json", name)
        return self._record.mask if name == "mask" else self._record.mask_visib

    def array(self, name: str) -> NDArray[Any]:
        files = self._record.files
        for image in (f"{name}.png", f"{name}.jpg"):
            if name in self._images and image in files:
                scale = self._record.camera["depth_scale"]
                return decoded(files[image], self._images[name], scale)
        if name == "depth":
            self._need("depth.png", name)
            return self._record.depth
        self._need(f"{name}.npy", name)
        return self._record.array(name)

    def _need(self, file: str, label: str) -> None:
        if file not in self._record.files:
            raise missing(self.index, label)


class MadeSource:
    """A sample, with what its files would round rounded.

    Args:
        sample: as the pipeline made it.
        names: of the annotators that are stored by instance.
        output: how files would be written.
    """

    def __init__(self, sample: Sample, names: Sequence[str], output: OutputOptions) -> None:
        self._sample = sample
        self._output = output
        self.index = sample.index
        columns = [sample.labels[name] for name in names]
        rows = zip(*columns, strict=True) if columns else ()
        self.instances = [dict(zip(names, row, strict=True)) for row in rows]

    @property
    def rgb(self) -> NDArray[np.uint8]:
        return self._stored(self._sample.picture, "color")

    @property
    def cam_K(self) -> Array:
        return np.asarray(self._sample.camera.K, dtype=np.float64).reshape(3, 3)

    def masks(self, name: str) -> NDArray[np.bool_]:
        masks: NDArray[np.bool_] = self._sample.labels[name]
        return masks

    def array(self, name: str) -> NDArray[Any]:
        if name in self._sample.images:
            image = self._sample.images[name]
            kinds = {2: "gray", 3: "color"}
            return self._stored(image, "depth" if image.dtype == np.float32 else kinds[image.ndim])
        value: NDArray[Any] = self._sample.labels[name]
        return self._stored(value, "depth") if name == "depth" else value

    def _stored(self, image: NDArray[Any], kind: str) -> NDArray[Any]:
        scale = self._output.depth_scale
        if kind == "depth":
            return decoded(encode_depth(image, scale), kind, scale)
        if self._output.image_format == "png":
            return image
        return decoded(encode_rgb(image, self._output), kind, scale)


def decoded(data: bytes, kind: str, depth_scale: float) -> NDArray[Any]:
    """Return an image file's pixels; `kind` is one of `simkit.sensors.OUTPUTS`."""
    flag = cv2.IMREAD_COLOR if kind == "color" else cv2.IMREAD_UNCHANGED
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    if pixels is None:
        raise DatasetError(f"an image ({kind}) is damaged; run simkit inspect --verify")
    if kind == "depth":
        return (pixels * (depth_scale / MM)).astype(np.float32)
    return pixels[..., ::-1] if kind == "color" else pixels


def missing(index: int, label: str, has: Sequence[str] = ()) -> DatasetError:
    """Return the error that says which label an image lacks."""
    there = f" (its instances have {', '.join(sorted(has))})" if has else ""
    return DatasetError(
        f"image {index}: has no label '{label}'{there}; ask for others, or make the data set with "
        f"'{label}' under labels"
    )
