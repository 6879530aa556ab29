"""Reading YOLO's labels, as Ultralytics lays them out."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from simkit.dataset.encode import Files
from simkit.dataset.rle import encode_mask
from simkit.errors import DatasetError
from simkit.exchange.format import Photo, Reading
from simkit.exchange.keypoints import label_of_triples
from simkit.exchange.outlines import mask_of_outlines
from simkit.exchange.pictures import size_of
from simkit.exchange.sources import BOX_DIGITS, checked_box, images_in
from simkit.options import setting

TASKS = ("detect", "segment", "pose", "obb")
SPLITS = ("train", "val", "test")
OUTSIDE = {"detect": 1e-2, "segment": 1e-2, "pose": 1e-2, "obb": 1.0}
"""Coordinates may leave the image by this fraction; other tools round, and Ultralytics lets this pass.
Oriented boxes do leave it."""


@dataclass
class ReadingOptions:
    """What an import of YOLO may be told."""

    split: str = setting("all", allowed=("all", *SPLITS), help="which of data.yaml's splits")
    task: str = setting(
        "auto",
        allowed=("auto", *TASKS),
        help="what the lines hold; auto: by data.yaml (task, kpt_shape), else by their length",
    )


@dataclass(frozen=True)
class _Yaml:
    """What ``data.yaml`` says.

    Attributes:
        path: the file.
        names: of the classes, by number.
        task: one of `TASKS`, or "" where each line is judged by its length.
        points: number of keypoints, and of numbers for each.
        point_names: of the keypoints by class.
    """

    path: Path
    names: dict[int, str]
    task: str
    points: tuple[int, int]
    point_names: dict[int, list[str]]


def read_yolo(source: Path, options: ReadingOptions) -> Reading:
    """Return what a YOLO data set holds; see `simkit.exchange.format.Format.read`."""
    path = source / "data.yaml" if source.is_dir() else source
    data = _load(path)
    about = _about(data, path, options)
    wanted = SPLITS if options.split == "all" else (options.split,)
    photos, labels = [], []
    for split in wanted:
        for image in _images(data.get(split), data, path, split):
            file = _label_file(image)
            instances, lines = _instances(file, image, about)
            labels += [file] if file.is_file() else []
            name = f"{split}/{image.stem}"
            photos.append(Photo(image, name, name, instances, files=partial(_masks, lines)))
    if not photos:
        raise DatasetError(f"{path}: names no image in {', '.join(wanted)}")
    names = {number + 1: name for number, name in about.names.items()}
    return Reading(photos, names, (path, *labels))


def _load(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DatasetError(f"{path}: cannot be read as YOLO's data.yaml: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("names"), dict | list):
        raise DatasetError(f"{path}: has no 'names' of the classes; is it YOLO's data.yaml?")
    return data


def _about(data: dict[str, Any], path: Path, options: ReadingOptions) -> _Yaml:
    names = data["names"]
    named = dict(enumerate(names)) if isinstance(names, list) else names
    if not all(isinstance(number, int) and number >= 0 for number in named):
        raise DatasetError(f"{path}: names: the classes are whole numbers from 0")
    shape = data.get("kpt_shape") or (0, 3)
    if len(shape) != 2 or shape[1] not in (2, 3):
        raise DatasetError(f"{path}: kpt_shape is {shape}; it is [number of points, 2 or 3]")
    task = data.get("task", "pose" if "kpt_shape" in data else "")
    return _Yaml(
        path,
        {number: str(name) for number, name in sorted(named.items())},
        (task if task in TASKS else "") if options.task == "auto" else options.task,
        (int(shape[0]), int(shape[1])),
        data.get("kpt_names") or {},
    )


def _images(entry: Any, data: dict[str, Any], path: Path, split: str) -> list[Path]:
    """Return the image files of a split: a folder, a list file of images, or several of them."""
    root = path.parent / str(data.get("path") or "")
    if not root.is_dir():
        root = path.parent
    found: list[Path] = []
    for one in [entry] if isinstance(entry, str) else entry or []:
        place = root / str(one)
        if place.is_dir():
            found += images_in(place)
        elif place.is_file():
            lines = place.read_text(encoding="utf-8").split("\n")
            found += [root / line.strip() for line in lines if line.strip()]
        else:
            raise DatasetError(f"{path}: {split}: there is no {place}")
    return found


def _label_file(image: Path) -> Path:
    """Return where an image's labels are: the last folder ``images`` of its path is ``labels``."""
    parts = list(image.parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _instances(
    file: Path, image: Path, about: _Yaml
) -> tuple[list[dict[str, Any]], list[list[float]] | None]:
    """Return the labels of an image's instances, and their outlines as flat fractions if known."""
    size = size_of(image)
    instances: list[dict[str, Any]] = []
    lines: list[list[float]] = []
    rows = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    for row, text in enumerate(rows, start=1):
        if not text.strip():
            continue
        where = f"{file}:{row}"
        number, values = _parsed(text, where, about)
        identity = {"category": about.names[number], "category_id": number + 1}
        labels: dict[str, Any] = {"identity": {"instance_id": len(instances) + 1, **identity}}
        task = _task(values, about, where)
        if task in ("segment", "obb"):
            outline = np.reshape(values, (-1, 2)) * size
            labels["bbox_visib"] = _box_around(outline, task, size, where)
            if task == "obb":
                labels["obb_visib"] = {"corners": (outline - 0.5).round(BOX_DIGITS).tolist()}
            else:
                lines.append(values)
        else:
            labels["bbox_visib"] = _box(values, size, where)
        if task == "pose":
            labels["keypoints"] = _keypoints(values[4:], number, about, size)
        instances.append(labels)
    known = len(lines) == len(instances) and (lines or about.task == "segment")
    return instances, lines if known else None


def _parsed(text: str, where: str, about: _Yaml) -> tuple[int, list[float]]:
    try:
        first, *rest = (float(word) for word in text.split())
    except ValueError:
        raise DatasetError(f"{where}: '{text.strip()[:60]}' is no row of numbers") from None
    number = int(first)
    if number != first or number not in about.names:
        raise DatasetError(
            f"{where}: class {first:g} is not in {about.path}, which has {len(about.names)} names"
        )
    if not all(math.isfinite(value) for value in rest):
        raise DatasetError(f"{where}: a coordinate is not finite")
    return number, rest


def _task(values: Sequence[float], about: _Yaml, where: str) -> str:
    """Return what a line holds, once its length fits."""
    count, each = about.points
    task = about.task or ("detect" if len(values) == 4 else "segment")
    fits = {
        "detect": len(values) == 4,
        "segment": len(values) >= 6 and len(values) % 2 == 0,
        "obb": len(values) == 8,
        "pose": len(values) == 4 + count * each,
    }[task]
    if not fits:
        wanted = {
            "detect": "4 numbers (x, y, width, height)",
            "segment": "a polygon, x and y of at least 3 points",
            "obb": "8 numbers (4 corners)",
            "pose": f"4 numbers and {count} points of {each}",
        }[task]
        raise DatasetError(
            f"{where}: has {len(values)} numbers after the class; '{task}' has {wanted}"
        )
    coordinates = values[:4] if task == "pose" else values
    if min(coordinates) < -OUTSIDE[task] or max(coordinates) > 1 + OUTSIDE[task]:
        raise DatasetError(f"{where}: a coordinate is outside 0 to 1; they are fractions")
    return task


def _box(values: Sequence[float], size: tuple[int, int], where: str) -> list[float]:
    x, y, w, h = values[:4]
    width, height = size
    return checked_box(
        [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height], f"{where}: "
    )


def _box_around(outline: np.ndarray, task: str, size: tuple[int, int], where: str) -> list[float]:
    """Return the box around an outline; around the pixels that it fills, if it is a segment's."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    if task == "segment":  # a pixel is filled if its centre is inside
        low, high = np.ceil(low - 0.5), np.floor(high - 0.5) + 1
        low, high = np.clip(low, 0, size), np.clip(high, 0, size)
    return checked_box([*low.tolist(), *(high - low).tolist()], where)


def _keypoints(
    values: Sequence[float], number: int, about: _Yaml, size: tuple[int, int]
) -> list[dict[str, Any]]:
    count, each = about.points
    names = about.point_names.get(number) or [f"point_{place}" for place in range(count)]
    triples: list[float] = []
    for place in range(len(names)):
        x, y, *flag = values[each * place : each * (place + 1)]
        seen = flag[0] if flag else 2 * (x > 0 or y > 0)
        triples += [round(x * size[0], BOX_DIGITS), round(y * size[1], BOX_DIGITS), seen]
    return label_of_triples(names, triples)


def _masks(lines: list[list[float]] | None, width: int, height: int) -> Files:
    """Return the file of the masks that outlines fill; none if they are not known."""
    if lines is None:
        return {}
    outlines = [np.reshape(line, (-1, 2)) * (width, height) for line in lines]
    masks = {
        str(place): encode_mask(mask_of_outlines([outline], height, width))
        for place, outline in enumerate(outlines)
    }
    return {"mask_visib.json": json.dumps(masks, separators=(",", ":")).encode()}
