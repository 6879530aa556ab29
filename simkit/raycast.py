"""Rays against one model, by Embree: exact silhouettes at pixel centres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.assets.library import Library
from simkit.assets.topology import convex_hull
from simkit.cameras import camera_rays, is_wide, project_points
from simkit.compiled import compiled
from simkit.covering import boxes_of_ids, cover, undecided
from simkit.embree import MeshScene, coherent_arguments, engine, lane_mask, packet_memory
from simkit.exposure import moves, row_times, transforms_at
from simkit.geometry import apply_transform, invert
from simkit.scene import Body, Camera

CANVAS = 1
"""A silhouette is followed this many image sizes beyond the image on each side, as BOP does.

Not so for an equirectangular camera, whose image is all there is.
"""

MOMENTS = 12
"""A rolling shutter's bounds are found at so many moments, evenly over the canvas' rows, and between."""

CURVES = 2.0
"""A lens bends a face's edges; bounds grow by this many times what its edges' middles deviate."""


_NOTHING = np.zeros((0, 0), dtype=np.int32)
_NO_DEPTH = np.zeros((0, 0), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Silhouette:
    """The pixels that a body covers when nothing hides it, also outside the image.

    Attributes:
        x, y: image coordinates of the top left of `pixels`; may be negative [px].
        pixels: (h, w) bool.
    """

    x: int
    y: int
    pixels: NDArray[np.bool_]

    @property
    def area(self) -> int:
        """Number of pixels covered."""
        return int(np.count_nonzero(self.pixels))

    def in_image(self, width: int, height: int) -> NDArray[np.bool_]:
        """Return the part inside the image as (height, width) bool."""
        mask = np.zeros((height, width), dtype=bool)
        self.paint(mask)
        return mask

    def paint(self, mask: NDArray[np.bool_]) -> None:
        """Fill an image mask (H, W) with the part inside the image, where it lies."""
        (height, width), (h, w) = mask.shape, self.pixels.shape
        x0, y0 = max(self.x, 0), max(self.y, 0)
        x1, y1 = min(self.x + w, width), min(self.y + h, height)
        if x0 < x1 and y0 < y1:
            mask[y0:y1, x0:x1] = self.pixels[y0 - self.y : y1 - self.y, x0 - self.x : x1 - self.x]


class RayCaster:
    """Casts rays at the models of a library, each by itself; acceleration structures are kept."""

    def __init__(self, library: Library) -> None:
        engine()
        self._library = library
        self._scenes: dict[str, MeshScene] = {}
        self._hulls: dict[str, tuple[NDArray[np.floating], NDArray[np.integer]]] = {}
        self._packet, self._words = packet_memory()
        self._lanes = lane_mask()

    def silhouette(self, body: Body, camera: Camera) -> Silhouette:
        """Return the silhouette of a body alone, at pixel centres.

        It is cut off at the camera's near and far planes (see `simkit.cameras` for wide cameras),
        and `CANVAS` image sizes beyond the image. With a rolling shutter each row, also outside the
        image, sees body and camera as they are at its own time (see `simkit.exposure`).
        """
        return self._silhouette(body, camera, _NOTHING, _NO_DEPTH, 1, (0, 0, 0, 0))

    def silhouettes(
        self,
        bodies: Sequence[tuple[int, Body]],
        camera: Camera,
        instance: NDArray[np.int32],
        depth: NDArray[np.float32],
    ) -> list[Silhouette]:
        """Return the silhouettes of bodies by id, each with its visible pixels.

        Where something else is seen before all of a body, or where nothing is seen, no ray is cast.

        Args:
            bodies: with their ids in `instance`.
            camera: that they are seen by.
            instance, depth: (H, W), what it sees, see `simkit.render.CHANNELS`.
        """
        boxes = boxes_of_ids(instance, int(instance.max(initial=0)))
        depth = _NO_DEPTH if is_wide(camera) else depth
        return [
            self._silhouette(
                body, camera, instance, depth, number,
                tuple(boxes[number].tolist()) if number < len(boxes) else (0, 0, 0, 0),
            )
            for number, body in bodies
        ]  # fmt: skip

    def _silhouette(
        self,
        body: Body,
        camera: Camera,
        instance: NDArray[np.int32],
        depth: NDArray[np.float32],
        own: int,
        visible: tuple[int, ...],
    ) -> Silhouette:
        """Return the silhouette of a body of id `own`; `visible` holds the pixels (x0, y0, x1, y1)."""
        rolling = camera.readout > 0 and (moves(body) or moves(camera))
        window = self._rolling_bounds(body, camera) if rolling else self.window(body, camera)
        x0, y0, x1, y1 = _joined(window, visible)
        pixels = np.zeros((max(y1 - y0, 0), max(x1 - x0, 0)), dtype=bool)
        if pixels.size == 0:
            return Silhouette(0, 0, np.zeros((0, 0), dtype=bool))
        places, nearest = undecided(instance, depth, own, np.array([x0, y0]), pixels)
        rays = np.zeros((0, 3))
        if camera.model != "pinhole":
            rays = camera_rays(camera, places + np.array([x0, y0]))
            if is_wide(camera):
                rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        if rolling:
            T_body_camera = np.linalg.inv(
                _relative(body, camera, row_times(camera, np.arange(y0, y1)))
            )
        else:
            T_body_camera = invert(camera.T_camera_world @ body.T_world_body)[None]
        scale = np.array(body.scale)
        cover(
            self.mesh_scene(body.model).handle,
            np.ascontiguousarray(T_body_camera[:, :3, :3] / scale[:, None]),
            np.ascontiguousarray(T_body_camera[:, :3, 3] / scale),
            np.linalg.inv(camera.K),
            rays,
            np.array([camera.near, camera.far]),
            np.array([x0, y0]),
            self._library[body.model].mesh.bounds,
            places,
            nearest,
            self._packet,
            self._words,
            self._lanes,
            coherent_arguments(),
            pixels,
        )
        return Silhouette(x0, y0, pixels)

    def window(self, body: Body, camera: Camera) -> tuple[int, int, int, int]:
        """Return x0, y0, x1, y1 [px], ends excluded, that hold the body's silhouette; all 0: none.

        With a rolling shutter it is that of the middle row's moment.
        """
        return self._bounds(body, camera, camera.T_camera_world @ body.T_world_body)

    def mesh_scene(self, model: str) -> MeshScene:
        """Return a model's acceleration structure, in its own frame."""
        if model not in self._scenes:
            mesh = self._library[model].mesh
            self._scenes[model] = MeshScene(mesh.vertices, mesh.faces)
        return self._scenes[model]

    def _hull(self, model: str) -> tuple[NDArray[np.floating], NDArray[np.integer]]:
        """Return vertices (V, 3) and faces (F, 3) of a model's hull; its mesh's if that is flat."""
        if model not in self._hulls:
            mesh = self._library[model].mesh
            hull = convex_hull(mesh.vertices.astype(np.float64))
            self._hulls[model] = hull or (mesh.vertices, mesh.faces)
        return self._hulls[model]

    def _rolling_bounds(self, body: Body, camera: Camera) -> tuple[int, int, int, int]:
        """Return what `window` does, of all rows, each at its own time.

        Rows between two moments see the body within what it covers at these, widened by how far
        that moves from one to the other.
        """
        canvas = 0 if camera.model == "equirectangular" else CANVAS
        rows = np.linspace(-canvas, 1 + canvas, MOMENTS + 1) * camera.height
        boxes = np.array([
            self._bounds(body, camera, T) for T in _relative(body, camera, row_times(camera, rows))
        ])  # fmt: skip
        some: NDArray[np.bool_] = np.all(boxes[:, :2] < boxes[:, 2:], axis=1)
        found: list[tuple[float, float, float, float]] = []
        for k in range(MOMENTS):
            held = boxes[k : k + 2][some[k : k + 2]]
            if len(held) == 0:
                continue
            if len(held) == 1:
                left, _, right, _ = _canvas(camera)
                found.append((left, rows[k], right, rows[k + 1] + 1))
                continue
            slack = np.abs(held[1] - held[0]).max()
            (left, top), (right, bottom) = held[:, :2].min(axis=0), held[:, 2:].max(axis=0)
            high, low = max(top - slack, rows[k]), min(bottom + slack, rows[k + 1] + 1)
            if high < low:
                found.append((left - slack, high, right + slack, low))
        if not found:
            return 0, 0, 0, 0
        ends = np.array(found)
        whole = (*ends[:, :2].min(axis=0), *ends[:, 2:].max(axis=0))
        return _within(whole, _canvas(camera))

    def _bounds(
        self, body: Body, camera: Camera, T_camera_body: NDArray[np.float64]
    ) -> tuple[int, int, int, int]:
        """Return x0, y0, x1, y1 [px] of a window that holds the silhouette, ends excluded."""
        mesh, scale = self._library[body.model].mesh, np.array(body.scale)
        window = _canvas(camera)
        if camera.model == "equirectangular":
            return window
        if camera.model == "pinhole":
            M = np.column_stack([T_camera_body[:3, :3] * scale, T_camera_body[:3, 3]])
            x0, y0, x1, y1, front, back = _extent(mesh.vertices, M, camera.K)
            if back < camera.near or front > camera.far:
                return 0, 0, 0, 0
            if front < camera.near:
                return window
            return _within((x0, y0, x1, y1), window)
        vertices, faces = self._hull(body.model)
        points = apply_transform(T_camera_body, vertices * scale)
        if not is_wide(camera) and points[:, 2].max() < camera.near:
            return 0, 0, 0, 0
        if not is_wide(camera) and points[:, 2].min() < camera.near:
            return window
        edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        ends = project_points(camera, points)
        middles = project_points(camera, 0.5 * (points[edges[:, 0]] + points[edges[:, 1]]))
        bend = np.abs(middles - 0.5 * (ends[edges[:, 0]] + ends[edges[:, 1]])).max()
        seen = camera_rays(camera, ends)  # a lens that folds its image shows some points elsewhere
        direct = points / np.linalg.norm(points, axis=1, keepdims=True)
        back = seen / np.linalg.norm(seen, axis=1, keepdims=True)
        if not (math.isfinite(bend) and np.abs(back - direct).max() < 1e-6):
            return window
        low, high = ends.min(axis=0) - CURVES * bend, ends.max(axis=0) + CURVES * bend
        return _within((low[0], low[1], high[0], high[1]), window)


def _joined(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 of what holds two windows, either of which may be empty."""
    if other[0] >= other[2] or other[1] >= other[3]:
        return one[0], one[1], one[2], one[3]
    if one[0] >= one[2] or one[1] >= one[3]:
        return other[0], other[1], other[2], other[3]
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def _canvas(camera: Camera) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 [px] of where silhouettes are followed, ends excluded."""
    beyond = 0 if camera.model == "equirectangular" else CANVAS
    width, height = camera.width, camera.height
    return -beyond * width, -beyond * height, (1 + beyond) * width, (1 + beyond) * height


def _relative(body: Body, camera: Camera, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return T_camera_body (N, 4, 4) at times (N,) [s]."""
    T = np.linalg.inv(transforms_at(camera, times)) @ transforms_at(body, times)
    return np.asarray(T, dtype=np.float64)


def _within(
    box: tuple[float, float, float, float], window: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    """Return the pixels of a box that lie in a window, ends excluded."""
    x0, y0 = max(math.floor(box[0]), window[0]), max(math.floor(box[1]), window[1])
    x1, y1 = min(math.ceil(box[2]) + 1, window[2]), min(math.ceil(box[3]) + 1, window[3])
    return x0, y0, x1, y1


@compiled
def _extent(vertices, M, K):  # type: ignore[no-untyped-def]
    """Return lowest and highest pixel, and lowest and highest z, of vertices that M (3, 4) maps."""
    x0, y0, x1, y1 = np.inf, np.inf, -np.inf, -np.inf
    front, back = np.inf, -np.inf
    for i in range(vertices.shape[0]):
        a, b, c = float(vertices[i, 0]), float(vertices[i, 1]), float(vertices[i, 2])
        x = M[0, 0] * a + M[0, 1] * b + M[0, 2] * c + M[0, 3]
        y = M[1, 0] * a + M[1, 1] * b + M[1, 2] * c + M[1, 3]
        z = M[2, 0] * a + M[2, 1] * b + M[2, 2] * c + M[2, 3]
        front, back = min(front, z), max(back, z)
        if z > 0.0:
            u = (K[0, 0] * x + K[0, 1] * y) / z + K[0, 2]
            v = (K[1, 0] * x + K[1, 1] * y) / z + K[1, 2]
            x0, y0, x1, y1 = min(x0, u), min(y0, v), max(x1, u), max(y1, v)
    return x0, y0, x1, y1, front, back
