"""Average precision by the field's evaluator; matched once, accumulated for any resample of images.

Matching is pycocotools' own. Accumulation is COCO's rule (101 recall points, precision made monotone),
with each image weighed by how often it was drawn: the same as repeating it, but for the order of
detections that score exactly alike.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from simkit.errors import DatasetError
from simkit.tasks.examples import Examples

MOST = 100
"""Detections of a class in an image that count, as COCO has it."""

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)

TINY = np.spacing(1)


class Found(Protocol):
    """What is scored: boxes (n, 4) x, y, width, height [px], labels (n,), scores (n,)."""

    @property
    def boxes(self) -> NDArray[np.float32]: ...

    @property
    def labels(self) -> NDArray[np.int64]: ...

    @property
    def scores(self) -> NDArray[np.float32]: ...


@dataclass(frozen=True, eq=False)
class Matched:
    """Detections of a class, highest score first, held against the truth.

    Attributes:
        image: (D,) places of images.
        hit: (T, D) bool: matches an instance that counts, at each threshold.
        wrong: (T, D) bool: neither matches one nor is ignored.
        instances: (N,) how many of each image count.
    """

    image: NDArray[np.int64]
    hit: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    instances: NDArray[np.int64]


class BoxOutcome:
    """Detections held against the truth."""

    def __init__(self, matched: Sequence[Matched], categories: Sequence[str], images: int) -> None:
        self._matched, self._categories, self._images = matched, categories, images

    def __len__(self) -> int:
        return self._images

    def scores(self, images: NDArray[np.int64] | None = None) -> dict[str, float]:
        """Return ``AP50``, ``AP``, ``AP75``, ``AR`` and ``AP50/class``, ``AP/class``.

        A class without an instance is NaN, and counts for nothing in the means.
        """
        if images is None:
            weights = np.ones(self._images, np.int64)
        else:
            weights = np.bincount(images, minlength=self._images)
        precision = np.full((len(self._matched), len(THRESHOLDS)), np.nan)
        recall = precision.copy()
        for label, matched in enumerate(self._matched):
            precision[label], recall[label] = accumulated(matched, weights)
        there = ~np.isnan(precision[:, 0])
        if not there.any():
            whole = dict.fromkeys(("AP50", "AP", "AP75", "AR"), float("nan"))
        else:
            whole = {
                "AP50": float(precision[there, 0].mean()),
                "AP": float(precision[there].mean()),
                "AP75": float(precision[there, 5].mean()),
                "AR": float(recall[there].mean()),
            }
        for label, name in enumerate(self._categories):
            whole[f"AP50/{name}"] = float(precision[label, 0])
        for label, name in enumerate(self._categories):
            whole[f"AP/{name}"] = float(precision[label].mean())
        return whole


def box_outcome(predictions: Sequence[Found], examples: Examples) -> BoxOutcome:
    """Return predictions held against the boxes of `examples`, image by image.

    What is ignored is a crowd to COCO: what lies in it is no mistake.

    Raises:
        DatasetError: predictions are not as many as images, or have labels that are not there.
    """
    if len(predictions) != len(examples):
        raise DatasetError(
            f"predictions: {len(predictions)} for {len(examples)} images; give one for each"
        )
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for place, prediction in enumerate(predictions):
        example = examples[place]
        height, width = example.image.shape[:2]
        images.append({"id": place + 1, "height": height, "width": width})
        for box, label, ignored in zip(
            example.boxes.tolist(), example.labels.tolist(), example.ignored, strict=True
        ):
            annotations.append(_annotation(place, label, box, int(ignored), len(annotations)))
        for box, label, score in zip(
            prediction.boxes.tolist(),
            prediction.labels.tolist(),
            prediction.scores.tolist(),
            strict=True,
        ):
            if not 0 <= label < len(examples.categories):
                raise DatasetError(
                    f"predictions[{place}]: label {label} is none of the "
                    f"{len(examples.categories)} categories"
                )
            found.append({**_annotation(place, label, box, 0, len(found)), "score": score})
    evaluated = _evaluated(images, annotations, found, len(examples.categories))
    matched = [
        _matched(evaluated[label * len(images) : (label + 1) * len(images)])
        for label in range(len(examples.categories))
    ]
    return BoxOutcome(matched, examples.categories, len(examples))


def accumulated(
    matched: Matched, weights: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return average precision and largest recall (T,) of a class; NaN where nothing is to be found.

    Args:
        matched: its detections.
        weights: (N,) how often each image counts.
    """
    total = int(weights @ matched.instances)
    precisions = np.full(len(THRESHOLDS), np.nan)
    recalls = precisions.copy()
    if total == 0:
        return precisions, recalls
    times = weights[matched.image]
    for level in range(len(THRESHOLDS)):
        hits = np.cumsum(matched.hit[level] * times)
        wrongs = np.cumsum(matched.wrong[level] * times)
        recall = hits / total
        precision = hits / (hits + wrongs + TINY)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, RECALLS, side="left")
        padded = np.append(precision, 0.0)
        precisions[level] = padded[np.minimum(at, len(precision))].mean()
        recalls[level] = recall[-1] if len(recall) else 0.0
    return precisions, recalls


def _evaluated(
    images: list[dict[str, Any]],
    annotations: list[dict[str, Any]],
    found: list[dict[str, Any]],
    classes: int,
) -> list[dict[str, Any] | None]:
    """Return pycocotools' matches by class and image, the images of the first class first."""
    truth, made = COCO(), COCO()
    categories = [{"id": label + 1, "name": str(label)} for label in range(classes)]
    truth.dataset = {"images": images, "annotations": annotations, "categories": categories}
    made.dataset = {"images": images, "annotations": found, "categories": categories}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        made.createIndex()
        judge = COCOeval(truth, made, "bbox")
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.params.maxDets = [MOST]
        judge.evaluate()
    evaluated: list[dict[str, Any] | None] = judge.evalImgs
    return evaluated


def _matched(evaluated: Sequence[dict[str, Any] | None]) -> Matched:
    """Return a class's detections of all images in one order."""
    scores, places, hits, wrongs = [], [], [], []
    instances = np.zeros(len(evaluated), np.int64)
    for place, one in enumerate(evaluated):
        if one is None:  # neither truth nor detections
            continue
        instances[place] = int((np.asarray(one["gtIgnore"]) == 0).sum())
        matches = np.asarray(one["dtMatches"]).reshape(len(THRESHOLDS), -1) > 0
        ignored = np.asarray(one["dtIgnore"], bool).reshape(len(THRESHOLDS), -1)
        scores.append(np.asarray(one["dtScores"], np.float64))
        places.append(np.full(matches.shape[1], place))
        hits.append(matches & ~ignored)
        wrongs.append(~matches & ~ignored)
    if not scores:
        empty = np.zeros((len(THRESHOLDS), 0), bool)
        return Matched(np.zeros(0, np.int64), empty, empty, instances)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return Matched(
        np.concatenate(places).astype(np.int64)[order],
        np.concatenate(hits, axis=1)[:, order],
        np.concatenate(wrongs, axis=1)[:, order],
        instances,
    )


def _annotation(
    place: int, label: int, box: list[float], crowd: int, number: int
) -> dict[str, Any]:
    return {
        "id": number + 1,
        "image_id": place + 1,
        "category_id": label + 1,
        "bbox": box,
        "area": box[2] * box[3],
        "iscrowd": crowd,
    }
