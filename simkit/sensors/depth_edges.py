"""Where one surface ends and another begins in a depth image, and what lateral noise does there.

Lateral noise moves a pixel's ray sideways. On one surface this is part of the published axial noise,
which was measured on slanted planes, too; so it acts only where it changes the surface.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.sensors.reproject import Map, jumps

REACH = 3.0
"""Lateral noise acts within this many standard deviations of an edge."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Pixels near depth edges, and where lateral noise makes them look.

    Attributes:
        rows, columns: (N,) the pixels.
        v, u: (N,) float32, the places that they look at [px].
        step: (N,) change of depth [m] from pixel to pixel beyond which it is another surface.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    v: Map
    u: Map
    step: Map

    def nearest(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns (N,) of the pixels nearest to where they look."""
        return np.rint(self.v).astype(np.intp), np.rint(self.u).astype(np.intp)

    def corners(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns (4, N) of the pixels around where they look."""
        top, left = self.v.astype(np.intp), self.u.astype(np.intp)
        return np.stack([top, top, top + 1, top + 1]), np.stack([left, left + 1, left, left + 1])

    def weights(self) -> Map:
        """Return the bilinear weights (4, N) of the `corners`."""
        down, right = self.v % 1, self.u % 1
        up, left = 1 - down, 1 - right
        return np.stack([up * left, up * right, down * left, down * right])

    def only(self, chosen: NDArray[np.bool_]) -> Edges:
        """Return those pixels that are chosen (N,)."""
        rows, columns = self.rows[chosen], self.columns[chosen]
        return Edges(rows, columns, self.v[chosen], self.u[chosen], self.step[chosen])


def edges_of(
    depth: Map, focal: float, steepest: float, lateral: float, rng: np.random.Generator
) -> Edges:
    """Find depth edges and draw the lateral noise near them.

    Args:
        depth: (H, W) [m].
        focal: focal length [px].
        steepest: tangent of the greatest angle of incidence that is no edge yet.
        lateral: standard deviation of the lateral noise along each axis [px].
        rng: gives the noise.
    """
    limit = steepest / focal
    jump = jumps(depth, limit)
    side = 2 * math.ceil(REACH * lateral) + 1
    near = cv2.dilate(jump, np.ones((side, side), dtype=np.uint8))
    rows, columns = np.nonzero(near)
    shift = rng.standard_normal((2, len(rows)), dtype=np.float32)
    shift = np.clip(shift, -REACH, REACH) * np.float32(lateral)
    height, width = depth.shape
    return Edges(
        rows,
        columns,
        np.clip(rows.astype(np.float32) + shift[0], 0, np.float32(height - 1.01)),
        np.clip(columns.astype(np.float32) + shift[1], 0, np.float32(width - 1.01)),
        np.float32(limit * max(1.0, REACH * lateral)) * depth[rows, columns],
    )
