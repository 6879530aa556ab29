"""A scene graph: how the labelled bodies stand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import permutations
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from simkit.assets.mesh import Mesh
from simkit.geometry import Array, apply_transform, invert
from simkit.labels import Annotator, View
from simkit.scene import Body

CORNERS = 64
"""Of a body's convex hull, about so many are looked at for `INSIDE`."""

INSIDE = 0.5
"""Share of the corners of a body's convex hull that lie in the other's, where it is inside."""


class Relations(Annotator):
    """A list of ``[subject, predicate, object]`` (names of bodies), whose truth is the geometry's.

    ``left_of``, ``in_front_of``: as the camera sees it, the middle of the subject's bounding box lies
    farther to the left (smaller camera x), or nearer (smaller z), by more than a quarter of the sum of
    the two diameters. ``above``: higher by as much, against the world's z. ``on``: the object carries
    the subject (`support`), which may be an unlabelled body. ``inside``: at least half of up to 64
    corners of the subject's convex hull lie in the object's. What follows by turning a pair round
    (right of, behind, below) is not listed.
    """

    kind = "image"
    requires = ("support",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[list[str]]:
        bodies = [body for _, body in view.instances]
        names = [body.name for body in bodies]
        corners = [_corners(view, body) for body in bodies]
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
            if (
                radii[a] < radii[b]
                and near
                and _share_inside(view, corners[a], bodies[b]) >= INSIDE
            ):
                found.append([names[a], "inside", names[b]])
        return found


@lru_cache(maxsize=256)
def _hull(mesh: Mesh) -> tuple[Array, Array]:
    """Return the corners (H, 3) and planes (F, 4), outwards, of a mesh's convex hull."""
    hull = ConvexHull(mesh.vertices)
    return mesh.vertices[hull.vertices].astype(np.float64), np.unique(hull.equations, axis=0)


def _corners(view: View, body: Body) -> Array:
    """Return the corners (H, 3) [m, world] of a body's convex hull."""
    corners = _hull(view.library[body.model].mesh)[0] * np.array(body.scale)
    return apply_transform(body.T_world_body, corners)


def _share_inside(view: View, points: Array, body: Body) -> float:
    """Return about the share of points (N, 3) [m, world] that lie in a body's convex hull."""
    planes = _hull(view.library[body.model].mesh)[1]
    some = points[:: max(1, len(points) // CORNERS)]
    local = apply_transform(invert(body.T_world_body), some) / np.array(body.scale)
    low, high = view.library[body.model].mesh.bounds
    boxed = ((local >= low) & (local <= high)).all(axis=1)
    if boxed.mean() < INSIDE:  # most pairs: the planes need not be asked
        return float(boxed.mean())
    return float(np.mean((local @ planes[:, :3].T + planes[:, 3]).max(axis=1) <= 1e-6))
