"""Optical flow to the previous frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class FlowBackward(Annotator):
    """(H, W, 2) float32 [px]: each pixel's surface point in the previous frame, minus where it is.

    Along x (right) and y (down), analytic, from poses; whether the point is seen there is
    `flow_backward_state`. 0 where nothing is seen, and in a sequence's first frame.
    """

    kind = "array"
    requires = ("motion_backward",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.float32]:
        flow: NDArray[np.float32] = labels["motion_backward"].flow
        return flow
