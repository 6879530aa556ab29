"""Contacts between bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simkit.geometry import apply_transform
from simkit.labels import Annotator, View


class Contacts(Annotator):
    """A list, one a pair of bodies that touch: collision shapes at most 1.5 mm apart.

    Dicts: ``a`` and ``b`` (names of the bodies, labelled or not), ``points`` (K, 3) [m] and ``normal``
    (3,), the mean unit normal from b towards a, both in the camera frame; ``gap`` [m], below 0 where
    they overlap. Of two fixed bodies nothing is told.
    """

    kind = "image"
    requires = ("touching",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[dict[str, Any]]:
        T = view.camera.T_camera_world
        return [
            {
                "a": one.a,
                "b": one.b,
                "points": apply_transform(T, one.points).tolist(),
                "normal": (T[:3, :3] @ np.array(one.normal)).tolist(),
                "gap": one.gap,
            }
            for one in labels["touching"]
        ]
