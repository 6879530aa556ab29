"""Reading COCO's instances, with keypoints where there are any."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from simkit.dataset.encode import Files
from simkit.dataset.rle import encode_mask
from simkit.errors import DatasetError
from simkit.exchange.format import Photo, Reading
from simkit.exchange.keypoints import STATES, label_of_triples
from simkit.exchange.sources import checked_box, checked_numbers, find_image, read_json
from simkit.options import setting

KEPT = ("iscrowd", "bbox_obj", "bbox_visib")
"""Keys of an annotation that become labels as they are; the last two are in files of ours."""

NOT_COCO = ("provenance.json", "croissant.json")
"""What goes with every export of ours."""


@dataclass
class ReadingOptions:
    """What an import of COCO may be told."""

    images: str = setting("", help="folder of the images; looked for beside the JSON if left out")
    box: str = setting(
        "auto",
        allowed=("auto", "visib", "obj"),
        help="what bbox and segmentation are: visible or amodal; auto: as the file says, or visible",
    )


def read_coco(source: Path, options: ReadingOptions) -> Reading:
    """Return what a COCO file holds; see `simkit.exchange.format.Format.read`."""
    path = _annotation_file(source)
    data = read_json(path)
    images, categories = _images(data, path), _categories(data, path)
    box = options.box if options.box != "auto" else data.get("info", {}).get("box", "visib")
    by_image: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for place, one in enumerate(data["annotations"]):
        by_image[_checked(place, one, images, categories, path)].append(one)
    photos, mixed = [], 0
    folders = _folders(path, options)
    segmented = any(one.get("segmentation") for one in data["annotations"])
    name_of_masks = "mask_visib" if box == "visib" else "mask"
    for number, image in images.items():
        annotations = by_image[number]
        have = [one for one in annotations if one.get("segmentation")]
        mixed += 0 < len(have) < len(annotations)
        masks = have if len(have) == len(annotations) else None
        photos.append(
            Photo(
                path=find_image(image["file_name"], folders, f"{path}: image {number}"),
                name=image["file_name"],
                source_id=str(number),
                instances=[
                    _labels(k, one, categories, box) for k, one in enumerate(annotations, start=1)
                ],
                size=(image["width"], image["height"]) if "width" in image else None,
                files=partial(_masks, masks if segmented else None, name_of_masks),
            )
        )
    names = {number: one["name"] for number, one in categories.items()}
    licences = tuple(one["name"] for one in data.get("licenses", ()) if one.get("name"))
    warnings = (
        (f"{mixed} images have masks for some annotations only: theirs are left out",)
        if mixed
        else ()
    )
    return Reading(photos, names, (path,), licences=licences, warnings=warnings)


def _annotation_file(source: Path) -> Path:
    """Return the JSON file of a source that is one, or a folder with just one."""
    if source.is_file():
        return source
    beside = [path for path in sorted(source.glob("*.json")) if path.name not in NOT_COCO]
    found = sorted(source.glob("annotations/instances_*.json")) or beside
    if len(found) != 1:
        names = ", ".join(str(path.relative_to(source)) for path in found) or "none"
        raise DatasetError(f"{source}: has not one COCO file but {names}; give the file itself")
    return found[0]


def _images(data: Any, path: Path) -> dict[Any, dict[str, Any]]:
    for name in ("images", "annotations", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(name), list):
            raise DatasetError(f"{path}: has no list '{name}'; is it a COCO file?")
    images: dict[Any, dict[str, Any]] = {}
    for place, one in enumerate(data["images"]):
        where = f"{path}: images[{place}]"
        if not isinstance(one, dict) or "id" not in one or "file_name" not in one:
            raise DatasetError(f"{where}: needs 'id' and 'file_name'")
        if one["id"] in images:
            raise DatasetError(f"{where}: the id {one['id']} stands twice")
        if "width" in one:
            checked_numbers([one["width"], one.get("height")], 2, where, "width, height")
        images[one["id"]] = one
    return images


def _categories(data: Mapping[str, Any], path: Path) -> dict[Any, dict[str, Any]]:
    categories: dict[Any, dict[str, Any]] = {}
    for place, one in enumerate(data["categories"]):
        where = f"{path}: categories[{place}]"
        if not isinstance(one, dict) or not isinstance(one.get("id"), int) or "name" not in one:
            raise DatasetError(f"{where}: needs 'id' (a whole number) and 'name'")
        if one["id"] in categories:
            raise DatasetError(f"{where}: the id {one['id']} stands twice")
        categories[one["id"]] = one
    return categories


def _checked(
    place: int,
    one: Any,
    images: Mapping[Any, Any],
    categories: Mapping[Any, Any],
    path: Path,
) -> Any:
    """Return the image id of an annotation, once all of it is found to be right."""
    number = one.get("id", "?") if isinstance(one, dict) else "?"
    where = f"{path}: annotations[{place}] (id {number})"
    if not isinstance(one, dict) or one.get("image_id") not in images:
        known = one.get("image_id") if isinstance(one, dict) else None
        raise DatasetError(f"{where}: there is no image with id {known}")
    if one.get("category_id") not in categories:
        raise DatasetError(f"{where}: there is no category with id {one.get('category_id')}")
    checked_box(checked_numbers(one.get("bbox"), 4, where, "bbox"), where)
    image = images[one["image_id"]]
    _check_segmentation(one.get("segmentation"), image, where)
    if one.get("keypoints"):
        names = categories[one["category_id"]].get("keypoints") or []
        values = checked_numbers(one["keypoints"], 3 * len(names), where, "keypoints")
        if not set(values[2::3]) <= set(STATES):
            raise DatasetError(f"{where}: keypoints: a visibility is not in {sorted(STATES)}")
    return one["image_id"]


def _check_segmentation(found: Any, image: Mapping[str, Any], where: str) -> None:
    if not found:
        return
    if isinstance(found, dict):
        size = checked_numbers(found.get("size"), 2, where, "segmentation.size")
        if "width" in image and list(size) != [image["height"], image["width"]]:
            raise DatasetError(
                f"{where}: segmentation.size is {size}, its image's height and width are "
                f"{[image['height'], image['width']]}"
            )
        if not isinstance(found.get("counts"), str | list):
            raise DatasetError(f"{where}: segmentation has no counts")
        counts = found["counts"]
        if isinstance(counts, list) and sum(counts) != size[0] * size[1]:
            raise DatasetError(f"{where}: the counts add up to {sum(counts)}, not to the image")
        return
    for polygon in found if isinstance(found, list) else [None]:
        count = len(polygon) if isinstance(polygon, list) else 6
        checked_numbers(polygon, max(count + count % 2, 6), where, "a polygon of segmentation")


def _folders(path: Path, options: ReadingOptions) -> list[Path]:
    """Return where the images may lie: as told, or beside the file under the usual names."""
    if options.images:
        return [Path(options.images)]
    split = path.stem.rsplit("_", 1)[-1]
    above = path.parent.parent
    names = [path.parent / "images", path.parent, above / split, above / "images" / split]
    return [folder for folder in [*names, above / "images", above] if folder.is_dir()]


def _labels(
    instance_id: int, one: Mapping[str, Any], categories: Mapping[Any, Any], box: str
) -> dict[str, Any]:
    category = categories[one["category_id"]]
    labels: dict[str, Any] = {
        "identity": {
            "instance_id": instance_id,
            "category": category["name"],
            "category_id": category["id"],
        },
        **{name: one[name] for name in KEPT if name in one},
        f"bbox_{box}": checked_box(one["bbox"], ""),
    }
    if "id" in one:
        labels["source_id"] = str(one["id"])
    if "visib_fract" in one:
        labels["visib_fract"] = {"visib_fract": one["visib_fract"]}
    if one.get("keypoints"):
        labels["keypoints"] = label_of_triples(category["keypoints"], one["keypoints"])
    return labels


def _masks(annotations: list[dict[str, Any]] | None, name: str, width: int, height: int) -> Files:
    """Return the file of the masks of an image; none if they are not known."""
    if annotations is None:
        return {}
    masks = {
        str(place): encode_mask(_decoded(one["segmentation"], height, width))
        for place, one in enumerate(annotations)
    }
    return {f"{name}.json": json.dumps(masks, separators=(",", ":")).encode()}


def _decoded(segmentation: Any, height: int, width: int) -> NDArray[np.bool_]:
    if isinstance(segmentation, list):
        packed = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        packed = coco_mask.frPyObjects(segmentation, *segmentation["size"])
    else:
        packed = {**segmentation, "counts": segmentation["counts"].encode("ascii")}
    return np.asarray(coco_mask.decode(packed), dtype=bool)
