"""Which segment each pixel belongs to, things and stuff alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class PanopticMap(Annotator):
    """(H, W) uint16: `panoptic`'s segment ``id`` at each pixel, 0 where nothing is."""

    kind = "array"
    channels = frozenset({"instance"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.uint16]:
        values: NDArray[np.uint16] = view.frame.instance.astype(np.uint16)
        return values
