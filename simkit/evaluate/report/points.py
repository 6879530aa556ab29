"""What scores are read as: points, held against what real training images reach."""

from __future__ import annotations

import math
from collections.abc import Iterable

from simkit.evaluate.result import Score

POINTS = 100.0
"""Of a share of 1."""
ON_CURVES = ("TSTR n=", "MIX")
"""Protocols that are points of a curve, and drawn there."""


def on_curve(one: Score) -> bool:
    """Return whether a score is a point of a learning or mixing curve."""
    return one.protocol.upper().startswith(tuple(name.upper() for name in ON_CURVES))


def yardstick(scores: Iterable[Score]) -> Score | None:
    """Return the best of the scores that were trained and tested on real images."""
    real = [one for one in scores if one.protocol == "TRTR" and math.isfinite(one.value)]
    return max(real, key=lambda one: one.value, default=None)


def scale_of(numbers_: Iterable[float]) -> float:
    """Return 100 where all numbers are shares, that are read as points, and 1 elsewhere."""
    known = [one for one in numbers_ if math.isfinite(one)]
    return POINTS if known and min(known) >= -1 and max(known) <= 1 else 1.0
