"""How pixels move to the next frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simkit.labels import Annotator, View
from simkit.labels.motion import Motion, motion


class MotionForward(Annotator):
    """A `simkit.labels.motion.Motion` to the next frame of the sequence."""

    kind = "internal"
    channels = frozenset({"instance", "object_coords"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> Motion:
        return motion(view, view.moment(1))
