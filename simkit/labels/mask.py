"""Amodal masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class Mask(Annotator):
    """(N, H, W) bool: pixels that the instance would cover if nothing hid it (inside the image)."""

    kind = "array"
    requires = ("silhouette",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.bool_]:
        width, height = view.camera.width, view.camera.height
        masks = np.zeros((len(labels["silhouette"]), height, width), dtype=bool)
        for mask, silhouette in zip(masks, labels["silhouette"], strict=True):
            silhouette.paint(mask)
        return masks
