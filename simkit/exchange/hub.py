"""Hugging Face `datasets`: Parquet with the images in it, and a data set card.

``data/SPLIT-NNNNN.parquet`` and ``README.md``; ``datasets.load_dataset(FOLDER)`` loads it, and pushing
the folder publishes it. Columns: ``image``, ``index``, ``key``, ``width``, ``height``, ``cam_K`` (9
numbers, centre of the top left pixel at (0, 0)) and ``objects`` with a list for each of ``id``,
``category`` (class from 0), ``bbox`` (``[x, y, width, height]`` [px], as COCO), ``area`` [px],
``iscrowd``, and of what the data set has: the other box, ``visib_fract``, ``mask_visib`` and ``mask``
(COCO's compressed run lengths, of size ``[height, width]``), ``pose`` (``T_camera_body``, 16 numbers row
by row [m]), ``obj_id``, ``model``, ``scale``, ``keypoints`` (COCO's x, y, v, three numbers a point, the
first pixel's centre at 0) with ``keypoint_names``, and ``obb_visib`` (x, y of the four corners [px],
clockwise, pixels' centres at whole numbers).
"""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pycocotools import mask as coco_mask

from simkit.errors import ConfigError
from simkit.exchange.format import About, Format, Reading, has_box
from simkit.exchange.hub_reading import ReadingOptions, read_hub
from simkit.exchange.items import Item, Thing
from simkit.exchange.keypoints import keypoints_of, triples_of
from simkit.options import setting

ROW_GROUP = 100
"""Images that are written, and later read, at once."""

MASKS = {"visib": "mask_visib", "obj": "mask"}

IDENTITY = ("obj_id", "model", "scale")

LICENCES = ("apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0")
"""Ids of the hub, as far as models here bear them; others are ``other`` with their name."""


@dataclass
class WritingOptions:
    """What an export to Hugging Face may be told."""

    box: str = setting("visib", allowed=tuple(MASKS), help="bbox of what is visible, or amodal")
    shard_size: int = setting(1000, low=1, help="images a Parquet file")


class HuggingFace(Format):
    """Parquet with images, as `datasets` has it."""

    title = "Hugging Face datasets (Parquet with images)"
    writes = WritingOptions
    reads = ReadingOptions

    def carries(self, thing: Thing, options: WritingOptions) -> bool:
        return has_box(thing, options.box)

    def write(
        self, items: Iterable[Item], about: About, folder: Path, options: WritingOptions
    ) -> None:
        for split in about.splits:
            if not split.replace("_", "").isalnum():
                raise ConfigError(
                    f"split: '{split}': Hugging Face knows letters, digits and _ alone"
                )
        features = _features(about, options)
        classes = {number: place for place, number in enumerate(about.categories)}
        files = _Files(folder / "data", features.arrow_schema, options.shard_size)
        try:
            for item in items:
                files.add(item.split, _row(item, classes, features["objects"], options))
        finally:
            files.close()
        _write_readme(folder, about)

    def read(self, source: Path, options: ReadingOptions) -> Reading:
        return read_hub(source, options)


class _Files:
    """The Parquet files of all splits, as they grow."""

    def __init__(self, folder: Path, schema: pa.Schema, shard_size: int) -> None:
        folder.mkdir()
        self._folder = folder
        self._schema = schema
        self._shard_size = shard_size
        self._rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._written: dict[str, int] = defaultdict(int)
        self._writers: dict[str, pq.ParquetWriter] = {}

    def add(self, split: str, row: dict[str, Any]) -> None:
        """Take a row; write a group of them when it is full."""
        self._rows[split].append(row)
        together = self._written[split] + len(self._rows[split])
        if len(self._rows[split]) == ROW_GROUP or together % self._shard_size == 0:
            self._flush(split)
        if self._written[split] % self._shard_size == 0 and split in self._writers:
            self._writers.pop(split).close()

    def close(self) -> None:
        """Write what is left."""
        for split in self._rows:
            self._flush(split)
        for writer in self._writers.values():
            writer.close()

    def _flush(self, split: str) -> None:
        rows = self._rows[split]
        if not rows:
            return
        if split not in self._writers:
            number = self._written[split] // self._shard_size
            path = self._folder / f"{split}-{number:05d}.parquet"
            self._writers[split] = pq.ParquetWriter(path, self._schema)
        self._writers[split].write_table(pa.Table.from_pylist(rows, schema=self._schema))
        self._written[split] += len(rows)
        self._rows[split] = []


def library(name: str) -> Any:
    """Return a package of the extra ``hub``.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"format: huggingface needs the package '{name}': pip install 'simkit[hub]' ({error})"
        ) from None


def _features(about: About, options: WritingOptions) -> Any:
    """Return the columns, as `datasets` describes them."""
    datasets = library("datasets")
    known = set(about.description["config"].get("labels", ()))
    whole, real = datasets.Value("int64"), datasets.Value("float64")
    text, reals = datasets.Value("string"), datasets.List(real)
    objects: dict[str, Any] = {
        "id": whole,
        "category": datasets.ClassLabel(names=list(about.categories.values())),
        "bbox": reals,
        "area": real,
        "iscrowd": datasets.Value("bool"),
        "mask_visib": text,
        "mask": text,
        "obj_id": whole,
        "model": text,
    }
    optional = {"pose": reals, "visib_fract": real, _other_box(options): reals}
    objects |= {name: kind for name, kind in optional.items() if name in known}
    if "pose" in known:
        objects["scale"] = reals
    if "keypoints" in known:
        objects |= {"keypoints": reals, "keypoint_names": datasets.List(text)}
    if "obb_visib" in known:
        objects["obb_visib"] = reals
    return datasets.Features(
        {
            "image": datasets.Image(),
            "index": whole,
            "key": text,
            "width": whole,
            "height": whole,
            "cam_K": reals,
            "objects": {name: datasets.List(kind) for name, kind in objects.items()},
        }
    )


def _other_box(options: WritingOptions) -> str:
    return "bbox_obj" if options.box == "visib" else "bbox_visib"


def _row(
    item: Item, classes: Mapping[int, int], columns: Iterable[str], options: WritingOptions
) -> dict[str, Any]:
    ending, data = item.picture
    width, height = item.size
    files = item.record.files
    things = [_object(thing, classes, options) for thing in item.things]
    return {
        "image": {"bytes": data, "path": f"{item.key}.{ending}"},
        "index": item.record.index,
        "key": item.key,
        "width": width,
        "height": height,
        "cam_K": item.cam_K.ravel().tolist() if "camera.json" in files else None,
        "objects": {name: [one.get(name) for one in things] for name in columns},
    }


def _object(thing: Thing, classes: Mapping[int, int], options: WritingOptions) -> dict[str, Any]:
    labels, identity = thing.labels, thing.need("identity")
    box = thing.need(f"bbox_{options.box}")
    mask = thing.run_lengths(MASKS[options.box])
    pose, points, around = labels.get("pose"), keypoints_of(thing), labels.get("obb_visib")
    return {
        "id": identity["instance_id"],
        "category": classes[thing.category_id],
        "bbox": list(box),
        "area": sum(mask["counts"][1::2]) if mask else box[2] * box[3],
        "iscrowd": bool(labels.get("iscrowd", False)),
        "visib_fract": thing.visib_fract,
        "pose": [value for row in pose for value in row] if pose else None,
        _other_box(options): labels.get(_other_box(options)),
        "keypoints": None if points is None else triples_of(points),
        "keypoint_names": None if points is None else [point.name for point in points],
        "obb_visib": [value for corner in around["corners"] for value in corner]
        if around
        else None,
        **{name: _packed(thing, name) for name in MASKS.values()},
        **{name: identity.get(name) for name in IDENTITY},
    }


def _packed(thing: Thing, name: str) -> str | None:
    """Return COCO's compressed run lengths of a mask."""
    mask = thing.run_lengths(name)
    if mask is None:
        return None
    counts: bytes = coco_mask.frPyObjects(dict(mask), *mask["size"])["counts"]
    return counts.decode("ascii")


def _write_readme(folder: Path, about: About) -> None:
    """Write ``README.md``: what the hub shows, with the metadata that it reads."""
    hub = library("huggingface_hub")
    name = folder.name.removesuffix(".partial")
    licences = about.description["licences"]
    ids = [licence.lower().replace(" ", "-") for licence in licences]
    licence: dict[str, Any] = {"license": "other", "license_name": ", ".join(licences) or "unknown"}
    if ids and all(one in LICENCES for one in ids):
        licence = {"license": ids}
    origin = about.description["origin"]
    data = hub.DatasetCardData(
        **licence,
        pretty_name=name,
        task_categories=["object-detection", "image-segmentation"],
        tags=["simkit", *(["synthetic"] if origin == "simulated" else [])],
        configs=[
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": f"data/{split}-*.parquet"} for split in about.splits
                ],
            }
        ],
    )
    lines = [
        f"---\n{data.to_yaml()}\n---",
        f"# {name}",
        f"Images ({origin}) with {', '.join(about.categories.values())}, written by simkit.",
        f'```python\nfrom datasets import load_dataset\n\ndata = load_dataset("{name}")\n```',
        "`objects.bbox` is `[x, y, width, height]` in pixels, as in COCO; `objects.category` counts "
        "from 0; masks are COCO's compressed run lengths of size `[height, width]`; `objects.pose` "
        "is the 4x4 transform from the model to the OpenCV camera, row by row, in metres; "
        "`objects.keypoints` are COCO's x, y, v, and `objects.obb_visib` the four corners of the "
        "oriented box, x and y in turn.",
        "## Licences\n\n" + "\n".join(f"- {one}" for one in licences or ["unknown"]),
        "[DATA_CARD.md](DATA_CARD.md) says what is in it and how it was made, `provenance.json` the "
        "same for programs.",
    ]
    (folder / "README.md").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
