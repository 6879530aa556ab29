"""What a format is given to write: stored images with those of their instances that are wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.dataset.reader import Record
from simkit.dataset.rle import decode_mask
from simkit.errors import DatasetError
from simkit.geometry import Array

PINHOLE = "pinhole"


@dataclass(frozen=True, eq=False)
class Item:
    """One stored image.

    Attributes:
        record: as it was read.
        split: name of the split that it belongs to.
        left_out: places of the instances that are not wanted.
    """

    record: Record
    split: str
    left_out: frozenset[int] = frozenset()

    @property
    def key(self) -> str:
        """Name of its files in the shard: ``SCENE_IMAGE``."""
        return self.record.key

    @property
    def size(self) -> tuple[int, int]:
        """Width and height [px]."""
        return int(self.record.row["width"]), int(self.record.row["height"])

    @cached_property
    def things(self) -> list[Thing]:
        """The instances that are wanted, in order."""
        instances = enumerate(self.record.labels["instances"])
        return [Thing(self, place, one) for place, one in instances if place not in self.left_out]

    @property
    def picture(self) -> tuple[str, bytes]:
        """The image file's ending (``jpg`` or ``png``) and bytes."""
        for ending in ("jpg", "png"):
            if f"rgb.{ending}" in self.record.files:
                return ending, self.record.files[f"rgb.{ending}"]
        raise self.error("has no rgb; is the data set damaged?")

    @cached_property
    def cam_K(self) -> Array:
        """(3, 3) [px], top left pixel centre at (0, 0); `DatasetError` unless it is a pinhole's."""
        if "camera.json" not in self.record.files:
            raise self.error("has no camera")
        model = self.record.camera.get("model", PINHOLE)
        if model != PINHOLE:
            raise self.error(f"its camera is '{model}'; the format knows pinholes alone")
        return np.array(self.record.camera["cam_K"], dtype=np.float64).reshape(3, 3)

    def run_lengths(self, name: str) -> dict[str, Any] | None:
        """Return the run lengths of ``mask`` or ``mask_visib`` by place; None if there are none."""
        return self._run_lengths.get(name)

    @cached_property
    def _run_lengths(self) -> dict[str, dict[str, Any]]:
        files = self.record.files
        names = [name for name in ("mask", "mask_visib") if f"{name}.json" in files]
        return {name: json.loads(files[f"{name}.json"]) for name in names}

    def error(self, text: str) -> DatasetError:
        """Return an error that names this image."""
        return DatasetError(f"image {self.record.index} ({self.key}): {text}")


@dataclass(frozen=True, eq=False)
class Thing:
    """One instance of an image.

    Attributes:
        item: the image.
        place: which of the image's instances it is.
        labels: its labels by annotator, as ``labels.json`` has them.
    """

    item: Item
    place: int
    labels: Mapping[str, Any]

    @property
    def category(self) -> str:
        """Name of its category."""
        return str(self.need("identity")["category"])

    @property
    def category_id(self) -> int:
        """Id of its category, >= 1."""
        return int(self.need("identity")["category_id"])

    @property
    def visib_fract(self) -> float | None:
        """BOP's ``visib_fract``; None if it is not known."""
        counts = self.labels.get("visib_fract")
        return None if counts is None else float(counts["visib_fract"])

    def need(self, name: str) -> Any:
        """Return a label.

        Raises:
            DatasetError: the data set lacks it.
        """
        if name not in self.labels:
            raise self.item.error(
                f"instance {self.place} has no label '{name}', which the format needs; make the "
                f"data set with '{name}' under labels"
            )
        return self.labels[name]

    def run_lengths(self, name: str) -> dict[str, Any] | None:
        """Return ``{"counts", "size"}`` of its ``mask`` or ``mask_visib``; None if not known."""
        masks = self.item.run_lengths(name)
        return None if masks is None else masks[str(self.place)]

    def need_mask(self, name: str) -> NDArray[np.bool_]:
        """Return its ``mask`` or ``mask_visib`` (H, W); `DatasetError` if the data set has none."""
        found = self.run_lengths(name)
        if found is None:
            raise self.item.error(f"has no {name}, which the format needs")
        return decode_mask(found)
