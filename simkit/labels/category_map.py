"""Which category each pixel shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class CategoryMap(Annotator):
    """(H, W) uint32: `identity`'s ``category_id`` of the labelled body at each pixel; else 0."""

    kind = "array"
    channels = frozenset({"instance"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.uint32]:
        ids = [view.library[b.model].category_id if b.labelled else 0 for b in view.scene.bodies]
        values: NDArray[np.uint32] = np.array([0, *ids], dtype=np.uint32)[view.frame.instance]
        return values
