"""TFRecord for detection, with the keys that TensorFlow's Object Detection API and its kin read.

``SPLIT-NNNNN.tfrecord`` and ``label_map.pbtxt``. A record is a ``tf.train.Example`` with
``image/encoded``, ``image/format`` (``jpeg`` or ``png``), ``image/filename``, ``image/source_id``,
``image/height``, ``image/width``, and for the objects ``image/object/bbox/{xmin,xmax,ymin,ymax}``
(fractions of the image, float32; the edges of whole pixels), ``class/text``, ``class/label`` (from 1),
``area`` [px], ``is_crowd``, and with ``masks=true`` ``mask`` (a PNG each, 0 and 1).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from simkit.exchange.format import About, Format, has_visible_box
from simkit.exchange.items import Item, Thing
from simkit.exchange.sharding import write_sharded
from simkit.options import setting

Values = list[bytes] | list[float] | list[int]

ENDINGS = {"jpg": "jpeg", "png": "png"}

POLYNOMIAL = 0x82F63B78
"""Castagnoli's, bits reversed: CRC-32C (RFC 3720, appendix B.4)."""

MASK_DELTA = 0xA282EAD8
"""TensorFlow adds it to a checksum that is turned by 15 bits (tensorflow/core/lib/hash/crc32c.h)."""


@dataclass
class WritingOptions:
    """What an export to TFRecord may be told."""

    masks: bool = setting(False, help="a PNG of the visible mask of each object")
    shard_size: int = setting(1000, low=1, help="images a file")


class TfRecord(Format):
    """TFRecord files of ``tf.train.Example``."""

    title = "TFRecord (TensorFlow object detection)"
    writes = WritingOptions

    def carries(self, thing: Thing, options: WritingOptions) -> bool:
        return has_visible_box(thing)

    def write(
        self, items: Iterable[Item], about: About, folder: Path, options: WritingOptions
    ) -> None:
        labels = {number: place for place, number in enumerate(about.categories, start=1)}
        names = zip(labels.values(), about.categories.values(), strict=True)
        entries = [
            f"item {{\n  id: {label}\n  name: {_quoted(name)}\n}}\n" for label, name in names
        ]
        (folder / "label_map.pbtxt").write_text("".join(entries), encoding="utf-8")
        write_sharded(
            items,
            options.shard_size,
            lambda split, number: (folder / f"{split}-{number:05d}.tfrecord").open("wb"),
            lambda item: record(example(_features(item, labels, options))),
        )


def record(data: bytes) -> bytes:
    """Return data as TFRecord frames it: length, its checksum, data, its checksum (little-endian)."""
    length = struct.pack("<Q", len(data))
    return b"".join(
        [length, struct.pack("<I", _masked(length)), data, struct.pack("<I", _masked(data))]
    )


def example(features: Mapping[str, Values]) -> bytes:
    """Return a serialised ``tf.train.Example``, features in the order of their names.

    Messages: ``Example.features = 1``, ``Features.feature = 1`` (map: key 1, value 2), ``Feature``:
    ``bytes_list = 1``, ``float_list = 2``, ``int64_list = 3``, and ``value = 1`` in each.
    """
    entries = [
        _field(1, _field(1, name.encode()) + _field(2, _feature(values)))
        for name, values in sorted(features.items())
    ]
    return _field(1, b"".join(entries))


def _features(item: Item, labels: Mapping[int, int], options: WritingOptions) -> dict[str, Values]:
    ending, data = item.picture
    width, height = item.size
    boxes = [thing.need("bbox_visib") for thing in item.things]
    features: dict[str, Values] = {
        "image/encoded": [data],
        "image/format": [ENDINGS[ending].encode()],
        "image/filename": [f"{item.key}.{ending}".encode()],
        "image/source_id": [str(item.record.index).encode()],
        "image/height": [int(height)],
        "image/width": [int(width)],
        "image/object/bbox/xmin": [float(x / width) for x, _, _, _ in boxes],
        "image/object/bbox/xmax": [float((x + w) / width) for x, _, w, _ in boxes],
        "image/object/bbox/ymin": [float(y / height) for _, y, _, _ in boxes],
        "image/object/bbox/ymax": [float((y + h) / height) for _, y, _, h in boxes],
        "image/object/class/text": [thing.category.encode() for thing in item.things],
        "image/object/class/label": [labels[thing.category_id] for thing in item.things],
        "image/object/area": [
            _area(thing, box) for thing, box in zip(item.things, boxes, strict=True)
        ],
        "image/object/is_crowd": [int(thing.labels.get("iscrowd") or 0) for thing in item.things],
    }
    if options.masks:
        features["image/object/mask"] = [_png(thing) for thing in item.things]
    return features


def _area(thing: Thing, box: Any) -> float:
    mask = thing.run_lengths("mask_visib")
    return float(box[2] * box[3] if mask is None else sum(mask["counts"][1::2]))


def _png(thing: Thing) -> bytes:
    data: bytes = cv2.imencode(".png", thing.need_mask("mask_visib").astype(np.uint8))[1].tobytes()
    return data


def _feature(values: Values) -> bytes:
    """Return a ``Feature``; one without a value has no kind, as TensorFlow writes it."""
    if not values:
        return b""
    if isinstance(values[0], bytes):
        return _field(1, b"".join(_field(1, value) for value in values))
    if isinstance(values[0], float):
        return _field(2, _field(1, struct.pack(f"<{len(values)}f", *values)))
    return _field(3, _field(1, b"".join(_varint(value) for value in values)))  # type: ignore[arg-type]


def _field(number: int, data: bytes) -> bytes:
    """Return a length-delimited field of Protocol Buffers (wire type 2)."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Return a whole number >= 0, seven bits a byte, lowest first."""
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def _masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of data, byte by byte by a table."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = [_entry(byte) for byte in range(256)]
