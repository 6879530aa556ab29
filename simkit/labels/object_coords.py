"""Where on its model each pixel lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class ObjectCoords(Annotator):
    """(H, W, 3) float32 [m]: the seen point in its model's frame, before the body's scale; else 0.

    Of labelled instances only.
    """

    kind = "array"
    channels = frozenset({"object_coords", "instance"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.float32]:
        labelled = np.array([False, *(body.labelled for body in view.scene.bodies)])
        seen = labelled[view.frame.instance]
        coords: NDArray[np.float32] = view.frame.channels["object_coords"] * seen[..., None]
        return coords
