"""Where bodies touch, for the annotators that tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simkit.labels import Annotator, View
from simkit.physics import Contact


class Touching(Annotator):
    """A list of `simkit.physics.Contact`, of the scene as it stands at the picture's moment."""

    kind = "internal"

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[Contact]:
        return view.touching(view.scene)
