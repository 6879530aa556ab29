"""Semantic segmentation: the category of every pixel, or background."""

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

from simkit.backbone import EfficientNetLite0, inputs_of, pretrained, untrained
from simkit.errors import ConfigError, DatasetError
from simkit.options import build, section, setting
from simkit.randomness import stream, stream_seed
from simkit.tasks.augmentation import FILL
from simkit.tasks.contract import Progress, Task
from simkit.tasks.detection import letterboxed, tensor_of
from simkit.tasks.examples import Example, Examples
from simkit.tasks.failing import worst_first
from simkit.tasks.looks import LookOptions, look
from simkit.tasks.pyramid import Pyramid, seed_weights
from simkit.tasks.saving import (
    check_categories,
    given_options,
    read_card,
    read_weights,
    save_network,
)
from simkit.tasks.training import Losses, Trained, TrainingOptions, device_of, fit, places_of

Map = NDArray[np.uint8]

BACKGROUND, UNDECIDED = 0, 255
"""Values of a map: a category is its label plus one; undecided pixels do not count."""

MOST = 254

GRAIN = 32
"""The side of a window is a multiple of it [px]."""

WIDTH = 64
FROZEN_STAGES = 1

SCORE = "mIoU"


@dataclass(frozen=True)
class SegmentationTraining(TrainingOptions):
    """... with batches that a window of an image needs."""

    steps: int = setting(600, low=1, help="optimizer steps")
    batch: int = setting(8, low=1, help="images a step")


@dataclass(frozen=True)
class SegmentationOptions:
    """Options of the task."""

    size: int = setting(320, low=GRAIN, unit="px", help="long side at which images are seen")
    window: int = setting(224, low=GRAIN, unit="px", help="side of what is trained on at once")
    zoom: float = setting(1.5, low=1.0, help="largest factor of size, and of its inverse")
    rotation: float = setting(15.0, low=0.0, high=180.0, unit="deg", help="turn to either side")
    look: LookOptions = section(LookOptions, help="colour, light, noise, blur, compression")
    training: SegmentationTraining = section(SegmentationTraining)


@dataclass(frozen=True, eq=False)
class SegmentationPrediction:
    """What every pixel of one image shows.

    Attributes:
        map: (H, W) uint8: 0 background, else the category's label plus one.
        confidence: mean probability of what was chosen.
    """

    map: Map
    confidence: float = 1.0


class SegmentationNetwork(nn.Module):
    """(B, 3, H, W) inputs to (B, classes + 1, H, W) logits."""

    def __init__(
        self, backbone: EfficientNetLite0, classes: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.pyramid = Pyramid(backbone, WIDTH, FROZEN_STAGES, generator)
        self.last = nn.Conv2d(WIDTH, classes + 1, 1)
        seed_weights(self.last, generator)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.last(self.pyramid(x))
        return functional.interpolate(
            logits, scale_factor=Pyramid.stride, mode="bilinear", align_corners=False
        )


class SegmentationPredictor:
    """A trained segmenter.

    Attributes:
        categories: names by label.
        options: it was trained with.
        trained: what training took; None if it was loaded.
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        categories: Sequence[str],
        options: SegmentationOptions,
        trained: Trained | None = None,
    ) -> None:
        self.device = device_of(options.training)
        self.network = network.to(self.device).eval()
        self.categories = tuple(categories)
        self.options, self.trained = options, trained

    def predict(self, examples: Examples) -> list[SegmentationPrediction]:
        """Return a map of each image.

        Raises:
            ConfigError: the examples have other categories.
        """
        check_categories(self.categories, examples)
        return [self._of_image(examples.record(place).rgb) for place in range(len(examples))]

    def features(self, examples: Examples) -> NDArray[np.float32]:
        """Return (images, 320): the backbone's last map, averaged over each image."""
        rows = []
        for place in range(len(examples)):
            seen, _ = letterboxed(examples.record(place).rgb, self.options.size)
            with torch.inference_mode():
                maps = self.network.pyramid.trunk(tensor_of([seen], self.device))
            rows.append(maps[-1].mean(dim=(0, 2, 3)).cpu().numpy())
        return np.stack(rows)

    def confidence(self, examples: Examples) -> NDArray[np.float32]:
        """Return (images,): the mean probability of what was chosen."""
        return np.array([one.confidence for one in self.predict(examples)], np.float32)

    def save(self, folder: str | Path) -> Path:
        """Write the model to a folder; return it."""
        about = (self.network, "segmentation", self.options, self.trained)
        return save_network(folder, *about, categories=self.categories)

    @staticmethod
    def load(folder: str | Path) -> SegmentationPredictor:
        """Return the model that `save` wrote; `DatasetError` if there is none."""
        card = read_card(folder, "segmentation")
        generator = torch.Generator().manual_seed(0)
        network = SegmentationNetwork(untrained(0), len(card["categories"]), generator)
        read_weights(folder, network)
        options = build(SegmentationOptions, card["options"])
        return SegmentationPredictor(network, card["categories"], options)

    def _of_image(self, image: NDArray[np.uint8]) -> SegmentationPrediction:
        seen, scale = letterboxed(image, self.options.size)
        width, height = np.rint(scale * np.array(image.shape[1::-1])).astype(int)
        with torch.inference_mode():
            logits = self.network(tensor_of([seen], self.device))[..., :height, :width]
            logits = functional.interpolate(logits, size=image.shape[:2], mode="bilinear")
            chosen = logits.softmax(dim=1).max(dim=1)
        return SegmentationPrediction(
            chosen.indices[0].cpu().numpy().astype(np.uint8), float(chosen.values.mean())
        )


class SegmentationOutcome:
    """Confusion matrices (images, classes + 1, classes + 1) by truth and prediction."""

    def __init__(self, confusions: NDArray[np.int64], categories: Sequence[str]) -> None:
        self._confusions = confusions
        self._names = ("background", *categories)
        self._known = confusions.sum(axis=(0, 1)) + confusions.sum(axis=(0, 2)) > 0

    def __len__(self) -> int:
        return len(self._confusions)

    def scores(self, images: NDArray[np.int64] | None = None) -> dict[str, float]:
        """Return the mean IoU over background and the categories that occur, its parts, and accuracy.

        The counts of all images are added first (Everingham et al., The PASCAL Visual Object Classes
        Challenge, IJCV 2015, section 4.1.2).
        """
        chosen = self._confusions if images is None else self._confusions[images]
        whole = chosen.sum(axis=0).astype(np.float64)
        hits = np.diag(whole)
        union = whole.sum(axis=0) + whole.sum(axis=1) - hits
        with np.errstate(invalid="ignore"):
            overlaps = hits / union
            correct = float(hits.sum() / whole.sum()) if whole.sum() else float("nan")
        occurs = union > 0
        mean = float(overlaps[occurs].mean()) if occurs.any() else float("nan")
        parts = {
            f"{SCORE}/{name}": float(overlaps[label])
            for label, name in enumerate(self._names)
            if self._known[label] and label != BACKGROUND
        }
        return {
            SCORE: mean,
            "pixel_accuracy": correct,
            "IoU_background": float(overlaps[BACKGROUND]),
            **parts,
        }


class Segmentation(Task[SegmentationPrediction]):
    """Semantic segmentation by category, with background."""

    Options: ClassVar[type[SegmentationOptions]] = SegmentationOptions
    metrics: ClassVar[tuple[str, ...]] = (SCORE, "pixel_accuracy", "IoU_background")
    draws_by_weights = True

    def __init__(self, options: SegmentationOptions | Mapping[str, Any] | None = None) -> None:
        """Take options, or plain data of them; `ConfigError` if they are not right."""
        self.options = given_options(SegmentationOptions, options)

    def train(
        self,
        examples: Examples,
        *,
        seed: int,
        target: Examples | None = None,
        progress: Progress | None = None,
    ) -> SegmentationPredictor:
        options = self.options
        if options.window % GRAIN:
            raise ConfigError(f"window: {options.window} is no multiple of {GRAIN}")
        classes = len(examples.categories)
        if classes > MOST:
            raise ConfigError(f"categories: there are {classes}; segmentation takes {MOST} at most")
        map_of(examples[0])
        device = device_of(options.training)
        generator = torch.Generator().manual_seed(stream_seed(seed, 0, "segmentation"))
        network = SegmentationNetwork(pretrained(), classes, generator)

        def batch_of(step: int) -> tuple[Tensor, Tensor]:
            rng = stream(seed, step, "segmentation")
            places = places_of(examples, options.training, step, seed)
            windows = [window_of(examples[place], options, rng) for place in places]
            images, maps = (np.stack(some) for some in zip(*windows, strict=True))
            return torch.from_numpy(images).to(device), torch.from_numpy(maps).long().to(device)

        def losses_of(network: nn.Module, batch: Any, done: float) -> Losses:
            images, maps = batch
            logits = network(inputs_of(images))
            return {"pixels": functional.cross_entropy(logits, maps, ignore_index=UNDECIDED)}

        backbone = network.pyramid.trunk.parameters()
        trained = fit(
            network, batch_of, losses_of, options.training, backbone=backbone, progress=progress
        )
        return SegmentationPredictor(network, examples.categories, options, trained)

    def outcome(
        self, predictions: Sequence[SegmentationPrediction], examples: Examples
    ) -> SegmentationOutcome:
        classes = len(examples.categories) + 1
        found = [
            confusion(map_of(example), one.map, classes)
            for one, example in zip(predictions, examples, strict=True)
        ]
        return SegmentationOutcome(
            np.array(found, dtype=np.int64).reshape(-1, classes, classes), examples.categories
        )

    def perfect(self, examples: Examples) -> list[SegmentationPrediction]:
        """Return the truth as predictions; undecided pixels are background."""
        maps = [map_of(example) for example in examples]
        return [SegmentationPrediction(np.where(one == UNDECIDED, 0, one)) for one in maps]

    def failures(
        self, predictions: Sequence[SegmentationPrediction], examples: Examples
    ) -> list[dict[str, Any]]:
        """Return the images by their share of wrong pixels; see `Task.failures`."""
        names = ("background", *examples.categories)
        judged = []
        for one, example in zip(predictions, examples, strict=True):
            counts = confusion(map_of(example), one.map, len(names))
            wrong = counts - np.diag(np.diag(counts))
            truth, found = divmod(int(wrong.argmax()), len(names))
            share = float(wrong.sum() / max(counts.sum(), 1))
            text = (
                f"{share:.1%} of the pixels are wrong, most of them {names[truth]} taken for "
                f"{names[found]}"
            )
            judged.append((share, text if share else ""))
        return worst_first(
            judged,
            lambda place: drawn_maps(examples[place], predictions[place].map, len(names)),
        )


def map_of(example: Example) -> Map:
    """Return (H, W) uint8: what every pixel shows; instances that are ignored are undecided.

    Raises:
        DatasetError: there are no visible masks.
    """
    record = example.record
    if "mask_visib.json" not in record.files:
        raise DatasetError(
            f"sample {record.index}: has no visible masks, which segmentation learns from; add the "
            "label mask_visib, or import a set that has masks"
        )
    masks = record.mask_visib
    found = np.full(example.image.shape[:2], BACKGROUND, dtype=np.uint8)
    for label, ignored, place in zip(example.labels, example.ignored, example.places, strict=True):
        found[masks[place]] = UNDECIDED if ignored else label + 1
    return found


def window_of(
    example: Example, options: SegmentationOptions, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Map]:
    """Return a window (S, S, 3) of an image, turned and scaled, and what its pixels show."""
    image, truth = example.image, map_of(example)
    height, width = image.shape[:2]
    fitted = options.size / max(height, width)
    scale = fitted * float(np.exp(rng.uniform(-1, 1) * np.log(options.zoom)))
    angle = np.deg2rad(rng.uniform(-options.rotation, options.rotation))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (options.window - 1) / 2
    room = np.maximum(np.array([width, height]) - options.window / scale, 0) / 2
    centre = np.array([width - 1, height - 1]) / 2 + rng.uniform(-1, 1, 2) * room
    matrix = np.column_stack([turn, np.array([middle, middle]) - turn @ centre])
    if scale < 1:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale))
    window = (options.window, options.window)
    fill = (FILL, FILL, FILL)
    seen = cv2.warpAffine(image, matrix, window, flags=cv2.INTER_LINEAR, borderValue=fill)
    labels = cv2.warpAffine(truth, matrix, window, flags=cv2.INTER_NEAREST, borderValue=BACKGROUND)
    return look(np.asarray(seen, np.uint8), options.look, rng), np.asarray(labels, np.uint8)


def confusion(truth: Map, found: Map, classes: int) -> NDArray[np.int64]:
    """Return pixel counts (classes, classes) by truth and prediction; undecided pixels do not count."""
    decided = truth != UNDECIDED
    pairs = truth[decided].astype(np.int64) * classes + found[decided]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def drawn_maps(example: Example, found: Map, classes: int) -> NDArray[np.uint8]:
    """Return truth (left) and prediction (right) laid over the image, (H, 2W, 3)."""
    hues = np.arange(classes - 1) * (180 / max(classes - 1, 1))
    wheel = np.stack([hues, np.full_like(hues, 200), np.full_like(hues, 255)], axis=1)
    colors = np.zeros((256, 3), dtype=np.uint8)
    if classes > 1:
        colors[1:classes] = cv2.cvtColor(wheel[None].astype(np.uint8), cv2.COLOR_HSV2RGB)[0]
    colors[UNDECIDED] = 128
    sides = []
    for shown in (map_of(example), found):
        blended = (example.image // 2 + colors[shown] // 2).astype(np.uint8)
        sides.append(np.where((shown != BACKGROUND)[..., None], blended, example.image))
    return np.hstack(sides)
