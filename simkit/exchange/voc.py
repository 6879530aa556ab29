"""Pascal VOC's XML (devkit of VOC2012): boxes.

``JPEGImages/``, ``Annotations/KEY.xml`` and ``ImageSets/Main/SPLIT.txt``. Its pixels count from 1 and
its boxes name their first and last pixel, so ``xmin = x + 1`` and ``xmax = x + width``.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simkit.errors import DatasetError
from simkit.exchange.format import About, Format, Photo, Reading, has_visible_box
from simkit.exchange.items import Item, Thing
from simkit.exchange.sources import checked_box, find_image
from simkit.options import setting

FLAGS = ("truncated", "occluded", "difficult")
CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass
class WritingOptions:
    """What an export to VOC may be told."""

    occluded_below: float = setting(
        0.95, low=0, high=1, help="visib_fract below which an instance is occluded"
    )
    difficult_below: float = setting(
        0.1, low=0, high=1, help="visib_fract below which an instance is difficult"
    )


@dataclass
class ReadingOptions:
    """What an import of VOC may be told."""

    images: str = setting("", help="folder of the images; looked for beside the XML if left out")
    first_pixel: int = setting(
        1, allowed=(0, 1), help="number of the first pixel: VOC's is 1, some tools write 0"
    )


class Voc(Format):
    """Boxes as Pascal VOC has them."""

    title = "Pascal VOC (boxes as XML)"
    writes = WritingOptions
    reads = ReadingOptions

    def carries(self, thing: Thing, options: WritingOptions) -> bool:
        return has_visible_box(thing)

    def write(
        self, items: Iterable[Item], about: About, folder: Path, options: WritingOptions
    ) -> None:
        for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (folder / name).mkdir(parents=True)
        keys: dict[str, list[str]] = {split: [] for split in about.splits}
        for item in items:
            ending, data = item.picture
            (folder / "JPEGImages" / f"{item.key}.{ending}").write_bytes(data)
            tree = ET.ElementTree(_annotation(item, f"{item.key}.{ending}", options))
            ET.indent(tree)
            tree.write(folder / "Annotations" / f"{item.key}.xml", encoding="utf-8")
            keys[item.split].append(item.key)
        for split, names in keys.items():
            lines = "".join(f"{name}\n" for name in names)
            (folder / "ImageSets/Main" / f"{split}.txt").write_text(lines, encoding="utf-8")

    def read(self, source: Path, options: ReadingOptions) -> Reading:
        annotations = source / "Annotations" if (source / "Annotations").is_dir() else source
        paths = sorted(annotations.glob("*.xml")) if annotations.is_dir() else [source]
        if not paths:
            raise DatasetError(f"{annotations}: has no .xml; is it a VOC data set?")
        found = [_read(path, options) for path in paths]
        names = sorted({one["name"] for _, _, objects in found for one in objects})
        ids = {name: number for number, name in enumerate(names, start=1)}
        photos = [
            Photo(
                path=find_image(image, _folders(path, options), str(path)),
                name=image,
                source_id=path.stem,
                instances=[_labels(k, one, ids) for k, one in enumerate(objects, start=1)],
                size=size,
            )
            for path, (image, size, objects) in zip(paths, found, strict=True)
        ]
        return Reading(photos, {number: name for name, number in ids.items()}, tuple(paths))


def _annotation(item: Item, file_name: str, options: WritingOptions) -> ET.Element:
    width, height = item.size
    root = ET.Element("annotation")
    _texts(root, {"folder": "JPEGImages", "filename": file_name})
    _texts(ET.SubElement(root, "source"), {"database": "simkit", "image": item.key})
    _texts(ET.SubElement(root, "size"), {"width": width, "height": height, "depth": 3})
    _texts(root, {"segmented": 0})
    for thing in item.things:
        x, y, w, h = thing.need("bbox_visib")
        seen = thing.visib_fract
        one = ET.SubElement(root, "object")
        values = {
            "truncated": int(_leaves(thing.labels.get("bbox_obj"), width, height)),
            "occluded": int(seen is not None and seen < options.occluded_below),
            "difficult": int(seen is not None and seen < options.difficult_below),
        }
        _texts(one, {"name": thing.category, "pose": "Unspecified", **values})
        corners = dict(zip(CORNERS, (x + 1, y + 1, x + w, y + h), strict=True))
        _texts(ET.SubElement(one, "bndbox"), corners)
    return root


def _leaves(box: list[int] | None, width: int, height: int) -> bool:
    """Return whether an amodal box leaves the image."""
    if box is None:
        return False
    x, y, w, h = box
    return x < 0 or y < 0 or x + w > width or y + h > height


def _texts(parent: ET.Element, values: dict[str, Any]) -> None:
    for name, value in values.items():
        ET.SubElement(parent, name).text = str(value)


def _read(path: Path, options: ReadingOptions) -> tuple[str, tuple[int, int], list[dict[str, Any]]]:
    """Return an image's file name, its size, and its objects with boxes of ours."""
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as error:
        raise DatasetError(f"{path}: cannot be read as XML: {error}") from None
    size = root.find("size")
    if size is None:
        raise DatasetError(f"{path}: has no <size>")
    width, height = (int(_number(size, name, f"{path}: <size>")) for name in ("width", "height"))
    objects = []
    for place, one in enumerate(root.iter("object")):
        where = f"{path}: object {place}"
        box, name = one.find("bndbox"), (one.findtext("name") or "").strip()
        if not name or box is None:
            raise DatasetError(f"{where}: needs <name> and <bndbox>")
        x0, y0, x1, y1 = (_number(box, corner, f"{where}: <bndbox>") for corner in CORNERS)
        first = options.first_pixel
        flags = {
            flag: int(_number(one, flag, where)) for flag in FLAGS if one.find(flag) is not None
        }
        ours = [x0 - first, y0 - first, x1 - x0 + 1, y1 - y0 + 1]
        objects.append({"name": name, "box": checked_box(ours, where), "flags": flags})
    name = (root.findtext("filename") or "").strip() or f"{path.stem}.jpg"
    return name, (width, height), objects


def _number(parent: ET.Element, name: str, where: str) -> float:
    text = (parent.findtext(name) or "").strip()
    try:
        return float(text)
    except ValueError:
        raise DatasetError(f"{where}: <{name}> is '{text}', no number") from None


def _folders(path: Path, options: ReadingOptions) -> list[Path]:
    if options.images:
        return [Path(options.images)]
    above = path.parent.parent
    return [above / "JPEGImages", path.parent, above / "images", above]


def _labels(instance_id: int, one: dict[str, Any], ids: dict[str, int]) -> dict[str, Any]:
    identity = {"category": one["name"], "category_id": ids[one["name"]]}
    return {
        "identity": {"instance_id": instance_id, **identity},
        "bbox_visib": one["box"],
        "voc": one["flags"],
    }
