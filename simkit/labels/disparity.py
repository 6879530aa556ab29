"""Disparity of stereo pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class Disparity(Annotator):
    """(H, W) float32 [px]: x in this image minus x in the right eye's, of each pixel's point; else 0.

    For a pinhole ``f_x * baseline / z_depth``. Whether the right eye sees the point is
    `disparity_state`.
    """

    kind = "array"
    requires = ("stereo_motion",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.float32]:
        disparity: NDArray[np.float32] = np.negative(labels["stereo_motion"].flow[..., 0])
        return np.ascontiguousarray(disparity)
