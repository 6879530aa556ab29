"""A BOP data set in the scenewise layout, as an audit sees it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.audit.lens import Lens
from simkit.audit.models import Shape
from simkit.audit.stored import MM, Image, Masks, NotStored, Placed
from simkit.dataset.bop import BopImage
from simkit.errors import DatasetError


class SceneImage(Image):
    """An image of a BOP data set.

    Only annotated objects are known, so other things may hide them.

    Args:
        image: as BOP's files have it.
        shapes: models by obj_id.
        centre: where its ``cam_K`` has the top left pixel's centre, in both axes [px].
    """

    complete = False

    def __init__(self, image: BopImage, shapes: dict[int, Shape], centre: float) -> None:
        self.name = f"{image.scene_id:06d}/{image.im_id:06d}"
        self._image, self._shapes, self._centre = image, shapes, centre
        self._scene = image.path.parent.parent

    @property
    def camera(self) -> dict[str, Any]:
        return self._image.camera

    @cached_property
    def lens(self) -> Lens:
        K = np.reshape(np.array(self._image.camera["cam_K"], dtype=np.float64), (3, 3)).copy()
        K[:2, 2] -= self._centre
        width, height = self._image.size()
        return Lens(width, height, K)

    @cached_property
    def things(self) -> list[Placed]:
        return [
            Placed(
                self._shape(one["obj_id"]),
                np.reshape(np.array(one["cam_R_m2c"], dtype=np.float64), (3, 3)),
                np.array(one["cam_t_m2c"], dtype=np.float64) / MM,
                np.ones(3),
            )
            for one in self._image.gt
        ]

    @property
    def bodies(self) -> list[Placed]:
        return self.things

    @property
    def obj_ids(self) -> list[int]:
        return [one["obj_id"] for one in self._image.gt]

    @property
    def gt_info(self) -> list[dict[str, Any]]:
        if self._image.gt_info is None:
            raise NotStored("scene_gt_info.json")
        return self._image.gt_info

    def masks(self, name: str) -> Masks:
        width, height = self._image.size()
        paths = [self._file(name, place) for place in range(len(self._image.gt))]
        if not any(path.is_file() for path in paths):
            raise NotStored(f"{name}/")
        each = [_read(path, (height, width)) > 127 for path in paths]
        return np.array(each, dtype=bool).reshape(-1, height, width)

    @cached_property
    def depth_steps(self) -> tuple[NDArray[np.uint16], float]:
        path = self._scene / "depth" / f"{self._image.path.stem}.png"
        if not path.is_file():
            raise NotStored("depth/")
        width, height = self._image.size()
        step = float(self._image.camera.get("depth_scale", 1.0)) / MM
        return _read(path, (height, width)), step

    def _file(self, name: str, place: int) -> Path:
        return self._scene / name / f"{self._image.path.stem}_{place:06d}.png"

    def _shape(self, obj_id: int) -> Shape:
        if obj_id not in self._shapes:
            raise DatasetError(f"there is no model of obj_id {obj_id}")
        return self._shapes[obj_id]


def _read(path: Path, size: tuple[int, int]) -> NDArray[Any]:
    """Return an image file of one channel; `DatasetError` unless it is of `size` (H, W)."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise DatasetError(f"{path}: is not there, or damaged")
    if pixels.shape != size:
        raise DatasetError(f"{path}: has shape {pixels.shape}, the image {size}")
    return np.asarray(pixels)
