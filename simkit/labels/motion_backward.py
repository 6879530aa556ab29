"""How pixels move to the previous frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simkit.labels import Annotator, View
from simkit.labels.motion import Motion, motion


class MotionBackward(Annotator):
    """A `simkit.labels.motion.Motion` to the previous frame of the sequence."""

    kind = "internal"
    channels = frozenset({"instance", "object_coords"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> Motion:
        return motion(view, view.moment(-1))
