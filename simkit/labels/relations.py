"""A scene graph: how the labelled bodies stand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from simkit.geometry import Array, apply_transform
from simkit.labels import Annotator, View
from simkit.scene import Body

INSIDE = 0.5
"""Share of a body's vertices that lie in the other's convex hull, where it is inside."""


class Relations(Annotator):
    """A list of ``[subject, predicate, object]`` (names of bodies), whose truth is the geometry's.

    ``left_of``, ``in_front_of``: as the camera sees it, the middle of the subject's bounding box lies
    farther to the left (smaller camera x), or nearer (smaller z), by more than a quarter of the sum of
    the two diameters. ``above``: higher by as much, against the world's z. ``on``: the object carries
    the subject (`support`), which may be an unlabelled body. ``inside``: at least half of the
    subject's vertices lie in the object's convex hull. What follows by turning a pair round (right of,
    behind, below) is not listed.
    """

    kind = "image"
    requires = ("support",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[list[str]]:
        bodies = [body for _, body in view.instances]
        names = [body.name for body in bodies]
        corners = [_vertices(view, body) for body in bodies]
        found = [
            [one["supported"], "on", one["supporter"]]
            for one in labels["support"]
            if one["supported"] in names
        ]
        middles = np.array([(c.min(axis=0) + c.max(axis=0)) / 2 for c in corners]).reshape(-1, 3)
        seen = apply_transform(view.camera.T_camera_world, middles)
        radii = [view.library[body.model].diameter * max(body.scale) / 4 for body in bodies]
        axes = {"left_of": seen[:, 0], "in_front_of": seen[:, 2], "above": -middles[:, 2]}
        for a, b in permutations(range(len(bodies)), 2):
            apart = radii[a] + radii[b]
            for predicate, place in axes.items():
                if place[b] - place[a] > apart:
                    found.append([names[a], predicate, names[b]])
            near = np.linalg.norm(middles[a] - middles[b]) < 2 * apart
            if radii[a] < radii[b] and near and _share_inside(corners[a], corners[b]) >= INSIDE:
                found.append([names[a], "inside", names[b]])
        return found


def _vertices(view: View, body: Body) -> Array:
    vertices = view.library[body.model].mesh.vertices * np.array(body.scale)
    return apply_transform(body.T_world_body, vertices)


def _share_inside(points: Array, around: Array) -> float:
    """Return the share of points (N, 3) that lie in the convex hull of others (M, 3)."""
    planes = ConvexHull(around).equations
    return float(np.mean((points @ planes[:, :3].T + planes[:, 3]).max(axis=1) <= 1e-6))
