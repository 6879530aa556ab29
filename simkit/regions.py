"""Where objects start in scenes that hold other things already."""

from __future__ import annotations

from simkit.furniture import OPEN_ABOVE
from simkit.geometry import Array
from simkit.scene import Region, vec3

AROUND = 0.05
"""The region above some things reaches as far beyond them [m]."""


def region_above(points: Array) -> Region:
    """Return a region above points (N, 3) [m] of the world, from which things fall on them."""
    low, high = points.min(axis=0), points.max(axis=0)
    bottom = [*(low[:2] - AROUND), high[2]]
    return Region("above", vec3(bottom), vec3([*(high[:2] + AROUND), OPEN_ABOVE]))
