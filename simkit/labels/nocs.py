"""Normalized object coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View
from simkit.labels.points import placed_points


class Nocs(Annotator):
    """(H, W, 3) float32 in [0, 1]: the seen point in a box about its object, of unit diagonal; else 0.

    Wang et al., Normalized Object Coordinate Space for Category-Level 6D Object Pose and Size
    Estimation, CVPR 2019, section 3; the box is `nocs_scale`. Of labelled instances only.
    """

    kind = "array"
    channels = frozenset({"object_coords", "instance"})
    requires = ("nocs_scale",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.float32]:
        matrices = [np.zeros((4, 4))] * len(view.scene.bodies)
        for (instance_id, body), box in zip(view.instances, labels["nocs_scale"], strict=True):
            matrix = np.diag([*body.scale, 1.0])
            matrix[:3, 3] = 0.5 * box["diagonal"] - np.array(box["center"])
            matrices[instance_id - 1] = matrix / box["diagonal"]
        return placed_points(view, matrices)
