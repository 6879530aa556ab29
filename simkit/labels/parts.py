"""The named parts of each instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simkit.labels import Annotator, View


class Parts(Annotator):
    """A dict an instance: ``whole``, the category or robot that it is or is a part of, and ``parts``.

    These are dicts of ``part_id`` (its value in `part_map`), ``name`` and ``px``, the visible pixels:
    all parts that the instance's model has, also those that are not seen. Their ``px`` sum up to the
    area of `mask_visib`. A robot's link is an instance of one part.
    """

    channels = frozenset({"instance"})
    requires = ("part_map",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[dict[str, Any]]:
        seen = labels["part_map"].astype(np.int64)
        most = int(seen.max(initial=0)) + 1
        counts = np.bincount(
            (view.frame.instance.astype(np.int64) * most + seen).ravel(),
            minlength=most * (len(view.scene.bodies) + 1),
        ).reshape(-1, most)
        return [self._listed(view, body.model, counts[number]) for number, body in view.instances]

    def _listed(self, view: View, name: str, counts: np.ndarray) -> dict[str, Any]:
        model, ids = view.library[name], view.library.part_ids(name)
        places = [0] if model.parts is None else np.unique(model.parts.faces).tolist()
        return {
            "whole": model.whole,
            "parts": [
                {
                    "part_id": ids[place],
                    "name": model.part_names[place],
                    "px": int(counts[ids[place]]) if ids[place] < len(counts) else 0,
                }
                for place in places
            ],
        }
