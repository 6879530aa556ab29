"""Distance along each pixel's ray."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class RayDistance(Annotator):
    """(H, W) float32 [m]: from the camera's centre to the surface point; 0 where nothing is.

    Not the planar `depth`: the two agree only on the optical axis.
    """

    kind = "array"
    requires = ("points",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.float32]:
        points = labels["points"]
        distance: NDArray[np.float32] = np.sqrt(np.einsum("hwc,hwc->hw", points, points))
        return distance
