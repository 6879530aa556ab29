"""One pose of all that a symmetric object cannot be told apart by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from simkit.assets.library import Model
from simkit.geometry import Array
from simkit.labels import Annotator, View

TIE = 1e-9


class PoseCanonical(Annotator):
    """``T_camera_body`` (4, 4) float64 [m]: of all poses that look alike, the least turned.

    Of the poses that the model's symmetries make equivalent, the one whose rotation has the smallest
    angle against the camera's axes (largest trace; ties go to the first symmetry). So equal views have
    equal poses (Pitteri et al., On Object Symmetries and 6D Pose Estimation from Images, 3DV 2019, has
    the reasons). Where every turn about a free axis is as far, the pose stays. For a model without
    symmetries it is `pose`. Symmetries hold for unscaled or evenly
    scaled bodies; others keep `pose`.
    """

    requires = ("pose",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[Array]:
        return [
            canonical_pose(pose, view.library[body.model], body.scale[0])
            if max(body.scale) - min(body.scale) < 1e-9
            else pose
            for (_, body), pose in zip(view.instances, labels["pose"], strict=True)
        ]


def canonical_pose(T_camera_body: Array, model: Model, scale: float = 1.0) -> Array:
    """Return the equivalent pose (4, 4) whose rotation has the largest trace."""
    best: Array | None = None
    discrete = [np.eye(4), *(np.array(one, dtype=np.float64) for one in model.symmetries_discrete)]
    for symmetry in discrete:
        turned = T_camera_body @ _scaled(symmetry, scale)
        for axis, offset in model.symmetries_continuous:
            turned = turned @ _scaled(_best_turn(turned[:3, :3], np.array(axis), offset), scale)
        if best is None or np.trace(turned[:3, :3]) > np.trace(best[:3, :3]) + TIE:
            best = turned
    assert best is not None
    return best


def _best_turn(R: Array, axis: Array, offset: tuple[float, float, float]) -> Array:
    """Return the rotation (4, 4) about an axis after which ``R`` has the largest trace.

    ``trace(R Rot(axis, angle)) = a cos(angle) + b sin(angle) + c`` by Rodrigues' formula.
    """
    axis = axis / np.linalg.norm(axis)
    cross = np.cross(np.eye(3), axis)  # rows: e_i x axis, so that cross @ v = axis x v
    a = float(np.trace(R) - axis @ R @ axis)
    b = float(np.trace(R @ cross))
    turn = np.eye(4)
    if math.hypot(a, b) < TIE:  # every turn is as far
        return turn
    turn[:3, :3] = Rotation.from_rotvec(axis * math.atan2(b, a)).as_matrix()
    turn[:3, 3] = np.array(offset) - turn[:3, :3] @ np.array(offset)
    return turn


def _scaled(T: Array, scale: float) -> Array:
    """Return a transform of the model's frame as one of the scaled model's."""
    result = T.copy()
    result[:3, 3] *= scale
    return result
