"""AP against pycocotools itself, on the whole set and on resampled ones."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from simkit.errors import DatasetError
from simkit.randomness import stream
from simkit.tasks.coco import box_outcome

CLASSES = ("a", "b", "c")


@dataclass
class Boxes:
    """Truth and detections alike."""

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    ignored: NDArray[np.bool_]
    image: NDArray[np.uint8]


class Few(list[Boxes]):
    categories = CLASSES


def some_boxes(count: int, seed: int) -> tuple[Few, list[Boxes]]:
    """Truth, and detections that are moved, renamed, left out and made up."""
    truth, found = Few(), []
    for place in range(count):
        rng = stream(seed, place, "boxes")
        n = int(rng.integers(0, 6))
        corner, size = rng.uniform(0, 70, (n, 2)), rng.uniform(8, 40, (n, 2))
        boxes = np.hstack([corner, size]).astype(np.float32)
        labels = rng.integers(0, 3, n)
        image = np.zeros((100, 100, 3), np.uint8)
        ignored = rng.random(n) < 0.2
        truth.append(Boxes(boxes, labels, np.ones(n, np.float32), ignored, image))
        moved = np.concatenate([boxes, boxes, rng.uniform(5, 40, (2, 4)).astype(np.float32)])
        moved = moved + rng.normal(0, 2.5, moved.shape).astype(np.float32)
        moved[:, 2:] = np.maximum(moved[:, 2:], 1)
        named = np.concatenate([labels, labels, rng.integers(0, 3, 2)])
        named = np.where(rng.random(len(named)) < 0.2, rng.integers(0, 3, len(named)), named)
        kept = rng.random(len(named)) < 0.8
        scores = rng.random(len(named)).astype(np.float32)
        empty = np.zeros(kept.sum(), bool)
        found.append(Boxes(moved[kept], named[kept], scores[kept], empty, image))
    return truth, found


def coco_scores(truth: list[Boxes], found: list[Boxes]) -> dict[str, float]:
    """AP, AP50, AP75, AR and per-class AP50 of pycocotools with its own accumulation."""
    categories = [{"id": place, "name": name} for place, name in enumerate(CLASSES, 1)]
    images = [{"id": place, "width": 100, "height": 100} for place in range(1, len(truth) + 1)]
    judges = []
    for side in (truth, found):
        annotations: list[dict[str, Any]] = []
        for place, one in enumerate(side, 1):
            for box, label, score, ignored in zip(
                one.boxes.tolist(),
                one.labels.tolist(),
                one.scores.tolist(),
                one.ignored,
                strict=True,
            ):
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": place,
                        "category_id": label + 1,
                        "bbox": box,
                        "area": box[2] * box[3],
                        "iscrowd": int(ignored),
                        "score": score,
                    }
                )
        judge = COCO()
        judge.dataset = {"images": images, "annotations": annotations, "categories": categories}
        judges.append(judge)
    with contextlib.redirect_stdout(io.StringIO()):
        for judge in judges:
            judge.createIndex()
        scored = COCOeval(*judges, "bbox")
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
    precision = scored.eval["precision"][:, :, :, 0, 2]
    scores = {name: scored.stats[place] for name, place in (("AP", 0), ("AP50", 1), ("AP75", 2))}
    scores["AR"] = scored.stats[8]
    for label, name in enumerate(CLASSES):
        scores[f"AP50/{name}"] = precision[0, :, label].mean()
        scores[f"AP/{name}"] = precision[:, :, label].mean()
    return scores


@pytest.mark.parametrize("seed", range(4))
def test_whole_set_scores_as_pycocotools_does(seed: int) -> None:
    truth, found = some_boxes(40, seed)
    ours, theirs = box_outcome(found, truth).scores(), coco_scores(truth, found)
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize("seed", range(4))
def test_resample_scores_as_pycocotools_on_the_repeated_images(seed: int) -> None:
    truth, found = some_boxes(30, seed)
    outcome = box_outcome(found, truth)
    places = stream(seed, 0, "resample").integers(0, 30, 30)
    theirs = coco_scores([truth[place] for place in places], [found[place] for place in places])
    ours = outcome.scores(places)
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1e-12), name


def test_all_once_is_the_default() -> None:
    truth, found = some_boxes(20, 1)
    outcome = box_outcome(found, truth)
    assert outcome.scores(np.arange(20)) == outcome.scores()
    assert len(outcome) == 20


def test_truth_itself_scores_one_and_nothing_scores_zero() -> None:
    truth, _ = some_boxes(20, 2)
    assert box_outcome(truth, truth).scores()["AP"] == pytest.approx(1.0)
    none = Boxes(*(np.zeros(shape) for shape in ((0, 4), 0, 0, 0)), truth[0].image)  # type: ignore[arg-type]
    assert box_outcome([none] * 20, truth).scores()["AP"] == 0.0


def test_a_class_without_instance_is_nan_and_counts_for_nothing() -> None:
    truth, _ = some_boxes(20, 3)
    for one in truth:
        one.labels = one.labels.clip(0, 1)
    scores = box_outcome(truth, truth).scores()
    assert np.isnan(scores["AP50/c"])
    assert scores["AP50"] == pytest.approx(1.0)


def test_wrong_predictions_are_refused() -> None:
    truth, found = some_boxes(3, 0)
    with pytest.raises(DatasetError, match="2 for 3 images"):
        box_outcome(found[:2], truth)
    found[1].labels = np.full_like(found[1].labels, 7)
    with pytest.raises(DatasetError, match="label 7"):
        box_outcome(found, truth)
