"""Tensors of a data set on disk, against its records."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import simkit
from simkit.assets.library import load_library
from simkit.assets.options import ModelOptions
from simkit.dataset.reader import Record, open_dataset
from simkit.errors import ConfigError, DatasetError
from simkit.geometry import box_of_mask
from simkit.torch import INSTANCE_LABELS, TARGETS, Dataset, collate
from simkit.torch.shards import Shards

ALL = tuple(name for name in TARGETS if name != "poses_canonical")


def seen(record: Record) -> list[int]:
    return [place for place, mask in enumerate(record.mask_visib) if mask.any()]


def test_labels_are_those_of_the_records(stored: Path) -> None:
    data = Dataset(stored, (*ALL, "depth", "normal", "instance_map"), box_format="xywh")
    assert len(data) == 7
    hidden = 0
    for record, sample in zip(simkit.open_dataset(stored), data, strict=True):
        kept = seen(record)
        hidden += len(record.gt) - len(kept)
        instances = [record.labels["instances"][place] for place in kept]
        assert int(sample["index"]) == record.index
        assert np.array_equal(sample["image"].permute(1, 2, 0), record.rgb)
        assert np.array_equal(sample["masks"], record.mask_visib[kept])
        assert np.array_equal(sample["masks_obj"], record.mask[kept])
        boxes = [box_of_mask(mask) for mask in record.mask_visib[kept]]
        assert np.array_equal(sample["boxes"], np.reshape(boxes, (-1, 4)))
        amodal = [one["bbox_obj"] for one in instances]
        assert np.array_equal(sample["boxes_obj"], np.reshape(amodal, (-1, 4)))
        names = [data.categories[label] for label in sample["labels"]]
        assert names == [one["identity"]["category"] for one in instances]
        t = np.array([record.gt[place]["cam_t_m2c"] for place in kept]).reshape(-1, 3)
        assert np.allclose(sample["poses"][:, :3, 3] * 1000, t, atol=1e-3)
        ids = [record.gt[place]["obj_id"] for place in kept]
        assert sample["obj_ids"].tolist() == ids
        fractions = [record.gt_info[place]["visib_fract"] for place in kept]
        assert np.allclose(sample["visib_fract"], fractions)
        assert np.allclose(sample["cam_K"].ravel(), record.camera["cam_K"])
        assert np.array_equal(sample["depth"], record.depth)
        assert np.array_equal(sample["normal"].permute(1, 2, 0), record.array("normal"))
        for mask, number in zip(sample["masks"], sample["instance_ids"], strict=True):
            assert torch.equal(sample["instance_map"] == number, mask)
    assert hidden > 0


def test_corners_bound_whole_pixels(stored: Path) -> None:
    found = 0
    for sample in Dataset(stored, ("boxes", "masks")):
        for (x1, y1, x2, y2), mask in zip(sample["boxes"].int(), sample["masks"], strict=True):
            rows, columns = np.nonzero(mask.numpy())
            assert (x1, x2) == (columns.min(), columns.max() + 1)
            assert (y1, y2) == (rows.min(), rows.max() + 1)
            found += 1
    assert found > 10


def test_keypoints_are_in_the_order_of_their_names(stored: Path) -> None:
    """Each named point is where the pose puts it: projected here from the library's points."""
    data = Dataset(stored, ("keypoints", "labels", "poses", "scales", "obj_ids", "cam_K"))
    library = load_library(ModelOptions())
    by_id = {model.obj_id: model for model in library.values()}
    most = max(map(len, data.keypoint_names.values()))
    states = set()
    for sample in data:
        assert sample["keypoints"].shape == (len(sample["labels"]), most, 3)
        for points, label, T, scale, obj_id in zip(
            *(sample[name] for name in ("keypoints", "labels", "poses", "scales", "obj_ids")),
            strict=True,
        ):
            names = data.keypoint_names.get(data.categories[label], ())
            places = dict(by_id[int(obj_id)].keypoints)
            assert (points[len(names) :] == 0).all()
            for name, (x, y, v) in zip(names, points.tolist(), strict=False):
                states.add(v)
                local = torch.tensor(places[name]) * scale
                pixel = sample["cam_K"] @ (T[:3, :3] @ local + T[:3, 3])
                if v:
                    assert torch.allclose(torch.tensor([x, y]), pixel[:2] / pixel[2], atol=1e-2)
                else:
                    u, w = (pixel[:2] / pixel[2]).tolist()
                    assert (x, y) == (0, 0)
                    assert not (-0.5 < u < 63.5 and -0.5 < w < 47.5 and pixel[2] > 0)
    assert states == {0.0, 1.0, 2.0}


def test_oriented_boxes_hold_their_masks(stored: Path) -> None:
    """Each corner of each pixel is within the four sides, which are tight; corners run clockwise."""
    found = 0
    for sample in Dataset(stored, ("obb", "masks", "boxes")):
        for corners, mask, box in zip(
            sample["obb"].double(), sample["masks"], sample["boxes"], strict=True
        ):
            rows, columns = np.nonzero(mask.numpy())
            pixels = np.stack([columns, rows], axis=1)[:, None] + np.array(
                [[0, 0], [1, 0], [0, 1], [1, 1]]
            )
            points = torch.from_numpy(pixels.reshape(-1, 2)).double()
            sides = torch.roll(corners, -1, 0) - corners
            inwards = torch.stack([-sides[:, 1], sides[:, 0]], 1)
            inwards /= inwards.norm(dim=1, keepdim=True)
            away = ((points[:, None] - corners) * inwards).sum(2)
            assert away.min() > -1e-3
            assert away.min(0).values.max() < 1e-3
            area = sides[0].norm() * sides[1].norm()
            x1, y1, x2, y2 = box.tolist()
            assert area <= (x2 - x1) * (y2 - y1) + 1e-2
            found += 1
    assert found > 10


def test_parts_have_names(stored: Path) -> None:
    for record, sample in zip(open_dataset(stored), Dataset(stored, ("part_map",)), strict=True):
        assert sample["part_map"].dtype == torch.int32
        assert np.array_equal(sample["part_map"], record.array("part_map"))
    names = Dataset(stored).part_names
    assert names[8] == ("mug", "body")
    assert names[9] == ("mug", "handle")


def test_sensor_images(stored: Path) -> None:
    errors = []
    for record, sample in zip(
        open_dataset(stored), Dataset(stored, ("right", "depth_sensor")), strict=True
    ):
        assert sample["right"].shape == sample["image"].shape
        assert sample["right"].dtype == torch.uint8
        assert not torch.equal(sample["right"], sample["image"])
        assert sample["depth_sensor"].shape == record.depth.shape
        errors.append(sample["depth_sensor"] - torch.from_numpy(record.depth))
        errors[-1] = errors[-1][sample["depth_sensor"] > 0]
    assert torch.cat(errors).abs().median() < 0.05  # where the time of flight is measured


def test_what_is_hardly_seen_can_be_left_out(stored: Path) -> None:
    everything = Dataset(stored, ("visib_fract", "boxes"))
    some = Dataset(stored, ("boxes", "masks", "visib_fract"), min_visib_fract=0.5)
    left_out = 0
    for whole, part in zip(everything, some, strict=True):
        keep = whole["visib_fract"] >= 0.5
        left_out += int((~keep).sum())
        assert torch.equal(part["boxes"], whole["boxes"][keep])
        assert len(part["masks"]) == keep.sum()
    assert left_out > 0


def test_images_may_be_floats_and_transformed(stored: Path) -> None:
    plain, floats = Dataset(stored), Dataset(stored, image_dtype=torch.float32, transform=negative)
    assert torch.allclose(1 - floats[3]["image"], plain[3]["image"] / 255)
    assert torch.equal(plain[-1]["image"], plain[6]["image"])
    with pytest.raises(IndexError):
        plain[7]


def negative(sample: dict[str, Any]) -> dict[str, Any]:
    return {**sample, "image": 1 - sample["image"]}


def test_conditions_choose_images(stored: Path) -> None:
    data = Dataset(stored, where="scene_index >= 2")
    assert data.indices.tolist() == [4, 5, 6]
    assert int(data[0]["index"]) == 4
    with pytest.raises(DatasetError, match="no image meets"):
        Dataset(stored, where=["scene_index > 1", "scene_index < 1"])


@pytest.mark.parametrize(("context", "workers"), [("fork", 2), ("spawn", 1)])
def test_workers_give_the_same(stored: Path, context: str, workers: int) -> None:
    data = Dataset(stored, ("boxes", "labels", "masks", "poses"))
    loader = DataLoader(
        data, batch_size=2, num_workers=workers, multiprocessing_context=context, collate_fn=collate
    )
    batches = list(loader)
    assert torch.cat([batch["index"] for batch in batches]).tolist() == list(range(7))
    for place, sample in enumerate(data):
        batch, row = divmod(place, 2)
        for name in sample:
            assert torch.equal(batches[batch][name][row], sample[name])


def test_few_tables_are_kept_and_none_is_pickled(stored: Path) -> None:
    shards = Shards(str(stored), most=1)
    for number, key in ((0, "000000_000000"), (1, "000001_000001"), (0, "000001_000000")):
        files = shards.read(f"shard-{number:06d}.tar", key, {"rgb", "camera"})
        assert set(files) == {"rgb.png", "camera.json"}
        record = next(one for one in open_dataset(stored) if one.key == key)
        assert files == {name: record.files[name] for name in files}
        assert list(shards._contents) == [f"shard-{number:06d}.tar"]
    assert len(pickle.dumps(shards)) < 1000
    again = pickle.loads(pickle.dumps(Dataset(stored)))
    assert torch.equal(again[5]["boxes"], Dataset(stored)[5]["boxes"])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"labels": ("box",)}, ConfigError, "labels: 'box' is unknown; did you mean 'boxes'"),
        ({"labels": ("poses_canonical",)}, DatasetError, "has no label 'pose_canonical'"),
        ({"labels": ("nocs",)}, DatasetError, "has no label 'nocs'"),
        ({"box_format": "cxcywh"}, ConfigError, "box_format"),
        ({"image_dtype": torch.int32}, ConfigError, "image_dtype"),
        ({"min_visib_fract": 2.0}, ConfigError, "min_visib_fract"),
        ({"open_shards": 0}, ConfigError, "open_shards"),
        ({"where": "sceneindex = 1"}, DatasetError, "scene_index"),
    ],
)
def test_errors_come_at_once_and_name_it(
    stored: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Dataset(stored, **arguments)


def test_a_truncated_shard_is_named(stored: Path, tmp_path: Path) -> None:
    for path in stored.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = Dataset(tmp_path)
    shard = tmp_path / "shard-000001.tar"
    shard.write_bytes(shard.read_bytes()[:5000])
    with pytest.raises(DatasetError, match=r"shard-000001\.tar"):
        data[3]
    shard.unlink()
    with pytest.raises(DatasetError, match=r"shard-000001\.tar"):
        data[4]


def test_real_data_with_boxes_alone(stored: Path, tmp_path: Path) -> None:
    from simkit.exchange import export, import_

    export(stored, tmp_path / "coco", "coco", ["segmentation=none"])
    boxes = tmp_path / "coco" / "annotations" / "instances_train.json"
    content = json.loads(boxes.read_text())
    crowd = content["annotations"][0]
    crowd["iscrowd"] = 1
    boxes.write_text(json.dumps(content))
    import_(tmp_path / "coco", tmp_path / "real", "coco")
    data = Dataset(tmp_path / "real")
    counts = Counter(one["image_id"] for one in content["annotations"])
    counts[crowd["image_id"]] -= 1
    assert data.categories == Dataset(stored).categories
    assert [len(sample["boxes"]) for sample in data] == [counts[i] for i in range(7)]
    for label in ("masks", "cam_K", "depth", "poses"):
        with pytest.raises(DatasetError, match="has no label"):
            Dataset(tmp_path / "real", (label,))


def test_batches_of_lists(stored: Path) -> None:
    data = Dataset(stored, ("boxes", "masks", "depth"))
    samples = [data[place] for place in range(4)]
    batch = collate(samples)
    assert batch["image"].shape == (4, 3, 48, 64)
    assert batch["depth"].shape == (4, 48, 64)
    for name in ("boxes", "masks"):
        assert all(a is b[name] for a, b in zip(batch[name], samples, strict=True))


def test_padded_batches(stored: Path) -> None:
    data = Dataset(stored, tuple(set(ALL)))
    samples = [data[place] for place in range(7)]
    counts = [len(sample["boxes"]) for sample in samples]
    assert len(set(counts)) > 1
    batch = partial(collate, pad=True)(samples)
    assert batch["valid"].sum(dim=1).tolist() == counts
    for name in INSTANCE_LABELS & set(ALL):
        assert batch[name].shape[:2] == (7, max(counts))
        rows = torch.cat([sample[name] for sample in samples])
        assert torch.equal(batch[name][batch["valid"]], rows)
    assert (batch["labels"][~batch["valid"]] == -1).all()
    assert not batch["masks"][~batch["valid"]].any()
    assert torch.equal(collate(samples[:1], pad=True)["boxes"][0], samples[0]["boxes"])


def test_what_cannot_be_a_batch_is_named(stored: Path) -> None:
    one, other = (dict(Dataset(stored, ("boxes", "masks"))[k]) for k in (0, 1))
    other["image"] = other["image"][:, :-1]
    with pytest.raises(DatasetError, match="'image' has the shapes"):
        collate([one, other])
    other["extra"] = 1
    with pytest.raises(DatasetError, match="different names"):
        collate([one, other])
