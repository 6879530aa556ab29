"""Which pixels the right eye sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class DisparityState(Annotator):
    """(H, W) uint8: 0 the right eye sees each pixel's point; 1 it is hidden; 2 outside; 3 no point."""

    kind = "array"
    requires = ("stereo_motion",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.uint8]:
        state: NDArray[np.uint8] = labels["stereo_motion"].state
        return state
