"""Which tensors a sample can give, and what each needs.

Boxes are those of `simkit.geometry`: pixel-inclusive, ``width = x_max - x_min + 1``. As a rectangle
``(x, y, x + width, y + height)`` they bound whole pixels, with the left edge of pixel column c at c and
its right edge at c + 1: the convention of COCO and torchvision; ``obb`` is alike. `cam_K` and keypoints
have a pixel's *centre* at c: add 0.5 to a projected point before comparing it with a box.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simkit import registry
from simkit.errors import ConfigError, did_you_mean
from simkit.labels import Annotator
from simkit.torch.sources import Source, missing

Tensors = dict[str, Any]
"""Tensors by name; a transform may put anything in."""

BOX_FORMATS = ("xywh", "xyxy")


@dataclass(frozen=True)
class Target:
    """How a label of the field is made of ours.

    Attributes:
        annotator: whose value it is of; "": of the camera.
        file: beginning of the name of the file that holds it.
        key: which entry of the annotator's mapping, if it has several.
        dtype: of the tensor.
    """

    annotator: str
    file: str = "labels"
    key: str = ""
    dtype: Any = np.float32


TARGETS: Mapping[str, Target] = {
    "boxes": Target("bbox_visib"),
    "boxes_obj": Target("bbox_obj"),
    "labels": Target("identity", key="category_id", dtype=np.int64),
    "obj_ids": Target("identity", key="obj_id", dtype=np.int64),
    "instance_ids": Target("identity", key="instance_id", dtype=np.int64),
    "scales": Target("identity", key="scale"),
    "visib_fract": Target("visib_fract", key="visib_fract"),
    "poses": Target("pose"),
    "poses_canonical": Target("pose_canonical"),
    "masks": Target("mask_visib", "mask_visib", dtype=np.bool_),
    "masks_obj": Target("mask", "mask", dtype=np.bool_),
    "obb": Target("obb_visib", key="corners"),
    "keypoints": Target("keypoints"),
    "cam_K": Target("", "camera"),
}
"""By name: ``boxes`` and ``masks`` of what is visible, ``*_obj`` amodal ones.

Amodal boxes may leave the image. (N, 4) float32 boxes [px]; (N,) int64 ``labels``: places in
``dataset.categories``, from 0; (N, H, W) bool masks; (N, 4, 4) float32 ``T_camera_body`` [m] poses;
(N, 3) ``scales`` of the model's axes; (N, 4, 2) float32 ``obb`` [px], corners of `obb_visib`,
clockwise, in the coordinates of ``xyxy`` boxes; (N, K, 3) float32 ``keypoints``, x, y [px] and COCO's v
(2 visible, 1 occluded, 0 outside or none: x = y = 0), see `Layout.tensors`; (3, 3) float32 ``cam_K``
[px]. Every array annotator (``depth`` (H, W) [m], ``normal`` (3, H, W), ``part_map`` (H, W), ...) and
every image that a sensor measures goes by its own name.
"""

INSTANCE_LABELS = frozenset(TARGETS) - {"cam_K"}
"""Labels with one row an instance."""

EDGE = 0.5
"""From a pixel's centre to its right or lower edge [px]: from our labels' points to boxes'."""

COCO_FLAGS = {"visible": 2, "occluded": 1, "outside": 0}
"""COCO's v by our state."""

_SHAPES = {
    "boxes": (4,),
    "boxes_obj": (4,),
    "poses": (4, 4),
    "poses_canonical": (4, 4),
    "scales": (3,),
    "obb": (4, 2),
}
_SIGNED = {np.dtype(np.uint16): np.int32, np.dtype(np.uint32): np.int64}
"""Torch has few operations on unsigned types."""


@dataclass(frozen=True)
class Layout:
    """What is asked of each sample; the arguments of the data sets.

    Instances without a visible pixel, those less visible than `min_visib_fract`, and crowds (COCO's
    ``iscrowd``) are left out of all labels.
    """

    labels: tuple[str, ...]
    box_format: str = "xyxy"
    image_dtype: torch.dtype = torch.uint8
    min_visib_fract: float = 0.0
    images: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.box_format not in BOX_FORMATS:
            raise ConfigError(
                f"box_format: '{self.box_format}' is unknown; "
                f"{did_you_mean(self.box_format, BOX_FORMATS)}"
            )
        if not 0 <= self.min_visib_fract <= 1:
            raise ConfigError(f"min_visib_fract: {self.min_visib_fract:g} is not in 0 to 1")
        if self.image_dtype != torch.uint8 and not self.image_dtype.is_floating_point:
            raise ConfigError(
                f"image_dtype: {self.image_dtype} is neither torch.uint8 nor floating"
            )
        for name in self.labels:
            if name not in TARGETS and name not in self.images and not _is_array(name):
                known = [*TARGETS, *self.images, *filter(_is_array, registry.names("annotators"))]
                raise ConfigError(f"labels: '{name}' is unknown; {did_you_mean(name, known)}")

    @property
    def annotators(self) -> list[str]:
        """Names of the annotators that these labels need."""
        names = [TARGETS[name].annotator if name in TARGETS else name for name in self.labels]
        if self._by_instance:
            names.append("bbox_visib")
        if "keypoints" in self.labels:
            names.append("identity")
        if self.min_visib_fract > 0:
            names.append("visib_fract")
        return [name for name in dict.fromkeys(names) if name and name not in self.images]

    @property
    def instance_annotators(self) -> list[str]:
        """Those of `annotators` that have a plain value an instance."""
        return [name for name in self.annotators if _kind(name) == "instance"]

    @property
    def files(self) -> frozenset[str]:
        """What the names of the files that are needed begin with."""
        stems = {TARGETS[name].file if name in TARGETS else name for name in self.labels}
        return frozenset(stems | {"rgb", "labels", "camera"})

    def tensors(
        self,
        source: Source,
        classes: Mapping[int, int],
        points: Mapping[str, Sequence[str]] | None = None,
    ) -> Tensors:
        """Return a sample's tensors: ``image`` (3, H, W), ``index`` (), and the labels.

        Args:
            source: the sample.
            classes: places of the categories by id.
            points: names of the keypoints by category, which say their order in the tensor; K is the
                most of a category. Of a category that it leaves out they are in the label's order.

        Raises:
            DatasetError: it lacks a label; the message names it.
        """
        image = torch.from_numpy(np.ascontiguousarray(source.rgb.transpose(2, 0, 1)))
        if self.image_dtype.is_floating_point:
            image = image.to(self.image_dtype) / 255
        tensors = {"image": image, "index": torch.tensor(source.index)}
        kept = self._kept(source) if self._by_instance else []
        for name in self.labels:
            if name == "cam_K":
                tensors[name] = torch.from_numpy(source.cam_K.astype(np.float32))
            elif name not in TARGETS:
                tensors[name] = _dense(source.array(name))
            elif TARGETS[name].dtype == np.bool_:
                tensors[name] = torch.from_numpy(source.masks(TARGETS[name].annotator)[kept])
            elif name == "keypoints":
                tensors[name] = _keypoints(source, kept, points or {})
            else:
                tensors[name] = self._column(name, source, kept, classes)
        return tensors

    @property
    def _by_instance(self) -> bool:
        return bool(INSTANCE_LABELS & set(self.labels))

    def _kept(self, source: Source) -> list[int]:
        kept = []
        for place, one in enumerate(source.instances):
            unseen = any(one.get(name, True) is None for name in ("bbox_visib", "bbox_obj"))
            if unseen or one.get("iscrowd"):
                continue
            if self.min_visib_fract > 0:
                fraction = _value(source, one, "visib_fract")["visib_fract"]
                if fraction < self.min_visib_fract:
                    continue
            kept.append(place)
        return kept

    def _column(
        self, name: str, source: Source, kept: Sequence[int], classes: Mapping[int, int]
    ) -> torch.Tensor:
        target = TARGETS[name]
        values = [_value(source, source.instances[place], target.annotator) for place in kept]
        if target.key:
            values = [one[target.key] for one in values]
        if name == "labels":
            values = [classes[one] for one in values]
        array = np.array(values, dtype=np.float64 if target.dtype == np.float32 else target.dtype)
        array = array.reshape(len(kept), *_SHAPES.get(name, ())).astype(target.dtype)
        if name.startswith("boxes") and self.box_format == "xyxy":
            array[:, 2:] += array[:, :2]
        if name == "obb":
            array += EDGE
        return torch.from_numpy(array)


def classes_of(categories: Mapping[int, str]) -> dict[int, int]:
    """Return the class (from 0, by id) of each category id."""
    return {number: place for place, number in enumerate(sorted(categories))}


def _keypoints(
    source: Source, kept: Sequence[int], points: Mapping[str, Sequence[str]]
) -> torch.Tensor:
    """Return x, y and v (len(kept), K, 3) float32; see `Layout.tensors`."""
    instances = [source.instances[place] for place in kept]
    found = [_value(source, one, "keypoints") for one in instances]
    orders = [
        points.get(one["identity"]["category"], [point["name"] for point in each])
        for one, each in zip(instances, found, strict=True)
    ]
    most = max(map(len, [*points.values(), *orders]), default=0)
    values = np.zeros((len(kept), most, 3), dtype=np.float32)
    for row, each, order in zip(values, found, orders, strict=True):
        place_of = {name: place for place, name in enumerate(order)}
        for point in each:
            if COCO_FLAGS[point["state"]]:
                row[place_of[point["name"]]] = (*point["px"], COCO_FLAGS[point["state"]])
    return torch.from_numpy(values)


def _value(source: Source, instance: Mapping[str, Any], annotator: str) -> Any:
    if annotator not in instance:
        raise missing(source.index, annotator, list(instance))
    return instance[annotator]


def _dense(array: NDArray[Any]) -> torch.Tensor:
    """Return an image as a tensor, channels first; unsigned types that torch hardly has as signed."""
    array = array.astype(_SIGNED.get(array.dtype, array.dtype))
    if array.ndim == 3:
        array = np.ascontiguousarray(array.transpose(2, 0, 1))
    return torch.from_numpy(array)


def _is_array(name: str) -> bool:
    if name in ("mask", "mask_visib") or name not in registry.names("annotators"):
        return False
    return _kind(name) == "array"


def _kind(name: str) -> str:
    annotator: type[Annotator] = registry.load("annotators", name)
    return annotator.kind


Transform = Callable[[Tensors], Any]
"""What is done to a sample's tensors at last, in the worker; it must be picklable (no lambda)."""
