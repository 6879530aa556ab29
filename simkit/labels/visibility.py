"""How much of each instance is seen, in three ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simkit.labels import Annotator, View


class Visibility(Annotator):
    """A dict an instance, fractions of pixels.

    ``visible_of_whole``, ``in_frame_of_whole`` and ``visible_of_in_frame``.
    The whole is the silhouette, also outside the image (the first is BOP's ``visib_fract``); in frame
    is its part inside the image (cut off if below 1); the last is what others leave to be seen of
    that (occluded if below 1). 0 where the denominator is.
    """

    requires = ("silhouette", "mask", "mask_visib")

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[dict[str, float]]:
        values = []
        triples = zip(labels["silhouette"], labels["mask"], labels["mask_visib"], strict=True)
        for silhouette, mask, visible in triples:
            whole = silhouette.area
            framed, seen = int(np.count_nonzero(mask)), int(np.count_nonzero(visible))
            values.append(
                {
                    "visible_of_whole": seen / whole if whole else 0.0,
                    "in_frame_of_whole": framed / whole if whole else 0.0,
                    "visible_of_in_frame": seen / framed if framed else 0.0,
                }
            )
        return values
