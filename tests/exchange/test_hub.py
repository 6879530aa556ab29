"""Hugging Face `datasets` loads what we write, and Croissant files validate and are read."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from pycocotools import mask as coco_mask

from simkit.dataset.reader import Dataset, Record, open_dataset
from simkit.errors import ConfigError, DatasetError
from simkit.exchange import export, import_

Export = Callable[..., Path]
Import = Callable[..., Dataset]
KEPT = ("bbox_visib", "bbox_obj", "pose")

datasets = pytest.importorskip("datasets", reason="pip install 'simkit[hub]'")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def loaded(exported: Export, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that exports and has `datasets` load it."""

    def run(*options: str, **more: Any) -> Any:
        folder = exported("huggingface", *options, **more)
        return datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))

    return run


def seen(record: Record) -> list[int]:
    instances = record.labels["instances"]
    return [place for place, one in enumerate(instances) if one["bbox_visib"] is not None]


def test_datasets_loads_it(rich: Path, loaded: Callable[..., Any]) -> None:
    rows = loaded("shard_size=4")["train"]
    assert len(rows) == 6
    names = rows.features["objects"]["category"].feature.names
    assert names == list(open_dataset(rich).categories.values())
    for record, row in zip(open_dataset(rich), rows, strict=True):
        assert np.array_equal(np.array(row["image"]), record.rgb)
        assert (row["index"], row["key"]) == (record.index, record.key)
        assert row["cam_K"] == record.camera["cam_K"]
        objects, places = row["objects"], seen(record)
        instances = [record.labels["instances"][place] for place in places]
        assert len(objects["bbox"]) == len(places)
        assert [names[k] for k in objects["category"]] == [
            one["identity"]["category"] for one in instances
        ]
        for name in ("mask_visib", "mask"):
            truth = getattr(record, name)[places]
            size = [row["height"], row["width"]]
            for counts, mask in zip(objects[name], truth, strict=True):
                decoded = coco_mask.decode({"counts": counts.encode(), "size": size})
                assert np.array_equal(decoded, mask)
        assert objects["area"] == [int(mask.sum()) for mask in record.mask_visib[places]]
        assert objects["bbox"] == [list(one["bbox_visib"]) for one in instances]
        flags = {"visible": 2, "occluded": 1, "outside": 0}
        for triples, points, one in zip(
            objects["keypoints"], objects["keypoint_names"], instances, strict=True
        ):
            assert (points or []) == [point["name"] for point in one["keypoints"]]
            assert (triples or [])[2::3] == [flags[point["state"]] for point in one["keypoints"]]
        corners = [np.ravel(one["obb_visib"]["corners"]).tolist() for one in instances]
        assert objects["obb_visib"] == corners
        assert np.allclose(
            np.reshape(objects["pose"], (-1, 4, 4)), [one["pose"] for one in instances], atol=0
        )


def test_splits_and_card(rich: Path, loaded: Callable[..., Any], tmp_path: Path) -> None:
    found = loaded(split="train=0.5,val=0.5")
    indices = {name: set(rows["index"]) for name, rows in found.items()}
    assert set(indices) == {"train", "val"}
    assert sorted(indices["train"] | indices["val"]) == list(range(6))
    assert not indices["train"] & indices["val"]
    (card,) = tmp_path.glob("huggingface*/README.md")
    _, head, body = card.read_text().split("---\n", 2)
    about = yaml.safe_load(head)
    assert about["license"] == [one.lower() for one in open_dataset(rich).description["licences"]]
    assert "synthetic" in about["tags"]
    assert "DATA_CARD.md" in body
    provenance = json.loads((card.parent / "provenance.json").read_text())
    assert provenance["origins"] == {"simulated": 6}


@pytest.mark.parametrize("box", ["visib", "obj"])
def test_there_and_back(rich: Path, exported: Export, imported: Import, box: str) -> None:
    found = imported(exported("huggingface", f"box={box}", "shard_size=2"), "huggingface")
    assert found.categories == open_dataset(rich).categories
    assert [record.row["origin"] for record in found] == ["simulated"] * 6
    hidden = 0
    for old, new in zip(open_dataset(rich), found, strict=True):
        assert new.key == old.key
        assert np.array_equal(new.rgb, old.rgb)
        check_points_and_oriented_boxes(old, new, box)
        places = seen(old)
        if box == "obj":
            boxes = [one["bbox_obj"] for one in old.labels["instances"]]
            places = [place for place, one in enumerate(boxes) if one is not None]
        hidden += len(old.gt) - len(seen(old))
        was = [old.labels["instances"][place] for place in places]
        for before, after in zip(was, new.labels["instances"], strict=True):
            assert {name: after[name] for name in KEPT} == {name: before[name] for name in KEPT}
            fraction = before["visib_fract"]["visib_fract"]
            assert after["visib_fract"] == {"visib_fract": fraction}
            for name in ("category", "category_id", "instance_id", "obj_id", "model", "scale"):
                assert after["identity"][name] == before["identity"][name]
        assert np.array_equal(new.mask_visib, old.mask_visib[places])
        assert np.array_equal(new.mask, old.mask[places])
        assert new.camera["cam_K"] == old.camera["cam_K"]
    assert hidden > 0


def check_points_and_oriented_boxes(old: Record, new: Record, box: str) -> None:
    before = [one for one in old.labels["instances"] if one[f"bbox_{box}"] is not None]
    for a, b in zip(before, new.labels["instances"], strict=True):
        assert [(p["name"], p["state"]) for p in b["keypoints"]] == [
            (p["name"], p["state"]) for p in a["keypoints"]
        ]
        for p, q in zip(a["keypoints"], b["keypoints"], strict=True):
            assert q["px"] == (None if p["state"] == "outside" else p["px"])
        if a["obb_visib"] is None:
            assert b["obb_visib"] is None
            continue
        assert b["obb_visib"]["corners"] == a["obb_visib"]["corners"]
        for name in ("center", "size", "angle_deg"):
            assert b["obb_visib"][name] == pytest.approx(a["obb_visib"][name], abs=1e-9)


def test_a_data_set_of_others(tmp_path: Path, imported: Import) -> None:
    """The layout of object detection on the hub: image, and objects with bbox and category."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 10, 30)).save(buffer, "JPEG")
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "objects": {
                "bbox": datasets.List(datasets.List(datasets.Value("float32"))),
                "category": datasets.List(datasets.ClassLabel(names=["cup", "plate"])),
            },
        }
    )
    row = {
        "image": {"bytes": buffer.getvalue(), "path": None},
        "objects": {"bbox": [[1.5, 2, 10, 11]], "category": [1]},
    }
    empty = {**row, "objects": {"bbox": [], "category": []}}
    rows = datasets.Dataset.from_list([row, empty], features=features)
    (tmp_path / "theirs" / "data").mkdir(parents=True)
    rows.to_parquet(str(tmp_path / "theirs" / "data" / "train-00000-of-00001.parquet"))
    first, second = imported(tmp_path / "theirs", "huggingface", "split=train")
    (one,) = first.labels["instances"]
    assert one["bbox_visib"] == [1.5, 2, 10, 11]
    assert one["identity"] == {"instance_id": 1, "category": "plate", "category_id": 2}
    assert first.row["origin"] == "real"
    assert first.files["rgb.jpg"] == buffer.getvalue()
    assert second.labels["instances"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": [[1.0, 2.0, 0.0, 4.0]]}, "row 0, object 0: the box"),
        ({"bbox": [[1.0, 2.0, 3.0]]}, "row 0, object 0: bbox has 3 numbers"),
        ({"category": [99]}, "row 0, object 0: category is 99, of 8 classes"),
    ],
)
def test_faults_are_named(
    exported: Export, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    folder = exported("huggingface")
    (path,) = folder.glob("data/*.parquet")
    table = pq.read_table(path)
    row = table.to_pylist()[0]
    good = {"bbox": [[1, 2, 3, 4]], "category": [0], "area": [12], "id": [1]}
    row["objects"] = {name: {**good, **change}.get(name, [None]) for name in row["objects"]}
    pq.write_table(pa.Table.from_pylist([row], schema=table.schema), path)
    with pytest.raises(DatasetError, match=message):
        import_(folder, tmp_path / "back", "huggingface")


def test_what_is_no_such_data_set_is_refused(rich: Path, exported: Export, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is it a Hugging Face data set"):
        import_(exported("coco"), tmp_path / "back", "huggingface")
    with pytest.raises(DatasetError, match=r"objects\.category"):
        import_(rich / "index.parquet", tmp_path / "back", "huggingface")
    with pytest.raises(ConfigError, match="letters, digits and _"):
        export(rich, tmp_path / "out", "huggingface", split="a-b=1.0")
    assert not (tmp_path / "out").exists()


def valid(folder: Path) -> Any:
    mlc = pytest.importorskip("mlcroissant", reason="pip install 'simkit[hub]'")
    found = mlc.Dataset(jsonld=str(folder / "croissant.json"))
    assert not found.metadata.ctx.issues.errors
    return found


def test_croissant_of_parquet(rich: Path, exported: Export) -> None:
    folder = exported("huggingface")
    found = valid(folder)
    about = open_dataset(rich).description
    assert found.metadata.license == about["licences"]
    assert "simulated" in found.metadata.data_collection
    assert about["renderer"]["backend"] in found.metadata.data_collection
    (records,) = found.metadata.record_sets
    rows = [
        {name.split("/")[1]: value for name, value in row.items()}
        for row in found.records(records.id)
    ]
    for record, row in zip(open_dataset(rich), rows, strict=True):
        assert np.array_equal(np.array(row["image"]), record.rgb)
        assert row["index"] == record.index
        places = seen(record)
        boxes = [list(record.labels["instances"][place]["bbox_visib"]) for place in places]
        assert row["objects_bbox"] == boxes
        assert np.allclose(row["cam_K"], record.camera["cam_K"])


@pytest.mark.parametrize("format", ["bop", "coco", "kitti", "voc", "webdataset", "yolo"])
def test_croissant_of_each_format(rich: Path, exported: Export, format: str) -> None:
    folder = exported(format)
    found = valid(folder)
    text = (folder / "croissant.json").read_text()
    assert str(folder.parent) not in text
    for file in found.metadata.file_objects:
        content = (folder / file.content_url).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256
    shown = [
        np.array(row[f"{records.id}/image"])
        for records in found.metadata.record_sets
        for row in found.records(records.id)
    ]
    if format == "webdataset":
        assert not shown
        assert "train-000000.tar" in [one.id for one in found.metadata.file_objects]
        return
    for record in open_dataset(rich):
        assert any(np.array_equal(record.rgb, image) for image in shown)


def test_without_the_extra(rich: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simkit.exchange.croissant.find_spec", lambda name: None)
    report = export(rich, tmp_path / "coco", "coco")
    assert not (tmp_path / "coco" / "croissant.json").exists()
    assert any("simkit[hub]" in note for note in report.notes)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"pip install 'simkit\[hub\]'"):
        export(rich, tmp_path / "hub", "huggingface")
    assert not (tmp_path / "hub").exists()
