"""How much of an instance is seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simkit.labels import Annotator, View


class VisibFract(Annotator):
    """A dict an instance: ``px_count_all``, ``px_count_valid``, ``px_count_visib``, ``visib_fract``.

    ``px_count_all`` counts the whole silhouette, also outside the image; ``px_count_valid`` its
    pixels inside the image where the depth image is not 0; ``visib_fract`` is ``px_count_visib /
    px_count_all`` (0 if the silhouette is empty), as BOP defines them.
    """

    channels = frozenset({"depth"})
    requires = ("silhouette", "mask", "mask_visib")

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[dict[str, Any]]:
        seen = view.frame.depth > 0
        values = []
        for silhouette, mask, visible in zip(
            labels["silhouette"], labels["mask"], labels["mask_visib"], strict=True
        ):
            whole, visible_count = silhouette.area, int(np.count_nonzero(visible))
            values.append(
                {
                    "px_count_all": whole,
                    "px_count_valid": int(np.count_nonzero(mask & seen)),
                    "px_count_visib": visible_count,
                    "visib_fract": visible_count / whole if whole else 0.0,
                }
            )
        return values
