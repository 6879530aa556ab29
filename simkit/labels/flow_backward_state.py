"""Which pixels are still seen in the previous frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class FlowBackwardState(Annotator):
    """(H, W) uint8: what becomes of each pixel's point in the previous frame.

    0 it is seen; 1 it is hidden; 2 it lies outside the image or behind the camera; 3 there is no
    point, or no previous frame.
    """

    kind = "array"
    requires = ("motion_backward",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.uint8]:
        state: NDArray[np.uint8] = labels["motion_backward"].state
        return state
