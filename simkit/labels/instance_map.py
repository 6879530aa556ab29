"""Which instance each pixel shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class InstanceMap(Annotator):
    """(H, W) uint16: `identity`'s ``instance_id`` of the labelled body at each pixel; else 0."""

    kind = "array"
    channels = frozenset({"instance"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.uint16]:
        ids = [i * body.labelled for i, body in enumerate(view.scene.bodies, start=1)]
        values: NDArray[np.uint16] = np.array([0, *ids], dtype=np.uint16)[view.frame.instance]
        return values
