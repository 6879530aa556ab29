"""What a check is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from simkit.audit.casting import Alone, Sight, look
from simkit.audit.stored import Image, NotApplicable, Placed

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]
JUMP = 0.02
"""Neighbours whose depths differ by more than this part of them lie on both sides of an edge."""


@dataclass(frozen=True)
class Measured:
    """What a check found: it fails if `value` is above `tolerance` (or is not finite).

    Attributes:
        detail: where, or what it looks like.
    """

    value: float
    tolerance: float
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the value is within its tolerance."""
        return bool(self.value <= self.tolerance)


@dataclass(frozen=True)
class Check:
    """One independent check.

    Attributes:
        name: of the check; of the label where it is about one.
        about: what is compared with what, and what the measured value is.
        measure: raises `NotStored` or `NotApplicable`.
    """

    name: str
    about: str
    measure: Callable[[Case], Measured]


CHECKS: dict[str, Check] = {}
"""All checks by name, in the order of reports."""


def check(name: str, about: str) -> Callable[[Callable[[Case], Measured]], None]:
    """Register a function as a check."""

    def register(function: Callable[[Case], Measured]) -> None:
        CHECKS[name] = Check(name, about, function)

    return register


class Case:
    """An image, and what rays say of it; computed when it is asked for.

    Args:
        image: as it is stored.
        alone: keeps acceleration structures from image to image.
        depth_tolerance: [m], added to that of depth.

    Attributes:
        moved: where points are in other frames, by offset; kept by the checks of motion.
        touch: the collision shapes in the world; kept by the checks of what touches.
    """

    def __init__(self, image: Image, alone: Alone, depth_tolerance: float) -> None:
        self.image, self.alone, self.depth_tolerance = image, alone, depth_tolerance
        self.moved: dict[int, tuple[NDArray[np.int64], Float]] = {}
        self.touch: Any = None

    @cached_property
    def sight(self) -> Sight:
        """What rays meet first: of all bodies, or of those that are known.

        Raises:
            NotApplicable: the rows of the image are from different times.
        """
        self.need_one_moment()
        return look(self.image.bodies, self.image.lens)

    def need_one_moment(self) -> None:
        """Raise `NotApplicable` if the shutter rolls."""
        if self.image.lens.moves:
            raise NotApplicable("rolling shutter: rows are from different times")

    @cached_property
    def core(self) -> Mask:
        """(H, W): pixels away from silhouettes and from edges within a body."""
        sight = self.sight
        size = 3
        same = maximum_filter(sight.ids, size) == minimum_filter(sight.ids, size)
        low, high = minimum_filter(sight.depth, size), maximum_filter(sight.depth, size)
        return np.asarray(same & (sight.ids > 0) & (high - low <= JUMP * np.maximum(high, 1e-9)))

    @cached_property
    def silhouettes(self) -> list[tuple[int, int, Mask]]:
        """Each instance by itself: x, y of the top left [px] and (h, w)."""
        self.need_one_moment()
        return [self.alone.silhouette(thing, self.image.lens) for thing in self.image.things]

    def silhouette_in_image(self, place: int) -> Mask:
        """Return the part of a silhouette inside the image (H, W)."""
        x, y, pixels = self.silhouettes[place]
        mask = np.zeros(self.image.lens.size, dtype=bool)
        laid(mask, x, y, pixels)
        return mask

    def things(self) -> list[Placed]:
        """Return the instances; `NotApplicable` if there are none."""
        if not self.image.things:
            raise NotApplicable("no instances")
        return self.image.things


def laid(mask: Mask, x: int, y: int, pixels: Mask) -> None:
    """Add pixels (h, w) whose top left is (x, y) to a mask, as far as they lie in it."""
    h, w = pixels.shape
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + w, mask.shape[1]), min(y + h, mask.shape[0])
    if x0 < x1 and y0 < y1:
        mask[y0:y1, x0:x1] |= pixels[y0 - y : y1 - y, x0 - x : x1 - x]


def worst(found: Sequence[tuple[float, str]], tolerance: float) -> Measured:
    """Return the largest of (value, detail); NaN counts as the largest.

    Raises:
        NotApplicable: there is none.
    """
    if not found:
        raise NotApplicable("nothing to compare")
    value, detail = max(found, key=lambda one: np.inf if np.isnan(one[0]) else one[0])
    return Measured(float(value), tolerance, detail)


def same_length(values: list[object] | list[dict[str, object]], case: Case, what: str) -> None:
    """Raise `ValueError` unless there is a value an instance."""
    if len(values) != len(case.image.things):
        raise ValueError(f"{what} has {len(values)} instances, gt.json {len(case.image.things)}")
