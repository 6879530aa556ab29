"""Making a data set of ours of real photos: the same shards, index and description."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from simkit.dataset.encode import Files, Row, content_hash
from simkit.dataset.filling import Filling
from simkit.dataset.shards import FORMAT, Folder
from simkit.errors import DatasetError
from simkit.exchange.card import PROVENANCE
from simkit.exchange.format import Photo, Reading
from simkit.exchange.keypoints import keypoint_names
from simkit.exchange.pictures import encode_picture, size_of
from simkit.exchange.sources import read_json

Progress = Callable[[int, int], None]

REAL = "real"
ORIGINS = (REAL, "simulated", "refined", "generated")

PARENTS = 3
"""A source may lie so many folders below the ``provenance.json`` of an export."""


@dataclass(frozen=True)
class ImportReport:
    """What `fill` did.

    Attributes:
        url: the new data set.
        origin: of its images.
        images: in it; `instances` are annotated in them.
        categories: names by id.
        warnings: one line each.
    """

    url: str
    origin: str
    images: int
    instances: int
    categories: dict[int, str]
    warnings: tuple[str, ...]


def fill(
    reading: Reading,
    source: str | Path,
    out: str | Path,
    settings: Mapping[str, Any],
    licence: str,
    origin: str,
    shard_size: int,
    progress: Progress | None = None,
) -> ImportReport:
    """Write what a source holds as a data set; see `simkit.exchange.import_`."""
    photos = reading.photos
    if not photos:
        raise DatasetError(f"{source}: holds no image")
    keys = [_place(photo, index) for index, photo in enumerate(photos)]
    if len(set(keys)) < len(keys):
        raise DatasetError(f"{source}: two images have one scene and number; import them apart")
    sizes = [size_of(photo.path, photo.size, whole=True) for photo in photos]
    known = provenance_of(Path(source))
    origin = origin or _origin(known, source)
    depth = int(known.get("depth_of_models", 0))
    licences = [licence] if licence else [*reading.licences, *known.get("licences", ())]
    description = _describe(reading, str(source), settings, licences, origin)
    filling = Filling(Folder(str(out)), description, shard_size)
    for indices in filling.todo.values():
        for index in indices:
            files, row = _encode(index, photos[index], keys[index], sizes[index])
            row.update(origin=origin, depth_of_models=depth)
            filling.add([(index, files, row)])
            if progress is not None:
                progress(index + 1, len(photos))
    filling.finish()
    instances = sum(len(photo.instances) for photo in photos)
    url, warnings = str(out), reading.warnings
    return ImportReport(url, origin, len(photos), instances, reading.categories, warnings)


def provenance_of(source: Path) -> dict[str, Any]:
    """Return the ``provenance.json`` of the export of ours that a source is part of; else {}."""
    folder = source.resolve()
    for place in [folder, *folder.parents][: PARENTS + 1]:
        if (place / PROVENANCE).is_file():
            data = read_json(place / PROVENANCE)
            return data if isinstance(data, dict) and "simkit" in data else {}
    return {}


def _origin(known: Mapping[str, Any], source: str | Path) -> str:
    """Return the origin of a source's images: real, unless it is an export that says otherwise."""
    origins = list(known.get("origins", {})) or [REAL]
    if len(origins) > 1:
        raise DatasetError(
            f"{source}: its provenance.json names several origins ({', '.join(origins)}); say which "
            "one holds with --origin"
        )
    return str(origins[0])


def _place(photo: Photo, index: int) -> tuple[int, int]:
    return photo.place if photo.place is not None else (index, 0)


def _encode(
    index: int, photo: Photo, place: tuple[int, int], size: tuple[int, int]
) -> tuple[Files, Row]:
    """Return the files and the row of a photo, like those of `simkit.dataset.encode`."""
    ending, data = encode_picture(photo.path, size)
    image = {"source": {"name": photo.name, "id": photo.source_id}}
    labels = {"image": image, "instances": photo.instances}
    files = {f"rgb.{ending}": data, "labels.json": json.dumps(labels).encode()}
    files.update(photo.files(*size))
    names = [one["identity"]["category"] for one in photo.instances]
    row: Row = {
        "index": index,
        "key": f"{place[0]:06d}_{place[1]:06d}",
        "scene_index": place[0],
        "view_index": place[1],
        "frame_index": 0,
        "status": "ok",
        "error": "",
        "width": size[0],
        "height": size[1],
        "instances": len(names),
        "content_hash": content_hash(files),
        "categories": sorted(set(names)),
        "instance_categories": names,
        "source_name": photo.name,
        "source_id": photo.source_id,
    }
    fractions = [
        one["visib_fract"]["visib_fract"] for one in photo.instances if "visib_fract" in one
    ]
    if len(fractions) == len(names) > 0:
        row["instance_visib_fract"] = fractions
        row["visible"] = sum(fraction > 0 for fraction in fractions)
        row["min_visib_fract"] = min(fractions)
        row["mean_visib_fract"] = sum(fractions) / len(fractions)
    return files, row


def _describe(
    reading: Reading,
    source: str,
    settings: Mapping[str, Any],
    licences: list[str],
    origin: str,
) -> dict[str, Any]:
    digest = hashlib.sha256()
    for path in reading.annotations:
        digest.update(path.read_bytes())
    names = {name for photo in reading.photos for one in photo.instances for name in one}
    return {
        "format": FORMAT,
        "count": len(reading.photos),
        "origin": origin,
        "config": {
            "import": {
                "source": source,
                **settings,
                **reading.found,
                "annotations_hash": digest.hexdigest(),
            },
            "labels": sorted(names),
        },
        "images": [],
        "versions": {"simkit": version("simkit")},
        "licences": sorted(set(licences)),
        "warnings": list(reading.warnings),
        "models": reading.models,
        "keypoints": keypoint_names(one for photo in reading.photos for one in photo.instances),
        "categories": [{"id": key, "name": name} for key, name in reading.categories.items()],
    }
