"""The visible surface as points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class PointCloud(Annotator):
    """(M, 4) float32, a row a pixel that sees something, row by row: x, y, z [m, camera frame], segment.

    The segment is the pixel's `panoptic_map` value (a labelled body's ``instance_id``).
    """

    kind = "array"
    channels = frozenset({"instance"})
    requires = ("points",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.float32]:
        seen = view.frame.instance > 0
        segments = view.frame.instance[seen].astype(np.float32)
        return np.concatenate([labels["points"][seen], segments[:, None]], axis=1)
