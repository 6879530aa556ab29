"""Who carries whom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from simkit.labels import Annotator, View

STEEPEST = math.cos(math.radians(60.0))
"""A contact carries if its normal is at most 60 degrees off the vertical."""


class Support(Annotator):
    """A list of dicts ``supporter`` and ``supported`` (names): the one touches the other from below.

    From `contacts`: where the mean normal points up, against gravity, by at most 60 degrees off. A
    body may have several supporters. Without gravity nothing carries anything.
    """

    kind = "image"
    requires = ("touching",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[dict[str, str]]:
        gravity = np.array(view.scene.gravity)
        strength = float(np.linalg.norm(gravity))
        if strength == 0:
            return []
        pairs = []
        for one in labels["touching"]:
            upwards = -float(np.dot(one.normal, gravity)) / strength
            if upwards >= STEEPEST:
                pairs.append({"supporter": one.b, "supported": one.a})
            elif upwards <= -STEEPEST:
                pairs.append({"supporter": one.a, "supported": one.b})
        return pairs
