"""A task so small that its scores are known: name the colour of a square. And sets of such images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.exchange import import_
from simkit.options import setting
from simkit.tasks.contract import Task
from simkit.tasks.examples import Examples

COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}
SIZE = 24


def write_set(
    folder: Path,
    n: int,
    seed: int,
    noise: float = 40.0,
    cast: Sequence[float] = (0, 0, 0),
    backgrounds: dict[str, int] | None = None,
    origin: str = "",
    blur: float = 0.0,
) -> Path:
    """Import n images of one coloured square each; return the data set's folder.

    Args:
        noise: standard deviation of each square's colour.
        cast: added to all squares' colours.
        backgrounds: grey of the background by class; at random otherwise.
    """
    rng = np.random.default_rng(seed)
    source = folder.parent / f"{folder.name}_source"
    source.mkdir(parents=True)
    images, boxes = [], []
    for number in range(n):
        label = int(rng.integers(3))
        name = list(COLOURS)[label]
        grey = rng.integers(20, 236)
        if backgrounds:
            grey = np.clip(backgrounds[name] + rng.normal(0, 10), 0, 255)
        picture = np.clip(grey + rng.normal(0, 6, (SIZE, SIZE, 3)), 0, 255)
        x, y = (int(one) for one in rng.integers(2, SIZE - 12, 2))
        colour = np.array(COLOURS[name]) + np.array(cast) + rng.normal(0, noise, 3)
        picture[y : y + 10, x : x + 10] = np.clip(colour, 0, 255)
        picture = picture.astype(np.uint8)
        if blur:
            picture = cv2.GaussianBlur(picture, (0, 0), blur)
        file = f"{number:04d}.png"
        cv2.imwrite(str(source / file), picture[..., ::-1])
        images.append({"id": number + 1, "file_name": file, "width": SIZE, "height": SIZE})
        boxes.append(
            {
                "id": number + 1,
                "image_id": number + 1,
                "category_id": label + 1,
                "bbox": [x, y, 10, 10],
                "area": 100,
                "iscrowd": 0,
            }
        )
    categories = [{"id": place + 1, "name": name} for place, name in enumerate(COLOURS)]
    whole = {"images": images, "annotations": boxes, "categories": categories}
    (source / "annotations.json").write_text(json.dumps(whole))
    import_(source / "annotations.json", folder, "coco", origin=origin)
    return folder


@dataclass(frozen=True)
class Named:
    """What is said of an image."""

    label: int
    colour: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Model:
    """Mean colour of each class."""

    means: NDArray[np.float64]

    def predict(self, examples: Examples) -> list[Named]:
        return [self._named(colour_of(one)) for one in examples]

    def _named(self, colour: NDArray[np.float64]) -> Named:
        return Named(int(np.argmin(((self.means - colour) ** 2).sum(axis=1))), colour)

    def save(self, path: Path) -> None:
        np.save(path.open("wb"), self.means)

    def features(self, examples: Examples) -> NDArray[np.float32]:
        return np.array([colour_of(one) for one in examples], np.float32)

    def confidence(self, examples: Examples) -> NDArray[np.float32]:
        distances = [((self.means - colour_of(one)) ** 2).sum(axis=1) for one in examples]
        return np.array([np.exp(-one.min() / 2e4) for one in distances], np.float32)


@dataclass(frozen=True, eq=False)
class Hits:
    """Right or not, image by image."""

    right: NDArray[np.bool_]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.right)

    def scores(self, images: NDArray[np.int64] | None = None) -> dict[str, float]:
        images = np.arange(len(self.right)) if images is None else images
        right, labels = self.right[images], self.labels[images]
        scores = {"accuracy": float(right.mean()), "error": float(1 - right.mean())}
        for label, name in enumerate(COLOURS):
            of_class = right[labels == label]
            if len(of_class):
                scores[f"accuracy/{name}"] = float(of_class.mean())
        return scores


@dataclass
class ColourOptions:
    """Of the task."""

    wobble: float = setting(0.0, low=0, high=500, help="how far seeds move the model")


class Colours(Task[Named]):
    """Name the colour of the square; `TRAINED` counts the trainings."""

    Options: ClassVar[type[Any]] = ColourOptions
    metrics = ("accuracy", "error")
    draws_by_weights = True

    def __init__(self, options: ColourOptions) -> None:
        self.options = options

    def train(
        self, examples: Examples, *, seed: int, target: Any = None, progress: Any = None
    ) -> Model:
        TRAINED.append((len(examples), seed))
        if FAIL_AFTER and len(TRAINED) > FAIL_AFTER[0]:
            raise KeyboardInterrupt
        colours = np.array([colour_of(one) for one in examples])
        labels = np.array([one.labels[0] for one in examples])
        shares = getattr(examples, "weights", lambda _: np.full(len(labels), 1.0))(1.0)
        rng = np.random.default_rng(seed)
        means = np.full((len(COLOURS), 3), -1e4)
        for label in range(len(COLOURS)):
            chosen = (labels == label) & (shares > 0)
            if chosen.any():
                means[label] = np.average(colours[chosen], axis=0, weights=shares[chosen])
        return Model(means + rng.normal(0, 1, means.shape) * self.options.wobble)

    def outcome(self, predictions: Sequence[Named], examples: Examples) -> Hits:
        labels = np.array([one.labels[0] for one in examples])
        return Hits(np.array([one.label for one in predictions]) == labels, labels)

    def failures(self, predictions: Sequence[Named], examples: Examples) -> list[dict[str, Any]]:
        found = []
        for place, (one, example) in enumerate(zip(predictions, examples, strict=True)):
            if one.label != example.labels[0]:
                text = f"{list(COLOURS)[one.label]} in place of {list(COLOURS)[example.labels[0]]}"
                found.append({"place": place, "cost": 1.0, "text": text, "drawn": example.image})
        return found


TRAINED: list[tuple[int, int]] = []
FAIL_AFTER: list[int] = []


def colour_of(example: Any) -> NDArray[np.float64]:
    """Mean colour of the first box."""
    x, y, width, height = example.boxes[0].astype(int)
    return example.image[y : y + height, x : x + width].reshape(-1, 3).mean(axis=0)


def train(examples: Examples, seed: int = 0) -> Model:
    """A trainer of a user's own."""
    return Colours(ColourOptions()).train(examples, seed=seed)


def train_nothing(examples: Examples) -> object:
    """A trainer that gives no predictor."""
    return object()


def loaded() -> Model:
    """A trained model, as a user's function returns it."""
    return Model(np.array(list(COLOURS.values()), float))
