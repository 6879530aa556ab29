"""WebDataset for plain training: a tar of ``KEY.jpg`` with ``KEY.json`` or ``KEY.cls``.

Files are ``SPLIT-NNNNNN.tar``. The JSON holds ``width``, ``height``, ``boxes`` (``[x, y, w, h]``
[px]), ``labels`` (class from 0), ``categories``, and ``segmentations`` (COCO's run lengths) if the
data set has masks; ``classes.json`` has the names. ``KEY.part_map.npy`` and ``parts`` in the
JSON are there if the data set has the label `part_map`, or `parts`. The class file holds the class of the
one category that an image shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import webdataset
from pycocotools import mask as coco_mask

from simkit.exchange.format import About, Format, has_visible_box
from simkit.exchange.items import Item, Thing
from simkit.exchange.sharding import write_sharded
from simkit.options import setting


@dataclass
class WritingOptions:
    """What an export to WebDataset may be told."""

    target: str = setting("json", allowed=("json", "cls"), help="boxes and masks, or one class")
    shard_size: int = setting(1000, low=1, help="images a tar")


class PlainWebDataset(Format):
    """Tars of images with boxes or classes."""

    title = "WebDataset (plain training)"
    writes = WritingOptions

    def carries(self, thing: Thing, options: WritingOptions) -> bool:
        return has_visible_box(thing)

    def write(
        self, items: Iterable[Item], about: About, folder: Path, options: WritingOptions
    ) -> None:
        classes = {number: place for place, number in enumerate(about.categories)}
        (folder / "classes.json").write_text(json.dumps(list(about.categories.values())))
        write_sharded(
            items,
            options.shard_size,
            lambda split, number: webdataset.TarWriter(
                str(folder / f"{split}-{number:06d}.tar"), mtime=0.0
            ),
            lambda item: _sample(item, classes, options),
        )


def _sample(item: Item, classes: Mapping[int, int], options: WritingOptions) -> dict[str, Any]:
    ending, data = item.picture
    sample = {"__key__": item.key, ending: data}
    if options.target == "json":
        if "part_map.npy" in item.record.files:
            sample["part_map.npy"] = item.record.files["part_map.npy"]
        return {**sample, "json": json.dumps(_annotations(item, classes)).encode()}
    shown = {thing.category_id for thing in item.things}
    if len(shown) != 1:
        names = sorted({thing.category for thing in item.things}) or "no category"
        raise item.error(f"shows {names}; target=cls needs images of one category")
    return {**sample, "cls": str(classes[shown.pop()]).encode()}


def _annotations(item: Item, classes: Mapping[int, int]) -> dict[str, Any]:
    width, height = item.size
    data: dict[str, Any] = {
        "index": item.record.index,
        "width": width,
        "height": height,
        "boxes": [list(thing.need("bbox_visib")) for thing in item.things],
        "labels": [classes[thing.category_id] for thing in item.things],
        "categories": [thing.category for thing in item.things],
    }
    if item.run_lengths("mask_visib") is not None:
        data["segmentations"] = [_packed(thing) for thing in item.things]
    if any("parts" in thing.labels for thing in item.things):
        data["parts"] = [thing.need("parts") for thing in item.things]
    return data


def _packed(thing: Thing) -> dict[str, Any]:
    mask = thing.run_lengths("mask_visib")
    assert mask is not None
    packed = coco_mask.frPyObjects(dict(mask), *mask["size"])
    return {"counts": packed["counts"].decode("ascii"), "size": list(mask["size"])}
