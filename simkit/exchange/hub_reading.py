"""Reading Parquet as Hugging Face's `datasets` writes it, with objects as COCO has them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pycocotools import mask as coco_mask

from simkit.dataset.encode import Files
from simkit.dataset.rle import encode_mask
from simkit.errors import DatasetError
from simkit.exchange.format import Photo, Reading
from simkit.exchange.keypoints import STATES, label_of_triples
from simkit.exchange.outlines import box_of_corners
from simkit.exchange.sources import checked_box, checked_numbers
from simkit.options import setting

BATCH = 64
MASKS = ("mask_visib", "mask")
ENDINGS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg"}
"""By what an image file begins with."""


@dataclass
class ReadingOptions:
    """What an import of Parquet may be told."""

    split: str = setting("", help="files data/SPLIT-*.parquet alone; all of them if left out")


def read_hub(source: Path, options: ReadingOptions) -> Reading:
    """Return what Parquet files hold; see `simkit.exchange.format.Format.read`.

    Their images lie in a temporary folder, for as long as the photos are referred to.
    """
    paths = _files(source, options)
    known = _known(source)
    box = known.get("settings", {}).get("options", {}).get("box", "visib")
    ids = {one["name"]: one["id"] for one in known.get("categories", ())}
    unpacked = tempfile.TemporaryDirectory(prefix="simkit-import-")
    photos: list[Photo] = []
    categories: dict[int, str] = {}
    for path in paths:
        names = _class_names(path)
        numbers = {name: ids.get(name, place) for place, name in enumerate(names, start=1)}
        categories |= {number: name for name, number in numbers.items()}
        classes = [(name, numbers[name]) for name in names]
        for row in _rows(path):
            where = f"{path}: row {len(photos)}"
            photos.append(_photo(row, len(photos), where, classes, box, unpacked))
    models = [one for one in known.get("models", ()) if one.get("obj_id")]
    return Reading(photos, dict(sorted(categories.items())), tuple(paths), models)


def _files(source: Path, options: ReadingOptions) -> list[Path]:
    if source.is_file():
        return [source]
    pattern = f"{options.split}-*.parquet" if options.split else "*.parquet"
    paths = sorted([*source.glob(f"data/{pattern}"), *source.glob(pattern)])
    if not paths:
        raise DatasetError(f"{source}: has no data/{pattern}; is it a Hugging Face data set?")
    return paths


def _known(source: Path) -> dict[str, Any]:
    from simkit.exchange.importing import provenance_of

    return provenance_of(source)


def _class_names(path: Path) -> list[str]:
    """Return the names of the classes; `DatasetError` if the columns are not as they must be."""
    from simkit.exchange.hub import library

    datasets = library("datasets")
    try:
        features = datasets.Features.from_arrow_schema(pq.read_schema(path))
        category = features["objects"]["category"].feature
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise DatasetError(
            f"{path}: has no list objects.category of class labels ({error!r}); it needs the columns "
            "image, objects.bbox and objects.category, as object detection has them"
        ) from None
    if "bbox" not in features["objects"] or not isinstance(features.get("image"), datasets.Image):
        raise DatasetError(f"{path}: has no column image, or no objects.bbox")
    if not isinstance(category, datasets.ClassLabel):
        raise DatasetError(f"{path}: objects.category is {category}, not a ClassLabel with names")
    return list(category.names)


def _rows(path: Path) -> Any:
    for batch in pq.ParquetFile(path).iter_batches(BATCH):
        yield from batch.to_pylist()


def _photo(
    row: Mapping[str, Any],
    number: int,
    where: str,
    classes: list[tuple[str, int]],
    box: str,
    unpacked: tempfile.TemporaryDirectory[str],
) -> Photo:
    data = (row["image"] or {}).get("bytes")
    if not data:
        raise DatasetError(f"{where}: its image is not in the file; embed images when you write it")
    ending = next((name for head, name in ENDINGS.items() if data.startswith(head)), "img")
    path = Path(unpacked.name) / f"{number:08d}.{ending}"
    path.write_bytes(data)
    objects = row["objects"]
    count = len(objects["bbox"])
    things = [
        {name: values[place] for name, values in objects.items() if values}
        for place in range(count)
    ]
    instances = [
        _labels(place, one, classes, box, f"{where}, object {place}")
        for place, one in enumerate(things)
    ]
    key = row.get("key") or ""
    scene, _, image = key.partition("_")
    return Photo(
        path=path,
        name=row["image"].get("path") or f"{number}",
        source_id=str(row.get("index", number)),
        instances=instances,
        place=(int(scene), int(image)) if scene.isdigit() and image.isdigit() else None,
        files=partial(_more, row.get("cam_K"), things, unpacked),
    )


def _labels(
    place: int, one: Mapping[str, Any], classes: list[tuple[str, int]], box: str, where: str
) -> dict[str, Any]:
    if not 0 <= (one["category"] if one["category"] is not None else -1) < len(classes):
        raise DatasetError(f"{where}: category is {one['category']}, of {len(classes)} classes")
    name, number = classes[one["category"]]
    identity = {"instance_id": one.get("id", place + 1), "category": name, "category_id": number}
    given = ("obj_id", "model", "scale")
    identity |= {key: one[key] for key in given if one.get(key) is not None}
    labels: dict[str, Any] = {"identity": identity}
    if one.get("iscrowd"):
        labels["iscrowd"] = 1
    labels[f"bbox_{box}"] = checked_box(checked_numbers(one["bbox"], 4, where, "bbox"), where)
    for other in ("bbox_visib", "bbox_obj"):
        if other in one and other != f"bbox_{box}":
            labels[other] = checked_box(one[other], where) if one[other] is not None else None
    if one.get("visib_fract") is not None:
        labels["visib_fract"] = {"visib_fract": one["visib_fract"]}
    if one.get("pose") is not None:
        pose = checked_numbers(one["pose"], 16, where, "pose")
        labels["pose"] = [pose[start : start + 4] for start in range(0, 16, 4)]
    names = one.get("keypoint_names")
    if names and one.get("keypoints"):
        triples = checked_numbers(one["keypoints"], 3 * len(names), where, "keypoints")
        if not {int(flag) for flag in triples[2::3]} <= set(STATES):
            raise DatasetError(f"{where}: keypoints: a visibility is not in {sorted(STATES)}")
        labels["keypoints"] = label_of_triples(names, triples)
    elif "keypoints" in one:
        labels["keypoints"] = []
    if "obb_visib" in one:
        numbers = one["obb_visib"]
        labels["obb_visib"] = (
            None
            if numbers is None
            else box_of_corners(checked_numbers(numbers, 8, where, "obb_visib"))
        )
    return labels


def _more(
    cam_K: list[float] | None,
    things: list[dict[str, Any]],
    unpacked: tempfile.TemporaryDirectory[str],
    width: int,
    height: int,
) -> Files:
    """Return the files of an image's camera and masks; of masks if all its objects have them."""
    files = {}
    if cam_K is not None:
        files["camera.json"] = json.dumps({"cam_K": cam_K, "depth_scale": 1.0}).encode()
    for name in MASKS:
        packed = [one[name] for one in things if one.get(name)]
        if packed and len(packed) == len(things):
            size = [height, width]
            masks = {
                str(place): encode_mask(
                    coco_mask.decode({"counts": counts.encode("ascii"), "size": size}).astype(bool)
                )
                for place, counts in enumerate(packed)
            }
            files[f"{name}.json"] = json.dumps(masks, separators=(",", ":")).encode()
    return files
