"""Amodal silhouettes, also outside the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simkit.labels import Annotator, View
from simkit.raycast import Silhouette


class Silhouettes(Annotator):
    """A `Silhouette` an instance: what its model alone covers, by ray casting at pixel centres.

    With a rolling shutter, each row sees it at the row's own time.

    The visible pixels are part of it by definition, also where a rasterizer decides a tie at an edge
    in another way than a ray does.
    """

    kind = "internal"
    channels = frozenset({"instance", "depth"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[Silhouette]:
        frame = view.frame
        return view.caster.silhouettes(view.instances, view.camera, frame.instance, frame.depth)
