"""Features of a data set, image by image: what is held in memory is a batch of images, and features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from simkit.dataset.reader import Dataset
from simkit.errors import DatasetError
from simkit.features.contract import Extractor, Image
from simkit.tasks.examples import Example, Examples

MARGIN = 0.15
"""Of a box's side, added on each side of a crop: the object's edge is part of how it looks."""

SMALLEST = 8.0
"""Side of a box below which no crop is taken [px]: there is nothing to see."""


def features_of(
    source: Examples | Dataset | Iterable[Image],
    extractor: Extractor,
    *,
    limit: int | None = None,
    rng: np.random.Generator | None = None,
) -> NDArray[np.float32]:
    """Return (N, d) float32 features of whole images, in their order.

    Args:
        source: labelled images, a data set, or any images (H, W, 3) uint8.
        extractor: of `open_features`.
        limit: at most so many images (of `Examples`): a random choice without repetition.
        rng: chooses; needed where there are more than `limit`.
    """
    if isinstance(source, Examples):
        places = chosen(len(source), limit, rng)
        return extractor.extract(source.record(int(place)).rgb for place in places)
    if limit is not None:
        raise DatasetError("features: only Examples can be limited; see open_examples")
    if isinstance(source, Dataset):
        return extractor.extract(record.rgb for record in source)
    return extractor.extract(source)


def crop_features_of(
    examples: Examples,
    extractor: Extractor,
    *,
    margin: float = MARGIN,
    limit: int | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Return features (N, d) of object crops, the place of each one's image, and its label.

    Args:
        examples: labelled images.
        extractor: of `open_features`.
        margin: see `crops_of`.
        limit: at most so many images: a random choice; all crops of an image are taken.
        rng: chooses.
    """
    images: list[int] = []
    labels: list[int] = []

    def stream() -> Iterator[Image]:
        for place in chosen(len(examples), limit, rng):
            example = examples[int(place)]
            for crop, label in crops_of(example, margin):
                images.append(int(place))
                labels.append(label)
                yield crop

    features = extractor.extract(stream())
    return features, np.array(images, np.int64), np.array(labels, np.int64)


def crops_of(example: Example, margin: float = MARGIN) -> list[tuple[Image, int]]:
    """Return (crop, label) of each object that counts, cut out by its visible box and a margin.

    Args:
        example: a labelled image.
        margin: share of the box's sides that is added on each side, as far as the image goes.
    """
    height, width = example.image.shape[:2]
    crops = []
    for box, label, ignored in zip(
        example.boxes.tolist(), example.labels.tolist(), example.ignored.tolist(), strict=True
    ):
        x, y, w, h = box
        if ignored or min(w, h) < SMALLEST:
            continue
        left, top = (max(round(at - margin * side), 0) for at, side in ((x, w), (y, h)))
        right = min(round(x + w * (1 + margin)), width)
        bottom = min(round(y + h * (1 + margin)), height)
        if right > left and bottom > top:
            crops.append((example.image[top:bottom, left:right], label))
    return crops


def chosen(count: int, limit: int | None, rng: np.random.Generator | None) -> NDArray[np.int64]:
    """Return `limit` of `count` places without repetition, in order; all if there are no more."""
    if limit is None or count <= limit:
        return np.arange(count)
    if rng is None:
        raise ValueError(f"features: an rng is needed to choose {limit} of {count} images")
    return np.sort(rng.choice(count, limit, replace=False))
