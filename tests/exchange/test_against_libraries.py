"""What is written means what the formats' own libraries and readmes take it for."""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy.spatial.transform import Rotation

from simkit.assets.options import ModelOptions
from simkit.assets.primitives import load_furnished
from simkit.dataset.reader import Record, open_dataset
from simkit.exchange.items import Item, Thing
from simkit.exchange.kitti import model_corners, yaw_box
from simkit.exchange.outlines import joined, mask_of_outlines, oriented_box, outlines

Export = Callable[..., Path]

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
ANGLES = st.floats(-3.1, 3.1)


@given(MASKS)
@settings(max_examples=150, deadline=None)
def test_outlines_fill_to_the_same_mask(mask: np.ndarray) -> None:
    lines = outlines(mask)
    assert np.array_equal(mask_of_outlines(lines, *mask.shape), mask)
    assert len(lines) == cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1
    if lines:
        assert np.array_equal(mask_of_outlines([joined(lines)], *mask.shape), mask)


def test_oriented_box_of_a_turned_rectangle() -> None:
    corners = cv2.boxPoints(((60.0, 40.0), (70.0, 20.0), 30.0))
    mask = mask_of_outlines([corners], 90, 120)
    box = oriented_box(mask)
    assert box is not None
    sides = np.linalg.norm(np.roll(box, -1, axis=0) - box, axis=1)
    assert sorted(sides[:2]) == pytest.approx([20, 70], abs=2)
    assert box.mean(axis=0) == pytest.approx([60, 40], abs=0.5)
    filled = mask_of_outlines([box], 90, 120)
    assert (filled | ~mask).all()
    assert mask.sum() / filled.sum() > 0.9


def test_pycocotools_gives_ap_1_to_the_ground_truth(exported: Export) -> None:
    folder = exported("coco", split="train=0.5,val=0.5", split_by="image")
    for split in ("train", "val"):
        truth = quietly(COCO, folder / "annotations" / f"instances_{split}.json")
        found = [{**one, "score": 1.0} for one in truth.dataset["annotations"]]
        assert found
        for kind in ("bbox", "segm"):
            assert average_precision(truth, found, kind) == pytest.approx(1, abs=1e-9)
        moved = [{**one, "bbox": [one["bbox"][0] + 8, *one["bbox"][1:]]} for one in found]
        assert average_precision(truth, moved, "bbox") < 0.9


def test_pycocotools_gives_ap_1_to_keypoints(exported: Export) -> None:
    truth = quietly(COCO, exported("coco") / "annotations" / "instances_train.json")
    tested = 0
    for category in truth.dataset["categories"]:
        annotations = truth.loadAnns(truth.getAnnIds(catIds=[category["id"]]))
        if not any(one.get("num_keypoints") for one in annotations):
            continue
        count = len(category["keypoints"])
        assert all(len(one["keypoints"]) == 3 * count for one in annotations)
        found = [{**one, "score": 1.0} for one in annotations]
        ap = average_precision(truth, found, "keypoints", [category["id"]], count)
        assert ap == pytest.approx(1, abs=1e-9), category
        tested += 1
    assert tested >= 3


def quietly(call: Callable, *arguments: object) -> COCO:  # type: ignore[type-arg]
    with contextlib.redirect_stdout(io.StringIO()):
        return call(*map(str, arguments))


def average_precision(
    truth: COCO, found: list[dict], kind: str, categories: list[int] | None = None, points: int = 0
) -> float:
    kept = [{k: v for k, v in one.items() if k != "segmentation"} for one in found]
    with contextlib.redirect_stdout(io.StringIO()):
        results = truth.loadRes(kept if kind == "bbox" else json.loads(json.dumps(found)))
        evaluation = COCOeval(truth, results, kind)
        if categories:
            evaluation.params.catIds = categories
            evaluation.params.kpt_oks_sigmas = np.full(points, 0.05)
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    return float(precision[precision > -1].mean())


def test_panoptic_pngs_hold_their_segments(rich: Path, exported: Export) -> None:
    folder = exported("coco", min_visib_fract=0.1) / "annotations"
    data = json.loads((folder / "panoptic_train.json").read_text())
    things = {one["id"] for one in data["categories"] if one["isthing"]}
    (stuff,) = (one["id"] for one in data["categories"] if not one["isthing"])
    records = {f"{record.key}.png": record for record in open_dataset(rich)}
    for one in data["annotations"]:
        blue, green, red = cv2.split(cv2.imread(str(folder / "panoptic_train" / one["file_name"])))
        ids = red.astype(int) + 256 * green.astype(int) + 65536 * blue.astype(int)
        record = records[one["file_name"]]
        masks = {
            labels["identity"]["instance_id"]: mask
            for labels, mask in zip(record.labels["instances"], record.mask_visib, strict=True)
            if labels["visib_fract"]["visib_fract"] >= 0.1
        }
        segments = {segment["id"]: segment for segment in one["segments_info"]}
        assert len(segments) == len(one["segments_info"])
        assert set(np.unique(ids)) - {0} == set(segments)
        for number, segment in segments.items():
            y, x = np.nonzero(ids == number)
            assert segment["area"] == len(x)
            box = [x.min(), y.min(), x.max() - x.min() + 1, y.max() - y.min() + 1]
            assert segment["bbox"] == box
            assert segment["category_id"] in things | {stuff}
            if segment["category_id"] != stuff:
                assert np.array_equal(ids == number, masks.pop(number))
        assert masks == {}
        assert [one["category_id"] for one in segments.values()].count(stuff) == 1


@pytest.mark.parametrize("task", ["segment", "obb"])
def test_yolo_outlines_cover_the_masks(rich: Path, exported: Export, task: str) -> None:
    folder = exported("yolo", f"task={task}")
    compared = 0
    for record in open_dataset(rich):
        text = (folder / "labels/train" / f"{record.key}.txt").read_text()
        rows = [list(map(float, row.split()[1:])) for row in text.splitlines()]
        masks = [mask for mask in record.mask_visib if mask.any()]
        assert len(rows) == len(masks)
        for row, mask in zip(rows, masks, strict=True):
            size = np.array(mask.shape[::-1])
            line = np.reshape(row, (-1, 2)) * size
            compared += 1
            if task == "segment":
                assert (line >= 0).all()
                assert (line <= size).all()
                assert np.array_equal(mask_of_outlines([line], *mask.shape), mask)
                continue
            centres = np.argwhere(mask)[:, ::-1] + 0.5
            polygon = line.astype(np.float32)
            assert min(cv2.pointPolygonTest(polygon, tuple(p), True) for p in centres) > 0.49
            assert area(line) <= least_rectangle(mask) * 1.001
    assert compared > 40


def area(line: np.ndarray) -> float:
    x, y = line.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def least_rectangle(mask: np.ndarray) -> float:
    """Return the least area of a rectangle around a mask's pixels, by trying 720 directions."""
    y, x = np.nonzero(mask)
    points = np.concatenate([np.stack([x + i, y + j], axis=1) for i in (0, 1) for j in (0, 1)])
    angles = np.linspace(0, np.pi / 2, 720)
    along = points @ np.stack([np.cos(angles), np.sin(angles)])
    across = points @ np.stack([-np.sin(angles), np.cos(angles)])
    return float((np.ptp(along, axis=0) * np.ptp(across, axis=0)).min())


def test_yolo_yaml_names_folders_that_are_there(exported: Export) -> None:
    folder = exported("yolo", "task=pose", split="train=0.5,val=0.5", split_by="image")
    data = yaml.safe_load((folder / "data.yaml").read_text())
    for split in ("train", "val"):
        images = sorted((folder / data[split]).iterdir())
        labels = sorted((folder / data[split].replace("images", "labels")).iterdir())
        assert [one.stem for one in images] == [one.stem for one in labels] != []
    assert list(data["names"]) == list(range(len(data["names"])))
    points, each = data["kpt_shape"]
    assert each == 3
    for path in folder.glob("labels/*/*.txt"):
        for row in path.read_text().splitlines():
            assert len(row.split()) == 5 + points * each


def kitti_corners(numbers: list[float]) -> np.ndarray:
    """Return a box's corners (8, 3), as the devkit's computeBox3D has them."""
    height, width, length, x, y, z, turn = numbers
    across = np.array([1, 1, -1, -1, 1, 1, -1, -1]) * length / 2
    up = np.array([0, 0, 0, 0, -1, -1, -1, -1]) * height
    along = np.array([1, -1, -1, 1, 1, -1, -1, 1]) * width / 2
    c, s = math.cos(turn), math.sin(turn)
    R = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return (R @ np.stack([across, up, along])).T + np.array([x, y, z])


def test_kitti_boxes_project_around_the_visible_ones(rich: Path, exported: Export) -> None:
    folder = exported("kitti") / "training"
    states = set()
    for record in open_dataset(rich):
        number = f"{record.index:06d}"
        assert np.array_equal(
            cv2.imread(str(folder / "image_2" / f"{number}.png"))[..., ::-1], record.rgb
        )
        calibration = (folder / "calib" / f"{number}.txt").read_text()
        P2 = np.array(re.search(r"^P2: (.*)$", calibration, re.M)[1].split(), float).reshape(3, 4)  # type: ignore[index]
        lines = (folder / "label_2" / f"{number}.txt").read_text().splitlines()
        seen = [one for one in record.labels["instances"] if one["bbox_visib"] is not None]
        assert len(lines) == len(seen)
        for line, labels in zip(lines, seen, strict=True):
            kind, truncated, occluded, alpha, *numbers = line.split()
            assert kind == labels["identity"]["category"]
            left, top, right, bottom, *box = map(float, numbers)
            x, y, w, h = labels["bbox_visib"]
            assert [left, top, right, bottom] == [x, y, x + w - 1, y + h - 1]
            corners = kitti_corners(box)
            pixels = np.column_stack([corners, np.ones(8)]) @ P2.T
            if (pixels[:, 2] > 0).all():
                pixels = pixels[:, :2] / pixels[:, 2:]
                assert (pixels.min(axis=0) <= [left + 1e-3, top + 1e-3]).all()
                assert (pixels.max(axis=0) >= [right - 1e-3, bottom - 1e-3]).all()
            turn = float(alpha) + math.atan2(box[3], box[5])
            assert math.remainder(turn - box[6], 2 * math.pi) == pytest.approx(0, abs=1e-5)
            assert float(truncated) == pytest.approx(outside(record, labels), abs=0.0051)
            states.add(int(occluded))
    assert states == {0, 1, 2}


def outside(record: Record, labels: dict) -> float:
    place = record.labels["instances"].index(labels)
    return 1 - np.count_nonzero(record.mask[place]) / labels["visib_fract"]["px_count_all"]


@given(yaw=ANGLES, size=st.tuples(*[st.floats(0.05, 3)] * 3))
def test_an_upright_box_keeps_its_size(yaw: float, size: tuple[float, ...]) -> None:
    R = Rotation.from_rotvec([0, yaw, 0]).as_matrix()
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) - 0.5
    box = yaw_box(corners * size @ R.T + (1, 2, 9), R)
    assert (box.length, box.height, box.width) == pytest.approx(size)
    assert box.location == pytest.approx((1, 2 + size[1] / 2, 9))
    assert math.remainder(box.rotation_y - yaw, 2 * math.pi) == pytest.approx(0, abs=1e-9)


@given(st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1))
def test_a_yaw_box_holds_any_box(quaternion: tuple[float, ...]) -> None:
    R = Rotation.from_quat(quaternion).as_matrix()
    corners = np.array([[i, j, k] for i in (-1, 1) for j in (-2, 2) for k in (-3, 3)]) @ R.T
    box = yaw_box(corners, R)
    numbers = [box.height, box.width, box.length, *box.location, box.rotation_y]
    held = kitti_corners(numbers)
    turn = Rotation.from_rotvec([0, -box.rotation_y, 0]).as_matrix()
    inner, outer = corners @ turn.T, held @ turn.T
    assert inner.min(axis=0) == pytest.approx(outer.min(axis=0))
    assert inner.max(axis=0) == pytest.approx(outer.max(axis=0))


def test_bop_is_written_to_the_letter(rich: Path, exported: Export) -> None:
    folder = exported("bop")
    for record in open_dataset(rich):
        scene, image = record.key.split("_")
        place = folder / "train" / scene
        camera = json.loads((place / "scene_camera.json").read_text())[str(int(image))]
        K = np.reshape(record.camera["cam_K"], (3, 3))
        assert np.allclose(np.reshape(camera["cam_K"], (3, 3))[:2, 2], K[:2, 2] + 0.5)
        assert (place / "rgb" / f"{image}.png").read_bytes() == record.files["rgb.png"]
        for number, info in enumerate(record.gt_info):
            path = place / "mask_visib" / f"{image}_{number:06d}.png"
            mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            assert mask.dtype == np.uint8
            assert set(np.unique(mask)) <= {0, 255}
            assert np.count_nonzero(mask) == info["px_count_visib"]
            if info["px_count_visib"]:
                y, x = np.nonzero(mask)
                assert info["bbox_visib"] == [x.min(), y.min(), np.ptp(x), np.ptp(y)]
            else:
                assert info["bbox_visib"] == info["bbox_obj"] == [-1, -1, -1, -1]


def test_bop_models_are_the_models(rich: Path, exported: Export) -> None:
    folder = exported("bop") / "models"
    infos = json.loads((folder / "models_info.json").read_text())
    again = load_furnished(ModelOptions(source=str(folder), kind="bop"))
    before = load_furnished(ModelOptions())
    textured = 0
    for name in before.labelled_names():
        old = before[name]
        new = again[f"obj_{old.obj_id:06d}"]
        assert np.allclose(new.mesh.bounds, old.mesh.bounds, atol=1e-6)
        assert len(new.mesh.faces) == len(old.mesh.faces)
        assert new.diameter == pytest.approx(old.diameter)
        if old.mesh.texture is not None:
            textured += 1
            assert np.array_equal(new.mesh.texture, old.mesh.texture)
            assert new.mesh.uv is not None
        loaded = trimesh.load(folder / f"obj_{old.obj_id:06d}.ply", process=False)
        extents = [infos[str(old.obj_id)][f"size_{axis}"] for axis in "xyz"]
        assert loaded.extents == pytest.approx(extents, rel=1e-5)
    assert textured > 0


def test_kitti_boxes_need_no_label_of_their_own(rich: Path) -> None:
    dataset = open_dataset(rich)
    bounds = {one["name"]: one["bounds"] for one in dataset.description["models"]}
    for record in dataset:
        for thing in Item(record, "train").things:
            bare = {k: value for k, value in thing.labels.items() if k != "bbox_3d"}
            corners = model_corners(Thing(thing.item, thing.place, bare), bounds)
            assert np.allclose(corners, model_corners(thing, {}), atol=1e-6)
