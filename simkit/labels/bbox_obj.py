"""Amodal boxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simkit.geometry import box_of_mask
from simkit.labels import Annotator, View


class BBoxObj(Annotator):
    """Amodal box ``(x, y, width, height)`` [px] of each instance, also outside the image.

    ``width = x_max - x_min + 1`` over the silhouette's pixels. None where the silhouette is empty.
    """

    requires = ("silhouette",)

    def annotate(
        self, view: View, labels: Mapping[str, Any]
    ) -> list[tuple[int, int, int, int] | None]:
        boxes: list[tuple[int, int, int, int] | None] = []
        for silhouette in labels["silhouette"]:
            box = box_of_mask(silhouette.pixels)
            if box is not None:
                box = (box[0] + silhouette.x, box[1] + silhouette.y, box[2], box[3])
            boxes.append(box)
        return boxes
