"""Native, exported, imported: the labels are equal, to the rounding that docs/formats.md states."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset
from PIL import Image
from pycocotools import mask as coco_mask

from simkit.dataset.reader import Dataset, Record, open_dataset

Export = Callable[..., Path]
Import = Callable[..., Dataset]

HUNDREDTH = 0.0100001
KEY = re.compile(r"\d{6}_\d{6}")


def pairs(rich: Path, found: Dataset) -> Iterator[tuple[Record, Record]]:
    """Yield each stored image with what came back of it."""
    originals = {record.key: record for record in open_dataset(rich)}
    returned = {KEY.findall(f"{r.row['source_name']} {r.key}")[0]: r for r in found}
    assert set(returned) == set(originals)
    for key, record in originals.items():
        assert np.array_equal(record.rgb, returned[key].rgb)
        yield record, returned[key]


def visible(record: Record) -> list[int]:
    """Return the places of the instances with a visible pixel."""
    instances = record.labels["instances"]
    return [place for place, one in enumerate(instances) if one["bbox_visib"] is not None]


def values(record: Record, name: str, places: list[int] | None = None) -> list[Any]:
    instances = record.labels["instances"]
    chosen = range(len(instances)) if places is None else places
    return [instances[place][name] for place in chosen]


def categories(record: Record, places: list[int] | None = None) -> list[str]:
    return [one["category"] for one in values(record, "identity", places)]


@pytest.mark.parametrize("segmentation", ["rle", "polygon"])
def test_coco_is_exact(rich: Path, exported: Export, imported: Import, segmentation: str) -> None:
    found = imported(exported("coco", f"segmentation={segmentation}"), "coco")
    for old, new in pairs(rich, found):
        seen = visible(old)
        assert categories(new) == categories(old, seen)
        assert values(new, "bbox_visib") == values(old, "bbox_visib", seen)
        assert np.array_equal(new.mask_visib, old.mask_visib[seen])
        assert [one["visib_fract"] for one in values(new, "visib_fract")] == [
            one["visib_fract"] for one in values(old, "visib_fract", seen)
        ]
        ids = [one["category_id"] for one in values(new, "identity")]
        assert ids == [one["category_id"] for one in values(old, "identity", seen)]


def test_coco_carries_amodal_boxes_and_masks(
    rich: Path, exported: Export, imported: Import
) -> None:
    hidden = 0
    for old, new in pairs(rich, imported(exported("coco", "box=obj"), "coco")):
        boxes = values(old, "bbox_obj")
        there = [place for place, box in enumerate(boxes) if box is not None]
        assert values(new, "bbox_obj") == values(old, "bbox_obj", there)
        assert np.array_equal(new.mask, old.mask[there])
        hidden += len(there) - len(visible(old))
    assert hidden > 0


def test_coco_carries_keypoints(rich: Path, exported: Export, imported: Import) -> None:
    states = set()
    for old, new in pairs(rich, imported(exported("coco"), "coco")):
        check_keypoints(old, new, 0.0)
        states |= {point["state"] for one in values(old, "keypoints") for point in one}
    assert states == {"visible", "occluded", "outside"}


def check_keypoints(old: Record, new: Record, tolerance: float) -> None:
    for before, after in zip(
        values(old, "keypoints", visible(old)), values(new, "keypoints"), strict=True
    ):
        assert [point["name"] for point in after[: len(before)]] == [p["name"] for p in before]
        for a, b in zip(before, after, strict=False):
            assert a["state"] == b["state"]
            if a["state"] != "outside":
                assert b["px"] == pytest.approx(a["px"], abs=tolerance)


def test_yolo_detect(rich: Path, exported: Export, imported: Import) -> None:
    for old, new in pairs(rich, imported(exported("yolo"), "yolo")):
        seen = visible(old)
        assert categories(new) == categories(old, seen)
        for a, b in zip(values(old, "bbox_visib", seen), values(new, "bbox_visib"), strict=True):
            assert b == pytest.approx(a, abs=HUNDREDTH)


def test_yolo_segment_gives_the_same_masks(rich: Path, exported: Export, imported: Import) -> None:
    for old, new in pairs(rich, imported(exported("yolo", "task=segment"), "yolo")):
        seen = visible(old)
        assert np.array_equal(new.mask_visib, old.mask_visib[seen])
        assert values(new, "bbox_visib") == values(old, "bbox_visib", seen)


def test_yolo_pose(rich: Path, exported: Export, imported: Import) -> None:
    for old, new in pairs(rich, imported(exported("yolo", "task=pose"), "yolo")):
        assert categories(new) == categories(old, visible(old))
        check_keypoints(old, new, HUNDREDTH)


def test_voc_is_exact(rich: Path, exported: Export, imported: Import) -> None:
    for old, new in pairs(rich, imported(exported("voc"), "voc")):
        seen = visible(old)
        assert categories(new) == categories(old, seen)
        assert values(new, "bbox_visib") == values(old, "bbox_visib", seen)


def test_bop_is_exact(rich: Path, exported: Export, imported: Import) -> None:
    found = imported(exported("bop"), "bop")
    models = {one["obj_id"]: one for one in open_dataset(rich).description["models"]}
    for model in found.description["models"]:
        old = models[model["obj_id"]]
        assert (model["name"], model["category"]) == (old["name"], old["category"])
        assert model["diameter"] == pytest.approx(old["diameter"], rel=1e-12)
        assert np.allclose(model["bounds"], old["bounds"], atol=1e-12)
        for name in ("symmetries_discrete", "symmetries_continuous"):
            assert str(np.round(model[name], 9)) == str(np.round(old[name], 9))
    for old, new in pairs(rich, found):
        assert new.key == old.key
        assert new.gt == old.gt
        assert new.gt_info == old.gt_info
        assert set(new.camera) == set(old.camera)
        for name, value in old.camera.items():
            assert new.camera[name] == pytest.approx(value, rel=1e-12)
        assert np.array_equal(new.depth, old.depth)
        assert np.array_equal(new.mask, old.mask)
        assert np.array_equal(new.mask_visib, old.mask_visib)
        assert np.allclose(values(new, "pose"), values(old, "pose"), atol=1e-12)
        assert values(new, "visib_fract") == values(old, "visib_fract")
        assert values(new, "bbox_visib") == values(old, "bbox_visib")
        for a, b in zip(values(old, "identity"), values(new, "identity"), strict=True):
            assert a["model"] == b["model"]
            assert a["category_id"] == b["category_id"]


def test_webdataset_reads_what_was_written(rich: Path, exported: Export) -> None:
    folder = exported("webdataset", "shard_size=4")
    tars = sorted(str(path) for path in folder.glob("*.tar"))
    assert len(tars) == 2
    classes = json.loads((folder / "classes.json").read_text())
    read = webdataset.WebDataset(tars, shardshuffle=False).decode("rgb8")
    samples = {sample["__key__"]: sample for sample in read}
    for old in open_dataset(rich):
        sample, seen = samples.pop(old.key), visible(old)
        assert np.array_equal(sample["png"], old.rgb)
        assert sample["json"]["boxes"] == values(old, "bbox_visib", seen)
        assert [classes[k] for k in sample["json"]["labels"]] == categories(old, seen)
        masks = [coco_mask.decode(one) for one in sample["json"]["segmentations"]]
        assert np.array_equal(np.array(masks, dtype=bool), old.mask_visib[seen])
        assert sample["part_map.npy"].dtype == np.uint16
        assert np.array_equal(sample["part_map.npy"], old.array("part_map"))
        assert sample["json"]["parts"] == values(old, "parts", seen)
    assert samples == {}


def test_webdataset_of_classes(tmp_path: Path, imported: Import) -> None:
    from simkit.exchange import export

    for number, name in enumerate(("cat", "dog", "cat")):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.xml").write_text(
            f"<annotation><filename>{number}.png</filename><size><width>8</width><height>8</height>"
            f"</size><object><name>{name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>8</xmax>"
            "<ymax>8</ymax></bndbox></object></annotation>"
        )
    export(imported(tmp_path, "voc").url, tmp_path / "tars", "webdataset", ["target=cls"])
    read = webdataset.WebDataset(str(tmp_path / "tars/train-000000.tar"), shardshuffle=False)
    samples = [
        (int(one["cls"]), Image.open(io.BytesIO(one["png"])).getpixel((0, 0))) for one in read
    ]
    assert samples == [(0, (0, 0, 0)), (1, (1, 0, 0)), (0, (2, 0, 0))]


def test_an_import_says_what_its_images_are(
    rich: Path, exported: Export, imported: Import, tmp_path: Path
) -> None:
    found = imported(exported("voc"), "voc")
    assert found.description["origin"] == "simulated"  # by the export's provenance.json
    assert found.description["licences"] == open_dataset(rich).description["licences"]
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.jpg")
    bare = imported(tmp_path / "photo.jpg".replace("photo.jpg", ""), "folder", licence="CC0")
    assert bare.description["origin"] == "real"
    assert set(bare.index.column("origin").to_pylist()) == {"real"}
    assert bare.description["licences"] == ["CC0"]
    assert found.verify() == []
