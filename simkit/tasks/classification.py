"""Classification of objects in their boxes, or of whole images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from simkit.backbone import HEAD, EfficientNetLite0, inputs_of, pretrained, untrained
from simkit.errors import DatasetError
from simkit.options import build, section, setting
from simkit.randomness import stream, stream_seed
from simkit.tasks.contract import Progress, Task
from simkit.tasks.crops import crop_of_box, cut
from simkit.tasks.examples import Example, Examples
from simkit.tasks.failing import worst_first
from simkit.tasks.looks import LookOptions, look
from simkit.tasks.pyramid import seed_weights
from simkit.tasks.saving import (
    check_categories,
    given_options,
    read_card,
    read_weights,
    save_network,
)
from simkit.tasks.training import Losses, Trained, TrainingOptions, device_of, fit, order

SHOWS = ("crops", "whole")

BINS = 15
"""Of confidence, in the calibration error (Guo et al., On Calibration, ICML 2017)."""

SCORE = "accuracy"

AT_ONCE = 64
TRUTH, WRONG = (40, 200, 60), (240, 40, 40)

Float = NDArray[np.float32]


@dataclass(frozen=True)
class ClassificationTraining(TrainingOptions):
    """... for small pictures."""

    steps: int = setting(400, low=1, help="optimizer steps")
    batch: int = setting(24, low=1, help="images a step")


@dataclass(frozen=True)
class ClassificationOptions:
    """Options of the task."""

    shows: str = setting("crops", allowed=SHOWS, help="what is classified: each box, or the image")
    size: int = setting(96, low=32, unit="px", help="side of a picture as the network sees it")
    surround: float = setting(1.1, low=0.5, help="side of a crop, of its box's longer side")
    rotation: float = setting(15.0, low=0.0, high=180.0, unit="deg", help="turn to either side")
    zoom: float = setting(1.2, low=1.0, help="largest factor of size, and of its inverse")
    shift: float = setting(0.08, low=0.0, help="of the centre, in longer sides of the box")
    crops: int = setting(4, low=1, help="of an image at most, in one step")
    look: LookOptions = section(LookOptions, help="colour, light, noise, blur, compression")
    training: ClassificationTraining = section(ClassificationTraining)


@dataclass(frozen=True, eq=False)
class ClassificationPrediction:
    """What the pictures of one image show: of its boxes that are not ignored, in their order.

    Attributes:
        probabilities: (N, classes) float32; each row sums to 1.
    """

    probabilities: Float


class ClassificationNetwork(nn.Module):
    """(B, 3, S, S) inputs to (B, classes) logits."""

    def __init__(
        self, backbone: EfficientNetLite0, classes: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.backbone.classifier.requires_grad_(False)
        self.last = nn.Linear(HEAD, classes)
        seed_weights(self.last, generator)

    def train(self, mode: bool = True) -> ClassificationNetwork:
        """Set the mode; batch norms keep the statistics of ImageNet."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.backbone.embed(x))
        return logits


class ClassificationPredictor:
    """A trained classifier.

    Attributes:
        categories: names by label.
        options: it was trained with.
        trained: what training took; None if it was loaded.
    """

    def __init__(
        self,
        network: ClassificationNetwork,
        categories: Sequence[str],
        options: ClassificationOptions,
        trained: Trained | None = None,
    ) -> None:
        self.device = device_of(options.training)
        self.network = network.to(self.device).eval()
        self.categories = tuple(categories)
        self.options, self.trained = options, trained

    def predict(self, examples: Examples) -> list[ClassificationPrediction]:
        """Return class probabilities of the pictures of each image.

        Raises:
            ConfigError: the examples have other categories.
        """
        check_categories(self.categories, examples)
        return [ClassificationPrediction(self._run(example)[1]) for example in examples]

    def features(self, examples: Examples) -> Float:
        """Return (images, 1280): embeddings, averaged over the pictures of each image."""
        rows = [self._run(example)[0].mean(axis=0) for example in examples]
        return np.stack(rows).astype(np.float32)

    def confidence(self, examples: Examples) -> Float:
        """Return (images,): the mean probability of what was chosen; 0 where there is no picture."""
        found = [one.probabilities.max(axis=1) for one in self.predict(examples)]
        return np.array([one.mean() if len(one) else 0.0 for one in found], np.float32)

    def save(self, folder: str | Path) -> Path:
        """Write the model to a folder; return it."""
        about = (self.network, "classification", self.options, self.trained)
        return save_network(folder, *about, categories=self.categories)

    @staticmethod
    def load(folder: str | Path) -> ClassificationPredictor:
        """Return the model that `save` wrote; `DatasetError` if there is none."""
        card = read_card(folder, "classification")
        generator = torch.Generator().manual_seed(0)
        network = ClassificationNetwork(untrained(0), len(card["categories"]), generator)
        read_weights(folder, network)
        options = build(ClassificationOptions, card["options"])
        return ClassificationPredictor(network, card["categories"], options)

    def _run(self, example: Example) -> tuple[Float, Float]:
        """Return embeddings (N, 1280) and probabilities (N, classes) of an image's pictures."""
        boxes, _ = pictures_of(example, self.options)
        seen = [cut(example.image, crop_of_box(box, self.options.surround), self.options.size)
                for box in boxes]  # fmt: skip
        embeddings, probabilities = [np.zeros((0, HEAD), np.float32)], []
        for start in range(0, len(seen), AT_ONCE):
            images = torch.from_numpy(np.stack(seen[start : start + AT_ONCE])).to(self.device)
            with torch.inference_mode():
                embedded = self.network.backbone.embed(inputs_of(images))
                logits = self.network.last(embedded)
            embeddings.append(embedded.cpu().numpy())
            probabilities.append(logits.softmax(dim=1).cpu().numpy())
        nothing = np.zeros((0, len(self.categories)), np.float32)
        return np.concatenate(embeddings), np.concatenate([nothing, *probabilities])


class ClassificationOutcome:
    """Counts by image.

    Args:
        confusions: (images, classes, classes) pictures by truth and prediction.
        bins: (images, BINS, 3) pictures by confidence: their number, its sum, and how many are right.
        categories: the classes.
    """

    def __init__(
        self, confusions: NDArray[np.int64], bins: NDArray[np.float64], categories: Sequence[str]
    ) -> None:
        self._confusions, self._bins, self._categories = confusions, bins, tuple(categories)
        self._occurs: list[int] = np.flatnonzero(confusions.sum(axis=(0, 2))).tolist()

    def __len__(self) -> int:
        return len(self._confusions)

    def scores(self, images: NDArray[np.int64] | None = None) -> dict[str, float]:
        """Return accuracy, F1 averaged over the classes that occur, calibration error, and recalls.

        The expected calibration error is the mean distance of confidence and accuracy over `BINS` bins of
        equal width, weighted by their pictures (Guo et al., ICML 2017, equation 3); lower is better.
        """
        chosen = slice(None) if images is None else images
        counts = self._confusions[chosen].sum(axis=0).astype(np.float64)
        number, sure, right = self._bins[chosen].sum(axis=0).T
        hits, truth, found = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
        occurs = truth + found > 0
        total = counts.sum()
        if not total:
            names = (SCORE, "macro_F1", "calibration_error")
            return dict.fromkeys((*names, *map(self._name, self._occurs)), float("nan"))
        f1 = 2 * hits[occurs] / (truth + found)[occurs]
        with np.errstate(invalid="ignore"):
            recalls = hits / truth
        return {
            SCORE: float(hits.sum() / total),
            "macro_F1": float(f1.mean()),
            "calibration_error": float(np.abs(sure - right).sum() / number.sum()),
            **{self._name(label): float(recalls[label]) for label in self._occurs},
        }

    def _name(self, label: int) -> str:
        return f"{SCORE}/{self._categories[label]}"


class Classification(Task[ClassificationPrediction]):
    """Which category a picture shows."""

    Options: ClassVar[type[ClassificationOptions]] = ClassificationOptions
    metrics: ClassVar[tuple[str, ...]] = (SCORE, "macro_F1", "calibration_error")

    def __init__(self, options: ClassificationOptions | Mapping[str, Any] | None = None) -> None:
        """Take options, or plain data of them; `ConfigError` if they are not right."""
        self.options = given_options(ClassificationOptions, options)

    def train(
        self,
        examples: Examples,
        *,
        seed: int,
        target: Examples | None = None,
        progress: Progress | None = None,
    ) -> ClassificationPredictor:
        """Return a classifier; see `Task.train`."""
        options = self.options
        device = device_of(options.training)
        generator = torch.Generator().manual_seed(stream_seed(seed, 0, "classification"))
        network = ClassificationNetwork(pretrained(), len(examples.categories), generator)

        def batch_of(step: int) -> tuple[Tensor, Tensor]:
            rng = stream(seed, step, "classification")
            places = order(len(examples), options.training.batch, step, seed)
            images, labels = batch_of_pictures(examples.subset(places), options, rng)
            return torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)

        def losses_of(network: nn.Module, batch: Any, done: float) -> Losses:
            images, labels = batch
            return {"class": functional.cross_entropy(network(inputs_of(images)), labels)}

        trained = fit(
            network,
            batch_of,
            losses_of,
            options.training,
            backbone=network.backbone.parameters(),
            progress=progress,
        )
        return ClassificationPredictor(network, examples.categories, options, trained)

    def outcome(
        self, predictions: Sequence[ClassificationPrediction], examples: Examples
    ) -> ClassificationOutcome:
        """Return predictions held against the truth."""
        classes = len(examples.categories)
        confusions = np.zeros((len(examples), classes, classes), dtype=np.int64)
        bins = np.zeros((len(examples), BINS, 3))
        for number, (one, example) in enumerate(zip(predictions, examples, strict=True)):
            labels = pictures_of(example, self.options)[1]
            found, sure = one.probabilities.argmax(axis=1), one.probabilities.max(axis=1)
            np.add.at(confusions[number], (labels, found), 1)
            place = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
            rows = np.stack([np.ones(len(sure)), sure, found == labels], axis=1)
            np.add.at(bins[number], place, rows)
        return ClassificationOutcome(confusions, bins, examples.categories)

    def perfect(self, examples: Examples) -> list[ClassificationPrediction]:
        """Return the truth as predictions."""
        rows = np.eye(len(examples.categories), dtype=np.float32)
        return [
            ClassificationPrediction(rows[pictures_of(example, self.options)[1]])
            for example in examples
        ]

    def failures(
        self, predictions: Sequence[ClassificationPrediction], examples: Examples
    ) -> list[dict[str, Any]]:
        """Return what was taken for something else; see `Task.failures`.

        The cost of an image is the sum of probabilities of the wrong classes that were chosen.
        """
        names, judged = examples.categories, []
        for one, example in zip(predictions, examples, strict=True):
            labels = pictures_of(example, self.options)[1]
            found, sure = one.probabilities.argmax(axis=1), one.probabilities.max(axis=1)
            wrong = np.flatnonzero(found != labels)
            texts = [
                f"{names[labels[row]]} taken for {names[found[row]]} ({sure[row]:.0%} sure)"
                for row in wrong
            ]
            judged.append((float(sure[wrong].sum()), "; ".join(texts)))
        return worst_first(
            judged,
            lambda place: drawn_classes(examples[place], predictions[place], names, self.options),
        )


def pictures_of(
    example: Example, options: ClassificationOptions
) -> tuple[Float, NDArray[np.int64]]:
    """Return what of an image is classified: boxes (N, 4) and their labels (N,).

    Raises:
        DatasetError: the whole image is to be classified, but shows several categories.
    """
    counted = ~example.ignored
    if options.shows == "crops":
        return example.boxes[counted], example.labels[counted]
    labels = np.unique(example.labels[counted])
    if len(labels) > 1:
        raise DatasetError(
            f"sample {example.record.index}: shows {len(labels)} categories, so that the image as a "
            "whole is of none; set shows=crops"
        )
    height, width = example.image.shape[:2]
    boxes = np.array([[0, 0, width, height]] * len(labels), dtype=np.float32).reshape(-1, 4)
    return boxes, labels


def batch_of_pictures(
    examples: Examples, options: ClassificationOptions, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return pictures (B, S, S, 3) of some images, altered, and their labels (B,).

    Raises:
        DatasetError: none of them has any.
    """
    images, labels = [], []
    for example in examples:
        boxes, known = pictures_of(example, options)
        for number in rng.permutation(len(boxes))[: options.crops]:
            shift = rng.uniform(-options.shift, options.shift, 2)
            crop = crop_of_box(
                boxes[number],
                options.surround,
                angle=np.deg2rad(rng.uniform(-options.rotation, options.rotation)),
                zoom=float(np.exp(rng.uniform(-1, 1) * np.log(options.zoom))),
                shift=(float(shift[0]), float(shift[1])),
            )
            images.append(look(cut(example.image, crop, options.size), options.look, rng))
            labels.append(int(known[number]))
    if not images:
        raise DatasetError(
            "examples: a whole batch of images shows nothing of "
            f"{', '.join(examples.categories)} in a box; train on images that do"
        )
    return np.stack(images), np.array(labels, dtype=np.int64)


def drawn_classes(
    example: Example,
    prediction: ClassificationPrediction,
    categories: Sequence[str],
    options: ClassificationOptions,
) -> NDArray[np.uint8]:
    """Return the image with its boxes: green where recognized, else red with what was seen in it."""
    picture = np.ascontiguousarray(example.image.copy())
    boxes, labels = pictures_of(example, options)
    for box, label, row in zip(boxes, labels, prediction.probabilities, strict=True):
        found = int(row.argmax())
        color = TRUTH if found == label else WRONG
        x, y, width, height = np.rint(box).astype(int)
        cv2.rectangle(picture, (x, y), (x + width - 1, y + height - 1), color, 1)
        text = categories[label] if found == label else f"{categories[label]}: {categories[found]}?"
        at = (max(x, 0), max(y - 3, 10))
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, 1, cv2.LINE_AA)
    return picture
