"""Boxes of what is visible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simkit.geometry import box_of_mask
from simkit.labels import Annotator, View


class BBoxVisib(Annotator):
    """Box ``(x, y, width, height)`` [px] of each instance's ``mask_visib``; None if it is empty.

    ``width = x_max - x_min + 1`` over the visible pixels.
    """

    requires = ("mask_visib",)

    def annotate(
        self, view: View, labels: Mapping[str, Any]
    ) -> list[tuple[int, int, int, int] | None]:
        return [box_of_mask(mask) for mask in labels["mask_visib"]]
