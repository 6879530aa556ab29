"""What a camera sees, by embreex' single rays: no line of simkit's renderers or caster is used.

Scenes of all bodies are built in the camera's frame from triangles; a body by itself is met by rays
that are taken to its model's frame. How far a ray goes is computed in double precision from the
triangle's plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from numpy.typing import NDArray

from simkit.audit.lens import FISHEYE, PANORAMA, Lens
from simkit.audit.models import Shape
from simkit.audit.stored import Placed

Float = NDArray[np.float64]
CANVAS = 1
"""A silhouette is followed this many image sizes beyond the image, as BOP does."""


BEND = 0.2
"""A lens bends edges between vertices by less than this part of a body's size in the image."""


@dataclass(frozen=True, eq=False)
class Sight:
    """What rays through all pixels meet first.

    Attributes:
        ids: (H, W) place of the body plus one; 0 nothing, -1 no ray goes there.
        faces: (H, W) the face of that body's model; -1 nothing.
        depth: (H, W) [m], as the depth image should have it; 0 where nothing is.
        points: (H, W, 3) [m, camera frame]; 0 where nothing is.
        flat: (H, W, 3) unit normals of the faces, towards the camera; 0 where nothing is.
        smooth: (H, W, 3) those of the vertices, interpolated, on the same side.
    """

    ids: NDArray[np.int64]
    faces: NDArray[np.int64]
    depth: Float
    points: Float
    flat: Float
    smooth: Float


def build(meshes: list[tuple[Float, NDArray[np.int32]]]) -> rtcore_scene.EmbreeScene:
    """Return an Embree scene of meshes; a hit's ``geomID`` is the place in the list."""
    scene = rtcore_scene.EmbreeScene(robust=True)
    for vertices, faces in meshes:
        TriangleMesh(scene, vertices.astype(np.float32), faces.astype(np.int32))
    return scene


def look(bodies: list[Placed], lens: Lens) -> Sight:
    """Cast a ray through each pixel's centre at all bodies."""
    rays = lens.grid.reshape(-1, 3)
    ways = np.nan_to_num(rays)
    if lens.model == FISHEYE:
        ways = unit(ways)
    ids = np.where(np.isnan(rays[:, 0]), -1, 0).astype(np.int64)
    faces = np.full(len(rays), -1, dtype=np.int64)
    along, flat, smooth = np.zeros(len(rays)), np.zeros((len(rays), 3)), np.zeros((len(rays), 3))
    placed = [body.points(body.shape.vertices) for body in bodies]
    meshes = [(v, body.shape.faces) for v, body in zip(placed, bodies, strict=True)]
    if meshes:
        hits = _run(build(meshes), lens.near * ways, ways)
        owner = np.where((ids == 0) & (hits["primID"] >= 0), hits["geomID"], -1)
    for number, body in enumerate(bodies):
        mine = np.flatnonzero(owner == number)
        if not len(mine):
            continue
        face = body.shape.faces[hits["primID"][mine]]
        corners = placed[number][face]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        slope = np.einsum("ij,ij->i", ways[mine], across)
        reach = np.einsum("ij,ij->i", corners[:, 0], across) / np.where(slope, slope, np.nan)
        u, v = hits["u"][mine, None], hits["v"][mine, None]
        n = body.shape.normals / body.scale @ body.R.T
        bent = n[face[:, 0]] * (1 - u - v) + n[face[:, 1]] * u + n[face[:, 2]] * v
        towards = -across * np.sign(slope)[:, None]
        facing = np.einsum("ij,ij->i", bent, towards) < 0
        ids[mine], along[mine], faces[mine] = number + 1, reach, hits["primID"][mine]
        flat[mine], smooth[mine] = towards, np.where(facing[:, None], -bent, bent)
    nothing = (ids > 0) & ~(along <= lens.far)
    ids[nothing], along[nothing], flat[nothing], smooth[nothing] = 0, 0.0, 0.0, 0.0
    faces[nothing] = -1
    points, wide = along[:, None] * ways, (*lens.size, 3)
    depth = along if lens.model == PANORAMA else points[:, 2]
    return Sight(
        ids.reshape(lens.size),
        faces.reshape(lens.size),
        depth.reshape(lens.size),
        points.reshape(wide),
        unit(flat).reshape(wide),
        unit(smooth).reshape(wide),
    )


def unit(vectors: Float) -> Float:
    """Return vectors (..., 3) of length 1; those of length 0 stay."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


class Alone:
    """Casts rays at one model at a time; their acceleration structures are kept."""

    def __init__(self) -> None:
        self._scenes: dict[str, rtcore_scene.EmbreeScene] = {}

    def distance(self, body: Placed, rays: Float, near: float = 0.0) -> Float:
        """Return how far along each ray (N, 3) from the camera the body is first met; else inf."""
        found = np.full(len(rays), np.inf)
        valid = np.flatnonzero(np.isfinite(rays[:, 0]))
        if not len(valid):
            return found
        inverse = np.linalg.inv(body.matrix)
        directions = rays[valid] @ inverse[:3, :3].T
        origins = inverse[:3, 3] + near * directions
        hits = _run(self._scene(body.shape), origins, directions)
        reach = np.where(hits["geomID"] >= 0, hits["tfar"].astype(np.float64) + near, np.inf)
        found[valid] = reach
        return found

    def covers(self, body: Placed, lens: Lens, rays: Float) -> NDArray[np.bool_]:
        """Return whether rays (N, 3) meet the body by itself between the lens' near and far."""
        met = np.zeros(len(rays), dtype=bool)
        valid = np.flatnonzero(np.isfinite(rays[:, 0]))
        if not len(valid):
            return met
        inverse = np.linalg.inv(body.matrix)
        ways = unit(rays[valid]) if lens.model == FISHEYE else rays[valid]
        directions = ways @ inverse[:3, :3].T
        origins = (inverse[:3, 3] + lens.near * directions).astype(np.float32)
        reach = np.full(len(valid), min(lens.far - lens.near, 1e30), dtype=np.float32)
        hits = self._scene(body.shape).run(
            origins, directions.astype(np.float32), dists=reach, query="OCCLUDED"
        )
        met[valid] = np.asarray(hits) >= 0
        return met

    def silhouette(self, body: Placed, lens: Lens) -> tuple[int, int, NDArray[np.bool_]]:
        """Return x, y of the top left and (h, w) bool, of what a body covers by itself.

        Of a pinhole's, `CANVAS` image sizes beyond the image on each side; of others, the image.
        """
        x0, y0, x1, y1 = self._window(body, lens)
        if x0 >= x1 or y0 >= y1:
            return 0, 0, np.zeros((0, 0), dtype=bool)
        if lens.straight:
            rows, columns = np.mgrid[y0:y1, x0:x1]
            rays = lens.rays(np.stack([columns.ravel(), rows.ravel()], axis=1))
        else:
            rays = lens.grid[y0:y1, x0:x1].reshape(-1, 3)
        return x0, y0, self.covers(body, lens, rays).reshape(y1 - y0, x1 - x0)

    def _window(self, body: Placed, lens: Lens) -> tuple[int, int, int, int]:
        """Return x0, y0, x1, y1 [px] that hold the silhouette, ends excluded."""
        beyond = CANVAS if lens.straight else 0
        size = np.array([lens.width, lens.height])
        low, high = -beyond * size, (1 + beyond) * size
        points = body.points(body.shape.vertices)
        if not lens.wide and points[:, 2].max() < lens.near:
            return 0, 0, 0, 0
        if points[:, 2].min() > max(lens.near, 1e-6):
            pixels = lens.project(points)
            first, last = pixels.min(axis=0), pixels.max(axis=0)
            bend = 0.0 if lens.straight else BEND * (last - first).max() + 2
            if lens.straight or _comes_back(lens, points, pixels):
                low = np.maximum(low, np.floor(first - bend).astype(int) - 1)
                high = np.minimum(high, np.ceil(last + bend).astype(int) + 2)
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])

    def _scene(self, shape: Shape) -> rtcore_scene.EmbreeScene:
        if shape.name not in self._scenes:
            self._scenes[shape.name] = build([(shape.vertices, shape.faces)])
        return self._scenes[shape.name]


def _comes_back(lens: Lens, points: Float, pixels: Float) -> bool:
    """Return whether all points (N, 3) are seen where they project: the lens does not fold there."""
    back = lens.rays(pixels)
    there = points[:, :2] / points[:, 2:]
    return bool(lens.model != PANORAMA and np.abs(back[:, :2] - there).max() < 1e-3)


def _run(scene: rtcore_scene.EmbreeScene, origins: Float, directions: Float) -> dict[str, Any]:
    """Return what rays meet first: ``geomID`` and ``primID`` (-1: nothing), ``tfar``, ``u``, ``v``."""
    start = np.ascontiguousarray(np.broadcast_to(origins, directions.shape), dtype=np.float32)
    hits: dict[str, Any] = scene.run(
        start, np.ascontiguousarray(directions, dtype=np.float32), output=True
    )
    return hits
