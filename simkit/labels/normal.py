"""Surface normals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class Normal(Annotator):
    """(H, W, 3) float32: unit surface normal in the OpenCV camera frame, towards the camera; else 0.

    Of the mesh, smooth where its vertices' normals are; normal maps do not enter.
    """

    kind = "array"
    channels = frozenset({"normal"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.float32]:
        return view.frame.channels["normal"]
