"""Amodal silhouettes, also outside the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simkit.labels import Annotator, View
from simkit.raycast import Silhouette


class Silhouettes(Annotator):
    """A `Silhouette` an instance: what its model alone covers, by ray casting at pixel centres.

    With a rolling shutter, each row sees it at the row's own time.

    The visible pixels are part of it by definition; they are joined, since a rasterizer may decide
    a tie at an edge in another way than a ray does.
    """

    kind = "internal"
    requires = ("mask_visib",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[Silhouette]:
        return [
            view.caster.silhouette(body, view.camera).joined(visible)
            for (_, body), visible in zip(view.instances, labels["mask_visib"], strict=True)
        ]
