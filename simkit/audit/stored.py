"""A stored image as an audit sees it: values as the files have them, read afresh.

What a data set does not store raises `NotStored` when it is asked for.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from simkit.audit.lens import Lens
from simkit.audit.models import Shape, Shapes
from simkit.dataset.reader import Dataset, Record
from simkit.errors import DatasetError

Float = NDArray[np.float64]
Masks = NDArray[np.bool_]
MM = 1000.0


class NotStored(Exception):
    """The data set has no such label."""


class NotApplicable(Exception):
    """A check has nothing that it could be held against; the message says why."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A model in the camera's frame.

    Attributes:
        R: (3, 3) as it is stored, scale left out.
        t: (3,) [m].
        scale: (3,) factors along the model's axes.
        labelled: whether it has labels.
        name: of the body.
    """

    shape: Shape
    R: Float
    t: Float
    scale: Float
    labelled: bool = True
    name: str = ""

    @property
    def matrix(self) -> Float:
        """(4, 4): the model's coordinates, unscaled, to the camera's [m]."""
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = self.R * self.scale, self.t
        return T

    def points(self, local: Float) -> Float:
        """Return points (N, 3) of the model, unscaled, in the camera's frame."""
        return (local * self.scale) @ self.R.T + self.t


class Image(ABC):
    """One image with its labels.

    Attributes:
        name: what people call it.
        complete: whether `bodies` are all that can be seen.
    """

    name: str
    complete: bool = True

    @property
    @abstractmethod
    def lens(self) -> Lens:
        """How it was taken."""

    @property
    @abstractmethod
    def things(self) -> list[Placed]:
        """The annotated instances, at the poses of ``gt.json``."""

    @property
    @abstractmethod
    def bodies(self) -> list[Placed]:
        """All that can be seen, as far as it is known."""

    @property
    @abstractmethod
    def gt_info(self) -> list[dict[str, Any]]:
        """BOP's boxes and counts, as its scripts have them."""

    @abstractmethod
    def masks(self, name: str) -> Masks:
        """Return ``mask`` or ``mask_visib`` as (N, H, W)."""

    @property
    @abstractmethod
    def depth_steps(self) -> tuple[NDArray[np.uint16], float]:
        """The depth image as it is stored, and its step [m]."""

    @cached_property
    def depth(self) -> Float:
        """(H, W) [m], 0 where nothing is."""
        steps, step = self.depth_steps
        return steps.astype(np.float64) * step

    def of_instances(self, name: str) -> list[Any]:
        """Return an annotator's value for each instance."""
        raise NotStored(name)

    def of_image(self, name: str) -> Any:
        """Return an annotator's value for the image."""
        raise NotStored(name)

    def array(self, name: str) -> NDArray[Any]:
        """Return an annotator's array."""
        raise NotStored(name)

    def neighbour(self, offset: int) -> Image | None:
        """Return the image so many frames later in the same sequence."""
        return None

    @property
    def world(self) -> dict[str, Any]:
        """The scene and the params that are stored with it."""
        raise NotStored("params.json")

    @property
    def camera(self) -> dict[str, Any]:
        """The camera's record, as BOP has it."""
        raise NotStored("camera.json")

    @property
    @abstractmethod
    def obj_ids(self) -> list[int]:
        """BOP's ids of the instances' models, as ``gt.json`` has them."""

    @property
    def mesh_hashes(self) -> dict[str, str]:
        """Hashes of the models' triangles when the data set was made, by name."""
        return {}

    @cached_property
    def instance_ids(self) -> NDArray[np.int64]:
        """(N,) each instance's place among `bodies` plus one."""
        numbers = [i for i, body in enumerate(self.bodies, start=1) if body.labelled]
        return np.array(numbers, dtype=np.int64)


class StoredImage(Image):
    """An image of a data set of ours."""

    def __init__(self, record: Record, dataset: Dataset, shapes: Shapes) -> None:
        self.name = f"{record.index} ({record.key})"
        self.record, self._dataset, self._shapes = record, dataset, shapes
        self.complete = "params.json" in record.files

    @cached_property
    def camera(self) -> dict[str, Any]:
        camera: dict[str, Any] = self._json("camera.json")
        return camera

    @cached_property
    def lens(self) -> Lens:
        row, known = self.record.row, self.world["scene"]["camera"] if self.complete else {}
        return Lens(
            width=int(row["width"]),
            height=int(row["height"]),
            K=np.reshape(np.array(self.camera["cam_K"], dtype=np.float64), (3, 3)),
            model=self.camera.get("model", "pinhole"),
            distortion=tuple(self.camera.get("distortion", ())),
            near=float(known.get("near", 0.0)),
            far=float(known.get("far", np.inf)),
            moves=bool(known.get("readout", 0.0)) and self._moves(),
        )

    @cached_property
    def things(self) -> list[Placed]:
        gt = self._json("gt.json")
        scales = self.scales if self.complete else [np.ones(3) for _ in gt]
        models = [one["model"] for one in self.of_instances("identity")]
        return [
            Placed(
                self._shape(model),
                np.reshape(np.array(one["cam_R_m2c"], dtype=np.float64), (3, 3)),
                np.array(one["cam_t_m2c"], dtype=np.float64) / MM,
                scale,
            )
            for one, model, scale in zip(gt, models, scales, strict=True)
        ]

    @property
    def scales(self) -> list[Float]:
        """(3,) factors along each instance's axes.

        In data that others annotated they are also in the rotations of ``gt.json``, which stand as
        they were.
        """
        given = [one.get("scale", [1.0] * 3) for one in self.of_instances("identity")]
        return [np.array(one, dtype=np.float64) for one in given]

    @cached_property
    def bodies(self) -> list[Placed]:
        if not self.complete:
            return self.things
        R_camera_world, t = self.extrinsics
        found = []
        for one in self.world["scene"]["bodies"]:
            R = R_camera_world @ rotation_of(one["quaternion"])
            at = R_camera_world @ np.array(one["position"]) + t
            scale = np.array(one["scale"], dtype=np.float64)
            found.append(
                Placed(self._shape(one["model"]), R, at, scale, one["labelled"], one["name"])
            )
        return found

    @cached_property
    def extrinsics(self) -> tuple[Float, Float]:
        """Rotation (3, 3) and translation (3,) [m] from the world to the camera."""
        if "cam_R_w2c" not in self.camera:
            raise NotStored("camera.json: cam_R_w2c")
        R = np.reshape(np.array(self.camera["cam_R_w2c"], dtype=np.float64), (3, 3))
        return R, np.array(self.camera["cam_t_w2c"], dtype=np.float64) / MM

    @cached_property
    def gt_info(self) -> list[dict[str, Any]]:
        info: list[dict[str, Any]] = self._json("gt_info.json")
        return info

    @cached_property
    def world(self) -> dict[str, Any]:
        world: dict[str, Any] = self._json("params.json")
        return world

    @cached_property
    def depth_steps(self) -> tuple[NDArray[np.uint16], float]:
        data = np.frombuffer(self._file("depth.png"), np.uint8)
        steps: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        if steps is None:
            raise DatasetError("depth.png is damaged")
        return steps, float(self.camera["depth_scale"]) / MM

    def masks(self, name: str) -> Masks:
        if name not in self._decoded:
            stored = self._json(f"{name}.json")
            size = (int(self.record.row["height"]), int(self.record.row["width"]))
            each = [decoded(stored[str(place)], size) for place in range(len(stored))]
            self._decoded[name] = np.array(each, dtype=bool).reshape(-1, *size)
        return self._decoded[name]

    @property
    def obj_ids(self) -> list[int]:
        return [one["obj_id"] for one in self._json("gt.json")]

    @property
    def mesh_hashes(self) -> dict[str, str]:
        models = self._dataset.description.get("models", ())
        return {one["name"]: one["mesh_hash"] for one in models if one.get("mesh_hash")}

    def of_instances(self, name: str) -> list[Any]:
        instances = self._labels["instances"]
        if not instances:
            raise NotApplicable("no instances")
        if name not in instances[0]:
            raise NotStored(f"labels.json: {name}")
        return [one[name] for one in instances]

    def of_image(self, name: str) -> Any:
        if name not in self._labels["image"]:
            raise NotStored(f"labels.json: {name}")
        return self._labels["image"][name]

    def array(self, name: str) -> NDArray[Any]:
        self._file(f"{name}.npy")
        return self.record.array(name)

    def neighbour(self, offset: int) -> Image | None:
        index, row = self.record.index + offset, self.record.row
        if not 0 <= index < len(self._dataset):
            return None
        try:
            other = self._dataset[index]
        except DatasetError:
            return None
        same = all(other.row.get(k) == row.get(k) for k in ("scene_index", "view_index"))
        if not same or other.row.get("frame_index") != row.get("frame_index", 0) + offset:
            return None
        return StoredImage(other, self._dataset, self._shapes)

    @cached_property
    def _decoded(self) -> dict[str, Masks]:
        return {}

    @cached_property
    def _labels(self) -> dict[str, Any]:
        labels: dict[str, Any] = self._json("labels.json")
        return labels

    def _moves(self) -> bool:
        scene = self.world["scene"]
        names = ("velocity", "angular_velocity")
        speeds = [
            one.get(name, [0]) for one in [scene["camera"], *scene["bodies"]] for name in names
        ]
        return any(any(speed) for speed in speeds)

    def _shape(self, model: str) -> Shape:
        if model not in self._shapes:
            raise DatasetError(f"there is no model '{model}' any more")
        return self._shapes[model]

    def _json(self, name: str) -> Any:
        return json.loads(self._file(name))

    def _file(self, name: str) -> bytes:
        if name not in self.record.files:
            raise NotStored(name)
        return self.record.files[name]


def decoded(rle: dict[str, Any], size: tuple[int, int]) -> Masks:
    """Return a mask (H, W) of run lengths, by pycocotools; they must be of the image's size."""
    if tuple(rle["size"]) != size or sum(rle["counts"]) != size[0] * size[1]:
        raise DatasetError(f"run lengths of size {rle['size']} in an image of {list(size)}")
    mask: Masks = coco.decode(coco.frPyObjects(rle, *size)).astype(bool)
    return mask


def rotation_of(xyzw: Any) -> Float:
    """Return the rotation matrix of a quaternion, by the textbook formula for unit ones."""
    x, y, z, w = (float(value) for value in xyzw)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
