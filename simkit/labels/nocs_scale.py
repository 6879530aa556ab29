"""The box into which normalized object coordinates are laid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simkit.labels import Annotator, View


class NocsScale(Annotator):
    """A dict an instance: ``center`` (3,) [m] and ``diagonal`` [m] of its bounding box, scaled.

    A point p [m] of the scaled model's frame has the normalized coordinates ``(p - center) /
    diagonal + 0.5``; the pose maps p to the camera.
    """

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[dict[str, Any]]:
        values = []
        for _, body in view.instances:
            low, high = view.library[body.model].mesh.bounds * np.array(body.scale)
            diagonal = float(np.linalg.norm(high - low))
            values.append({"center": ((low + high) / 2).tolist(), "diagonal": diagonal})
        return values
