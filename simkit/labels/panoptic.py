"""The segments of an image, as COCO's panoptic task has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simkit.geometry import box_of_mask
from simkit.labels import Annotator, View

STUFF = "stuff"
"""Category of what is not labelled."""


class Panoptic(Annotator):
    """A list of the visible segments.

    Dicts of ``id``, ``name``, ``category``, ``category_id``, ``isthing``, ``area`` and ``bbox``.
    Each body is a segment; ``id`` is its value in `panoptic_map` (a labelled body's
    ``instance_id``), ``area`` its visible pixels, ``bbox`` ``[x, y, width, height]`` around them.
    Unlabelled bodies are stuff: category `STUFF`, id 0, told apart by name.
    """

    kind = "image"
    channels = frozenset({"instance"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[dict[str, Any]]:
        areas = np.bincount(view.frame.instance.ravel(), minlength=len(view.scene.bodies) + 1)
        segments = []
        for segment_id, body in enumerate(view.scene.bodies, start=1):
            if areas[segment_id] == 0:
                continue
            model = view.library[body.model]
            box = box_of_mask(view.frame.instance == segment_id)
            segments.append(
                {
                    "id": segment_id,
                    "name": body.name,
                    "category": model.category if body.labelled else STUFF,
                    "category_id": model.category_id if body.labelled else 0,
                    "isthing": int(body.labelled),
                    "area": int(areas[segment_id]),
                    "bbox": list(box or ()),
                }
            )
        return segments
