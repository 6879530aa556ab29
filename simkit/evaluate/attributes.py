"""What is plain to see of labelled images, for slices and shortcuts: of the objects, and of all else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.assets.color import LUMINANCE, linear_of_bytes
from simkit.statistics import blur_of, noise_of
from simkit.tasks.examples import Example, Examples

Float = NDArray[np.float64]

MARGIN = 0.1
"""Boxes are widened by this share of their size, so that no edge or close shadow of an object shows."""

LEAST_CONTEXT = 0.02
"""Share of an image that must be free of objects for its context to be described."""

BANDS = (1, 2, 4, 8)
"""Standard deviations of the blurs between which texture is measured [px]."""


def attributes_of(example: Example) -> dict[str, float]:
    """Return what an image's score may depend on; NaN where it is not known.

    ``object_size`` [px, of the median box], ``visibility`` (of the median object), ``overlap`` (largest
    share of a box that another covers), ``objects``, ``off_centre`` (mean distance from the middle, of
    half the diagonal), ``brightness`` [stops], ``blur`` [px], ``noise`` [levels].
    """
    height, width = example.image.shape[:2]
    boxes = example.boxes[~example.ignored].astype(np.float64)
    sides = np.sqrt(boxes[:, 2] * boxes[:, 3])
    middles = boxes[:, :2] + boxes[:, 2:] / 2 - np.array([width, height]) / 2
    instances = example.record.labels["instances"]
    seen = [
        instances[place]["visib_fract"]["visib_fract"]
        for place, ignored in zip(example.places, example.ignored, strict=True)
        if not ignored and "visib_fract" in instances[place]
    ]
    luminance = float((linear_of_bytes(example.image) @ np.array(LUMINANCE)).mean())
    return {
        "object_size": float(np.median(sides)) if len(sides) else np.nan,
        "visibility": float(np.median(seen)) if seen else np.nan,
        "overlap": _overlap(boxes),
        "objects": float(len(boxes)),
        "off_centre": float(np.hypot(*middles.T).mean() / (np.hypot(width, height) / 2))
        if len(boxes)
        else np.nan,
        "brightness": float(np.log2(max(luminance, 1e-4))),
        "blur": blur_of(example.image),
        "noise": noise_of(example.image),
    }


def context_of(example: Example) -> Float | None:
    """Return (d,) colours and textures of what lies outside all objects; None if that is too little.

    Masked pixels enter nowhere: sums are taken over the context alone, and blurs are normalised by the
    blurred mask, so that neither place nor shape of an object can be read from it.
    """
    image = example.image
    free = np.ones(image.shape[:2], np.float32)
    for x, y, width, height in example.boxes:
        left, top = x - MARGIN * width, y - MARGIN * height
        right, bottom = x + (1 + MARGIN) * width, y + (1 + MARGIN) * height
        free[
            max(int(top), 0) : max(int(np.ceil(bottom)), 0),
            max(int(left), 0) : max(int(np.ceil(right)), 0),
        ] = 0
    if free.mean() < LEAST_CONTEXT:
        return None
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    there = free > 0
    values = lab[there]
    colours = [
        values.mean(axis=0),
        values.std(axis=0),
        *np.quantile(values, (0.1, 0.5, 0.9), axis=0),
    ]
    grey = lab[..., 0]
    blurred = [grey, *(_blurred(grey, free, spread) for spread in BANDS)]
    layers = [np.log1p(np.abs(a - b)[there].mean()) for a, b in pairwise(blurred)]
    return np.concatenate([*colours, np.array(layers)]).astype(np.float64)


def contexts_of(examples: Examples) -> tuple[Float, NDArray[np.int64], NDArray[np.int64]]:
    """Return contexts (n, d), the label of the largest object (n,), and the places (n,) of the images.

    Images without an object, or without enough context, are left out.
    """
    rows, labels, places = [], [], []
    for place, example in enumerate(examples):
        label, context = main_label(example), context_of(example)
        if label is not None and context is not None:
            rows.append(context)
            labels.append(label)
            places.append(place)
    return np.array(rows).reshape(len(rows), -1), np.array(labels, int), np.array(places, int)


def main_label(example: Example) -> int | None:
    """Return the label of an image's largest object."""
    if not len(example.boxes):
        return None
    return int(example.labels[np.argmax(example.boxes[:, 2] * example.boxes[:, 3])])


def one_of_each_scene(examples: Examples) -> Examples:
    """Return the first image of each scene, for images of one scene are not independent."""
    scenes: Sequence[object] = examples.column("scene_index")
    first: dict[object, int] = {}
    for place, scene in enumerate(scenes):
        first.setdefault(scene, place)
    return examples.subset(first.values())


def _blurred(grey: Any, free: Any, spread: float) -> Any:
    """Return a blur of the context alone: of what is free, by as much of it as there is."""
    weight = cv2.GaussianBlur(free, (0, 0), spread)
    return cv2.GaussianBlur(grey * free, (0, 0), spread) / np.maximum(weight, 1e-3)


def _overlap(boxes: Float) -> float:
    worst = 0.0
    for number, (x, y, width, height) in enumerate(boxes):
        for other, (u, v, w, h) in enumerate(boxes):
            if number != other:
                across = max(min(x + width, u + w) - max(x, u), 0.0)
                down = max(min(y + height, v + h) - max(y, v), 0.0)
                worst = max(worst, across * down / max(width * height, 1e-9))
    return worst
