"""Who is who: instance, object and category ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simkit.labels import Annotator, View


class Identity(Annotator):
    """Names and ids of each instance.

    A list of dicts: ``instance_id`` (int, its id in instance images, unique in the image),
    ``name`` (of the body, unique in the scene), ``model``, ``obj_id`` (int, BOP's id of the
    model), ``category`` and ``category_id`` (int), and ``scale`` (3 factors along the model's axes).
    """

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[dict[str, Any]]:
        identities = []
        for instance_id, body in view.instances:
            model = view.library[body.model]
            identities.append(
                {
                    "instance_id": instance_id,
                    "name": body.name,
                    "model": body.model,
                    "obj_id": model.obj_id,
                    "category": model.category,
                    "category_id": model.category_id,
                    "scale": list(body.scale),
                }
            )
        return identities
