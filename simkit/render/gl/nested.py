"""A hard directional light's shadow maps that serve all views of a scene: each within the next.

The first shows what lies about, the next ones tables and then walls, too. What casts shadows in one
map need not be drawn into a coarser one, for along the light its shadow does not leave the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from simkit.geometry import Array
from simkit.render.gl.bodies import Drawn
from simkit.render.gl.shadows import BORDER, Map, axes_across, parallel_map, shows
from simkit.scene import Camera, Light

LARGE = 4.0
"""A slab is large if it is so many times as long as what lies about."""

RIM = 0.02
"""Of a map's width, left free around what it shows."""

WORTH = 0.7
"""A map is worth its while if it is no wider than that, relative to the next one."""

COARSEST = 3.0
"""Texels of the finest map may be so many times as wide as pixels are on the nearest of what it shows."""


@dataclass(frozen=True, eq=False)
class Nested:
    """A light's maps.

    Attributes:
        maps: the finest first, and what is drawn into each.
        corners: (N, 3) [m, world] of the boxes of what the finest shows.
        texel: its texels' width [m].
    """

    maps: list[tuple[Map, list[Drawn]]]
    corners: Array
    texel: float

    def suits(self, cameras: Iterable[Camera]) -> bool:
        """Return whether the finest map is fine enough for all these pinholes."""
        return self.texel <= COARSEST * min(_footprint(one, self.corners) for one in cameras)


def nested_maps(light: Light, casting: list[Drawn], side: int) -> Nested | None:
    """Return a light's maps; None if there are none that serve all views.

    Args:
        light: directional.
        casting: bodies that can hide its light from something.
        side: of a map [texels].
    """
    about = [body for body in casting if not body.slab]
    if light.radius > 0 or not about:
        return None
    corners = np.concatenate([body.box for body in about])
    size = float(np.linalg.norm(np.ptp(corners, axis=0)))
    small = [b for b in casting if not b.slab or np.ptp(b.box, axis=0).max() < LARGE * size]
    forward = np.asarray(light.direction)
    across = np.stack(axes_across(forward / np.linalg.norm(forward)), axis=1)
    windows = []
    for bodies in (about, small, casting):
        places = np.concatenate([body.box for body in bodies]) @ across
        low, high = places.min(axis=0), places.max(axis=0)
        rim = RIM * float((high - low).max())
        windows.append((bodies, np.stack([low - rim, high + rim])))
    everything = np.concatenate([body.box for body in casting])
    kept = [
        one
        for k, one in enumerate(windows)
        if k == 2 or _texel(one[1], side) <= WORTH * _texel(windows[k + 1][1], side)
    ]
    maps, drawn = [], set[int]()
    for bodies, window in kept:
        one = parallel_map(forward, everything, side, window=window)
        one = replace(one, border=BORDER * 2 * one.extent / side)
        maps.append((one, [b for b in casting if id(b) not in drawn and shows(one, b.box)]))
        drawn |= {id(body) for body in bodies}
    return Nested(maps, corners, _texel(windows[0][1], side))


def _texel(window: Array, side: int) -> float:
    """Return about how wide a texel is [m]."""
    return float(np.ptp(window, axis=0).max()) / side


def _footprint(camera: Camera, corners: Array) -> float:
    """Return how wide a pixel is at the nearest place of the box around points (N, 3) [m]."""
    eye = np.asarray(camera.position)
    nearest = np.clip(eye, corners.min(axis=0), corners.max(axis=0))
    return float(np.linalg.norm(nearest - eye)) / max(camera.K[0, 0], camera.K[1, 1])
