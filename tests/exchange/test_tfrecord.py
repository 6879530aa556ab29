"""TFRecord files, read by protobuf's own runtime and by CRC-32C bit by bit."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from simkit.dataset.reader import open_dataset
from simkit.exchange.tfrecord import crc32c, example

Export = Callable[..., Path]


def bitwise_crc32c(data: bytes) -> int:
    """CRC-32C by long division of the message's bits, without a table."""
    register = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            feedback = (register ^ byte >> bit) & 1
            register >>= 1
            if feedback:
                register ^= int(f"{0x1EDC6F41:032b}"[::-1], 2)
    return register ^ 0xFFFFFFFF


def unmasked(value: int) -> int:
    turned = (value - 0xA282EAD8) % 2**32
    return (turned >> 17 | turned << 15) % 2**32


def records(path: Path, checked: bool) -> Iterator[bytes]:
    data, at = path.read_bytes(), 0
    while at < len(data):
        (length, of_length) = struct.unpack_from("<QI", data, at)
        assert unmasked(of_length) == bitwise_crc32c(data[at : at + 8])
        body = data[at + 12 : at + 12 + length]
        (of_body,) = struct.unpack_from("<I", data, at + 12 + length)
        if checked:
            assert unmasked(of_body) == bitwise_crc32c(body)
        yield body
        at += 16 + length


@pytest.fixture(scope="module")
def message() -> Any:
    """``tf.train.Example`` as TensorFlow's feature.proto and example.proto have it."""
    pool = pytest.importorskip("google.protobuf.descriptor_pool").DescriptorPool()
    from google.protobuf import descriptor_pb2, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="e.proto", package="t", syntax="proto3")

    def field(of: Any, name: str, number: int, kind: int, label: int = 1, **more: Any) -> None:
        of.field.add(name=name, number=number, type=kind, label=label, **more)

    for name, kind in (("BytesList", 12), ("FloatList", 2), ("Int64List", 3)):
        field(file.message_type.add(name=name), "value", 1, kind, 3)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("bytes", "float", "int64"), start=1):
        of = f".t.{name.capitalize()}List"
        field(feature, f"{name}_list", number, 11, type_name=of, oneof_index=0)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    field(entry, "key", 1, 9)
    field(entry, "value", 2, 11, type_name=".t.Feature")
    field(features, "feature", 1, 11, 3, type_name=".t.Features.FeatureEntry")
    field(file.message_type.add(name="Example"), "features", 1, 11, type_name=".t.Features")
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example"))


def parsed(message: Any, data: bytes) -> dict[str, list[Any]]:
    found = {}
    for name, feature in message.FromString(data).features.feature.items():
        kind = feature.WhichOneof("kind")
        found[name] = list(getattr(feature, kind).value) if kind else []
    return found


def test_checksums() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    rng = np.random.default_rng(0)
    for length in (0, 1, 8, 300):
        data = rng.bytes(length)
        assert crc32c(data) == bitwise_crc32c(data)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=9),
        st.lists(st.binary(max_size=300), max_size=4)
        | st.lists(st.floats(width=32, allow_nan=False), max_size=4)
        | st.lists(st.integers(0, 2**63 - 1), max_size=4),
        max_size=5,
    )
)
def test_examples_are_read_by_protobuf(message: Any, features: dict[str, list[Any]]) -> None:
    assert parsed(message, example(features)) == features


def test_images_and_objects(rich: Path, exported: Export, message: Any) -> None:
    folder = exported("tfrecord", "masks=true", "shard_size=4")
    paths = sorted(folder.glob("*.tfrecord"))
    assert [path.name for path in paths] == ["train-00000.tfrecord", "train-00001.tfrecord"]
    ids = re.findall(r"id: (\d+)\n  name: '(.*)'", (folder / "label_map.pbtxt").read_text())
    names = {int(number): name for number, name in ids}
    assert list(names.values()) == list(open_dataset(rich).categories.values())
    rows = [
        parsed(message, data) for path in paths for data in records(path, checked=path == paths[-1])
    ]
    for record, row in zip(open_dataset(rich), rows, strict=True):
        image = Image.open(io.BytesIO(row["image/encoded"][0]))
        assert image.format.lower().encode() == row["image/format"][0]
        assert np.array_equal(np.array(image), record.rgb)
        assert (row["image/width"], row["image/height"]) == ([128], [96])
        places = [k for k, mask in enumerate(record.mask_visib) if mask.any()]
        instances = [record.labels["instances"][place] for place in places]
        x1, x2, y1, y2 = (
            np.array(row[f"image/object/bbox/{side}"]) for side in ("xmin", "xmax", "ymin", "ymax")
        )
        boxes = np.stack([x1 * 128, y1 * 96, (x2 - x1) * 128, (y2 - y1) * 96], axis=1)
        assert np.allclose(boxes, [one["bbox_visib"] for one in instances], atol=1e-4)
        categories = [one["identity"]["category"] for one in instances]
        assert [one.decode() for one in row["image/object/class/text"]] == categories
        assert [names[label] for label in row["image/object/class/label"]] == categories
        for data, place, area in zip(
            row["image/object/mask"], places, row["image/object/area"], strict=True
        ):
            mask = np.array(Image.open(io.BytesIO(data)))
            assert np.array_equal(mask, record.mask_visib[place])
            assert area == mask.sum()
