"""What a detector got wrong, image by image, in words and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.tasks.coco import Found
from simkit.tasks.examples import Example, Examples
from simkit.tasks.failing import worst_first

SURE = 0.3
"""Score from which a find is taken at its word."""

ENOUGH = 0.5
"""IoU from which a find is of an instance."""

TRUTH, RIGHT, WRONG, PASSED = (255, 255, 255), (40, 200, 60), (240, 40, 40), (128, 128, 128)


def failures_of(predictions: Sequence[Found], examples: Examples) -> list[dict[str, Any]]:
    """Return what is wrong with each image; see `simkit.tasks.contract.Task.failures`.

    The cost is 1 for each instance that is missed or misnamed, and the score of each find that is none.
    """
    judged = []
    for place, prediction in enumerate(predictions):
        cost, texts = _judged(prediction, examples[place], examples.categories)
        judged.append((cost, "; ".join(texts)))
    return worst_first(
        judged, lambda place: drawn(examples[place], predictions[place], examples.categories)
    )


def drawn(example: Example, prediction: Found, categories: Sequence[str]) -> NDArray[np.uint8]:
    """Return an image with the truth (white) and what was found (green, or red where it is none)."""
    image = np.ascontiguousarray(example.image.copy())
    overlaps = _overlaps(prediction.boxes, example.boxes)
    for box, label, ignored in zip(example.boxes, example.labels, example.ignored, strict=True):
        _draw(image, box, PASSED if ignored else TRUTH, categories[label], low=True)
    for place in np.flatnonzero(prediction.scores >= SURE):
        label = prediction.labels[place]
        right = ((overlaps[place] >= ENOUGH) & (example.labels == label)).any()
        text = f"{categories[label]} {prediction.scores[place]:.2f}"
        _draw(image, prediction.boxes[place], RIGHT if right else WRONG, text, low=False)
    return image


def _judged(
    prediction: Found, example: Example, categories: Sequence[str]
) -> tuple[float, list[str]]:
    sure = prediction.scores >= SURE
    overlaps = _overlaps(prediction.boxes[sure], example.boxes)
    labels, scores = prediction.labels[sure], prediction.scores[sure]
    cost, texts = 0.0, []
    for number in np.flatnonzero(~example.ignored):
        over = overlaps[:, number] >= ENOUGH
        if (over & (labels == example.labels[number])).any():
            continue
        cost += 1
        name = categories[example.labels[number]]
        others = sorted({categories[label] for label in labels[over]})
        texts.append(f"{name} taken for {', '.join(others)}" if others else f"{name} missed")
    for number in np.flatnonzero(~(overlaps >= ENOUGH).any(axis=1)):
        cost += float(scores[number])
        texts.append(f"{categories[labels[number]]} where there is none")
    return cost, texts


def _overlaps(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the IoU (n, m) of boxes (n, 4) and (m, 4): x, y, width, height."""
    a, b = np.asarray(first, np.float64)[:, None], np.asarray(second, np.float64)[None]
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    union = np.prod(a[..., 2:], axis=2) + np.prod(b[..., 2:], axis=2) - both
    shares: NDArray[np.float64] = both / np.maximum(union, 1e-9)
    return shares


def _draw(
    image: NDArray[np.uint8],
    box: NDArray[np.float32],
    colour: tuple[int, int, int],
    text: str,
    low: bool,
) -> None:
    x, y, width, height = (round(float(one)) for one in box)
    scale = max(image.shape[:2]) / 1000
    thick = max(1, round(2 * scale))
    cv2.rectangle(image, (x, y), (x + width - 1, y + height - 1), colour, thick)
    at = (x + 2, y + height - 4 if low else y + round(22 * scale) + 2)
    for ink, extra in (((0, 0, 0), 2), (colour, 0)):
        cv2.putText(
            image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * scale, ink, thick + extra, cv2.LINE_AA
        )
