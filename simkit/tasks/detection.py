"""Detection: boxes with classes and scores, by heat maps of centres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from simkit.backbone import inputs_of, pretrained, untrained
from simkit.errors import ConfigError, DatasetError
from simkit.options import build, section, setting
from simkit.randomness import stream_seed
from simkit.tasks.augmentation import FILL, AugmentOptions
from simkit.tasks.centre_network import CentreNetwork, Critic, Maps, reversal_strength
from simkit.tasks.centre_points import box_loss, class_loss, decode, heat_loss, suppressed
from simkit.tasks.coco import BoxOutcome, box_outcome
from simkit.tasks.contract import Progress, Task
from simkit.tasks.detection_batches import Batch, Batches, canvas_of
from simkit.tasks.detection_failures import failures_of
from simkit.tasks.examples import Examples
from simkit.tasks.saving import given_options, read_card, read_weights, save_network
from simkit.tasks.training import Losses, Trained, TrainingOptions, device_of, fit
from simkit.tasks.trunk import STATISTICS, adapt_statistics

BLOCK = 32
"""Sides of what the network sees are multiples of its largest stride."""

AT_ONCE = 16
"""Images a batch when predicting."""


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in an image, best first.

    Attributes:
        boxes: (n, 4) float32 [px] in the image as it is stored: x, y, width, height.
        labels: (n,) int64.
        scores: (n,) float32, 0 to 1.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class DetectionOptions:
    """The network, its training and what it takes for a find."""

    size: int = setting(320, low=64, unit="px", help="long side of images as the network sees them")
    crop: float = setting(
        0.6, low=0.1, high=1.0, help="side of training images, as a share of size; 1: whole images"
    )
    width: int = setting(96, low=8, help="channels of the pyramid")
    pretrained: bool = setting(True, help="begin with ImageNet weights")
    frozen_stages: int = setting(2, low=0, high=6, help="of the backbone that do not train")
    batch_statistics: str = setting(
        "frozen",
        allowed=STATISTICS,
        help="of the backbone: ImageNet's, those trained on, or those of the target images (AdaBN)",
    )
    drop_path: float = setting(0.0, low=0.0, high=0.9, help="stochastic depth, of the last block")
    dropout: float = setting(0.1, low=0.0, high=0.9, help="of channels before the heat maps")
    box_weight: float = setting(2.0, low=0.0, help="of the loss of boxes beside that of heat maps")
    class_weight: float = setting(1.0, low=0.0, help="... and of that of classes")
    adversarial: float = setting(
        0.0, low=0.0, help="weight of a critic of the domain, behind a reversed gradient"
    )
    overlap: float = setting(
        0.6, low=0.0, high=1.0, help="a box that a better one of its class covers more is left out"
    )
    most: int = setting(60, low=1, help="boxes an image")
    memory: float = setting(2.0, low=0.0, unit="GB", help="for images that are kept decoded")
    augment: AugmentOptions = section(AugmentOptions)
    training: TrainingOptions = section(TrainingOptions)


class Detector:
    """A trained detector.

    Attributes:
        categories: names by label.
        options: it was trained with.
        trained: what training took; None if it was loaded.
    """

    def __init__(
        self,
        network: CentreNetwork,
        categories: Sequence[str],
        options: DetectionOptions,
        trained: Trained | None = None,
    ) -> None:
        self.network = network.eval()
        self.categories = tuple(categories)
        self.options = options
        self.trained = trained

    def predict(self, examples: Examples) -> list[Detections]:
        """Return what is found in each image."""
        found: dict[int, Detections] = {}
        for places, sizes, scales, maps in self._maps(examples):
            corners, labels, scores = decode(
                maps.heat, maps.classes, maps.reach, self.network.stride, self.options.most
            )
            for place, size, scale, one, label, score in zip(
                places, sizes, scales, corners, labels, scores, strict=True
            ):
                found[place] = self._found(one / np.tile(scale, 2), label, score, size)
        return [found[place] for place in range(len(examples))]

    def features(self, examples: Examples) -> NDArray[np.float32]:
        """Return (N, 320) float32: the backbone's last map, averaged over each image."""
        pooled = np.zeros((len(examples), self.network.trunk.channels[-1]), np.float32)
        for places, _, _, maps in self._maps(examples):
            pooled[places] = maps.deep.mean(dim=(2, 3)).cpu().numpy()
        return pooled

    def confidence(self, examples: Examples) -> NDArray[np.float32]:
        """Return (N,) float32, 0 to 1: of the surest centre in each image, whatever its class."""
        highest = np.zeros(len(examples), np.float32)
        for places, _, _, maps in self._maps(examples):
            highest[places] = torch.sigmoid(maps.heat.amax(dim=(1, 2))).cpu().numpy()
        return highest

    def save(self, folder: str | Path) -> Path:
        """Write ``model.safetensors`` and ``card.json`` to a folder; return it."""
        about = (self.network, "detection", self.options, self.trained)
        return save_network(folder, *about, categories=self.categories)

    @staticmethod
    def load(folder: str | Path) -> Detector:
        """Return what `save` wrote; nothing in it is run.

        Raises:
            DatasetError: there is none, or it is damaged.
        """
        try:
            card = read_card(folder, "detection")
            options = build(DetectionOptions, card["options"])
            network = network_of(options, len(card["categories"]), seed=0, weights=False)
            read_weights(folder, network)
        except (DatasetError, ValueError, KeyError, RuntimeError) as error:
            raise DatasetError(f"{folder}: holds no detector: {error}; save it again") from None
        return Detector(network, card["categories"], options)

    def _found(
        self,
        corners: NDArray[np.float32],
        labels: NDArray[np.int64],
        scores: NDArray[np.float32],
        size: tuple[int, int],
    ) -> Detections:
        height, width = size
        corners = np.clip(corners, 0, [width, height, width, height]).astype(np.float32)
        real = (corners[:, 2:] - corners[:, :2]).min(axis=1) > 0
        corners, labels, scores = (
            corners[real & (scores > 0)],
            labels[real & (scores > 0)],
            scores[real & (scores > 0)],
        )
        kept = suppressed(corners, labels, scores, self.options.overlap)
        boxes = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])[kept]
        return Detections(boxes.astype(np.float32), labels[kept], scores[kept])

    @torch.no_grad()
    def _maps(self, examples: Examples) -> Iterator[tuple[list[int], list[Any], list[Any], Maps]]:
        """Yield (places, sizes, scales, maps) of batches of equally large images, in order."""
        device = device_of(self.options.training)
        network = self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        held: dict[tuple[int, ...], list[tuple[int, Any, Any, NDArray[np.uint8]]]] = {}
        for place in range(len(examples)):
            image = examples.record(place).rgb
            seen, scale = letterboxed(image, self.options.size)
            group = held.setdefault(seen.shape, [])
            group.append((place, image.shape[:2], scale, seen))
            if len(group) == AT_ONCE:
                yield self._run(network, held.pop(seen.shape), device)
        for group in held.values():
            yield self._run(network, group, device)

    def _run(
        self, network: CentreNetwork, group: list[Any], device: torch.device
    ) -> tuple[list[int], list[Any], list[Any], Maps]:
        places, sizes, scales, images = zip(*group, strict=True)
        maps = network(tensor_of(list(images), device))
        return list(places), list(sizes), list(scales), maps


class Detection(Task[Detections]):
    """Find objects and name their class."""

    Options: ClassVar[type[Any]] = DetectionOptions
    metrics = ("AP50", "AP", "AP75", "AR")
    draws_by_weights = True

    def __init__(self, options: DetectionOptions | Mapping[str, Any] | None = None) -> None:
        """Take options, or plain data of them.

        Raises:
            ConfigError: they are not right.
        """
        given = given_options(DetectionOptions, options)
        self.options: DetectionOptions = given

    def train(
        self,
        examples: Examples,
        *,
        seed: int,
        target: Examples | None = None,
        progress: Progress | None = None,
    ) -> Detector:
        """Return a detector; see `Task.train`."""
        options = self.options
        _check(options, examples, target)
        device = device_of(options.training)
        network = network_of(options, len(examples.categories), seed, options.pretrained)
        critic = None
        if options.adversarial > 0:
            drawn = torch.Generator().manual_seed(stream_seed(seed, 0, "critic"))
            critic = Critic(options.width, drawn)
        learner = _Learner(network, critic, options, seed)
        shape = canvas_of(examples, options.size, options.crop, BLOCK)
        batches = Batches(examples, shape, options, seed, device, target if critic else None)
        trained = fit(
            learner,
            batches,
            lambda _, batch, done: learner.losses(batch, done),
            options.training,
            backbone=[one for one in network.trunk.parameters() if one.requires_grad],
            progress=progress,
        )
        detector = Detector(network, examples.categories, options, trained)
        if options.batch_statistics == "target":
            assert target is not None
            adapt_statistics(network, network, _plain_batches(target, options.size))
        return detector

    def outcome(self, predictions: Sequence[Detections], examples: Examples) -> BoxOutcome:
        """Return predictions held against the truth by COCO's rules."""
        return box_outcome(predictions, examples)

    def failures(
        self, predictions: Sequence[Detections], examples: Examples
    ) -> list[dict[str, Any]]:
        """Return what is missed, made up or misnamed; see `Task.failures`."""
        return failures_of(predictions, examples)


class _Learner(nn.Module):
    """The network and its adversary, as the loop trains them."""

    def __init__(
        self, network: CentreNetwork, critic: Critic | None, options: DetectionOptions, seed: int
    ) -> None:
        super().__init__()
        self.network, self.critic, self.options, self.seed = network, critic, options, seed

    def losses(self, batch: Batch, done: float) -> Losses:
        """Return the losses of a batch."""
        generator = torch.Generator().manual_seed(stream_seed(self.seed, batch.step, "dropout"))
        count = len(batch.inputs)
        inputs = batch.inputs if batch.target is None else torch.cat([batch.inputs, batch.target])
        maps = self.network(inputs, generator)
        boxes = box_loss(maps.reach[:count], batch.targets, self.network.stride)
        losses = {
            "heat": heat_loss(maps.heat[:count], batch.targets),
            "class": self.options.class_weight * class_loss(maps.classes[:count], batch.targets),
            "box": self.options.box_weight * boxes,
        }
        if self.critic is not None:
            whole, places = self.critic(maps, reversal_strength(done))
            real = (torch.arange(len(inputs), device=inputs.device) >= count).float()
            losses["domain"] = self.options.adversarial * (
                functional.binary_cross_entropy_with_logits(whole[:, 0], real)
                + functional.binary_cross_entropy_with_logits(
                    places, real[:, None, None].expand_as(places)
                )
            )
        return losses


def network_of(options: DetectionOptions, classes: int, seed: int, weights: bool) -> CentreNetwork:
    """Return an untrained network; its backbone has ImageNet weights if `weights`."""
    return CentreNetwork(
        pretrained() if weights else untrained(seed),
        classes,
        width=options.width,
        statistics=options.batch_statistics,
        frozen_stages=options.frozen_stages,
        drop_path=options.drop_path,
        dropout=options.dropout,
        generator=torch.Generator().manual_seed(stream_seed(seed, 0, "heads")),
    )


def letterboxed(
    image: NDArray[np.uint8], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return an image with long side `size`, filled up to multiples of 32, and its scale (x, y)."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    h, w = max(1, round(height * scale)), max(1, round(width * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    seen = np.full((-(-h // BLOCK) * BLOCK, -(-w // BLOCK) * BLOCK, 3), FILL, np.uint8)
    seen[:h, :w] = cv2.resize(image, (w, h), interpolation=how)
    return seen, np.array([w / width, h / height])


def tensor_of(images: Sequence[NDArray[np.uint8]], device: torch.device) -> Tensor:
    """Return inputs (B, 3, H, W) of equally large images."""
    inputs = inputs_of(torch.from_numpy(np.stack(images)).to(device))
    return inputs.contiguous(memory_format=torch.channels_last)


def _plain_batches(examples: Examples, size: int) -> Iterator[Tensor]:
    """Yield images as they are predicted, one shape at a time."""
    held: dict[tuple[int, ...], list[NDArray[np.uint8]]] = {}
    for place in range(len(examples)):
        seen, _ = letterboxed(examples.record(place).rgb, size)
        group = held.setdefault(seen.shape, [])
        group.append(seen)
        if len(group) == AT_ONCE:
            yield tensor_of(held.pop(seen.shape), torch.device("cpu"))
    for group in held.values():
        yield tensor_of(group, torch.device("cpu"))


def _check(options: DetectionOptions, examples: Examples, target: Examples | None) -> None:
    if len(examples) == 0:
        raise DatasetError("examples: there is no image to train on")
    if target is None or len(target) == 0:
        for key, asked in (
            ("adversarial", options.adversarial > 0),
            ("batch_statistics", options.batch_statistics == "target"),
        ):
            if asked:
                raise ConfigError(f"{key}: needs images of the target domain; give some as target")
