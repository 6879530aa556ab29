"""Perfect object coordinates give the true poses; the task learns, and says what is missing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from simkit.dataset.reader import Record
from simkit.errors import ConfigError, DatasetError
from simkit.geometry import apply_transform, project
from simkit.tasks.crops import crop_of_box, cut, grid
from simkit.tasks.examples import Examples, open_examples
from simkit.tasks.looks import LookOptions
from simkit.tasks.object_coordinates import Surfaces, camera_matrix, pose_of
from simkit.tasks.pose import ModelFrame, Pose, PoseInTrueBoxes, PosePredictor, pose_of_maps
from simkit.tasks.pose_crops import Crops, symmetries_in_radii
from simkit.tasks.pose_models import PoseModel, by_category, models_of_examples
from simkit.tasks.pose_network import CELLS, CHANNELS, pose_losses, solve_pose
from simkit.tasks.pose_outcome import PosePrediction, outcome_of

Float = NDArray[np.float64]

K = np.array([[500.0, 0.0, 320.0], [0.0, 510.0, 240.0], [0.0, 0.0, 1.0]])
NAMES = ("mean", "mssd", "mspd", "add")
TASK = PoseInTrueBoxes({"training": {"steps": 2, "batch": 2, "threads": 1, "device": "cpu"}})


@pytest.fixture(scope="module")
def models(parts: Examples) -> dict[str, PoseModel]:
    return {model.name: model for model in models_of_examples(parts)}


def without(record: Record, *suffixes: str) -> Record:
    """Return a record that lacks some files, as real photos do."""
    return Record(record.row, {k: v for k, v in record.files.items() if k not in suffixes})


def angle_between(a: Float, b: Float) -> float:
    """Return the angle [deg] of the rotation between two poses."""
    return float(np.rad2deg(Rotation.from_matrix(a[:3, :3] @ b[:3, :3].T).magnitude()))


# --- what pixels show


def test_coordinates_of_depth_and_pose_are_those_that_were_rendered(
    parts: Examples, models: dict[str, PoseModel]
) -> None:
    compared = 0
    for example in parts:
        record, surfaces = example.record, Surfaces(example.record, models)
        rendered, masks = record.array("object_coords"), record.mask_visib
        for place in example.places:
            rows, columns = np.nonzero(masks[place])
            points, seen = surfaces.at(int(place), np.column_stack([columns, rows]).astype(float))
            assert seen.all()
            np.testing.assert_allclose(points, rendered[rows, columns], atol=3e-4)  # depth's steps
            compared += len(rows)
    assert compared > 1000


def test_rays_say_the_same_where_there_is_no_depth(
    parts: Examples, models: dict[str, PoseModel]
) -> None:
    for example in parts:
        blind = Surfaces(without(example.record, "depth.png", "mask_visib.json"), models)
        masks, rendered = example.record.mask_visib, example.record.array("object_coords")
        rows, columns = np.mgrid[: masks.shape[1], : masks.shape[2]].reshape(2, -1)
        pixels = np.column_stack([columns, rows]).astype(float)
        for place in example.places:
            points, seen = blind.at(int(place), pixels)
            truth = masks[place][rows, columns]
            assert (seen != truth).mean() < 2e-3
            both = seen & truth
            np.testing.assert_allclose(points[both], rendered[rows, columns][both], atol=2e-4)


def test_crops_show_what_their_cells_say(parts: Examples) -> None:
    """A picture that holds its own pixels' places is cropped; each place is where the grid says."""
    rows, columns = np.mgrid[:72, :96]
    image = np.stack([columns * 2, rows * 2, np.full_like(rows, 7)], axis=2).astype(np.uint8)
    crop = crop_of_box([30, 20, 24, 30], 1.0, angle=0.5, zoom=0.8, shift=(0.1, -0.1))
    pixels = grid(crop, 16).reshape(16, 16, 2)
    np.testing.assert_allclose(cut(image, crop, 16)[..., :2] / 2, pixels, atol=0.51)


def test_a_plain_crop_is_about_its_box() -> None:
    crop = crop_of_box([10, 20, 40, 20], 1.5)
    corners = np.array([[0, 0, 1], [1, 1, 1]]) @ crop.T
    np.testing.assert_allclose(corners, [[29.5 - 30, 29.5 - 30], [29.5 + 30, 29.5 + 30]])


# --- poses of coordinates


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_perfect_correspondences_give_the_pose(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.eye(4)
    truth[:3, :3] = Rotation.random(random_state=rng).as_matrix()
    truth[:3, 3] = rng.uniform([-0.2, -0.2, 0.5], [0.2, 0.2, 1.5])
    points = rng.uniform(-0.05, 0.05, (80, 3))
    pixels = project(apply_transform(truth, points), K)
    wrong = rng.choice(80, 25, replace=False)
    away = rng.uniform(0, 2 * np.pi, 25)
    far = rng.uniform(20, 90, (25, 1))
    pixels[wrong] += far * np.column_stack([np.cos(away), np.sin(away)])
    solved = solve_pose(points, pixels, np.ones(80), K, 2.0)
    assert solved is not None
    pose, share = solved
    assert angle_between(pose, truth) < 0.1
    assert np.linalg.norm(pose[:3, 3] - truth[:3, 3]) < 0.5e-3
    assert share >= 55 / 80 - 1e-9


def test_points_on_a_line_give_no_pose() -> None:
    points = np.outer(np.linspace(0, 0.1, 30), [1.0, 2.0, 0.5])
    assert solve_pose(points, np.zeros((30, 2)), np.ones(30), K, 2.0) is None


def maps_of(
    surfaces: Surfaces, place: int, pixels: Float, frame: ModelFrame
) -> NDArray[np.float32]:
    """Return what a perfect network would say of a crop."""
    points, seen = surfaces.at(place, pixels)
    maps = np.zeros((CHANNELS, CELLS * CELLS), np.float32)
    maps[:3] = ((points - np.array(frame.centre)) / frame.radius).T
    maps[4] = np.where(seen, 8, -8)
    return maps.reshape(CHANNELS, CELLS, CELLS)


def test_perfect_maps_give_the_pose(parts: Examples, models: dict[str, PoseModel]) -> None:
    tried = 0
    for example in parts:
        surfaces = Surfaces(without(example.record, "depth.png"), models)
        for number, place in enumerate(example.places.tolist()):
            pixels = grid(crop_of_box(example.boxes[number], 1.3), CELLS)
            if surfaces.at(place, pixels)[1].sum() < 60:
                continue
            instance = example.record.labels["instances"][place]
            model = models[instance["identity"]["model"]]
            frame = ModelFrame("", "", tuple(model.centre.tolist()), model.diameter / 2)
            maps = maps_of(surfaces, place, pixels, frame)
            found = pose_of_maps(maps, pixels, frame, surfaces.cam_K)
            assert found is not None
            truth = pose_of(example.record, place)
            assert angle_between(found[0], truth) < 0.1
            assert np.linalg.norm(found[0][:3, 3] - truth[:3, 3]) < 0.5e-3
            assert found[1] > 0.95
            tried += 1
    assert tried >= 8


# --- learning


def test_losses_do_not_ask_which_of_equal_poses_it_is() -> None:
    turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    vertices = np.random.default_rng(0).normal(size=(30, 3)) * 0.02 + [0.01, 0.0, 0.03]
    model = PoseModel("m", "m", vertices, np.zeros((0, 3), np.int32), 0.1, (turn,))
    symmetries = torch.from_numpy(symmetries_in_radii(model))[None]
    points = vertices[np.arange(CELLS * CELLS) % 30]
    same = points @ turn[:3, :3].T

    def coordinates(of: Float) -> torch.Tensor:
        scaled = (of - model.centre) / (model.diameter / 2)
        return torch.from_numpy(scaled.T.reshape(1, 3, CELLS, CELLS).astype(np.float32))

    maps = torch.zeros(1, CHANNELS, CELLS, CELLS)
    maps[:, :3] = coordinates(same)
    batch = {"coordinates": coordinates(points), "seen": torch.ones(1, CELLS, CELLS)}
    forgiven = pose_losses(maps, {**batch, "symmetries": symmetries})["coordinates"]
    strict = pose_losses(maps, {**batch, "symmetries": symmetries[:, :1]})["coordinates"]
    assert forgiven == pytest.approx(0, abs=1e-5)
    assert strict > 0.1


def test_batches_are_a_function_of_seed_and_step(
    parts: Examples, models: dict[str, PoseModel]
) -> None:
    crops = Crops(parts, list(models.values()), 3, LookOptions(), seed=1)
    first, other = crops.batch([0, 1], 4), crops.batch([0, 1], 5)
    again = Crops(parts, list(models.values()), 3, LookOptions(), seed=1).batch([0, 1], 4)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["images"], other["images"])
    shown = first["seen"][:, None] > 0
    assert shown.any()
    assert first["coordinates"][shown.expand_as(first["coordinates"])].abs().max() <= 1.01


def test_it_learns(parts: Examples) -> None:
    """A few steps on one image bring the loss down: gradients reach every part."""
    plain = {"steps": 25, "batch": 2, "threads": 1, "device": "cpu", "average": 0.0}
    told: list[float] = []
    task = PoseInTrueBoxes({"training": plain, "crops": 4})
    task.train(
        parts.subset([0, 1]),
        seed=0,
        progress=lambda step, steps, losses: told.append(losses["coordinates"] + losses["mask"]),
    )
    assert np.mean(told[-5:]) < np.mean(told[:3]) - 0.3


def test_a_trained_model_predicts_and_is_saved(parts: Examples, tmp_path: Path) -> None:
    predictor = TASK.train(parts, seed=0)
    found = predictor.predict(parts)
    assert [len(one.models) <= (~ex.ignored).sum() for one, ex in zip(found, parts, strict=True)]
    assert predictor.features(parts).shape == (8, 320)
    assert predictor.confidence(parts).shape == (8,)
    predictor.save(tmp_path / "model")
    again = PosePredictor.load(tmp_path / "model").predict(parts)
    for one, other in zip(found, again, strict=True):
        assert one.models == other.models
        np.testing.assert_allclose(one.poses, other.poses, atol=1e-6)
    assert json.loads((tmp_path / "model" / "card.json").read_text())["task"] == "pose_true_boxes"


# --- scores


def test_the_truth_scores_one_and_what_is_far_off_zero(parts: Examples) -> None:
    truth = TASK.perfect(parts)
    scores = TASK.outcome(truth, parts).scores()
    assert all(scores[name] == pytest.approx(1) for name in TASK.metrics)
    assert scores["AR_MSSD_MSPD@true_boxes/l_bracket"] == pytest.approx(1)
    aside = np.zeros((4, 4))
    aside[0, 3] = 10.0
    far = [dataclasses.replace(one, poses=one.poses + aside) for one in truth]
    assert set(TASK.outcome(far, parts).scores().values()) == {0.0}
    nothing = [PosePrediction() for _ in parts]
    assert set(TASK.outcome(nothing, parts).scores().values()) == {0.0}


def test_a_shift_in_depth_costs_what_its_thresholds_say(
    parts: Examples, models: dict[str, PoseModel]
) -> None:
    """Moved by 0.12 diameters, a pose meets MSSD's thresholds 0.15 to 0.5, not 0.05, 0.1; and no ADD."""
    truth = TASK.perfect(parts)
    moved = []
    for one in truth:
        poses = one.poses.copy()
        for row, name in enumerate(one.models):
            poses[row, 2, 3] += 0.12 * models[name].diameter
        moved.append(dataclasses.replace(one, poses=poses))
    plain = {name: dataclasses.replace(m, discrete=(), continuous=()) for name, m in models.items()}
    scores = outcome_of(moved, parts, plain, NAMES).scores()
    assert scores["mssd"] == pytest.approx(0.8)
    assert scores["add"] == 0
    assert scores["mean"] == pytest.approx((scores["mssd"] + scores["mspd"]) / 2)


def test_resamples_count_images_as_often_as_they_are_drawn(parts: Examples) -> None:
    found = [
        one if place % 2 else PosePrediction() for place, one in enumerate(TASK.perfect(parts))
    ]
    outcome = TASK.outcome(found, parts)
    name = TASK.metrics[0]
    targets = [int((~example.ignored).sum()) for example in parts]
    wanted = targets[1] * 2 / (targets[1] * 2 + targets[4])
    assert outcome.scores(np.array([1, 1, 4]))[name] == pytest.approx(wanted)


def test_failures_name_what_is_missing(parts: Examples) -> None:
    found = TASK.perfect(parts)
    found[3] = PosePrediction()
    failures = TASK.failures(found, parts)
    assert failures[0]["place"] == 3
    assert "is not found" in failures[0]["text"]
    assert failures[0]["drawn"].shape == parts[3].image.shape
    assert failures[1]["cost"] == 0


# --- what is refused


def test_missing_poses_are_named(make_parts: Callable[..., Path]) -> None:
    examples = open_examples(make_parts(1, labels=["identity", "bbox_visib", "cam_K"]))
    with pytest.raises(DatasetError, match="has no poses; add the label pose"):
        TASK.train(examples, seed=0)


def test_a_missing_camera_is_named() -> None:
    with pytest.raises(
        DatasetError, match=r"sample 3: has no camera\.json; .* add the label cam_K"
    ):
        camera_matrix(Record({"index": 3}, {}))


def test_scaled_bodies_are_refused(parts: Examples) -> None:
    example = parts[0]
    example.record.labels["instances"][0]["identity"]["scale"] = [1.2, 1.2, 1.2]
    with pytest.raises(DatasetError, match="without the randomizer scale"):
        pose_of(example.record, 0)


def test_a_category_of_several_models_is_no_model(models: dict[str, PoseModel]) -> None:
    some = [dataclasses.replace(one, category="part") for one in models.values()]
    with pytest.raises(DatasetError, match="pose_true_boxes"):
        by_category(some, ("part",))


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="crops"):
        Pose({"crops": 0})


# --- real photos


def test_real_poses_project_into_their_boxes(real: Path, tmp_path: Path) -> None:
    from simkit.exchange import import_

    if not (real / "lmo" / "models").is_dir():
        pytest.skip(f"no lmo in {real}")
    import_(real / "lmo", tmp_path / "lmo", "bop")
    examples = open_examples(tmp_path / "lmo").subset([0, 50])
    models = {one.name: one for one in models_of_examples(examples)}
    shares = []
    for example in examples:
        surfaces = Surfaces(example.record, models)
        for number in np.flatnonzero(~example.ignored):
            x, y, width, height = example.boxes[number]
            pixels = grid(crop_of_box(example.boxes[number], 1.3), CELLS)
            _, seen = surfaces.at(int(example.places[number]), pixels)
            across = (pixels[:, 0] > x - 3) & (pixels[:, 0] < x + width + 2)
            inside = across & (pixels[:, 1] > y - 3) & (pixels[:, 1] < y + height + 2)
            shares.append((seen & inside).sum() / max(seen.sum(), 1))
    assert np.median(shares) > 0.97
    perfect = TASK.outcome(TASK.perfect(examples), examples).scores()
    assert all(perfect[name] == pytest.approx(1) for name in TASK.metrics)
