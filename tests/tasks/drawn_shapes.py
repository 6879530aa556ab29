"""A data set in memory: coloured squares and discs on noise, with boxes and masks."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.dataset.reader import Record
from simkit.dataset.rle import encode_mask
from simkit.geometry import box_of_mask
from simkit.randomness import stream
from simkit.tasks.examples import Examples

NAMES = ("square", "disc")
COLOURS = ((220, 40, 40), (40, 60, 220))


class Drawn:
    """Stands for a data set: images by number, drawn when asked for."""

    url = "memory"
    categories: ClassVar[dict[int, str]] = {1: "square", 2: "disc"}

    def __init__(
        self, seed: int, shape: tuple[int, int] = (96, 128), masks: bool = True, tint: float = 1.0
    ) -> None:
        self.seed, self.shape, self.masks, self.tint = seed, shape, masks, tint

    def __getitem__(self, index: int) -> Record:
        image, instances, masks = _scene(self.seed, index, self.shape)
        image = np.clip(image * self.tint, 0, 255).astype(np.uint8)
        row = {"index": index, "key": f"{index:06d}", "height": self.shape[0]}
        row |= {"width": self.shape[1], "status": "ok"}
        files = {
            "rgb.png": cv2.imencode(".png", image[..., ::-1])[1].tobytes(),
            "labels.json": json.dumps({"image": {}, "instances": instances}).encode(),
        }
        if self.masks:
            runs = {str(place): encode_mask(mask) for place, mask in enumerate(masks)}
            files["mask_visib.json"] = json.dumps(runs).encode()
        return Record(row, files)


def shapes(count: int, seed: int = 0, **settings: Any) -> Examples:
    """Return `count` images of one to three shapes; a grey, hardly visible one is ignored."""
    data = Drawn(seed, **settings)
    return Examples([(data, index) for index in range(count)], NAMES)  # type: ignore[list-item]


def _scene(
    seed: int, index: int, shape: tuple[int, int]
) -> tuple[NDArray[np.uint8], list[dict[str, Any]], list[NDArray[np.bool_]]]:
    rng = stream(seed, index, "shapes")
    height, width = shape
    image = rng.integers(90, 150, (height, width, 3)).astype(np.uint8)
    y, x = np.mgrid[:height, :width]
    instances: list[dict[str, Any]] = []
    masks: list[NDArray[np.bool_]] = []
    taken = np.zeros(shape, bool)
    for _ in range(int(rng.integers(1, 4))):
        label, radius = int(rng.integers(2)), int(rng.integers(10, 20))
        at = rng.uniform([radius, radius], [width - radius, height - radius])
        if label == 0:
            mask = (np.abs(x - at[0]) < radius) & (np.abs(y - at[1]) < radius)
        else:
            mask = np.hypot(x - at[0], y - at[1]) < radius
        if (cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) * taken).any():
            continue
        taken |= mask
        image[mask] = COLOURS[label]
        masks.append(mask)
        instances.append(
            {
                "bbox_visib": list(box_of_mask(mask)),  # type: ignore[arg-type]
                "visib_fract": {"visib_fract": 1.0},
                "identity": {"category_id": label + 1},
            }
        )
    return image, instances, masks
