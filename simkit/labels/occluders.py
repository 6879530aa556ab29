"""Who hides whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simkit.labels import Annotator, View


class Occluders(Annotator):
    """A list an instance, the body that hides most first.

    Dicts of ``instance_id``, ``name``, ``labelled``, ``px`` and ``fraction``.
    ``px`` are the pixels of the instance's `mask` at which that body is seen in its place;
    ``fraction`` is their share of the mask (so inside the image).
    """

    channels = frozenset({"instance"})
    requires = ("mask",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
        bodies = view.scene.bodies
        values = []
        for (instance_id, _), mask in zip(view.instances, labels["mask"], strict=True):
            counts = np.bincount(view.frame.instance[mask], minlength=len(bodies) + 1)
            whole = int(counts.sum())
            counts[[0, instance_id]] = 0
            hiders = sorted(np.flatnonzero(counts), key=lambda k: (-counts[k], k))
            values.append(
                [
                    {
                        "instance_id": int(k),
                        "name": bodies[k - 1].name,
                        "labelled": bodies[k - 1].labelled,
                        "px": int(counts[k]),
                        "fraction": float(counts[k] / whole),
                    }
                    for k in hiders
                ]
            )
        return values
