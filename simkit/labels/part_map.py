"""Which named part of its model each pixel shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class PartMap(Annotator):
    """(H, W) uint16: id of the named part of the labelled body that is seen at each pixel; else 0.

    A robot's parts are its links, a model's those that its file names (`simkit.assets`); a model of
    one piece is one part. By the triangle that is seen, so exact. Ids: `parts`, and ``models`` in
    ``dataset.json``; they say which part, not whose: `instance_map` does.
    """

    kind = "array"
    channels = frozenset({"instance", "triangle"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.uint16]:
        starts = np.zeros(len(view.scene.bodies) + 1, dtype=np.int64)
        tables = [np.zeros(1, dtype=np.uint16)]
        first_of: dict[str, int] = {}
        end = 1
        for number, body in view.instances:
            if body.model not in first_of:
                first_of[body.model] = end
                tables.append(_ids_of_faces(view, body.model))
                end += len(tables[-1])
            starts[number] = first_of[body.model]
        start = starts[view.frame.instance]
        place = np.where(start > 0, start + view.frame.channels["triangle"], 0)
        values: NDArray[np.uint16] = np.concatenate(tables)[place]
        return values


def _ids_of_faces(view: View, model: str) -> NDArray[np.uint16]:
    """Return the part's id of each face (F,) of a model."""
    ids = np.array(view.library.part_ids(model), dtype=np.uint16)
    parts = view.library[model].parts
    if parts is None:
        return np.full(len(view.library[model].mesh.faces), ids[0])
    of_faces: NDArray[np.uint16] = ids[parts.faces]
    return of_faces
