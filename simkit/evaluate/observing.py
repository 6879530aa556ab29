"""One pass over a set of labelled images: all plain numbers that it is compared by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.errors import DatasetError
from simkit.features.resizing import bounded, resized
from simkit.features.streaming import chosen
from simkit.metrics.image_statistics import (
    BACKGROUND_STATISTICS,
    IMAGE_STATISTICS,
    Statistic,
    background_statistics,
    image_statistics,
)
from simkit.metrics.label_statistics import LABEL_STATISTICS, instance_statistics, label_statistics
from simkit.tasks.examples import Example, Examples

Float = NDArray[np.float64]

SIDE = 320
"""Longer side to which images are averaged down before noise, blur and spectrum are compared [px]."""

THUMBNAIL = 16
"""Side of the small pictures by which copies are found [px]."""

SHAPE_STATISTICS = (
    Statistic("resolution", "resolution", "log2 px of the longer side", 0.25,
              "of higher resolution", "of lower resolution"),
    Statistic("image shape", "resolution", "log2 of width / height", 0.1, "wider", "taller"),
)  # fmt: skip

STATISTICS: dict[str, Statistic] = {
    one.name: one
    for one in (
        *IMAGE_STATISTICS,
        *BACKGROUND_STATISTICS,
        *SHAPE_STATISTICS,
        *LABEL_STATISTICS,
    )
}
"""All numbers of an image that are compared, by name."""

OF_LABELS = frozenset(one.name for one in LABEL_STATISTICS)


@dataclass(frozen=True, eq=False)
class Observations:
    """What was measured of N images.

    Attributes:
        categories: K names.
        places: (N,) of the images in the examples.
        statistics: (N,) float64 by name of `STATISTICS`; NaN where an image does not say.
        instances: (M,) float64 by name, one an object that counts; see `instance_statistics`.
        instance_labels: (M,) int64.
        counts: (N, K) int64, objects that count by category.
        thumbnails: (N, 2, d) float32, small pictures as they are and mirrored.
        side: to which images were averaged down [px].
    """

    categories: tuple[str, ...]
    places: NDArray[np.int64]
    statistics: dict[str, Float]
    instances: dict[str, Float]
    instance_labels: NDArray[np.int64]
    counts: NDArray[np.int64]
    thumbnails: NDArray[np.float32]
    side: int

    def __len__(self) -> int:
        return len(self.places)

    def subset(self, rows: NDArray[np.int64]) -> Observations:
        """Return some of the images; `instances` are left empty."""
        return Observations(
            self.categories,
            self.places[rows],
            {name: values[rows] for name, values in self.statistics.items()},
            {},
            np.zeros(0, np.int64),
            self.counts[rows],
            self.thumbnails[rows],
            self.side,
        )


def observe(
    examples: Examples,
    *,
    side: int = SIDE,
    limit: int | None = None,
    rng: np.random.Generator | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Observations:
    """Return what is plain to measure of labelled images.

    Args:
        examples: labelled images.
        side: longer side to which larger images are averaged down [px].
        limit: at most so many images: a random choice.
        rng: chooses; needed where there are more.
        progress: is told the number of images done and of all.

    Raises:
        DatasetError: there is no image.
    """
    places = chosen(len(examples), limit, rng)
    if not len(places):
        raise DatasetError("there is no image to look at; see the conditions given")
    per_image: list[dict[str, float]] = []
    per_instance: list[dict[str, Float]] = []
    labels, counts, thumbnails = [], [], []
    for done, place in enumerate(places):
        example = examples[int(place)]
        own = _of_instances(example)
        per_instance.append(own)
        per_image.append(_of_image(example, side) | label_statistics(own))
        kept = example.labels[~example.ignored]
        labels.append(kept)
        counts.append(np.bincount(kept, minlength=len(examples.categories)))
        thumbnails.append(_thumbnails(example.image))
        progress(done + 1, len(places))
    return Observations(
        examples.categories,
        places,
        {name: np.array([row[name] for row in per_image]) for name in STATISTICS},
        {name: np.concatenate([row[name] for row in per_instance]) for name in per_instance[0]},
        np.concatenate(labels),
        np.array(counts, np.int64),
        np.array(thumbnails, np.float32),
        side,
    )


def _of_image(example: Example, side: int) -> dict[str, float]:
    height, width = example.image.shape[:2]
    image = bounded(example.image, side)
    scale = np.array([image.shape[1] / width, image.shape[0] / height] * 2, np.float32)
    return {
        **image_statistics(image),
        **background_statistics(image, example.boxes * scale),
        "resolution": float(np.log2(max(height, width))),
        "image shape": float(np.log2(width / height)),
    }


def _of_instances(example: Example) -> dict[str, Float]:
    kept = ~example.ignored
    stored = example.record.labels["instances"]
    visible = [
        stored[place].get("visib_fract", {}).get("visib_fract", np.nan)
        for place in example.places[kept].tolist()
    ]
    height, width = example.image.shape[:2]
    return instance_statistics(
        example.boxes[kept], height, width, np.array(visible, dtype=np.float64)
    )


def _thumbnails(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (2, d) small pictures, mean 0 and norm 1: brighter or flatter copies are copies, too."""
    small = resized(image, THUMBNAIL, THUMBNAIL).astype(np.float32)
    both = np.stack([small, small[:, ::-1]]).reshape(2, -1)
    both -= both.mean(axis=1, keepdims=True)
    return np.asarray(both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-6))
