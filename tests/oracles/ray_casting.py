"""What a camera sees, by trimesh's ray casting: no line of simkit's renderers or caster is used.

From a `Scene` only plain data is read (poses, scales, intrinsics), from the library only vertices
and faces. Rotations are written out here, so that `simkit.geometry` is not trusted either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from simkit.assets.library import Library
from simkit.scene import Body, Camera, Scene

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Seen:
    """What ray casting finds at pixel centres.

    Attributes:
        ids: (H, W) int, place of the body in ``scene.bodies`` plus one; 0 where nothing is.
        depth: (H, W) float64, z-depth [m]; 0 where nothing is.
    """

    ids: NDArray[np.int64]
    depth: Float


def rotation_of(xyzw: ArrayLike) -> Float:
    """Return the rotation matrix of a unit quaternion, by the textbook formula."""
    x, y, z, w = np.asarray(xyzw, dtype=np.float64)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def world_vertices(body: Body, library: Library) -> Float:
    """Return a body's vertices (V, 3) in the world: scaled, turned, moved."""
    vertices = library[body.model].mesh.vertices.astype(np.float64) * np.array(body.scale)
    return vertices @ rotation_of(body.quaternion).T + np.array(body.position)


def world_mesh(body: Body, library: Library) -> trimesh.Trimesh:
    """Return a body's mesh in the world."""
    faces = library[body.model].mesh.faces
    return trimesh.Trimesh(world_vertices(body, library), faces, process=False)


def cast(scene: Scene, camera: Camera, library: Library, canvas: int = 0) -> Seen:
    """Cast a ray through each pixel's centre; (0, 0) is that of the top left one.

    `canvas`: how many image sizes to add on each side; the principal point moves accordingly.
    """
    width, height = camera.width * (1 + 2 * canvas), camera.height * (1 + 2 * canvas)
    K = np.array(camera.cam_K, dtype=np.float64)
    K[0, 2] += canvas * camera.width
    K[1, 2] += canvas * camera.height
    rows, columns = np.mgrid[0:height, 0:width]
    centres = np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)]).astype(np.float64)
    rays = np.linalg.solve(K, centres).T  # z = 1: a ray's parameter is the z-depth
    directions = rays @ rotation_of(camera.quaternion).T
    origins = np.array(camera.position) + camera.near * directions

    meshes = [world_mesh(body, library) for body in scene.bodies]
    if not meshes:
        nothing = np.zeros((height, width))
        return Seen(nothing.astype(np.int64), nothing)
    triangles = np.concatenate([mesh.triangles for mesh in meshes])
    owner = np.repeat(np.arange(1, len(meshes) + 1), [len(mesh.faces) for mesh in meshes])
    joined = trimesh.Trimesh(
        triangles.reshape(-1, 3), np.arange(3 * len(triangles)).reshape(-1, 3), process=False
    )
    caster = trimesh.ray.ray_pyembree.RayMeshIntersector(joined)
    first = caster.intersects_first(origins, directions)
    hit = first >= 0
    depth = np.zeros(len(first))
    corners = triangles[first[hit]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    to_plane = np.einsum("ij,ij->i", corners[:, 0] - np.array(camera.position), normals)
    depth[hit] = to_plane / np.einsum("ij,ij->i", directions[hit], normals)
    ids = np.where(hit, owner[first], 0)
    beyond = depth > camera.far
    ids[beyond], depth[beyond] = 0, 0.0
    return Seen(ids.reshape(height, width), depth.reshape(height, width))


def alone(body: Body, camera: Camera, library: Library, canvas: int = 0) -> NDArray[np.bool_]:
    """Return the pixels that a body covers when there is nothing else."""
    return cast(Scene(bodies=(body,)), camera, library, canvas).ids > 0


def away_from_edges(ids: NDArray[np.int64], distance: int = 2) -> NDArray[np.bool_]:
    """Return the pixels whose square window of ``2 * distance + 1`` pixels holds one id only."""
    size = 2 * distance + 1
    same = maximum_filter(ids, size, mode="nearest") == minimum_filter(ids, size, mode="nearest")
    return np.asarray(same)
