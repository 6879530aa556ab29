"""Rays against one model, by Embree: exact silhouettes at pixel centres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from numpy.typing import NDArray

from simkit.assets.library import Library
from simkit.geometry import apply_transform, invert, pixel_rays, project
from simkit.scene import Body, Camera

CANVAS = 1
"""A silhouette is followed this many image sizes beyond the image on each side, as BOP does."""


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
        self._library = library
        self._scenes: dict[str, tuple[rtcore_scene.EmbreeScene, TriangleMesh]] = {}

    def silhouette(self, body: Body, camera: Camera) -> Silhouette:
        """Return the silhouette of a body alone, at pixel centres.

        It is cut off at the camera's near plane, and `CANVAS` image sizes beyond the image.
        """
        T_body_camera = invert(body.T_world_body) @ camera.T_world_camera
        x0, y0, x1, y1 = self._bounds(body, camera, invert(T_body_camera))
        if x0 >= x1 or y0 >= y1:
            return Silhouette(0, 0, np.zeros((0, 0), dtype=bool))
        columns, rows = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
        pixels = np.stack([columns.ravel(), rows.ravel()], axis=1)
        depth = self._cast(body, T_body_camera, pixel_rays(camera.K, pixels), camera.near)
        hit = np.isfinite(depth) & (depth <= camera.far)
        return Silhouette(x0, y0, hit.reshape(rows.shape))

    def _cast(
        self, body: Body, T_body_camera: NDArray[np.float64], rays: NDArray[np.float64], near: float
    ) -> NDArray[np.float64]:
        """Return the parameter of each ray's (N, 3) first hit at or beyond `near`; inf where none."""
        scale = np.array(body.scale)
        directions = rays @ T_body_camera[:3, :3].T / scale
        origins = T_body_camera[:3, 3] / scale + near * directions
        hits = self._scene(body.model).run(
            np.ascontiguousarray(origins, dtype=np.float32),
            np.ascontiguousarray(directions, dtype=np.float32),
            query="INTERSECT",
            output=True,
        )
        return np.where(hits["geomID"] >= 0, hits["tfar"].astype(np.float64) + near, np.inf)

    def _scene(self, model: str) -> rtcore_scene.EmbreeScene:
        if model not in self._scenes:
            scene = rtcore_scene.EmbreeScene(robust=True)
            triangles = self._library[model].mesh.triangles.astype(np.float32)
            self._scenes[model] = scene, TriangleMesh(scene, triangles)
        return self._scenes[model][0]

    def _bounds(
        self, body: Body, camera: Camera, T_camera_body: NDArray[np.float64]
    ) -> tuple[int, int, int, int]:
        """Return x0, y0, x1, y1 [px] of a window that holds the silhouette, ends excluded."""
        width, height = camera.width, camera.height
        window = (-CANVAS * width, -CANVAS * height, (1 + CANVAS) * width, (1 + CANVAS) * height)
        vertices = self._library[body.model].mesh.vertices * np.array(body.scale)
        points = apply_transform(T_camera_body, vertices)
        if points[:, 2].max() < camera.near or points[:, 2].min() > camera.far:
            return 0, 0, 0, 0
        if points[:, 2].min() < camera.near:
            return window
        pixels = project(points, camera.K)
        low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0))
        x0, y0 = max(int(low[0]), window[0]), max(int(low[1]), window[1])
        x1, y1 = min(int(high[0]) + 1, window[2]), min(int(high[1]) + 1, window[3])
        return x0, y0, x1, y1
