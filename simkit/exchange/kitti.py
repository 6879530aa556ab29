"""KITTI's object benchmark in 2D and 3D, as the devkit's readme has it.

``training/image_2/NNNNNN.png``, ``training/label_2/NNNNNN.txt``, ``training/calib/NNNNNN.txt`` and
``ImageSets/SPLIT.txt``, with the image's index as its number. The camera frame is ours (x right, y
down, z forward), boxes in the image are 0-based first and last pixels: ``right = x + width - 1``.

A 3D box of KITTI turns about the camera's y axis alone. What is written is the smallest box of that
kind, headed like the model's x axis, that holds the model's own box: for objects that stand upright
before a level camera it is that box itself, else it is larger.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simkit.errors import DatasetError
from simkit.exchange.format import About, Format, has_visible_box
from simkit.exchange.items import Item, Thing
from simkit.exchange.pictures import write_png
from simkit.geometry import Array, apply_transform
from simkit.labels.bbox_3d import CORNERS
from simkit.options import setting

PARTLY, LARGELY = 0.95, 0.5
"""Visible part of what is in the image, below which an instance is partly (1), largely (2) occluded;
KITTI's annotators judged by eye."""

UNKNOWN_3D = (-10.0, (-1.0,) * 3, (-1000.0,) * 3, -10.0)
"""Alpha, dimensions, location and rotation_y of what has no 3D box, as in KITTI's DontCare."""

UPRIGHT = 0.2
"""Least horizontal part of a model's axis that it can be headed by."""

DIGITS = 6
"""Of metres and radians. KITTI's own have two, which is a centimetre."""

R_CAMERA_VELODYNE = ((0, -1, 0), (0, 0, -1), (1, 0, 0))
"""A Velodyne (x forward, y left, z up) at the camera's place: KITTI's tools want one."""


@dataclass
class WritingOptions:
    """What an export to KITTI may be told."""

    boxes: str = setting("3d", allowed=("2d", "3d"), help="2d: 3D boxes are written as unknown")


class Kitti(Format):
    """Object labels and calibration as KITTI has them."""

    title = "KITTI object (2D and 3D)"
    writes = WritingOptions

    def carries(self, thing: Thing, options: WritingOptions) -> bool:
        return has_visible_box(thing)

    def write(
        self, items: Iterable[Item], about: About, folder: Path, options: WritingOptions
    ) -> None:
        types = _types(about)
        bounds = {one["name"]: one["bounds"] for one in about.models if "bounds" in one}
        names = ("image_2", "label_2", "calib")
        images, labels, calibrations = (folder / "training" / name for name in names)
        for one in (images, labels, calibrations, folder / "ImageSets"):
            one.mkdir(parents=True)
        numbers: dict[str, list[str]] = {split: [] for split in about.splits}
        for item in items:
            number = f"{item.record.index:06d}"
            numbers[item.split].append(number)
            ending, data = item.picture
            if ending == "png":
                (images / f"{number}.png").write_bytes(data)
            else:
                write_png(images / f"{number}.png", item.record.rgb)
            three = options.boxes == "3d"
            lines = [_line(thing, types[thing.category_id], bounds, three) for thing in item.things]
            (labels / f"{number}.txt").write_text("".join(lines), encoding="utf-8")
            if three or "camera.json" in item.record.files:
                (calibrations / f"{number}.txt").write_text(_calibration(item.cam_K))
        for split, own in numbers.items():
            text = "".join(f"{number}\n" for number in own)
            (folder / "ImageSets" / f"{split}.txt").write_text(text)


@dataclass(frozen=True)
class YawBox:
    """A box that turns about the camera's y axis alone.

    Attributes:
        height, width, length: along y, and along z and x before it is turned [m].
        location: centre of its lower face (3,) in the camera frame [m].
        rotation_y: by which it is turned [rad].
    """

    height: float
    width: float
    length: float
    location: tuple[float, float, float]
    rotation_y: float

    @property
    def alpha(self) -> float:
        """Observation angle [rad] in [-pi, pi]: rotation_y less the direction to the box."""
        angle = self.rotation_y - math.atan2(self.location[0], self.location[2])
        return math.remainder(angle, 2 * math.pi)


def yaw_box(corners: Array, R_camera_body: Array) -> YawBox:
    """Return the smallest `YawBox` around corners (8, 3) [m, camera frame], headed as the body is.

    The body's heading is that of its x axis, or of its z axis (x of a body turned upright) where x
    stands along the camera's y.
    """
    axis = R_camera_body[:, 0]
    if math.hypot(axis[0], axis[2]) < UPRIGHT:
        axis = R_camera_body[:, 2]
    rotation_y = math.atan2(-axis[2], axis[0])
    c, s = math.cos(rotation_y), math.sin(rotation_y)
    R = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    turned = corners @ R  # the inverse turn of each row
    low, high = turned.min(axis=0), turned.max(axis=0)
    foot = R @ [(low[0] + high[0]) / 2, high[1], (low[2] + high[2]) / 2]
    length, height, width = high - low
    x, y, z = (float(v) for v in foot)
    return YawBox(float(height), float(width), float(length), (x, y, z), rotation_y)


def _types(about: About) -> dict[int, str]:
    """Return the type by category id: KITTI's have no blanks."""
    types = {k: "_".join(name.split()) for k, name in about.categories.items()}
    if len(set(types.values())) < len(types):
        raise DatasetError(f"categories: KITTI's types have no blanks, and these clash: {types}")
    return types


def _line(thing: Thing, kind: str, bounds: dict[str, list[list[float]]], three: bool) -> str:
    x, y, w, h = thing.need("bbox_visib")
    alpha, dimensions, location, rotation_y = UNKNOWN_3D
    if three:
        box = yaw_box(model_corners(thing, bounds), np.array(thing.need("pose"))[:3, :3])
        dimensions = (box.height, box.width, box.length)
        alpha, location, rotation_y = box.alpha, box.location, box.rotation_y
    numbers = [alpha, x, y, x + w - 1, y + h - 1, *dimensions, *location, rotation_y]
    words = [f"{value:.{DIGITS}f}" for value in numbers]
    return " ".join([kind, f"{_truncated(thing):.2f}", str(_occluded(thing)), *words]) + "\n"


def model_corners(thing: Thing, bounds: dict[str, list[list[float]]]) -> Array:
    """Return the corners (8, 3) [m] of the model's own box in the camera frame."""
    if "bbox_3d" in thing.labels:
        return np.array(thing.labels["bbox_3d"]["corners_camera"], dtype=np.float64)
    identity = thing.need("identity")
    if identity.get("model") not in bounds:
        raise thing.item.error(
            f"instance {thing.place}: dataset.json has no bounds of its model "
            f"'{identity.get('model')}'; make the data set with bbox_3d under labels, or export "
            "with boxes=2d"
        )
    low, high = np.array(bounds[identity["model"]]) * np.array(identity.get("scale", (1, 1, 1)))
    return apply_transform(np.array(thing.need("pose")), low + CORNERS * (high - low))


def _truncated(thing: Thing) -> float:
    """Return the part of an instance outside the image: of its pixels, else of its amodal box."""
    mask, counts = thing.run_lengths("mask"), thing.labels.get("visib_fract", {})
    if mask is not None and counts.get("px_count_all"):
        return 1 - float(sum(mask["counts"][1::2]) / counts["px_count_all"])
    box = thing.labels.get("bbox_obj")
    if box is None:
        return 0.0
    width, height = thing.item.size
    x, y, w, h = box
    inside = max(min(x + w, width) - max(x, 0), 0) * max(min(y + h, height) - max(y, 0), 0)
    return 1 - inside / (w * h)


def _occluded(thing: Thing) -> int:
    """Return KITTI's state: 0 fully visible, 1 partly, 2 largely occluded, 3 unknown."""
    seen = thing.visib_fract
    if seen is None:
        return 3
    framed = 1 - _truncated(thing)
    part = seen / framed if framed > 0 else 0.0
    return 0 if part >= PARTLY else 1 if part >= LARGELY else 2


def _calibration(cam_K: Array) -> str:
    P = np.column_stack([cam_K, np.zeros(3)])
    T_camera_velodyne = np.column_stack([np.array(R_CAMERA_VELODYNE, float), np.zeros(3)])
    matrices = {
        **{f"P{number}": P for number in range(4)},
        "R0_rect": np.eye(3),
        "Tr_velo_to_cam": T_camera_velodyne,
        "Tr_imu_to_velo": np.eye(3, 4),
    }
    lines = [f"{name}: " + " ".join(f"{v:.12e}" for v in m.ravel()) for name, m in matrices.items()]
    return "\n".join(lines) + "\n"
