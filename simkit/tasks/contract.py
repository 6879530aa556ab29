"""What a task is: something to learn from labelled images, and a score for it.

A task is a plug-in of the group ``simkit.tasks``. The protocols of `simkit.evaluate` know only what
stands here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from simkit.tasks.examples import Examples

P = TypeVar("P")
"""What is predicted for one image; plain enough for `dataclasses.asdict`."""

P_co = TypeVar("P_co", covariant=True)


class Predictor(Protocol[P_co]):
    """A trained model. Anyone's own is welcome: it needs this one method."""

    def predict(self, examples: Examples) -> Sequence[P_co]:
        """Return a prediction for each image of `examples`; it looks at images and cameras only."""


class Outcome(Protocol):
    """Predictions held against the truth, image by image; scores of any resample are cheap."""

    def __len__(self) -> int:
        """Return the number of images."""

    def scores(self, images: NDArray[np.int64] | None = None) -> dict[str, float]:
        """Return scores by name, in 0 to 1 unless the name says otherwise.

        Names of a class's own scores are ``"AP50/ace"``.

        Args:
            images: (n,) places of the images that count, with repetition; all, once, if None.
        """


Progress = Callable[[int, int, dict[str, float]], None]
"""Is given the step, the number of steps, and the losses."""


class Task(ABC, Generic[P]):
    """Something to learn.

    Attributes:
        metrics: names of the scores; the first is the one that decides, higher is better.
        draws_by_weights: whether `train` draws images by ``examples.weights(progress)`` where the
            examples have that, as `simkit.tasks.training.places_of` does.
    """

    metrics: ClassVar[tuple[str, ...]]
    draws_by_weights: ClassVar[bool] = False

    @abstractmethod
    def train(
        self,
        examples: Examples,
        *,
        seed: int,
        target: Examples | None = None,
        progress: Progress | None = None,
    ) -> Predictor[P]:
        """Return a model trained on `examples`; the same one for the same seed, on a CPU.

        Args:
            examples: labelled images.
            seed: of the initial weights, the order and the augmentation.
            target: images of the target domain whose labels are not looked at, for adaptation.
            progress: is told now and then.

        Raises:
            ConfigError: the task's options do not fit the examples.
            DatasetError: the examples lack a label that is needed.
        """

    @abstractmethod
    def outcome(self, predictions: Sequence[P], examples: Examples) -> Outcome:
        """Return predictions held against the labels of `examples`."""

    @abstractmethod
    def failures(self, predictions: Sequence[P], examples: Examples) -> list[dict[str, Any]]:
        """Return what is wrong image by image, worst first.

        Each is a dict: ``place`` (in `examples`), ``cost`` (higher is worse), ``text`` (what is wrong, in
        words), and ``drawn`` (H, W, 3) uint8 (the image with truth and prediction drawn).
        Only the worst twelve have ``drawn``.
        """
