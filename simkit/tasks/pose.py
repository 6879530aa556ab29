"""6D poses of known rigid models in single colour images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from simkit.backbone import inputs_of, pretrained, untrained
from simkit.options import build, section, setting
from simkit.randomness import stream_seed
from simkit.tasks.contract import Progress, Task
from simkit.tasks.detection import Detection, DetectionOptions, Detector
from simkit.tasks.examples import Example, Examples
from simkit.tasks.looks import LookOptions
from simkit.tasks.object_coordinates import camera_matrix
from simkit.tasks.pose_crops import Crops, crops_of_boxes
from simkit.tasks.pose_models import PoseModel, by_category, models_of_examples
from simkit.tasks.pose_network import (
    CELLS,
    CHANNELS,
    ENOUGH,
    REPROJECTION,
    SPREADS,
    PoseNetwork,
    pose_losses,
    solve_pose,
)
from simkit.tasks.pose_outcome import (
    PoseOutcome,
    PosePrediction,
    failures_of,
    outcome_of,
    targets_of,
)
from simkit.tasks.saving import given_options, read_card, read_weights, save_network
from simkit.tasks.training import Losses, Trained, TrainingOptions, device_of, fit, places_of

TRUE_BOXES, DETECTED_BOXES = "pose_true_boxes", "pose"
"""Names of the tasks."""

DETECTOR = "detector"
"""Folder of a model's detector."""

DETECTED = 0.1
"""Boxes of a lower score are not looked into."""

CROPS_AT_ONCE = 64

VISIBLE = 0.5
"""Cells whose probability of being visible is above this are used."""


@dataclass(frozen=True)
class PoseTraining(TrainingOptions):
    """... for images that give several crops each."""

    steps: int = setting(1500, low=1, help="optimizer steps")
    batch: int = setting(5, low=1, help="images a step")


@dataclass(frozen=True)
class PoseOptions:
    """Options of the task."""

    models: str = setting("", help="a BOP models folder; as the data set says if empty")
    crops: int = setting(6, low=1, help="of an image at most, in one step")
    look: LookOptions = section(LookOptions, help="colour, light, noise, blur, compression")
    training: PoseTraining = section(PoseTraining)
    detection: DetectionOptions = section(DetectionOptions, help="of the task pose alone")


@dataclass(frozen=True)
class ModelFrame:
    """What a predictor has to know of a model: zero and unit of its coordinates [m]."""

    name: str
    category: str
    centre: tuple[float, float, float]
    radius: float


@dataclass(frozen=True, eq=False)
class Boxed:
    """Where to look in one image: boxes (N, 4) [px], model numbers (N,) and scores (N,)."""

    boxes: NDArray[np.float32]
    numbers: NDArray[np.int64]
    scores: NDArray[np.float64]


class PosePredictor:
    """A trained estimator.

    Attributes:
        frames: the models, in the network's order.
        options: it was trained with.
        detector: gives boxes; where there is none, those of the labels are used.
        trained: what training took; None if it was loaded.
    """

    def __init__(
        self,
        network: PoseNetwork,
        frames: Sequence[ModelFrame],
        options: PoseOptions,
        detector: Detector | None = None,
        trained: Trained | None = None,
    ) -> None:
        self.device = device_of(options.training)
        self.network = network.to(self.device).eval()
        self.frames = tuple(frames)
        self.options, self.detector, self.trained = options, detector, trained

    def predict(self, examples: Examples) -> list[PosePrediction]:
        """Return the poses of the objects in each image."""
        return [
            self._of_image(example, boxed)
            for example, boxed in zip(examples, self._boxed(examples), strict=True)
        ]

    def features(self, examples: Examples) -> NDArray[np.float32]:
        """Return (images, 320): the backbone's last map, averaged over the crops of each image."""
        rows = []
        for example, boxed in zip(examples, self._boxed(examples), strict=True):
            crops, _ = crops_of_boxes(example, boxed.boxes if len(boxed.boxes) else _whole(example))
            with torch.inference_mode():
                inputs = inputs_of(torch.from_numpy(crops).to(self.device))
                maps = self.network.pyramid.trunk(inputs)
            rows.append(maps[-1].mean(dim=(0, 2, 3)).cpu().numpy())
        return np.stack(rows)

    def confidence(self, examples: Examples) -> NDArray[np.float32]:
        """Return (images,): the mean score of the poses in each; 0 where there are none."""
        scores = [one.scores for one in self.predict(examples)]
        return np.array([one.mean() if len(one) else 0.0 for one in scores], np.float32)

    def save(self, folder: str | Path) -> Path:
        """Write the model to a folder, its detector to one below; return it."""
        task = TRUE_BOXES if self.detector is None else DETECTED_BOXES
        about = (self.network, task, self.options, self.trained)
        path = save_network(folder, *about, models=[asdict(one) for one in self.frames])
        if self.detector is not None:
            self.detector.save(path / DETECTOR)
        return path

    @staticmethod
    def load(folder: str | Path) -> PosePredictor:
        """Return the model that `save` wrote; `DatasetError` if there is none."""
        card = read_card(folder, TRUE_BOXES, DETECTED_BOXES)
        generator = torch.Generator().manual_seed(0)
        network = PoseNetwork(untrained(0), len(card["models"]), generator)
        read_weights(folder, network)
        frames = [ModelFrame(**{**one, "centre": tuple(one["centre"])}) for one in card["models"]]
        found = Detector.load(Path(folder) / DETECTOR) if card["task"] == DETECTED_BOXES else None
        return PosePredictor(network, frames, build(PoseOptions, card["options"]), found)

    def _boxed(self, examples: Examples) -> list[Boxed]:
        if self.detector is None:
            return [self._true_boxes(example) for example in examples]
        return self._detected_boxes(self.detector, examples)

    def _true_boxes(self, example: Example) -> Boxed:
        numbers = {frame.name: number for number, frame in enumerate(self.frames)}
        instances = example.record.labels["instances"]
        names = [instances[place]["identity"].get("model") for place in example.places]
        kept = [
            number
            for number, name in enumerate(names)
            if name in numbers and not example.ignored[number]
        ]
        found = np.array([numbers[names[number]] for number in kept], dtype=np.int64)
        return Boxed(example.boxes[kept], found, np.ones(len(kept)))

    def _detected_boxes(self, detector: Detector, examples: Examples) -> list[Boxed]:
        numbers = {frame.category: number for number, frame in enumerate(self.frames)}
        of_label = np.array([numbers.get(name, -1) for name in detector.categories])
        boxed = []
        for one in detector.predict(examples):
            found = of_label[one.labels] if len(one.labels) else np.zeros(0, np.int64)
            kept = (found >= 0) & (one.scores >= DETECTED)
            boxed.append(Boxed(one.boxes[kept], found[kept], one.scores[kept].astype(np.float64)))
        return boxed

    def _of_image(self, example: Example, boxed: Boxed) -> PosePrediction:
        cam_K = camera_matrix(example.record)
        crops, pixels = crops_of_boxes(example, boxed.boxes)
        maps = self._maps(crops, boxed.numbers)
        names, poses, scores = [], [], []
        for number, (one, where) in enumerate(zip(maps, pixels, strict=True)):
            frame = self.frames[boxed.numbers[number]]
            found = pose_of_maps(one, where, frame, cam_K)
            if found is not None:
                names.append(frame.name)
                poses.append(found[0])
                scores.append(found[1] * float(boxed.scores[number]))
        return PosePrediction(tuple(names), np.array(poses).reshape(-1, 4, 4), np.array(scores))

    def _maps(self, crops: NDArray[np.uint8], numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (N, CHANNELS, CELLS, CELLS)."""
        parts = []
        for start in range(0, len(crops), CROPS_AT_ONCE):
            some = slice(start, start + CROPS_AT_ONCE)
            with torch.inference_mode():
                images = inputs_of(torch.from_numpy(crops[some]).to(self.device))
                chosen = torch.from_numpy(numbers[some]).to(self.device)
                parts.append(self.network(images, chosen).cpu().numpy())
        nothing = np.zeros((0, CHANNELS, CELLS, CELLS), np.float32)
        return np.concatenate([nothing, *parts])


def pose_of_maps(
    maps: NDArray[np.float32], pixels: NDArray[np.float64], frame: ModelFrame, cam_K: Any
) -> tuple[NDArray[np.float64], float] | None:
    """Return the pose (4, 4) [m] that a crop's maps speak of, and its score in 0 to 1; None if of none.

    Args:
        maps: (CHANNELS, CELLS, CELLS), see `simkit.tasks.pose_network`.
        pixels: (CELLS * CELLS, 2) of the image, of the cells.
        frame: of the model.
        cam_K: (3, 3) [px].
    """
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    shown = 1 / (1 + np.exp(-flat[4]))
    chosen = np.flatnonzero(shown > VISIBLE)
    if len(chosen) < ENOUGH:
        chosen = np.sort(np.argsort(-shown, kind="stable")[:ENOUGH])
    points = flat[:3, chosen].T * frame.radius + np.array(frame.centre)
    cell = float(np.linalg.norm(pixels[1] - pixels[0]))
    weights = shown[chosen] * np.exp(-flat[3, chosen].clip(*SPREADS))
    solved = solve_pose(points, pixels[chosen], weights, cam_K, REPROJECTION * cell)
    if solved is None:
        return None
    pose, share = solved
    return pose, share * float(shown[chosen].mean())


class Pose(Task[PosePrediction]):
    """6D poses in a detector's boxes.

    Dense object coordinates rather than keypoints: each visible cell of a crop is a correspondence, so
    an object that is half hidden still has hundreds, and no label but depth, mask and pose is needed.
    BOP's score of 6D localization without VSD, which needs a measured depth image: so AR_MSSD_MSPD is
    not BOP's AR.
    """

    Options: ClassVar[type[PoseOptions]] = PoseOptions
    metrics: ClassVar[tuple[str, ...]] = ("AR_MSSD_MSPD", "AR_MSSD", "AR_MSPD", "ADD(-S)@0.1d")
    draws_by_weights = True
    detects: ClassVar[bool] = True

    def __init__(self, options: PoseOptions | Mapping[str, Any] | None = None) -> None:
        """Take options, or plain data of them; `ConfigError` if they are not right."""
        self.options = given_options(PoseOptions, options)

    def train(
        self,
        examples: Examples,
        *,
        seed: int,
        target: Examples | None = None,
        progress: Progress | None = None,
    ) -> PosePredictor:
        """Return an estimator; see `Task.train`."""
        models = models_of_examples(examples, self.options.models)
        detector = None
        if self.detects:
            by_category(models, examples.categories)
            detection = Detection(self.options.detection)
            detector = detection.train(examples, seed=seed, target=target, progress=progress)
        training = self.options.training
        device = device_of(training)
        generator = torch.Generator().manual_seed(stream_seed(seed, 0, "pose"))
        network = PoseNetwork(pretrained(), len(models), generator)
        crops = Crops(examples, models, self.options.crops, self.options.look, seed)

        def batch_of(step: int) -> dict[str, torch.Tensor]:
            places = places_of(examples, training, step, seed)
            return {key: one.to(device) for key, one in crops.batch(places, step).items()}

        def losses_of(network: Any, batch: dict[str, torch.Tensor], done: float) -> Losses:
            maps = network(inputs_of(batch["images"]), batch["model"])
            return pose_losses(maps, batch)

        trained = fit(
            network,
            batch_of,
            losses_of,
            training,
            backbone=network.pyramid.trunk.parameters(),
            progress=progress,
        )
        frames = [
            ModelFrame(one.name, one.category, tuple(one.centre.tolist()), one.diameter / 2)
            for one in models
        ]
        return PosePredictor(network, frames, self.options, detector, trained)

    def outcome(self, predictions: Sequence[PosePrediction], examples: Examples) -> PoseOutcome:
        """Return estimates held against the true poses."""
        return outcome_of(predictions, examples, self._models(examples), self.metrics)

    def perfect(self, examples: Examples) -> list[PosePrediction]:
        """Return the truth as predictions."""
        models = self._models(examples)
        found = [targets_of(example, models) for example in examples]
        return [
            PosePrediction(
                tuple(one.model.name for one in targets),
                np.array([one.pose for one in targets]).reshape(-1, 4, 4),
                np.ones(len(targets)),
            )
            for targets in found
        ]

    def failures(
        self, predictions: Sequence[PosePrediction], examples: Examples
    ) -> list[dict[str, Any]]:
        """Return what is not found, or not within a tenth of its diameter; see `Task.failures`."""
        return failures_of(predictions, examples, self._models(examples))

    def _models(self, examples: Examples) -> dict[str, PoseModel]:
        return {one.name: one for one in models_of_examples(examples, self.options.models)}


class PoseInTrueBoxes(Pose):
    """6D poses in the boxes of the labels: pose estimation alone, without detection."""

    metrics: ClassVar[tuple[str, ...]] = (
        "AR_MSSD_MSPD@true_boxes",
        "AR_MSSD@true_boxes",
        "AR_MSPD@true_boxes",
        "ADD(-S)@0.1d@true_boxes",
    )
    detects: ClassVar[bool] = False


def _whole(example: Example) -> NDArray[np.float32]:
    height, width = example.image.shape[:2]
    return np.array([[0, 0, width, height]], dtype=np.float32)
