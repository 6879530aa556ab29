"""YOLO as Ultralytics reads it: detection, segmentation, pose and oriented boxes.

``data.yaml``, ``images/SPLIT/KEY.jpg`` and ``labels/SPLIT/KEY.txt``, a line an instance: the class
(from 0, in the order of our category ids) and coordinates as fractions of width and height, with
continuous coordinates, so that the box ``[x, y, w, h]`` has its centre at ``x + w / 2``. The corners
of an oriented box may lie outside the image, where its instance leaves the image or touches its edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike

from simkit.exchange.format import About, Format, Reading, has_visible_box
from simkit.exchange.items import Item, Thing
from simkit.exchange.keypoints import COCO_FLAGS, keypoints_of, names_by_category
from simkit.exchange.outlines import joined, oriented_box, outlines
from simkit.exchange.yolo_reading import ReadingOptions, read_yolo
from simkit.options import setting

TASKS = ("detect", "segment", "pose", "obb")

DIGITS = 6
"""Of a fraction: half a thousandth of a pixel in an image of 1000."""


@dataclass
class WritingOptions:
    """What an export to YOLO may be told."""

    task: str = setting("detect", allowed=TASKS, help="what the lines hold")


class Yolo(Format):
    """Labels as Ultralytics' YOLO has them."""

    title = "YOLO (Ultralytics)"
    writes = WritingOptions
    reads = ReadingOptions

    def carries(self, thing: Thing, options: WritingOptions) -> bool:
        if options.task == "pose" and keypoints_of(thing) is None:
            return False
        return has_visible_box(thing)

    def write(
        self, items: Iterable[Item], about: About, folder: Path, options: WritingOptions
    ) -> None:
        for split in about.splits:
            (folder / "images" / split).mkdir(parents=True)
            (folder / "labels" / split).mkdir(parents=True)
        classes = {number: place for place, number in enumerate(about.categories)}
        names: dict[str, list[str]] = {}
        rows: list[tuple[Path, list[_Row]]] = []
        for item in items:
            ending, data = item.picture
            (folder / "images" / item.split / f"{item.key}.{ending}").write_bytes(data)
            if options.task == "pose":
                names = names_by_category(item, names)
            lines = [_row(thing, classes[thing.category_id], options.task) for thing in item.things]
            rows.append((folder / "labels" / item.split / f"{item.key}.txt", lines))
        points = max(map(len, names.values()), default=0)
        for path, lines in rows:
            path.write_text("".join(line.text(points) for line in lines), encoding="utf-8")
        _write_yaml(folder, about, options, names)

    def read(self, source: Path, options: ReadingOptions) -> Reading:
        return read_yolo(source, options)


@dataclass(frozen=True)
class _Row:
    """One line: its class, coordinates, and keypoints (x, y, v), which are filled up to a number."""

    number: int
    coordinates: Sequence[float]
    points: Sequence[tuple[float, float, int]] = ()

    def text(self, points: int) -> str:
        words = [str(self.number), *(f"{value:.{DIGITS}f}" for value in self.coordinates)]
        for x, y, flag in [*self.points, *[(0.0, 0.0, 0)] * (points - len(self.points))]:
            words += [f"{x:.{DIGITS}f}", f"{y:.{DIGITS}f}", str(flag)]
        return " ".join(words) + "\n"


def _row(thing: Thing, number: int, task: str) -> _Row:
    width, height = thing.item.size
    if task == "segment":
        line = joined(outlines(thing.need_mask("mask_visib")))
        return _Row(number, _fractions(line, width, height))
    if task == "obb":
        corners = oriented_box(thing.need_mask("mask_visib"))
        assert corners is not None
        return _Row(number, _fractions(corners, width, height))
    x, y, w, h = thing.need("bbox_visib")
    box = [(x + w / 2) / width, (y + h / 2) / height, w / width, h / height]
    if task == "detect":
        return _Row(number, box)
    points = [
        (one.x / width, one.y / height, COCO_FLAGS[one.state])
        if COCO_FLAGS[one.state]
        else (0.0, 0.0, 0)
        for one in keypoints_of(thing) or ()
    ]
    return _Row(number, box, points)


def _fractions(line: ArrayLike, width: int, height: int) -> list[float]:
    """Return x, y, x, y, ... of a polygon as fractions."""
    return list((np.asarray(line) / (width, height)).ravel())


def _write_yaml(
    folder: Path, about: About, options: WritingOptions, names: dict[str, list[str]]
) -> None:
    data: dict[str, Any] = {split: f"images/{split}" for split in about.splits}
    data["names"] = dict(enumerate(about.categories.values()))
    data["task"] = options.task
    if options.task == "pose":
        points = max(map(len, names.values()), default=0)
        data["kpt_shape"] = [points, 3]
        data["kpt_names"] = {
            place: names.get(name, []) for place, name in enumerate(about.categories.values())
        }
    (folder / "data.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    if "val" not in about.splits:
        about.notes.append(
            "data.yaml has no 'val', which Ultralytics asks for; export with --split "
            "train=0.9,val=0.1"
        )
