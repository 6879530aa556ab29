"""Rays against one model, by Embree: exact silhouettes at pixel centres."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.assets.library import Library
from simkit.cameras import camera_rays, is_wide, project_points
from simkit.compiled import compiled
from simkit.embree import (
    DIRECTION,
    FAR,
    FLAGS,
    MASK,
    NEAR,
    ORIGIN,
    PACKET,
    TIME,
    MeshScene,
    coherent_arguments,
    engine,
    lane_mask,
    occluded16,
    packet_memory,
)
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
        h, w = self.pixels.shape
        x0, y0 = max(self.x, 0), max(self.y, 0)
        x1, y1 = min(self.x + w, width), min(self.y + h, height)
        if x0 < x1 and y0 < y1:
            mask[y0:y1, x0:x1] = self.pixels[y0 - self.y : y1 - self.y, x0 - self.x : x1 - self.x]
        return mask

    def joined(self, mask: NDArray[np.bool_]) -> Silhouette:
        """Return this silhouette with the True pixels of an image mask (H, W) added."""
        rows, columns = np.nonzero(mask)
        if rows.size == 0:
            return self
        h, w = self.pixels.shape
        x0, y0 = min(self.x, int(columns.min())), min(self.y, int(rows.min()))
        x1 = max(self.x + w, int(columns.max()) + 1)
        y1 = max(self.y + h, int(rows.max()) + 1)
        pixels = np.zeros((y1 - y0, x1 - x0), dtype=bool)
        pixels[self.y - y0 : self.y - y0 + h, self.x - x0 : self.x - x0 + w] = self.pixels
        pixels[rows - y0, columns - x0] = True
        return Silhouette(x0, y0, pixels)


class RayCaster:
    """Casts rays at the models of a library, each by itself; acceleration structures are kept."""

    def __init__(self, library: Library) -> None:
        engine()
        self._library = library
        self._scenes: dict[str, MeshScene] = {}
        self._packet, self._words = packet_memory()
        self._lanes = lane_mask()

    def silhouette(self, body: Body, camera: Camera) -> Silhouette:
        """Return the silhouette of a body alone, at pixel centres.

        It is cut off at the camera's near and far planes (see `simkit.cameras` for wide cameras),
        and `CANVAS` image sizes beyond the image. With a rolling shutter each row, also outside the
        image, sees body and camera as they are at its own time (see `simkit.exposure`).
        """
        rolling = camera.readout > 0 and (moves(body) or moves(camera))
        if rolling:
            x0, y0, x1, y1 = self._rolling_bounds(body, camera)
        else:
            x0, y0, x1, y1 = self.window(body, camera)
        if x0 >= x1 or y0 >= y1:
            return Silhouette(0, 0, np.zeros((0, 0), dtype=bool))
        rays = np.zeros((0, 3))
        if camera.model != "pinhole":
            columns, rows = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
            rays = camera_rays(camera, np.stack([columns.ravel(), rows.ravel()], axis=1))
            if is_wide(camera):
                rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        if rolling:
            T_body_camera = np.linalg.inv(
                _relative(body, camera, row_times(camera, np.arange(y0, y1)))
            )
        else:
            T_body_camera = invert(camera.T_camera_world @ body.T_world_body)[None]
        scale = np.array(body.scale)
        pixels = np.zeros((y1 - y0, x1 - x0), dtype=bool)
        _cover(
            self.mesh_scene(body.model).handle,
            np.ascontiguousarray(T_body_camera[:, :3, :3] / scale[:, None]),
            np.ascontiguousarray(T_body_camera[:, :3, 3] / scale),
            np.linalg.inv(camera.K),
            rays,
            np.array([camera.near, camera.far]),
            np.array([x0, y0]),
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
        points = apply_transform(T_camera_body, mesh.vertices * scale)
        if not is_wide(camera) and points[:, 2].max() < camera.near:
            return 0, 0, 0, 0
        if not is_wide(camera) and points[:, 2].min() < camera.near:
            return window
        edges = np.concatenate(
            [mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]
        )
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


@compiled
def _cover(  # type: ignore[no-untyped-def]
    handle, R, origin, K_inverse, rays, reach, start, f, i, lanes, arguments, pixels
):
    """Fill `pixels` (h, w) with whether the ray through each meets the mesh.

    Rays go from `origin` (1 or h, 3) along ``R @ ray``, in the mesh's frame; `R` (1 or h, 3, 3) and
    `origin` may be a row's own. They are `rays` (h w, 3), or, if there are none, a pinhole's, by the
    inverse of its intrinsics.
    """
    height, width = pixels.shape
    across, down = (width + 3) // 4, (height + 3) // 4
    for tile in range(across * down):
        some = False
        for lane in range(PACKET):
            row, column = (tile // across) * 4 + lane // 4, (tile % across) * 4 + lane % 4
            lanes[lane] = 0
            if row >= height or column >= width:
                continue
            if rays.shape[0] > 0:
                ray = rays[row * width + column]
                x, y, z = ray[0], ray[1], ray[2]
                if math.isnan(x):
                    continue
            else:
                u, v = float(column + start[0]), float(row + start[1])
                x = K_inverse[0, 0] * u + K_inverse[0, 1] * v + K_inverse[0, 2]
                y = K_inverse[1, 0] * u + K_inverse[1, 1] * v + K_inverse[1, 2]
                z = 1.0
            lanes[lane] = -1
            some = True
            own = row if R.shape[0] > 1 else 0
            for k in range(3):
                f[ORIGIN + k, lane] = origin[own, k]
                f[DIRECTION + k, lane] = R[own, k, 0] * x + R[own, k, 1] * y + R[own, k, 2] * z
            f[NEAR, lane], f[FAR, lane], f[TIME, lane] = reach[0], reach[1], 0.0
            i[MASK, lane], i[FLAGS, lane] = 0xFFFFFFFF, 0
        if not some:
            continue
        occluded16(lanes.ctypes.data, handle, f.ctypes.data, arguments.ctypes.data)
        for lane in range(PACKET):
            if lanes[lane] != 0 and f[FAR, lane] < 0.0:
                pixels[(tile // across) * 4 + lane // 4, (tile % across) * 4 + lane % 4] = True
