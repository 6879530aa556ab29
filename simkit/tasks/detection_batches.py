"""Batches for a detector: images kept small in memory, augmented, with their targets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from simkit.backbone import inputs_of
from simkit.errors import DatasetError
from simkit.randomness import stream
from simkit.tasks.augmentation import Sheet, augment, sheet_of
from simkit.tasks.centre_network import CentreNetwork
from simkit.tasks.centre_points import Targets, targets_of
from simkit.tasks.examples import Examples
from simkit.tasks.training import places_of

if TYPE_CHECKING:
    from simkit.tasks.detection import DetectionOptions

KEPT_LARGER = 1.25
"""Images are kept so much larger than the network sees them, so that zooming in shows more."""

LOOKED_AT = 64
"""Images that decide the shape of the canvas."""

MASKS = "mask_visib.json"


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's images.

    Attributes:
        inputs: (B, 3, H, W) float32.
        targets: of them.
        target: (B, 3, H, W) float32 of the target domain, or None.
    """

    step: int
    inputs: Tensor
    targets: Targets
    target: Tensor | None


class Batches:
    """Batch of each step: a function of (seed, step)."""

    def __init__(
        self,
        examples: Examples,
        shape: tuple[int, int],
        options: DetectionOptions,
        seed: int,
        device: torch.device,
        target: Examples | None,
    ) -> None:
        """Make it.

        Args:
            examples: labelled images.
            shape: (height, width) of the canvas.
            options: of the task.
            seed: of order and augmentation.
            device: that tensors are on.
            target: images of the target domain.
        """
        longest = round(options.size * KEPT_LARGER)
        self.shelf = Shelf(examples, longest, options.memory)
        self.target = Shelf(target, longest, options.memory / 4) if target is not None else None
        self.shape, self.options, self.seed, self.device = shape, options, seed, device

    def __call__(self, step: int) -> Batch:
        """Return the batch of `step`."""
        sheets = self._drawn(self.shelf, step, "source")
        targets = targets_of(sheets, self.shape, CentreNetwork.stride)
        target = None
        if self.target is not None:
            target = self._inputs(self._drawn(self.target, step, "target"))
        return Batch(step, self._inputs(sheets), targets.to(self.device), target)

    def _drawn(self, shelf: Shelf, step: int, name: str) -> list[Sheet]:
        options, training = self.options.augment, self.options.training
        count, batch = len(shelf.examples), training.batch
        places = places_of(shelf.examples, training, step, self.seed, f"order {name}")
        sheets = []
        for item, place in enumerate(places):
            rng = stream(self.seed, step * batch + item, f"augmentation {name}")
            several = [place]
            if options.mosaic > 0:
                several += rng.integers(count, size=3).tolist()
            drawn = [shelf[one] for one in several]
            sheets.append(augment(drawn, self.shape, self.options.size, options, rng))
        return sheets

    def _inputs(self, sheets: list[Sheet]) -> Tensor:
        images = torch.from_numpy(np.stack([sheet.image for sheet in sheets])).to(self.device)
        return inputs_of(images).contiguous(memory_format=torch.channels_last)


class Shelf:
    """Images at working size, kept as far as memory allows, decoded again beyond that."""

    def __init__(self, examples: Examples, longest: int, memory: float) -> None:
        """Take images whose long side becomes at most `longest` [px], and `memory` [GB]."""
        self.examples, self.longest = examples, longest
        self._room = memory * 1e9
        self._kept: dict[int, Sheet] = {}

    def __getitem__(self, place: int) -> Sheet:
        if place in self._kept:
            return self._kept[place]
        example = self.examples[place]
        masks = None
        if MASKS in example.record.files:
            masks = example.record.mask_visib[example.places]
        sheet = sheet_of(
            example.image, example.boxes, example.labels, example.ignored, masks, self.longest
        )
        if sheet.image.nbytes <= self._room:
            self._room -= sheet.image.nbytes
            self._kept[place] = sheet
        return sheet


def canvas_of(examples: Examples, size: int, crop: float, block: int) -> tuple[int, int]:
    """Return (height, width) of training images, in whole blocks.

    It is the median shape of the examples, or a square whose side is `crop` times `size` where that is
    smaller: most of an image is background, and time is better spent on what is to be learnt.

    Raises:
        DatasetError: among the examples that are looked at, none has an instance.
    """
    looked = np.unique(np.linspace(0, len(examples) - 1, LOOKED_AT).astype(int)).tolist()
    rows = [examples.record(place).row for place in looked]
    sides = np.array([[row["height"], row["width"]] for row in rows], float)
    sides *= size / sides.max(axis=1, keepdims=True)
    if not any(len(examples[place].labels) for place in looked):
        raise DatasetError(
            f"examples: {len(looked)} images show none of {', '.join(examples.categories)}; "
            "are these the categories of the data set?"
        )
    wanted = np.median(sides, axis=0)
    if crop < 1:
        wanted = np.minimum(wanted, crop * size)
    height, width = (max(block, math.ceil(side / block) * block) for side in wanted)
    return height, width
