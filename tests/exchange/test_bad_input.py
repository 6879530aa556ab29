"""One clear error that names file and record, and nothing written; and no half an export."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from simkit.dataset.reader import open_dataset
from simkit.errors import ConfigError, DatasetError, SimkitError
from simkit.exchange import export, import_

GOOD: dict[str, Any] = {
    "images": [{"id": 7, "file_name": "a.png", "width": 20, "height": 10}],
    "categories": [{"id": 3, "name": "cup", "keypoints": ["left", "right"]}],
    "annotations": [
        {
            "id": 5,
            "image_id": 7,
            "category_id": 3,
            "bbox": [1, 2, 6, 4],
            "segmentation": [[1, 2, 7, 2, 7, 6, 1, 6]],
            "keypoints": [1, 2, 2, 6, 5, 1],
        }
    ],
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    return tmp_path


def refused(source: Path, format: str, *options: str) -> str:
    """Return the error of an import, after which nothing is there."""
    out = source.parent / "refused"
    with pytest.raises(SimkitError) as caught:
        import_(source, out, format, options)
    assert not out.exists()
    return str(caught.value)


def test_good_coco_is_read(photos: Path, tmp_path: Path) -> None:
    (photos / "good.json").write_text(json.dumps(GOOD))
    import_(photos / "good.json", tmp_path / "out", "coco")
    record = open_dataset(tmp_path / "out")[0]
    (labels,) = record.labels["instances"]
    assert labels["bbox_visib"] == [1, 2, 6, 4]
    assert record.mask_visib.sum() == 24
    assert labels["keypoints"][1] == {"name": "right", "px": [6, 5], "state": "occluded"}
    assert (record.row["source_name"], record.row["source_id"]) == ("a.png", "7")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("annotations.0.image_id", 8, "annotations[0] (id 5): there is no image with id 8"),
        ("annotations.0.category_id", 1, "annotations[0] (id 5): there is no category with id 1"),
        ("annotations.0.bbox", [1, 2, 6], "annotations[0] (id 5): bbox has 3 numbers, not 4"),
        ("annotations.0.bbox", [1, 2, 6, "4"], "bbox is [1, 2, 6, '4']"),
        ("annotations.0.bbox", [1, 2, 0, 4], "has no area"),
        ("annotations.0.bbox", [1, 2, float("nan"), 4], "must be 4 numbers"),
        ("annotations.0.segmentation", [[1, 2, 7, 2, 7]], "has 5 numbers, not 6"),
        ("annotations.0.segmentation", {"size": [20, 10], "counts": [200]}, "height and width"),
        ("annotations.0.segmentation", {"size": [10, 20], "counts": [7]}, "add up to 7"),
        ("annotations.0.keypoints", [1, 2, 2], "keypoints has 3 numbers, not 6"),
        ("annotations.0.keypoints", [1, 2, 5, 1, 1, 1], "a visibility is not in"),
        ("images.0.file_name", "b.png", "image 7: the image 'b.png' is in none of"),
        ("images.0.width", 21, "is 20x10 px, its annotations are for 21x10"),
        ("images", [GOOD["images"][0]] * 2, "images[1]: the id 7 stands twice"),
        ("categories", [{"name": "cup"}], "categories[0]: needs 'id'"),
        ("annotations", None, "has no list 'annotations'"),
    ],
)
def test_coco_faults_are_named(photos: Path, path: str, value: Any, message: str) -> None:
    data = copy.deepcopy(GOOD)
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    at: Any = data
    for key in parents:
        at = at[key]
    at[last] = value
    (photos / "bad.json").write_text(json.dumps(data))
    found = refused(photos / "bad.json", "coco")
    assert message in found
    assert "bad.json" in found or "a.png" in found


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0 0.5 0.5 0.2", "a.txt:2: has 3 numbers after the class; 'detect' has 4 numbers"),
        ("4 0.5 0.5 0.2 0.2", "a.txt:2: class 4 is not in"),
        ("0 0.5 0.5 0.2 1.7", "a.txt:2: a coordinate is outside 0 to 1"),
        ("0 0.5 0.5 0.2 0", "has no area"),
        ("0 0.5 0.5 0.2 nan", "a.txt:2: a coordinate is not finite"),
        ("cup 0.5 0.5 0.2 0.2", "a.txt:2: 'cup 0.5 0.5 0.2 0.2' is no row of numbers"),
    ],
)
def test_yolo_faults_are_named(tmp_path: Path, row: str, message: str) -> None:
    root = yolo(tmp_path / "set", f"0 0.5 0.5 0.2 0.2\n{row}\n")
    assert message in refused(root, "yolo", "task=detect")


def test_yolo_yaml_faults_are_named(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", "")
    (root / "data.yaml").write_text("train: images/elsewhere\nnames: [cup]\n")
    assert "train: there is no" in refused(root, "yolo")
    (root / "data.yaml").write_text("train: images/train\n")
    assert "has no 'names'" in refused(root, "yolo")


def yolo(root: Path, rows: str) -> Path:
    (root / "images/train").mkdir(parents=True)
    (root / "labels/train").mkdir(parents=True)
    Image.new("RGB", (20, 10)).save(root / "images/train/a.png")
    (root / "labels/train/a.txt").write_text(rows)
    (root / "data.yaml").write_text("train: images/train\nnames: [cup]\n")
    return root


VOC = """<annotation><filename>a.png</filename>
<size><width>20</width><height>10</height></size>
<object><name>cup</name><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>7</xmax><ymax>6</ymax></bndbox>
</object></annotation>"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<size><width>20</width><height>10</height></size>", "", "a.xml: has no <size>"),
        ("<width>20</width>", "", "a.xml: <size>: <width> is '', no number"),
        ("<xmin>2</xmin>", "<xmin>two</xmin>", "object 0: <bndbox>: <xmin> is 'two', no number"),
        ("<xmax>7</xmax>", "<xmax>1</xmax>", "a.xml: object 0: the box"),
        ("<name>cup</name>", "", "object 0: needs <name> and <bndbox>"),
        ("</annotation>", "", "a.xml: cannot be read as XML"),
        ("a.png", "b.png", "the image 'b.png' is in none of"),
        ("<height>10</height>", "<height>11</height>", "is 20x10 px, its annotations are for"),
    ],
)
def test_voc_faults_are_named(photos: Path, old: str, new: str, message: str) -> None:
    folder = photos / "set"
    folder.mkdir()
    (photos / "a.png").rename(folder / "a.png")
    (folder / "a.xml").write_text(VOC.replace(old, new))
    assert message in refused(folder, "voc")


def test_bop_faults_are_named(rich: Path, exported: Callable[..., Path]) -> None:
    folder = exported("bop", "models=false")
    path = next(folder.glob("train/*/scene_gt_info.json"))
    info = json.loads(path.read_text())
    info["0"].pop()
    path.write_text(json.dumps(info))
    assert f"{path}: image 0: has" in refused(folder, "bop")
    path.unlink()
    path = path.with_name("scene_gt.json")
    gt = json.loads(path.read_text())
    gt["1"][2]["cam_R_m2c"].pop()
    path.write_text(json.dumps(gt))
    assert f"{path}: image 1, instance 2: cam_R_m2c has 8 numbers, not 9" in refused(folder, "bop")


def test_a_damaged_image_is_named(photos: Path) -> None:
    (photos / "set").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (50, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(photos / "whole.png")
    (photos / "set" / "a.png").write_bytes((photos / "whole.png").read_bytes()[:3000])
    assert "a.png: is no image that can be read: image file is" in refused(photos / "set", "folder")
    with Image.open(photos / "whole.png") as image:
        image.save(photos / "set" / "b.jpg")
    data = (photos / "set" / "b.jpg").read_bytes()
    (photos / "set" / "a.png").unlink()
    (photos / "set" / "b.jpg").write_bytes(data[: len(data) // 2])
    assert "b.jpg: is no image that can be read: image file is" in refused(photos / "set", "folder")
    (photos / "set" / "b.jpg").unlink()
    (photos / "set" / "a.png").write_text("no image")
    assert "is no image that can be read" in refused(photos / "set", "folder")
    (photos / "set" / "a.png").unlink()
    assert "holds no image" in refused(photos / "set", "folder")


def test_unknown_names_are_answered_with_the_allowed_ones(rich: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'coco'"):
        export(rich, tmp_path / "x", "cocco")
    with pytest.raises(ConfigError, match="format: 'folder' is not written"):
        export(rich, tmp_path / "x", "folder")
    with pytest.raises(ConfigError, match="did you mean 'segmentation'"):
        export(rich, tmp_path / "x", "coco", ["segmentaton=rle"])
    with pytest.raises(ConfigError, match="'kitti' is not read"):
        import_(rich, tmp_path / "x", "kitti")
    with pytest.raises(ConfigError, match="origin: 'rael'"):
        import_(rich, tmp_path / "x", "coco", origin="rael")
    with pytest.raises(ConfigError, match="the shares add up to"):
        export(rich, tmp_path / "x", "coco", split="a=0.4,b=0.4")
    with pytest.raises(ConfigError, match="split: 'val' is no NAME=SHARE"):
        export(rich, tmp_path / "x", "coco", split="train=0.4,val")
    assert not any(tmp_path.iterdir())


def test_a_failed_export_leaves_nothing(rich: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"image 0 \(000000_000000\): shows .*one category"):
        export(rich, tmp_path / "x", "webdataset", ["target=cls"])

    def stop(done: int, total: int) -> None:
        if done == 4:
            assert not (tmp_path / "x").exists()
            assert any(tmp_path.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(rich, tmp_path / "x", "coco", progress=stop)
    assert not any(tmp_path.iterdir())
    (tmp_path / "x.partial").mkdir()  # of a run that was killed
    (tmp_path / "x.partial" / "left.txt").write_text("")
    export(rich, tmp_path / "x", "coco")
    assert not (tmp_path / "x" / "left.txt").exists()
    with pytest.raises(DatasetError, match="local folder"):
        export(rich, "memory://x", "coco")
    with pytest.raises(DatasetError, match="is there already"):
        export(rich, tmp_path / "x", "coco")


def test_an_interrupted_import_goes_on(photos: Path, tmp_path: Path) -> None:
    (photos / "set").mkdir()
    for number in range(101):
        (photos / "set" / f"{number:03d}.png").write_bytes((photos / "a.png").read_bytes())

    def stop(done: int, total: int) -> None:
        if done == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_(photos / "set", tmp_path / "out", "folder", progress=stop)
    seen: list[int] = []
    import_(
        photos / "set", tmp_path / "out", "folder", progress=lambda done, total: seen.append(done)
    )
    assert seen == [101]  # its first shard of 100 was there
    assert len(open_dataset(tmp_path / "out")) == 101


def test_a_label_that_is_not_there_is_named(tmp_path: Path, photos: Path) -> None:
    (photos / "good.json").write_text(json.dumps(GOOD))
    import_(photos / "good.json", tmp_path / "in", "coco")
    with pytest.raises(DatasetError, match="has no poses, which BOP needs"):
        export(tmp_path / "in", tmp_path / "x", "bop")
    with pytest.raises(DatasetError, match="boxes=2d"):
        export(tmp_path / "in", tmp_path / "x", "kitti")
    with pytest.raises(DatasetError, match="has no label 'visib_fract'"):
        export(tmp_path / "in", tmp_path / "x", "voc", min_visib_fract=0.5)
    export(tmp_path / "in", tmp_path / "flat", "kitti", ["boxes=2d"])
    (line,) = (tmp_path / "flat/training/label_2/000000.txt").read_text().splitlines()
    words = line.split()
    assert words[:3] == ["cup", "0.00", "3"]
    assert [float(word) for word in words[3:]] == [-10, 1, 2, 6, 5, *[-1] * 3, *[-1000] * 3, -10]
