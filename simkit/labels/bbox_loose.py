"""Boxes around projected boxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simkit.labels import Annotator, View


class BBoxLoose(Annotator):
    """``(x, y, width, height)`` float [px] around the eight projected corners of each `bbox_3d`.

    It holds `bbox_obj` (for a camera without distortion), and is wider; it may leave the image.
    Continuous coordinates, so width is ``x_max - x_min``. None if a corner is behind the camera.
    """

    requires = ("bbox_3d",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[list[float] | None]:
        boxes: list[list[float] | None] = []
        for box in labels["bbox_3d"]:
            if any(pixel is None for pixel in box["corners_px"]):
                boxes.append(None)
                continue
            pixels = np.array(box["corners_px"])
            low, high = pixels.min(axis=0), pixels.max(axis=0)
            boxes.append([*low.tolist(), *(high - low).tolist()])
        return boxes
