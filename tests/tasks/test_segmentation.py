"""The segmenter learns a tiny set by heart; its scores are those of references."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from simkit.errors import ConfigError, DatasetError
from simkit.tasks.detection import letterboxed
from simkit.tasks.examples import Examples, open_examples
from simkit.tasks.segmentation import (
    UNDECIDED,
    Segmentation,
    SegmentationOutcome,
    SegmentationPrediction,
    SegmentationPredictor,
    confusion,
    map_of,
    window_of,
)

PLAIN = {"brightness": 0.0, "contrast": 0.0, "gamma": 0.0, "cast": 0.0, "saturation": 0.0, "hue": 0.0,
         "grey": 0.0, "shadow": 0.0, "noise": 0.0, "blur": 0.0, "motion": 0.0, "jpeg": 100}  # fmt: skip


def small(steps: int, **more: Any) -> Segmentation:
    training = {"steps": steps, "batch": 4, "threads": 1, "device": "cpu", "average": 0.9,
                "learning_rate": 3e-3}  # fmt: skip
    return Segmentation({"size": 128, "window": 128, "training": training, **more})


@pytest.fixture(scope="module")
def learnt(parts: Examples) -> SegmentationPredictor:
    options = {"look": PLAIN, "zoom": 1.1, "rotation": 5.0}
    return small(150, **options).train(parts, seed=0)


def test_it_learns_the_training_images(learnt: SegmentationPredictor, parts: Examples) -> None:
    task = small(1)
    predictions = learnt.predict(parts)
    scores = task.outcome(predictions, parts).scores()
    assert scores["mIoU"] > 0.8
    assert scores["pixel_accuracy"] > 0.95
    assert predictions[0].map.shape == parts[0].image.shape[:2]
    assert 0.5 < predictions[0].confidence <= 1
    assert learnt.features(parts).shape == (8, 320)
    assert learnt.confidence(parts).shape == (8,)


def test_a_saved_model_is_the_same(
    learnt: SegmentationPredictor, parts: Examples, tmp_path: Path
) -> None:
    learnt.save(tmp_path / "model")
    again = SegmentationPredictor.load(tmp_path / "model")
    for one, other in zip(learnt.predict(parts), again.predict(parts), strict=True):
        assert (one.map == other.map).all()
    assert again.options == learnt.options
    (tmp_path / "model" / "card.json").write_text("{}")
    with pytest.raises(DatasetError, match="not of 'segmentation'"):
        SegmentationPredictor.load(tmp_path / "model")


def test_other_categories_are_refused(learnt: SegmentationPredictor, parts: Examples) -> None:
    swapped = Examples(parts.sources, parts.categories[::-1])
    with pytest.raises(ConfigError, match="in this order"):
        learnt.predict(swapped)


def test_the_same_seed_gives_the_same_model(parts: Examples) -> None:
    first, again, other = (small(2).train(parts, seed=seed) for seed in (3, 3, 4))
    weights = [one.network.state_dict()["last.weight"] for one in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_scores_are_those_of_torchmetrics() -> None:
    torchmetrics = pytest.importorskip("torchmetrics.functional.classification")
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, (5, 30, 40)).astype(np.uint8)
    found = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, 4, truth.shape))
    found = found.astype(np.uint8)
    truth[rng.random(truth.shape) < 0.1] = UNDECIDED
    confusions = np.array([confusion(a, b, 4) for a, b in zip(truth, found, strict=True)])
    scores = SegmentationOutcome(confusions, ("a", "b", "c")).scores()
    wanted = torchmetrics.multiclass_jaccard_index(
        torch.from_numpy(found).long(),
        torch.from_numpy(truth).long(),
        num_classes=4,
        average="none",
        ignore_index=UNDECIDED,
    )
    assert scores["mIoU"] == pytest.approx(float(wanted.mean()), abs=1e-6)
    assert scores["mIoU/b"] == pytest.approx(float(wanted[2]), abs=1e-6)
    decided = truth != UNDECIDED
    assert scores["pixel_accuracy"] == pytest.approx((truth == found)[decided].mean())


def test_a_class_that_does_not_occur_does_not_count() -> None:
    confusions = np.array([[[8, 0, 0], [0, 2, 0], [0, 0, 0]]])
    scores = SegmentationOutcome(confusions, ("seen", "never")).scores()
    assert scores["mIoU"] == 1
    assert "mIoU/never" not in scores


def test_a_resample_counts_images_as_often_as_they_are_drawn() -> None:
    rng = np.random.default_rng(1)
    confusions = rng.integers(0, 50, (6, 3, 3))
    draws = np.array([1, 1, 4, 0])
    outcome = SegmentationOutcome(confusions, ("a", "b"))
    wanted = SegmentationOutcome(confusions[draws], ("a", "b")).scores()
    assert outcome.scores(draws) == pytest.approx(wanted)


def test_maps_say_what_is_seen(parts: Examples) -> None:
    example = parts[0]
    truth = map_of(example)
    masks = example.record.mask_visib
    for label, ignored, place in zip(example.labels, example.ignored, example.places, strict=True):
        assert (truth[masks[place]] == (UNDECIDED if ignored else label + 1)).all()
    assert (truth[~masks[example.places].any(axis=0)] == 0).all()


def test_windows_keep_pixels_and_labels_together(parts: Examples) -> None:
    """Where the picture is turned and scaled, its labels are, too: learnt colours stay in their class."""
    options = small(1, look=PLAIN, rotation=180.0, zoom=2.0).options
    example = parts[0]
    painted = example.image.copy()
    truth = map_of(example)
    painted[:] = np.where(truth == UNDECIDED, 0, truth * 60)[..., None]
    object.__setattr__(example, "image", painted)
    rng = np.random.default_rng(0)
    for _ in range(5):
        image, labels = window_of(example, options, rng)
        decided = labels != UNDECIDED
        inside = decided & (image != 127).all(axis=2)
        gaps = np.abs(image[inside, 0].astype(int) - labels[inside] * 60.0)
        assert np.median(gaps) < 2
        assert (gaps < 30).mean() > 0.8


def test_letterboxing_is_undone(parts: Examples) -> None:
    """A network that paints what it is given gives the image's own place back."""
    image = np.zeros((50, 80, 3), np.uint8)
    image[10:30, 20:60] = 255
    seen, scale = letterboxed(image, 128)
    rows, columns = np.nonzero(seen[..., 0] == 255)
    assert columns.min() == pytest.approx(20 * scale[0], abs=1.5)
    assert rows.max() + 1 == pytest.approx(30 * scale[1], abs=1.5)


def test_failures_are_worst_first(parts: Examples) -> None:
    task = small(1)
    truth = [map_of(example) for example in parts]
    found = [np.where(one == UNDECIDED, 0, one) for one in truth]
    found[3] = np.zeros_like(found[3])
    failures = task.failures([SegmentationPrediction(one) for one in found], parts)
    assert failures[0]["place"] == 3
    assert "taken for background" in failures[0]["text"]
    assert failures[0]["drawn"].shape == (72, 192, 3)
    assert all(one["cost"] == 0 for one in failures[1:])


def test_masks_are_asked_for(make_parts: Callable[..., Path]) -> None:
    folder = make_parts(1, labels=["identity", "bbox_visib"])
    with pytest.raises(DatasetError, match="mask_visib"):
        small(1).train(open_examples(folder, ["mug", "l_bracket"]), seed=0)


def test_windows_have_the_size_that_the_network_takes(parts: Examples) -> None:
    with pytest.raises(ConfigError, match="multiple of 32"):
        small(1, window=100).train(parts, seed=0)
