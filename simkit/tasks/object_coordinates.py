"""Which point of its model each pixel of a crop shows: what pose estimation learns.

Object coordinates belong to the pixels, so that turning, scaling or shifting a crop changes none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.dataset.reader import Record
from simkit.errors import DatasetError
from simkit.geometry import pixel_rays
from simkit.tasks.pose_models import PoseModel

Float = NDArray[np.float64]

SAME_SURFACE = 1e-3
"""A body hides another if it is nearer by more than this [m]."""

TRUE_SIZE = 0.01
"""Instances may differ from their model's size by this share: rotations of real sets are rounded."""


class Surfaces:
    """What the pixels of one image show of its instances.

    Where the image has depth and visible masks, these say it. Where it has not (real sets often have
    poses alone), rays are cast at the models at their poses; then whatever is not annotated hides
    nothing.
    """

    def __init__(self, record: Record, models: Mapping[str, PoseModel]) -> None:
        """Take an image and models by name.

        Raises:
            DatasetError: it has no poses, no ``cam_K``, or bodies that are not of their model's size.
        """
        self._record, self._models = record, models
        self.cam_K = camera_matrix(record)

    def pose(self, place: int) -> Float:
        """Return the true ``T_camera_model`` (4, 4) [m] of an instance, as it was annotated."""
        return pose_of(self._record, place)

    def at(self, place: int, pixels: Float) -> tuple[Float, NDArray[np.bool_]]:
        """Return the points (N, 3) [m] of the instance's model that pixels (N, 2) show, and which do.

        Points of pixels that do not show it are 0.
        """
        rays = pixel_rays(self.cam_K, pixels)
        files = self._record.files
        if "depth.png" in files and "mask_visib.json" in files:
            depth, seen = self._stored(place, pixels)
        else:
            depth, seen = self._cast(place, rays)
            if "mask_visib.json" in files:
                seen &= self._owner(pixels) == place
        inverse = np.linalg.inv(self.pose(place))
        points = (rays * depth[:, None]) @ inverse[:3, :3].T + inverse[:3, 3]
        return np.where(seen[:, None], points, 0.0), seen

    def _stored(self, place: int, pixels: Float) -> tuple[Float, NDArray[np.bool_]]:
        inside, rows, columns = self._nearest(pixels)
        depth = self._record.depth[rows, columns].astype(np.float64)
        return depth, inside & (self._owners[rows, columns] == place) & (depth > 0)

    def _cast(self, place: int, rays: Float) -> tuple[Float, NDArray[np.bool_]]:
        depth = self._depth_of(place, rays)
        nearest = depth.copy()
        for other, one in enumerate(self._record.labels["instances"]):
            if other != place and one["identity"].get("model") in self._models and "pose" in one:
                nearest = np.minimum(nearest, self._depth_of(other, rays))
        seen = np.isfinite(depth) & (depth <= nearest + SAME_SURFACE)
        return np.where(seen, depth, 0.0), seen

    def _depth_of(self, place: int, rays: Float) -> Float:
        """Return z-depths (N,) [m] at which rays (N, 3) with z = 1 first meet an instance; else inf."""
        name = self._record.labels["instances"][place]["identity"]["model"]
        inverse = np.linalg.inv(self.pose(place))
        directions = np.ascontiguousarray(rays @ inverse[:3, :3].T, dtype=np.float32)
        origins = np.broadcast_to(inverse[:3, 3].astype(np.float32), directions.shape)
        hits = self._models[name].rays.run(np.ascontiguousarray(origins), directions, output=True)
        return np.where(hits["geomID"] >= 0, hits["tfar"].astype(np.float64), np.inf)

    def _owner(self, pixels: Float) -> NDArray[np.int64]:
        inside, rows, columns = self._nearest(pixels)
        return np.where(inside, self._owners[rows, columns], -1)

    def _nearest(self, pixels: Float) -> tuple[NDArray[np.bool_], Any, Any]:
        height, width = self._owners.shape
        columns, rows = np.rint(pixels).astype(np.int64).T
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        return inside, np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)

    @cached_property
    def _owners(self) -> NDArray[np.int64]:
        """(H, W) places of the instances that are seen, or -1."""
        masks = self._record.mask_visib
        owners = np.full(masks.shape[1:], -1, dtype=np.int64)
        for place, mask in enumerate(masks):
            owners[mask] = place
        return owners


def camera_matrix(record: Record) -> Float:
    """Return ``cam_K`` (3, 3) [px]; `DatasetError` if there is none."""
    if "camera.json" not in record.files:
        raise DatasetError(
            f"sample {record.index}: has no camera.json; poses need cam_K: add the label cam_K, or "
            "import a set that has it"
        )
    return np.array(record.camera["cam_K"], dtype=np.float64).reshape(3, 3)


def pose_of(record: Record, place: int) -> Float:
    """Return the true ``T_camera_model`` (4, 4) [m] of an instance.

    Raises:
        DatasetError: there is none, or the body is not of its model's size.
    """
    one = record.labels["instances"][place]
    if "pose" not in one:
        raise DatasetError(
            f"sample {record.index}: has no poses; add the label pose, and make it again"
        )
    scale = np.array(one["identity"].get("scale", (1.0, 1.0, 1.0)), dtype=np.float64)
    if np.abs(scale - 1).max() > TRUE_SIZE:
        raise DatasetError(
            f"sample {record.index}: {one['identity']['name']} is scaled by {scale.round(3).tolist()}; "
            "an image does not show an object's distance if its size is not known: make the set "
            "without the randomizer scale"
        )
    return np.array(one["pose"], dtype=np.float64) @ np.diag([*scale, 1.0])
