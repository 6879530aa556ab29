"""A task for any labelled set: say how bright an image is, within what was seen in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.tasks.contract import Task
from simkit.tasks.examples import Examples


@dataclass(frozen=True)
class Said:
    """Whether the image's brightness lies within what was seen."""

    known: bool


@dataclass(frozen=True)
class Range:
    """Brightness that was seen."""

    low: float
    high: float

    def predict(self, examples: Examples) -> list[Said]:
        means = [float(one.image.mean()) for one in examples]
        return [Said(self.low <= one <= self.high) for one in means]


@dataclass(frozen=True)
class Known:
    """Share of images that were known."""

    known: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.known)

    def scores(self, images: NDArray[np.int64] | None = None) -> dict[str, float]:
        return {"known": float((self.known if images is None else self.known[images]).mean())}


class Presence(Task[Said]):
    """Learn the range of brightness."""

    metrics = ("known",)

    def train(
        self, examples: Examples, *, seed: int, target: Any = None, progress: Any = None
    ) -> Range:
        means = [float(one.image.mean()) for one in examples]
        wobble = float(np.random.default_rng(seed).normal(0, 1))
        return Range(min(means) + wobble, max(means) + wobble)

    def outcome(self, predictions: Sequence[Said], examples: Examples) -> Known:
        return Known(np.array([one.known for one in predictions]))

    def failures(self, predictions: Sequence[Said], examples: Examples) -> list[dict[str, Any]]:
        return []
