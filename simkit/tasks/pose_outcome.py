"""Estimated poses held against true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.geometry import apply_transform, project
from simkit.tasks.bop_scores import (
    ADD_THRESHOLD,
    MSPD_THRESHOLDS,
    MSPD_WIDTH,
    MSSD_THRESHOLDS,
    add,
    adi,
    found_counts,
    mspd,
    mssd,
)
from simkit.tasks.examples import Example, Examples
from simkit.tasks.failing import worst_first
from simkit.tasks.object_coordinates import camera_matrix, pose_of
from simkit.tasks.pose_models import PoseModel

Float = NDArray[np.float64]
Models = Mapping[str, PoseModel]

TRUTH, FOUND = (80, 220, 80), (255, 60, 200)


@dataclass(frozen=True, eq=False)
class PosePrediction:
    """The objects that were found in one image.

    Attributes:
        models: (N,) names.
        poses: (N, 4, 4) float64 ``T_camera_model`` [m].
        scores: (N,) float64, 0 to 1.
    """

    models: tuple[str, ...] = ()
    poses: Float = field(default_factory=lambda: np.zeros((0, 4, 4)))
    scores: Float = field(default_factory=lambda: np.zeros(0))


class PoseOutcome:
    """Counts of what is to be found, and of what is found at each threshold, image by image.

    Args:
        names: of the scores: their mean, AR_MSSD, AR_MSPD and the recall of ADD(-S).
        categories: the classes.
        targets: (images, classes) instances to be found.
        mssd, mspd: (images, classes, thresholds) that are found; add: (images, classes).
    """

    def __init__(
        self,
        names: Sequence[str],
        categories: Sequence[str],
        targets: NDArray[np.int64],
        mssd: NDArray[np.int64],
        mspd: NDArray[np.int64],
        add: NDArray[np.int64],
    ) -> None:
        self._names, self._categories = names, categories
        self._targets, self._mssd, self._mspd, self._add = targets, mssd, mspd, add
        self._occurs: list[int] = np.flatnonzero(targets.sum(axis=0)).tolist()

    def __len__(self) -> int:
        return len(self._targets)

    def scores(self, images: NDArray[np.int64] | None = None) -> dict[str, float]:
        """Return recalls over all instances together, as BOP has them, and those of each class."""
        chosen = np.arange(len(self)) if images is None else images
        targets = self._targets[chosen].sum(axis=0)
        near = self._mssd[chosen].mean(axis=2).sum(axis=0)
        aligned = self._mspd[chosen].mean(axis=2).sum(axis=0)
        close = self._add[chosen].sum(axis=0)
        figures = ((near + aligned) / 2, near, aligned, close)
        total = float(targets.sum()) or float("nan")
        whole = {
            name: float(one.sum()) / total for name, one in zip(self._names, figures, strict=True)
        }
        with np.errstate(invalid="ignore"):
            each = figures[0] / targets
        parts = {
            f"{self._names[0]}/{self._categories[label]}": float(each[label])
            for label in self._occurs
        }
        return {**whole, **parts}


@dataclass(frozen=True, eq=False)
class Target:
    """An instance to be found: the model, its label and its true pose (4, 4) [m]."""

    model: PoseModel
    label: int
    pose: Float


def targets_of(example: Example, models: Models) -> list[Target]:
    """Return the instances that are to be found: of known models, and visible enough.

    Raises:
        DatasetError: one has no pose.
    """
    instances = example.record.labels["instances"]
    return [
        Target(models[name], int(label), pose_of(example.record, int(place)))
        for label, ignored, place in zip(
            example.labels, example.ignored, example.places, strict=True
        )
        if not ignored and (name := instances[place]["identity"].get("model")) in models
    ]


def outcome_of(
    predictions: Sequence[PosePrediction], examples: Examples, models: Models, names: Sequence[str]
) -> PoseOutcome:
    """Return predictions held against the truth; `names` are those of the four scores."""
    images, classes = len(examples), len(examples.categories)
    targets = np.zeros((images, classes), dtype=np.int64)
    near = np.zeros((images, classes, len(MSSD_THRESHOLDS)), dtype=np.int64)
    aligned = np.zeros((images, classes, len(MSPD_THRESHOLDS)), dtype=np.int64)
    close = np.zeros((images, classes), dtype=np.int64)
    for number, (found, example) in enumerate(zip(predictions, examples, strict=True)):
        wanted = targets_of(example, models)
        for name in sorted({one.model.name for one in wanted}):
            some = [one for one in wanted if one.model.name == name]
            label = some[0].label
            targets[number, label] += len(some)
            errors = _errors(found, example, some)
            scores = np.array(
                [s for s, m in zip(found.scores, found.models, strict=True) if m == name]
            )
            near[number, label] += found_counts(errors[0], scores, MSSD_THRESHOLDS)
            aligned[number, label] += found_counts(errors[1], scores, MSPD_THRESHOLDS)
            close[number, label] += found_counts(errors[2], scores, [ADD_THRESHOLD])[0]
    return PoseOutcome(names, examples.categories, targets, near, aligned, close)


def failures_of(
    predictions: Sequence[PosePrediction], examples: Examples, models: Models
) -> list[dict[str, Any]]:
    """Return what is wrong image by image, worst first; see `simkit.tasks.contract.Task.failures`."""
    judged = []
    for found, example in zip(predictions, examples, strict=True):
        wrong = []
        for target in targets_of(example, models):
            errors = _errors(found, example, [target])
            if not errors.shape[1]:
                wrong.append((1.0, f"{target.model.category} is not found"))
            elif errors[2].min() >= ADD_THRESHOLD:
                off = float(errors[0].min())
                text = f"{target.model.category} is {off * target.model.diameter * 1000:.0f} mm off"
                wrong.append((min(off, 1.0), text))
        wrong.sort(key=lambda one: -one[0])
        judged.append((sum(cost for cost, _ in wrong), "; ".join(text for _, text in wrong)))
    return worst_first(
        judged, lambda place: drawn_poses(predictions[place], examples[place], models)
    )


def drawn_poses(found: PosePrediction, example: Example, models: Models) -> NDArray[np.uint8]:
    """Return the image with the outlines of the models at their true (green) and found poses."""
    cam_K = camera_matrix(example.record)
    picture = np.ascontiguousarray(example.image.copy())
    for target in targets_of(example, models):
        _outline(picture, target.pose, target.model, cam_K, TRUTH)
    for name, pose in zip(found.models, found.poses, strict=True):
        _outline(picture, pose, models[name], cam_K, FOUND)
    return picture


def _errors(found: PosePrediction, example: Example, targets: Sequence[Target]) -> Float:
    """Return (3, E, G): MSSD [diameters], MSPD [px of `MSPD_WIDTH`] and ADD(-S) [diameters].

    Args:
        targets: of one model.
    """
    model = targets[0].model
    cam_K = camera_matrix(example.record)
    per_width = MSPD_WIDTH / example.image.shape[1]
    mean = adi if model.symmetric else add
    points, corners, symmetries = model.vertices, model.corners, model.symmetries
    poses = [p for p, name in zip(found.poses, found.models, strict=True) if name == model.name]
    errors = np.zeros((3, len(poses), len(targets)))
    for row, pose in enumerate(poses):
        for column, target in enumerate(targets):
            errors[:, row, column] = (
                mssd(pose, target.pose, corners, symmetries) / model.diameter,
                mspd(pose, target.pose, points, symmetries, cam_K, corners) * per_width,
                mean(pose, target.pose, points) / model.diameter,
            )
    return errors


def _outline(
    picture: NDArray[np.uint8],
    pose: Float,
    model: PoseModel,
    cam_K: Float,
    color: tuple[int, int, int],
) -> None:
    """Draw the border of a model's silhouette: of the triangles between its vertices."""
    pixels = project(apply_transform(pose, model.vertices), cam_K)
    if not np.isfinite(pixels).all() or np.abs(pixels).max() > 1e5:
        return
    silhouette = np.zeros(picture.shape[:2], dtype=np.uint8)
    for triangle in np.rint(pixels[model.faces]).astype(np.int32):
        cv2.fillConvexPoly(silhouette, triangle, 1)
    borders, _ = cv2.findContours(silhouette, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, borders, -1, color, 1)
