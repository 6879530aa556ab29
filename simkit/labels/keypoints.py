"""Named points of each instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simkit.cameras import project_points
from simkit.geometry import apply_transform
from simkit.labels import Annotator, View
from simkit.labels.sight import blocked
from simkit.scene import Body

SLACK = 0.002
"""A surface that stands no farther than this before a point does not hide it [m]."""

OUTSIDE, OCCLUDED, VISIBLE = "outside", "occluded", "visible"


class Keypoints(Annotator):
    """A list an instance, of its model's named points (`simkit.assets.keypoints`), in their order.

    Dicts: ``name``, ``px`` (x, y) [px] (None behind the camera), ``point`` (3,) [m, camera frame],
    ``state``: ``outside`` the image, ``occluded`` (a surface, also its own body's, stands more than
    `SLACK` before it), or ``visible``. COCO's ``v`` is 0, 1 and 2 for them.
    """

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
        return [self._points(view, body) for _, body in view.instances]

    def _points(self, view: View, body: Body) -> list[dict[str, Any]]:
        named = view.library[body.model].keypoints
        if not named:
            return []
        local = np.array([point for _, point in named]) * np.array(body.scale)
        world = apply_transform(body.T_world_body, local)
        seen = apply_transform(view.camera.T_camera_world, world)
        pixels = project_points(view.camera, seen)
        hidden = blocked(view, world, SLACK)
        edge = np.array([view.camera.width, view.camera.height]) - 0.5
        inside = np.all((pixels >= -0.5) & (pixels < edge), axis=1)
        return [
            {
                "name": name,
                "px": pixel.tolist() if np.isfinite(pixel).all() else None,
                "point": point.tolist(),
                "state": (OCCLUDED if hides else VISIBLE) if within else OUTSIDE,
            }
            for (name, _), pixel, point, hides, within in zip(
                named, pixels, seen, hidden, inside, strict=True
            )
        ]
