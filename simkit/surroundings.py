"""What surrounds a point in a scene: bodies that hold it, surfaces near it, and what is seen from it.

Rays and distances are exact for the meshes; no picture is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from simkit.assets.library import Library
from simkit.compiled import compiled
from simkit.embree import (
    DIRECTION,
    FAR,
    FLAGS,
    GEOMETRY,
    INSTANCE,
    MASK,
    NEAR,
    NOTHING,
    ORIGIN,
    PACKET,
    TIME,
    TRIANGLE,
    InstanceScene,
    coherent_arguments,
    intersect16,
    lane_mask,
    packet_memory,
)
from simkit.geometry import pixel_rays
from simkit.raycast import RayCaster
from simkit.scene import Body, Camera

Array = NDArray[np.float64]

RAYS_ACROSS = 24
"""A silhouette is sampled by a grid of so many rays along its longer side; small ones by all pixels."""

DIRECTIONS = 64
"""Rays that tell whether a point is inside a body."""


@dataclass(frozen=True)
class Seen:
    """How much of a body a camera sees [px]; whole silhouette as `simkit.raycast` defines it."""

    px_count_all: float
    px_count_visib: float

    @property
    def visib_fract(self) -> float:
        """Visible part of the silhouette; 0 if it is empty."""
        return self.px_count_visib / self.px_count_all if self.px_count_all else 0.0


class Surroundings:
    """The bodies of a scene, to be asked from many points; only poses, scales and meshes matter.

    Args:
        bodies: of the scene.
        library: has their models.
        caster: of the same library; it keeps models' acceleration structures.
    """

    def __init__(self, bodies: tuple[Body, ...], library: Library, caster: RayCaster) -> None:
        self.bodies = bodies
        self._library = library
        self._caster = caster
        count = len(bodies)
        self._R = np.zeros((count, 3, 3))
        if count:
            self._R = Rotation.from_quat([body.quaternion for body in bodies]).as_matrix()
        self._positions = np.array([body.position for body in bodies]).reshape(count, 3)
        self._scales = np.array([body.scale for body in bodies]).reshape(count, 3)
        bounds = [library[body.model].mesh.bounds for body in bodies]
        self._bounds = np.array(bounds).reshape(count, 2, 3) * self._scales[:, None]
        self._scene: InstanceScene | None = None
        self._packet, self._words = packet_memory()
        self._lanes = lane_mask()

    def holding(self, point: NDArray[np.floating]) -> str | None:
        """Return the name of a body that `point` (3,) [m] lies inside of, None if there is none.

        Inside means that most rays from the point meet the back of a face first; for a watertight
        mesh all do.
        """
        local = self._in_bodies(point)
        inside = (local >= self._bounds[:, 0]) & (local <= self._bounds[:, 1])
        for number in np.flatnonzero(inside.all(axis=1)):
            rays = _SPHERE / self._scales[number]
            mesh = self._library[self.bodies[number].model].mesh
            handle = self._caster.mesh_scene(self.bodies[number].model).handle
            _, faces = self._cast(handle, local[number] / self._scales[number], rays, 0.0, np.inf)
            hit = faces >= 0
            a, b, c = np.moveaxis(mesh.vertices[mesh.faces[faces[hit]]].astype(np.float64), 1, 0)
            outward = np.cross(b - a, c - a)
            if np.count_nonzero((outward * rays[hit]).sum(axis=1) > 0) > DIRECTIONS / 2:
                return self.bodies[number].name
        return None

    def clearance(self, point: NDArray[np.floating], within: float) -> float:
        """Return the distance [m] from `point` (3,) to the nearest surface, `within` if it is more."""
        local = self._in_bodies(point)
        beyond = np.maximum(np.maximum(self._bounds[:, 0] - local, local - self._bounds[:, 1]), 0.0)
        nearest = within
        for number in np.flatnonzero(np.linalg.norm(beyond, axis=1) < within):
            mesh = self._library[self.bodies[number].model].mesh
            scale = self._scales[number]
            nearest = _distance(local[number], mesh.vertices, mesh.faces, scale, nearest)
        return float(nearest)

    @property
    def middles(self) -> Array:
        """Middles of the bodies' bounding boxes (B, 3) [m, world]."""
        turned = np.einsum("bij,bj->bi", self._R, self._bounds.mean(axis=1))
        middles: Array = self._positions + turned
        return middles

    def seen(self, camera: Camera) -> Iterator[tuple[str, Seen]]:
        """Yield what a pinhole camera sees of each labelled body, by name; one ray in a few pixels."""
        if self._scene is None:
            meshes = [self._caster.mesh_scene(body.model) for body in self.bodies]
            scaled = self._R * self._scales[:, None]
            placements = np.concatenate([scaled, self._positions[..., None]], axis=2)
            self._scene = InstanceScene(meshes, placements)
        for number, body in enumerate(self.bodies):
            if body.labelled:
                yield body.name, self._seen(number, camera)

    def cut(self, camera: Camera) -> list[str]:
        """Return the names of labelled bodies that the border of a pinhole camera's image cuts.

        Judged by the boxes around their silhouettes, to a pixel.
        """
        names = []
        for body in self.bodies:
            if not body.labelled:
                continue
            x0, y0, x1, y1 = self._caster.window(body, camera)
            meets = x0 < min(camera.width, x1) and y0 < min(camera.height, y1) and min(x1, y1) > 0
            if meets and (min(x0, y0) < 0 or x1 > camera.width or y1 > camera.height):
                names.append(body.name)
        return names

    def _seen(self, number: int, camera: Camera) -> Seen:
        body, scale = self.bodies[number], self._scales[number]
        x0, y0, x1, y1 = self._caster.window(body, camera)
        if x0 >= x1 or y0 >= y1:
            return Seen(0.0, 0.0)
        step = max(1.0, max(x1 - x0, y1 - y0) / RAYS_ACROSS)
        columns = x0 + (step - 1) / 2 + step * np.arange(math.ceil((x1 - x0) / step))
        rows = y0 + (step - 1) / 2 + step * np.arange(math.ceil((y1 - y0) / step))
        pixels = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
        eye = np.array(camera.position)
        rays = pixel_rays(camera.K, pixels) @ camera.T_world_camera[:3, :3].T
        reach = camera.near, camera.far
        _, faces = self._cast(
            self._caster.mesh_scene(body.model).handle,
            (eye - self._positions[number]) @ self._R[number] / scale,
            rays @ self._R[number] / scale,
            *reach,
        )
        inside = (pixels > -0.5) & (pixels < [camera.width - 0.5, camera.height - 0.5])
        shown = rays[(faces >= 0) & inside.all(axis=1)]
        assert self._scene is not None
        bodies, _ = self._cast(self._scene.handle, eye, shown, *reach)
        visible = np.count_nonzero(bodies == number)
        return Seen(np.count_nonzero(faces >= 0) * step**2, visible * step**2)

    def _in_bodies(self, point: NDArray[np.floating]) -> Array:
        """Return a point (3,) of the world in each body's frame (B, 3), before its scale."""
        local: Array = np.einsum("bji,bj->bi", self._R, np.asarray(point) - self._positions)
        return local

    def _cast(
        self, handle: int, origin: Array, rays: Array, near: float, far: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return instance and face that each ray (N, 3) from `origin` meets first; face -1: nothing."""
        bodies = np.full(len(rays), -1, dtype=np.int64)
        faces = np.full(len(rays), -1, dtype=np.int64)
        _first_hits(
            handle, origin, rays, np.array([near, far]), self._packet, self._words, self._lanes,
            coherent_arguments(), bodies, faces,
        )  # fmt: skip
        return bodies, faces


class LastSurroundings:
    """Keeps the surroundings that were asked for last, by value, and models' acceleration structures."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._caster: RayCaster | None = None
        self._last: tuple[list[tuple[object, ...]], Surroundings] | None = None

    def of(self, bodies: tuple[Body, ...]) -> Surroundings:
        """Return the surroundings that these bodies are."""
        key: list[tuple[object, ...]] = [
            (one.name, one.model, one.position, one.quaternion, one.scale, one.labelled)
            for one in bodies
        ]
        if self._last is None or self._last[0] != key:
            self._caster = self._caster or RayCaster(self._library)
            self._last = key, Surroundings(bodies, self._library, self._caster)
        return self._last[1]


def _even_directions(count: int) -> Array:
    """Return unit vectors (count, 3) spread evenly over the sphere (Fibonacci lattice)."""
    place = np.arange(count) + 0.5
    z = 1 - 2 * place / count
    turn = math.pi * (1 + math.sqrt(5)) * place
    across = np.sqrt(1 - z * z)
    return np.stack([np.cos(turn) * across, np.sin(turn) * across, z], axis=1)


_SPHERE = _even_directions(DIRECTIONS)


@compiled
def _first_hits(  # type: ignore[no-untyped-def]
    handle, origin, rays, reach, f, i, lanes, arguments, bodies, faces
):
    """Fill `bodies` and `faces` (N,) with what each ray meets first."""
    for first in range(0, rays.shape[0], PACKET):
        for lane in range(PACKET):
            lanes[lane] = 0
            if first + lane >= rays.shape[0]:
                continue
            lanes[lane] = -1
            for k in range(3):
                f[ORIGIN + k, lane] = origin[k]
                f[DIRECTION + k, lane] = rays[first + lane, k]
            f[NEAR, lane], f[FAR, lane], f[TIME, lane] = reach[0], reach[1], 0.0
            i[MASK, lane], i[FLAGS, lane] = 0xFFFFFFFF, 0
            i[GEOMETRY, lane], i[INSTANCE, lane] = NOTHING, NOTHING
        intersect16(lanes.ctypes.data, handle, f.ctypes.data, arguments.ctypes.data)
        for lane in range(PACKET):
            if lanes[lane] != 0 and i[GEOMETRY, lane] != NOTHING:
                bodies[first + lane] = int(i[INSTANCE, lane])
                faces[first + lane] = int(i[TRIANGLE, lane])


@compiled
def _distance(point, vertices, faces, scale, within):  # type: ignore[no-untyped-def]
    """Return the distance from a point to scaled triangles, `within` if it is more.

    By the feature (corner, edge, face) in whose Voronoi region the point lies: Ericson, Real-Time
    Collision Detection, 2005, section 5.1.5.
    """
    best = within * within
    ab, ac, ap = np.zeros(3), np.zeros(3), np.zeros(3)
    for face in range(faces.shape[0]):
        d1, d2, d3, d4, d5, d6 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(3):
            a = vertices[faces[face, 0], k] * scale[k]
            b = vertices[faces[face, 1], k] * scale[k]
            c = vertices[faces[face, 2], k] * scale[k]
            ab[k], ac[k], ap[k] = b - a, c - a, point[k] - a
            d1 += ab[k] * ap[k]
            d2 += ac[k] * ap[k]
            d3 += ab[k] * (point[k] - b)
            d4 += ac[k] * (point[k] - b)
            d5 += ab[k] * (point[k] - c)
            d6 += ac[k] * (point[k] - c)
        va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
        v, w = 0.0, 0.0
        if d1 <= 0.0 and d2 <= 0.0:
            pass
        elif d3 >= 0.0 and d4 <= d3:
            v = 1.0
        elif d6 >= 0.0 and d5 <= d6:
            w = 1.0
        elif vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
            v = d1 / (d1 - d3)
        elif vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
            w = d2 / (d2 - d6)
        elif va <= 0.0 and d4 >= d3 and d5 >= d6:
            w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
            v = 1.0 - w
        elif va + vb + vc > 0.0:
            v, w = vb / (va + vb + vc), vc / (va + vb + vc)
        square = 0.0
        for k in range(3):
            square += (ap[k] - v * ab[k] - w * ac[k]) ** 2
        if square < best:  # not of a face without area that gives NaN
            best = square
    return math.sqrt(best)
