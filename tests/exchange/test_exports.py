"""Splits, filters, provenance and data cards; orientation of photos; the commands; real sets."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from simkit.cli.main import app
from simkit.dataset.bop import read_images
from simkit.dataset.reader import open_dataset
from simkit.errors import ConfigError, DatasetError
from simkit.exchange import export, import_
from simkit.exchange.card import config_hash
from simkit.exchange.splits import parse_splits, split_of

ORIENTATION = 0x0112


def test_no_scene_is_in_two_splits_and_a_split_is_for_ever() -> None:
    splits = parse_splits("train=0.8,val=0.15,test=0.05")
    rows = [{"index": i, "scene_index": i // 5} for i in range(10_000)]
    chosen = [split_of(row, splits) for row in rows]
    by_scene = defaultdict(set)
    for row, name in zip(rows, chosen, strict=True):
        by_scene[row["scene_index"]].add(name)
    assert all(len(names) == 1 for names in by_scene.values())
    for name, share in splits.items():
        assert chosen.count(name) / len(rows) == pytest.approx(share, abs=0.03)
    assert [chosen[i] for i in range(0, 60, 5)] == [
        split_of({"index": 0, "scene_index": i}, splits) for i in range(12)
    ]
    images = [split_of(row, splits, "image") for row in rows]
    assert len(set(images[:100:1])) > len(set(chosen[:5]))


def test_splits_of_an_export(rich: Path, tmp_path: Path) -> None:
    export(rich, tmp_path / "x", "voc", split="train=0.5,val=0.5", split_by="image")
    keys = [
        (tmp_path / f"x/ImageSets/Main/{name}.txt").read_text().split() for name in ("train", "val")
    ]
    assert all(keys)
    assert sorted([*keys[0], *keys[1]]) == [record.key for record in open_dataset(rich)]
    with pytest.raises(DatasetError, match=r"no image falls into val \(6 images of 3 scenes\)"):
        export(rich, tmp_path / "y", "voc", split="train=0.99999,val=0.00001")
    with pytest.raises(ConfigError, match="did you mean 'scene'"):
        export(rich, tmp_path / "y", "voc", split_by="scenes")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_what_is_hardly_visible_is_left_out_and_counted(rich: Path, tmp_path: Path) -> None:
    report = export(rich, tmp_path / "x", "coco", min_visib_fract=0.3)
    fractions = [
        one["visib_fract"]["visib_fract"]
        for record in open_dataset(rich)
        for one in record.labels["instances"]
    ]
    kept = [fraction for fraction in fractions if fraction >= 0.3]
    data = json.loads((tmp_path / "x/annotations/instances_train.json").read_text())
    assert len(data["annotations"]) == len(kept) == report.tally.instances["train"]
    assert report.tally.below == len(fractions) - len(kept) > 0
    assert report.tally.not_carried == 0
    everything = export(rich, tmp_path / "y", "coco")
    assert everything.tally.not_carried == sum(fraction == 0 for fraction in fractions)
    bop = export(rich, tmp_path / "z", "bop", ["models=false"])
    assert bop.tally.instances["train"] == len(fractions)


@pytest.mark.parametrize("to", ["bop", "coco", "kitti", "voc", "webdataset", "yolo"])
def test_every_export_says_where_it_comes_from(rich: Path, tmp_path: Path, to: str) -> None:
    export(rich, tmp_path / "x", to, min_visib_fract=0.05)
    source = open_dataset(rich).description
    about = json.loads((tmp_path / "x/provenance.json").read_text())
    assert about["source"]["config_hash"] == config_hash(source)
    assert about["source"]["seed"] == 4
    assert about["licences"] == source["licences"] != []
    assert about["origins"] == {"simulated": 6}
    assert about["settings"]["min_visib_fract"] == 0.05
    assert about["simkit"] == source["versions"]["simkit"]
    card = (tmp_path / "x/DATA_CARD.md").read_text()
    left_out = about["left_out"]["below_min_visib_fract"]
    for text in (*source["licences"], f"Left out: {left_out} ", "tabletop", config_hash(source)):
        assert text in card


def test_exports_are_the_same_bytes_each_time(rich: Path, tmp_path: Path) -> None:
    for to in ("webdataset", "coco"):
        files = []
        for name in ("a", "b"):
            export(rich, tmp_path / name / to, to)
            root = tmp_path / name / to
            paths = sorted(path for path in root.rglob("*") if path.is_file())
            files.append({path.relative_to(root): path.read_bytes() for path in paths})
        assert files[0] == files[1]


def test_scaled_bodies_are_refused_or_put_into_the_rotation(
    small: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    from simkit.generation import generate

    labels = ["identity", "pose"]
    scale = {"stretch": {"uniform": [1.5, 2.0]}}
    config = small(randomizers={"scale": scale}, physics={"enabled": False}, labels=labels)
    generate(config, tmp_path / "in", n=1)
    with pytest.raises(DatasetError, match="scaled=multiply"):
        export(tmp_path / "in", tmp_path / "x", "bop", ["models=false"])
    export(tmp_path / "in", tmp_path / "x", "bop", ["models=false", "scaled=multiply"])
    import_(tmp_path / "x", tmp_path / "back", "bop")
    old, new = (open_dataset(tmp_path / name)[0].labels["instances"] for name in ("in", "back"))
    for a, b in zip(old, new, strict=True):
        assert b["identity"]["scale"] == pytest.approx(a["identity"]["scale"])
        assert np.allclose(b["pose"], a["pose"])


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_photos_are_stored_upright(tmp_path: Path, orientation: int) -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :16] = 255  # top left of what the sensor read
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[ORIENTATION] = orientation
    (tmp_path / "in").mkdir()
    image.save(tmp_path / "in/a.jpg", exif=exif, quality=95)
    import_(tmp_path / "in", tmp_path / "out", "folder")
    record = open_dataset(tmp_path / "out")[0]
    shown = cv2.imread(str(tmp_path / "in/a.jpg"))  # as people see it
    assert (record.row["height"], record.row["width"]) == shown.shape[:2]
    assert np.abs(record.rgb[..., ::-1].astype(int) - shown).max() < 12
    assert ("rgb.jpg" in record.files) == (orientation == 1)
    if orientation in (6, 8):
        annotations = {
            "images": [{"id": 1, "file_name": "a.jpg", "width": 32, "height": 16}],
            "annotations": [],
            "categories": [],
        }
        (tmp_path / "in/raw.json").write_text(json.dumps(annotations))
        import_(tmp_path / "in/raw.json", tmp_path / "raw", "coco")
        assert open_dataset(tmp_path / "raw")[0].rgb.shape == (16, 32, 3)


def test_other_image_files_become_png(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (9, 7, 3), dtype=np.uint8)
    for ending in ("bmp", "tif", "webp"):
        Image.fromarray(pixels).save(tmp_path / f"in/{ending}.{ending}", lossless=True)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "in/gray.png")
    import_(tmp_path / "in", tmp_path / "out", "folder")
    records = {record.row["source_name"]: record for record in open_dataset(tmp_path / "out")}
    for ending in ("bmp", "tif", "webp"):
        assert np.array_equal(records[f"{ending}.{ending}"].rgb, pixels)
    assert np.array_equal(records["gray.png"].rgb[..., 1], pixels[..., 0])


def test_the_commands(rich: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, [str(one) for one in arguments])
        assert result.exit_code == 0, result.output
        return result.output

    text = run("export", rich, "task=segment", "--to", "yolo", "--out", tmp_path / "yolo")
    assert "DATA_CARD.md" in text
    assert "--split train=0.9,val=0.1" in text
    text = run("import", tmp_path / "yolo", "--from", "yolo", "--out", tmp_path / "back")
    assert "6 simulated images" in text
    assert "imported from" in run("inspect", tmp_path / "back")
    assert "files are as they were written" in run("inspect", tmp_path / "back", "--verify")
    run("inspect", tmp_path / "back", "2", "--out", tmp_path / "two.png")
    run("preview", tmp_path / "back", "--out", tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").size[0] > 400
    failed = CliRunner().invoke(app, ["replay", str(tmp_path / "back"), "0"])
    assert failed.exit_code == 1
    for name in ("export", "import"):
        assert f"Example: simkit {name}" in run(name, "--help")


def test_cards_are_read(real: Path, tmp_path: Path) -> None:
    report = import_(real / "cards", tmp_path / "cards", "coco", licence="Apache-2.0")
    assert (report.images, report.instances, report.origin) == (296, 527, "real")
    dataset = open_dataset(tmp_path / "cards")
    data = json.loads((real / "cards/annotations.json").read_text())
    by_id = {str(one["id"]): one for one in data["annotations"]}
    found = [one for record in dataset for one in record.labels["instances"]]
    assert len(found) == 527
    for one in found:
        assert one["bbox_visib"] == by_id[one["source_id"]]["bbox"]
        assert one["identity"]["category_id"] == by_id[one["source_id"]]["category_id"]
    record = dataset[5]
    photo = real / "cards/images" / record.row["source_name"]
    assert record.files["rgb.jpg"] == photo.read_bytes()


def test_lmo_comes_back_to_the_letter(real: Path, tmp_path: Path) -> None:
    source = real / "lmo/test/000002"
    images = read_images(source)[:4]
    scene = tmp_path / "lmo/test/000002"
    (scene / "rgb").mkdir(parents=True)
    shutil.copytree(real / "lmo/models", tmp_path / "lmo/models")
    names = ("scene_camera.json", "scene_gt.json", "scene_gt_info.json")
    for name in names:
        data = json.loads((source / name).read_text())
        (scene / name).write_text(json.dumps({str(i.im_id): data[str(i.im_id)] for i in images}))
    for image in images:
        shutil.copy(image.path, scene / "rgb")
    import_(tmp_path / "lmo", tmp_path / "in", "bop", licence="CC BY-SA 4.0")
    dataset = open_dataset(tmp_path / "in")
    boxes = [one["bbox_obj"] for one in dataset[0].labels["instances"]]
    theirs = [one["bbox_obj"] for one in images[0].gt_info or []]
    assert [[x, y, w - 1, h - 1] for x, y, w, h in boxes] == theirs
    info = json.loads((real / "lmo/models/models_info.json").read_text())
    models = {one["obj_id"]: one for one in dataset.description["models"]}
    assert models[9]["diameter"] == pytest.approx(info["9"]["diameter"] / 1000)
    export(tmp_path / "in", tmp_path / "out", "bop")
    for name in names:
        old = json.loads((scene / name).read_text())
        new = json.loads((tmp_path / "out/train/000002" / name).read_text())
        if name != "scene_camera.json":
            assert new == old
            continue
        assert set(new) == set(old)
        for key in old:
            assert new[key]["cam_K"] == pytest.approx(old[key]["cam_K"], rel=1e-12)
    back = json.loads((tmp_path / "out/models/models_info.json").read_text())
    assert set(back) == set(info)
    for key in info:
        assert back[key]["size_x"] == pytest.approx(info[key]["size_x"])
        assert ("symmetries_discrete" in back[key]) == ("symmetries_discrete" in info[key])
    export(tmp_path / "in", tmp_path / "kitti", "kitti")  # bounds come from models_info.json
