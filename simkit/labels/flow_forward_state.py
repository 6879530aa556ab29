"""Which pixels are still seen in the next frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class FlowForwardState(Annotator):
    """(H, W) uint8: what becomes of each pixel's point in the next frame.

    0 it is seen; 1 it is hidden; 2 it lies outside the image or behind the camera; 3 there is no
    point, or no next frame.
    """

    kind = "array"
    requires = ("motion_forward",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.uint8]:
        state: NDArray[np.uint8] = labels["motion_forward"].state
        return state
