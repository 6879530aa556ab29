"""The classifier learns a tiny set by heart; its scores are those of references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from simkit.errors import ConfigError, DatasetError
from simkit.exchange import import_
from simkit.tasks.classification import (
    BINS,
    Classification,
    ClassificationPrediction,
    ClassificationPredictor,
    pictures_of,
)
from simkit.tasks.examples import Examples, open_examples

PLAIN = {"hue": 0.0, "saturation": 0.0, "cast": 0.0, "grey": 0.0, "shadow": 0.0, "blur": 0.0}


def small(steps: int, **more: Any) -> Classification:
    training = {"steps": steps, "batch": 8, "threads": 1, "device": "cpu", "average": 0.8}
    return Classification({"size": 64, "crops": 2, "training": training, **more})


@pytest.fixture(scope="module")
def learnt(parts: Examples) -> ClassificationPredictor:
    return small(25, look=PLAIN).train(parts, seed=0)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders of small pictures: bars that stand, and bars that lie."""
    folder = tmp_path_factory.mktemp("digits")
    rng = np.random.default_rng(0)
    for name, angle in (("lying", 0.0), ("standing", 90.0)):
        (folder / "in" / name).mkdir(parents=True)
        for number in range(8):
            picture = np.zeros((28, 28), np.uint8)
            at = tuple(rng.uniform(11, 17, 2).tolist())
            box = cv2.boxPoints((at, (20.0, 4.0), angle + rng.uniform(-8, 8)))
            cv2.fillPoly(picture, [box.astype(np.int32)], 255)
            cv2.imwrite(str(folder / "in" / name / f"{number}.png"), picture)
    import_(folder / "in", folder / "data", "folder", options=["classes=true"])
    return folder / "data"


def test_it_learns_the_training_crops(learnt: ClassificationPredictor, parts: Examples) -> None:
    scores = small(1).outcome(learnt.predict(parts), parts).scores()
    assert scores["accuracy"] > 0.9
    assert learnt.features(parts).shape == (8, 1280)
    assert learnt.confidence(parts).shape == (8,)


def test_a_saved_model_is_the_same(
    learnt: ClassificationPredictor, parts: Examples, tmp_path: Path
) -> None:
    learnt.save(tmp_path / "model")
    again = ClassificationPredictor.load(tmp_path / "model")
    for one, other in zip(learnt.predict(parts), again.predict(parts), strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
    with pytest.raises(ConfigError, match="in this order"):
        again.predict(Examples(parts.sources, parts.categories[::-1]))


def test_the_same_seed_gives_the_same_model(parts: Examples) -> None:
    first, again, other = (small(1).train(parts, seed=seed) for seed in (3, 3, 4))
    weights = [one.network.state_dict()["last.weight"] for one in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("shows", ["crops", "whole"])
def test_class_folders_are_learnt(digits: Path, shows: str) -> None:
    examples = open_examples(digits)
    assert examples.categories == ("lying", "standing")
    task = small(12, shows=shows, rotation=0.0, look=PLAIN)
    predictor = task.train(examples, seed=0)
    assert task.outcome(predictor.predict(examples), examples).scores()["accuracy"] > 0.9


def predicted(examples: Examples, seed: int) -> list[ClassificationPrediction]:
    """Random probabilities, right more often than not."""
    rng = np.random.default_rng(seed)
    found = []
    for example in examples:
        labels = pictures_of(example, small(1).options)[1]
        raw = rng.random((len(labels), len(examples.categories))) ** 2
        raw[np.arange(len(labels)), labels] += 0.3
        rows = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
        found.append(ClassificationPrediction(rows))
    return found


def test_scores_are_those_of_scikit_learn(parts: Examples) -> None:
    predictions = predicted(parts, 1)
    truth = np.concatenate([pictures_of(one, small(1).options)[1] for one in parts])
    found = np.concatenate([one.probabilities for one in predictions])
    scores = small(1).outcome(predictions, parts).scores()
    chosen = found.argmax(axis=1)
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth, chosen))
    assert scores["macro_F1"] == pytest.approx(f1_score(truth, chosen, average="macro"))
    assert 0 < scores["accuracy"] < 1


def test_the_calibration_error_is_that_of_torchmetrics(parts: Examples) -> None:
    torchmetrics = pytest.importorskip("torchmetrics.functional.classification")
    predictions = predicted(parts, 2)
    truth = np.concatenate([pictures_of(one, small(1).options)[1] for one in parts])
    found = np.concatenate([one.probabilities for one in predictions])
    wanted = torchmetrics.multiclass_calibration_error(
        torch.from_numpy(found), torch.from_numpy(truth), num_classes=3, n_bins=BINS, norm="l1"
    )
    scores = small(1).outcome(predictions, parts).scores()
    assert scores["calibration_error"] == pytest.approx(float(wanted), abs=1e-6)


def test_a_resample_counts_images_as_often_as_they_are_drawn(parts: Examples) -> None:
    predictions, task = predicted(parts, 3), small(1)
    draws = np.array([5, 5, 0, 2])
    outcome = task.outcome(predictions, parts)
    drawn = task.outcome([predictions[place] for place in draws], parts.subset(draws.tolist()))
    wanted = drawn.scores()
    found = outcome.scores(draws)
    assert all(found[name] == pytest.approx(wanted[name]) for name in task.metrics)


def test_failures_are_worst_first(parts: Examples) -> None:
    task = small(1)
    predictions = task.perfect(parts)
    wrong = np.roll(predictions[2].probabilities, 1, axis=1)
    predictions[2] = ClassificationPrediction(wrong)
    failures = task.failures(predictions, parts)
    assert failures[0]["place"] == 2
    assert failures[0]["cost"] == len(wrong)
    assert "taken for" in failures[0]["text"]
    assert failures[0]["drawn"].shape == parts[2].image.shape
    assert all(one["cost"] == 0 for one in failures[1:])


def test_an_image_of_several_categories_is_of_none(parts: Examples) -> None:
    with pytest.raises(DatasetError, match="shows=crops"):
        small(1, shows="whole").train(parts, seed=0)


def test_a_picture_beside_the_class_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    for name in ("a/x.png", "y.png"):
        cv2.imwrite(str(tmp_path / "in" / name), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(DatasetError, match=r"y\.png lies in no class's folder"):
        import_(tmp_path / "in", tmp_path / "out", "folder", options=["classes=true"])
