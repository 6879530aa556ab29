"""Sets of painted pictures with boxes: quick to make, different from each other as photos are."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.dataset.reader import Record
from simkit.tasks.examples import Examples

Image = NDArray[np.uint8]

CATEGORIES = {1: "disc", 2: "plate", 3: "ring"}
HEIGHT, WIDTH = 96, 128


@dataclass(frozen=True)
class Picture:
    """An image, with (category id, box, visib_fract) of each object."""

    image: Image
    objects: Sequence[tuple[int, tuple[float, float, float, float], float]]


class PaintedSet:
    """As much of a data set as examples need."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self.url = "painted"
        self.categories = CATEGORIES
        self.description: dict[str, Any] = {}
        self._pictures = pictures

    def __getitem__(self, index: int) -> Record:
        picture = self._pictures[index]
        instances = [
            {
                "identity": {"category_id": category, "category": CATEGORIES[category]},
                "bbox_visib": list(box),
                "visib_fract": {"visib_fract": visible},
            }
            for category, box, visible in picture.objects
        ]
        height, width = picture.image.shape[:2]
        png = cv2.imencode(".png", picture.image[..., ::-1])[1].tobytes()
        labels = json.dumps({"image": {}, "instances": instances}).encode()
        row = {"index": index, "key": str(index), "width": width, "height": height}
        return Record(row, {"rgb.png": png, "labels.json": labels})


def examples_of(pictures: Sequence[Picture]) -> Examples:
    """Return pictures as labelled examples."""
    data: Any = PaintedSet(pictures)
    return Examples([(data, index) for index in range(len(pictures))], list(CATEGORIES.values()))


def painted(rng: np.random.Generator, n: int, size: float = 1.0) -> list[Picture]:
    """Return n pictures of one to three objects on a rough ground, with some blur and noise."""
    return [_picture(rng, size) for _ in range(n)]


def changed(pictures: Sequence[Picture], change: Callable[[Image], NDArray[Any]]) -> list[Picture]:
    """Return pictures with their images changed."""
    return [
        replace(one, image=np.clip(change(one.image), 0, 255).astype(np.uint8)) for one in pictures
    ]


def _picture(rng: np.random.Generator, size: float) -> Picture:
    image = np.full((HEIGHT, WIDTH, 3), rng.uniform(70, 150, 3), np.float32)
    for cells in (4, 8, 16, 32):
        rough = rng.normal(0, 60 / cells**0.7, (cells, cells, 1)).astype(np.float32)
        image += cv2.resize(rough, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)[..., None]
    objects = []
    for _ in range(rng.integers(1, 4)):
        category = int(rng.integers(1, 4))
        w, h = (float(side) for side in rng.uniform(14, 32, 2) * size)
        x, y = float(rng.uniform(0, WIDTH - w)), float(rng.uniform(0, HEIGHT - h))
        colour = tuple(float(one) for one in rng.uniform(20, 235, 3))
        corner, far = (int(x), int(y)), (int(x + w) - 1, int(y + h) - 1)
        centre = ((corner[0] + far[0]) // 2, (corner[1] + far[1]) // 2)
        if category == 2:
            cv2.rectangle(image, corner, far, colour, -1)
        else:
            axes = (int(w / 2), int(h / 2))
            cv2.ellipse(image, centre, axes, 0, 0, 360, colour, -1 if category == 1 else 4)
        objects.append((category, (x, y, w, h), float(rng.uniform(0.6, 1.0))))
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 0.8))
    image = image + rng.normal(0, rng.uniform(1.0, 3.0), image.shape)
    return Picture(np.clip(image, 0, 255).astype(np.uint8), objects)
