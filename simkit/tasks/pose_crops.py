"""Batches of crops with what each cell of them shows."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simkit.errors import DatasetError
from simkit.randomness import stream
from simkit.tasks.crops import crop_of_box, cut, grid
from simkit.tasks.examples import Example, Examples
from simkit.tasks.looks import LookOptions, look
from simkit.tasks.object_coordinates import Surfaces
from simkit.tasks.pose_models import PoseModel
from simkit.tasks.pose_network import CELLS, CROP, STRIDE

Batch = dict[str, Tensor]

SURROUND = 1.3
"""Side of a crop, of the longer side of its box."""

SMALLEST = 6.0
"""Boxes whose longer side is shorter teach nothing [px]."""

TURN = np.deg2rad(30.0)
ZOOM = (0.8, 1.25)
SHIFT = 0.12
"""Of the centre, in longer sides of the box."""

COVERED = 0.5
"""Share of crops a part of which is hidden by a piece of another."""


class Crops:
    """Makes the batches of a training run: a function of (seed, step).

    Args:
        models: in the order of the network's.
        each: crops of an image at most.
        looks: how far crops are made to look otherwise.
        seed: of all that is drawn.
    """

    def __init__(
        self,
        examples: Examples,
        models: Sequence[PoseModel],
        each: int,
        looks: LookOptions,
        seed: int,
    ) -> None:
        self._examples, self._each, self._looks, self._seed = examples, each, looks, seed
        self._models = {model.name: model for model in models}
        self._numbers = {model.name: number for number, model in enumerate(models)}
        self._symmetries = _padded([symmetries_in_radii(model) for model in models])

    def batch(self, places: Sequence[int], step: int) -> Batch:
        """Return the crops of the images at `places`.

        Raises:
            DatasetError: none of them shows anything that can be learnt.
        """
        rng = stream(self._seed, step, "crops")
        made = [one for place in places for one in self._of_image(self._examples[place], rng)]
        if not made:
            raise DatasetError(
                f"pose: images {', '.join(map(str, places))} show no instance that is visible, of a "
                "known model and annotated with a pose; train on images that do, or raise batch"
            )
        images, coordinates, seen, numbers = zip(*made, strict=True)
        crops, shown = _covered(np.stack(images), np.stack(seen), rng)
        crops = np.stack([look(one, self._looks, rng) for one in crops])
        model = torch.tensor(numbers)
        return {
            "images": torch.from_numpy(crops),
            "coordinates": torch.from_numpy(np.stack(coordinates)),
            "seen": torch.from_numpy(shown),
            "model": model,
            "symmetries": self._symmetries[model],
        }

    def _of_image(
        self, example: Example, rng: np.random.Generator
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], int]]:
        instances = example.record.labels["instances"]
        usable = [
            number
            for number in np.flatnonzero(~example.ignored)
            if instances[example.places[number]]["identity"].get("model") in self._models
            and example.boxes[number, 2:].max() >= SMALLEST
        ]
        if not usable:
            return []
        surfaces = Surfaces(example.record, self._models)
        made = []
        for number in rng.permutation(usable)[: self._each]:
            place = int(example.places[number])
            model = self._models[instances[place]["identity"]["model"]]
            shift = rng.uniform(-SHIFT, SHIFT, 2)
            crop = crop_of_box(
                example.boxes[number],
                SURROUND,
                angle=rng.uniform(-TURN, TURN),
                zoom=float(np.exp(rng.uniform(*np.log(ZOOM)))),
                shift=(float(shift[0]), float(shift[1])),
            )
            points, seen = surfaces.at(place, grid(crop, CELLS))
            scaled = (points - model.centre) / (model.diameter / 2)
            coordinates = scaled.T.reshape(3, CELLS, CELLS).astype(np.float32)
            mask = seen.reshape(CELLS, CELLS).astype(np.float32)
            picture = cut(example.image, crop, CROP)
            made.append((picture, coordinates * mask, mask, self._numbers[model.name]))
        return made


def symmetries_in_radii(model: PoseModel) -> NDArray[np.float32]:
    """Return the symmetries (K, 3, 4) as they act on coordinates about the centre, in radii."""
    chosen = model.trained_symmetries
    turns = chosen[:, :3, :3]
    shifts = turns @ model.centre + chosen[:, :3, 3] - model.centre
    return np.concatenate([turns, shifts[..., None] / (model.diameter / 2)], axis=2).astype(
        np.float32
    )


def _padded(symmetries: Sequence[NDArray[np.float32]]) -> Tensor:
    """Return (models, K, 3, 4), the first of each (the identity) repeated where there are fewer."""
    most = max(map(len, symmetries))
    filled = [
        np.concatenate([one, np.repeat(one[:1], most - len(one), axis=0)]) for one in symmetries
    ]
    return torch.from_numpy(np.stack(filled))


def _covered(
    images: NDArray[np.uint8], seen: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Hide an ellipse of some crops behind the same part of the crop before it."""
    crops, shown = images.copy(), seen.copy()
    for number in range(len(images)):
        if rng.random() >= COVERED:
            continue
        centre = rng.uniform(0.0, CELLS, 2)
        axes = rng.uniform(0.1, 0.35, 2) * CELLS
        angle = float(rng.uniform(0.0, 180.0))
        fine = np.zeros((CROP, CROP), dtype=np.uint8)
        middle = (int(centre[0] * STRIDE), int(centre[1] * STRIDE))
        size = (int(axes[0] * STRIDE), int(axes[1] * STRIDE))
        cv2.ellipse(fine, middle, size, angle, 0.0, 360.0, 1, -1)
        crops[number][fine > 0] = images[number - 1][fine > 0]
        shown[number][fine[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE] > 0] = 0.0
    return crops, shown


def crops_of_boxes(
    example: Example, boxes: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], list[NDArray[np.float64]]]:
    """Return the crops (N, CROP, CROP, 3) of boxes, and the pixels (N, cells, 2) of their cells."""
    windows = [crop_of_box(box, SURROUND) for box in boxes]
    pictures = [cut(example.image, window, CROP) for window in windows]
    stacked = np.stack(pictures) if pictures else np.zeros((0, CROP, CROP, 3), dtype=np.uint8)
    return stacked, [grid(window, CELLS) for window in windows]
