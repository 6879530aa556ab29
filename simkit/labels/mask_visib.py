"""Visible masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class MaskVisib(Annotator):
    """(N, H, W) bool: pixels whose centre sees the instance. The masks of an image are disjoint."""

    kind = "array"
    channels = frozenset({"instance"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.bool_]:
        ids = np.array([instance_id for instance_id, _ in view.instances], dtype=np.int32)
        masks: NDArray[np.bool_] = view.frame.instance[None] == ids[:, None, None]
        return masks
