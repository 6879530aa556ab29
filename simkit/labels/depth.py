"""Planar depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class Depth(Annotator):
    """Planar z-depth (H, W) float32 [m] along the camera's z axis, at pixel centres; 0 where nothing is.

    Not the distance along the ray. Files hold it in steps of `output.depth_scale`.
    """

    kind = "array"
    channels = frozenset({"depth"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.float32]:
        return view.frame.depth
