"""Shards as others read them: plain tarfile, webdataset, pyarrow."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import webdataset
from PIL import Image
from pycocotools import mask as coco

import simkit
from simkit.errors import DatasetError

SUFFIXES = {
    "rgb.png", "depth.png", "camera.json", "gt.json", "gt_info.json", "mask.json",
    "mask_visib.json", "labels.json", "params.json",
}  # fmt: skip
KEYS = ["000000_000000", "000000_000001", "000001_000000", "000001_000001",
        "000002_000000", "000002_000001", "000003_000000"]  # fmt: skip


def test_what_lies_in_the_folder(small_dataset: Path) -> None:
    assert sorted(path.name for path in small_dataset.iterdir()) == [
        "dataset.json",
        "index.parquet",
        "key_to_shard.json",
        *(f"shard-{n:06d}.{ending}" for n in range(3) for ending in ("parquet", "tar")),
    ]
    keys = json.loads((small_dataset / "key_to_shard.json").read_text())
    assert keys == {key: i // 3 for i, key in enumerate(KEYS)}


def test_tar_entries(small_dataset: Path) -> None:
    for number in range(3):
        with tarfile.open(small_dataset / f"shard-{number:06d}.tar") as tar:
            entries = tar.getmembers()
        names = [entry.name for entry in entries]
        keys = KEYS[3 * number : 3 * number + 3]
        assert names == [f"{key}.{suffix}" for key in keys for suffix in sorted(SUFFIXES)]
        for entry in entries:
            assert entry.isfile()
            assert (entry.mtime, entry.uid, entry.gid) == (0, 0, 0)
            assert (entry.uname, entry.gname, entry.mode) == ("", "", 0o644)
            assert not entry.pax_headers


def test_webdataset_reads_it(small_dataset: Path) -> None:
    url = str(small_dataset / "shard-{000000..000002}.tar")
    samples = list(webdataset.WebDataset(url, shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == KEYS
    records = list(simkit.open_dataset(small_dataset))
    for sample, record in zip(samples, records, strict=True):
        assert {key for key in sample if not key.startswith("__")} == SUFFIXES
        rgb = np.array(Image.open(io.BytesIO(sample["rgb.png"])))
        assert np.array_equal(rgb, record.rgb)
        depth = np.array(Image.open(io.BytesIO(sample["depth.png"])))
        assert np.allclose(depth * 1e-4, record.depth, atol=1e-7)
        assert json.loads(sample["gt.json"]) == record.gt
        for name, masks in (("mask.json", record.mask), ("mask_visib.json", record.mask_visib)):
            stored = json.loads(sample[name])
            assert len(stored) == len(masks)
            for place, mask in enumerate(masks):
                rle = stored[str(place)]
                assert np.array_equal(coco.decode(coco.frPyObjects(rle, *rle["size"])), mask)


def test_colours_are_not_swapped_and_jpeg_is_close(small_dataset: Path) -> None:
    """The blue of a red body is low, also to a reader that is not OpenCV."""
    from simkit.assets.color import srgb_bytes
    from simkit.config import OutputOptions
    from simkit.dataset.encode import encode_rgb

    ramp = np.linspace(0, 1, 64, dtype=np.float32)
    image = np.zeros((16, 64, 3), np.float32)
    image[..., 0], image[..., 1] = ramp, ramp**2
    stored = srgb_bytes(image)
    for image_format, most in (("png", 0), ("jpg", 8)):
        data = encode_rgb(stored, OutputOptions(image_format=image_format))
        read = np.array(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
        assert np.abs(read - stored).max() <= most
    assert Image.open(io.BytesIO(data)).layer[1][1:3] == (1, 1), "chroma is subsampled"
    # IEC 61966-2-1
    linear = image.astype(np.float64)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(stored - 255 * srgb).max() <= 0.51


def test_index_rows(small_dataset: Path) -> None:
    rows = pq.read_table(small_dataset / "index.parquet").to_pylist()
    assert [row["index"] for row in rows] == list(range(7))
    for row in rows:
        record = simkit.open_dataset(small_dataset)[row["index"]]
        assert row["status"] == "ok"
        assert row["shard"] == f"shard-{row['index'] // 3:06d}.tar"
        assert (row["scene_index"], row["view_index"]) == divmod(row["index"], 2)
        assert row["instances"] == len(record.gt)
        fractions = [info["visib_fract"] for info in record.gt_info]
        assert row["visible"] == sum(f > 0 for f in fractions)
        assert np.isclose(row["mean_visib_fract"], np.mean(fractions))
        assert row["min_visib_fract"] == min(fractions)
        assert row["params.light.intensity"] == record.params["light"]["intensity"]


def test_verify_finds_a_changed_byte(small_dataset: Path, tmp_path: Path) -> None:
    for path in small_dataset.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert simkit.open_dataset(tmp_path).verify() == []
    shard = tmp_path / "shard-000001.tar"
    with tarfile.open(shard) as tar:
        entry = tar.getmember("000002_000000.gt.json")
    data = bytearray(shard.read_bytes())
    at = data.index(b'"obj_id":', entry.offset_data) + len('"obj_id":')
    data[at] = ord("7") if data[at] != ord("7") else ord("8")
    shard.write_bytes(bytes(data))
    assert simkit.open_dataset(tmp_path).verify() == [4]


@pytest.mark.parametrize("cut", [100, 600, 5000])  # the last lies within a later header
def test_a_truncated_shard_is_named(small_dataset: Path, tmp_path: Path, cut: int) -> None:
    for path in small_dataset.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    shard = tmp_path / "shard-000000.tar"
    shard.write_bytes(shard.read_bytes()[:cut])
    data = simkit.open_dataset(tmp_path)
    with pytest.raises(DatasetError, match=r"shard-000000\.tar"):
        data[2]


def test_depth_png_is_lossless_16_bit(small_dataset: Path) -> None:
    record = simkit.open_dataset(small_dataset)[0]
    depth = cv2.imdecode(np.frombuffer(record.files["depth.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16
    assert depth.ndim == 2
