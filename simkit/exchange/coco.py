"""COCO: instances, keypoints and panoptic segments, as its data format page has them.

``SPLIT/KEY.jpg``, ``annotations/instances_SPLIT.json`` (keypoints in it, where there are any) and
``annotations/panoptic_SPLIT.json`` with a folder of its PNGs. Image ids are our indices, category ids
ours, annotation ids count from 1 (pycocotools takes 0 for no match).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from simkit.exchange.coco_reading import ReadingOptions, read_coco
from simkit.exchange.format import About, Format, Reading, has_box
from simkit.exchange.items import Item, Thing
from simkit.exchange.keypoints import Keypoint, keypoints_of, names_by_category, triples_of
from simkit.exchange.outlines import outlines
from simkit.exchange.pictures import write_png
from simkit.geometry import box_of_mask
from simkit.options import setting

MASKS = {"visib": "mask_visib", "obj": "mask"}
STUFF = "stuff"
EXTRAS = ("bbox_obj", "bbox_visib")
DIGITS = 2
"""Of polygon coordinates; ours are multiples of a quarter of a pixel, so nothing is lost."""


@dataclass
class WritingOptions:
    """What an export to COCO may be told."""

    box: str = setting(
        "visib", allowed=tuple(MASKS), help="boxes and masks of what is visible, or amodal ones"
    )
    segmentation: str = setting(
        "rle",
        allowed=("rle", "polygon", "none"),
        help="run lengths (exact), or polygons (holes become slits)",
    )
    panoptic: bool = setting(
        True, help="write panoptic segments, where the data set has panoptic and panoptic_map"
    )


class Coco(Format):
    """COCO's instances, keypoints and panoptic segments."""

    title = "COCO (instances, keypoints, panoptic)"
    writes = WritingOptions
    reads = ReadingOptions

    def carries(self, thing: Thing, options: WritingOptions) -> bool:
        return has_box(thing, options.box)

    def write(
        self, items: Iterable[Item], about: About, folder: Path, options: WritingOptions
    ) -> None:
        files = {split: _Files(about, options) for split in about.splits}
        (folder / "annotations").mkdir()
        for item in items:
            ending, data = item.picture
            name = f"{item.key}.{ending}"
            path = folder / item.split / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            files[item.split].add(item, name)
            if options.panoptic and "panoptic_map.npy" in item.record.files:
                pixels = files[item.split].add_segments(item)
                at = folder / "annotations" / f"panoptic_{item.split}" / f"{item.key}.png"
                at.parent.mkdir(exist_ok=True)
                write_png(at, pixels)
        if not any(one.masks for one in files.values()) and options.segmentation != "none":
            about.notes.append(f"the data set has no {MASKS[options.box]}: boxes alone are written")
        for split, one in files.items():
            one.write(folder / "annotations", split)

    def read(self, source: Path, options: ReadingOptions) -> Reading:
        return read_coco(source, options)


class _Files:
    """The annotation files of one split, as they grow."""

    def __init__(self, about: About, options: WritingOptions) -> None:
        self.masks = False
        self._options = options
        self._categories = dict(about.categories)
        self._stuff_id = max(self._categories, default=0) + 1
        self._licences = about.description["licences"]
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._segments: list[dict[str, Any]] = []
        self._names: dict[str, list[str]] = {}

    def add(self, item: Item, file_name: str) -> None:
        """Take an image and its instances."""
        width, height = item.size
        image = {"id": item.record.index, "file_name": file_name, "width": width, "height": height}
        self._images.append({**image, "license": 1} if self._licences else image)
        self._names = names_by_category(item, self._names)
        for thing in item.things:
            number = len(self._annotations) + 1
            self._annotations.append({"id": number, **self._annotation(thing)})

    def _annotation(self, thing: Thing) -> dict[str, Any]:
        box = thing.need(f"bbox_{self._options.box}")
        mask = thing.run_lengths(MASKS[self._options.box])
        annotation = {
            "image_id": thing.item.record.index,
            "category_id": thing.category_id,
            "bbox": list(box),
            "area": sum(mask["counts"][1::2]) if mask else box[2] * box[3],
            "iscrowd": int(thing.labels.get("iscrowd", 0)),
        }
        if mask and self._options.segmentation != "none":
            self.masks = True
            annotation["segmentation"] = self._segmentation(thing, mask)
        points = keypoints_of(thing)
        if points is not None:
            annotation.update(_keypoints(points))
        annotation.update({name: thing.labels[name] for name in EXTRAS if name in thing.labels})
        if thing.visib_fract is not None:
            annotation["visib_fract"] = thing.visib_fract
        return annotation

    def _segmentation(self, thing: Thing, mask: Mapping[str, Any]) -> Any:
        if self._options.segmentation == "rle":
            packed = coco_mask.frPyObjects(dict(mask), *mask["size"])
            return {"counts": packed["counts"].decode("ascii"), "size": list(mask["size"])}
        lines = outlines(thing.need_mask(MASKS[self._options.box]))
        return [line.round(DIGITS).ravel().tolist() for line in lines]

    def add_segments(self, item: Item) -> NDArray[np.uint8]:
        """Take an image's panoptic segments; return its PNG's pixels (H, W, 3)."""
        ids = item.record.array("panoptic_map").astype(np.int64)
        kept = {thing.need("identity")["instance_id"] for thing in item.things}
        segments, shown = [], np.zeros_like(ids)
        stuff = [one["id"] for one in item.record.labels["image"]["panoptic"] if not one["isthing"]]
        for one in item.record.labels["image"]["panoptic"]:
            if one["id"] in kept:
                shown[ids == one["id"]] = one["id"]
                segments.append({**_segment(one), "category_id": one["category_id"]})
        if stuff:  # COCO has one segment for all stuff of a category
            where = np.isin(ids, stuff)
            shown[where] = stuff[0]
            box = box_of_mask(where) or ()
            area = int(np.count_nonzero(where))
            segments.append(
                {
                    **_segment({"id": stuff[0], "area": area, "bbox": box}),
                    "category_id": self._stuff_id,
                }
            )
        self._segments.append(
            {
                "image_id": item.record.index,
                "file_name": f"{item.key}.png",
                "segments_info": segments,
            }
        )
        return np.stack([shown & 255, shown >> 8 & 255, shown >> 16 & 255], axis=2).astype(np.uint8)

    def write(self, folder: Path, split: str) -> None:
        """Write ``instances_SPLIT.json``, and ``panoptic_SPLIT.json`` if there are segments."""
        categories = [
            {
                "id": number,
                "name": name,
                "supercategory": "object",
                **({"keypoints": self._names[name], "skeleton": []} if name in self._names else {}),
            }
            for number, name in self._categories.items()
        ]
        head = {
            "info": {
                "description": "written by simkit; see provenance.json",
                "box": self._options.box,
            },
            "licenses": [
                {"id": place, "name": name, "url": ""}
                for place, name in enumerate(self._licences, start=1)
            ],
            "images": self._images,
        }
        data = {**head, "annotations": self._annotations, "categories": categories}
        (folder / f"instances_{split}.json").write_text(json.dumps(data), encoding="utf-8")
        if self._segments:
            things = [{**one, "isthing": 1} for one in categories]
            stuff = {"id": self._stuff_id, "name": STUFF, "supercategory": STUFF, "isthing": 0}
            data = {**head, "annotations": self._segments, "categories": [*things, stuff]}
            (folder / f"panoptic_{split}.json").write_text(json.dumps(data), encoding="utf-8")


def _segment(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": one["id"], "area": one["area"], "bbox": list(one["bbox"]), "iscrowd": 0}


def _keypoints(points: Iterable[Keypoint]) -> dict[str, Any]:
    """Return COCO's triples x, y, v; a point outside the image is (0, 0, 0), as not labelled."""
    values = triples_of(points)
    return {"keypoints": values, "num_keypoints": sum(flag > 0 for flag in values[2::3])}
