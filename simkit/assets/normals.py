"""Vertex normals: smooth over curved surfaces, hard at creases."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from simkit.assets.topology import weld

CREASE_ANGLE = math.radians(35.0)
"""Faces that meet at a larger angle are shaded apart. Between the 30 of Blender's auto smooth and
the 40 of CAD viewers; a cylinder of 12 sides is still smooth."""

Float = NDArray[np.float64]
Int = NDArray[np.int64]


def face_normals(vertices: Float, faces: Int) -> Float:
    """Return normals (F, 3) float64 of length twice the face's area; 0 for a degenerate face."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normals: Float = np.cross(b - a, c - a)
    return normals


def creased(vertices: Float, faces: Int, angle: float = CREASE_ANGLE) -> tuple[Int, Int, Float]:
    """Split vertices where faces meet at more than `angle` [rad], and give each piece its normal.

    Vertices at the same place count as one, so seams in the texture do not show in the shading.

    Args:
        vertices: (V, 3) float64.
        faces: (F, 3) int64.
        angle: largest angle [rad] between faces that are shaded as one surface.

    Returns:
        the old vertex of each new one (N,) int64, the new faces (F, 3) int64, and unit normals
        (N, 3) float64. Vertices that no face uses are dropped.
    """
    normals = face_normals(vertices, faces)
    units = _unit(normals)
    piece = _pieces(weld(vertices)[faces], units, angle)
    summed = np.zeros((int(piece.max()) + 1, 3))
    np.add.at(summed, piece.ravel(), _corner_weights(vertices, faces)[..., None].reshape(-1, 1)
              * np.repeat(units, 3, axis=0))  # fmt: skip
    pairs = np.stack([faces.ravel(), piece.ravel()], axis=1)
    kept, corner = np.unique(pairs, axis=0, return_inverse=True)
    result = _unit(summed[kept[:, 1]])
    result[~result.any(axis=1)] = (0.0, 0.0, 1.0)
    return kept[:, 0], corner.reshape(faces.shape).astype(np.int64), result


def valid(normals: Float | None, vertices: Float, faces: Int) -> bool:
    """Return whether vertex normals of a file can be used: one a used vertex, finite, not zero."""
    if normals is None or normals.shape != vertices.shape:
        return False
    used = normals[np.unique(faces)]
    return bool(np.isfinite(used).all() and (np.linalg.norm(used, axis=1) > 1e-6).all())


def agree(normals: Float, vertices: Float, faces: Int) -> bool:
    """Return whether vertex normals point to the side from which faces are counter-clockwise."""
    of_faces = face_normals(vertices, faces)
    of_corners = normals[faces].sum(axis=1)
    return float(np.einsum("ij,ij->i", of_faces, of_corners).sum()) >= 0


def unit(vectors: Float) -> Float:
    """Return vectors (N, 3) at length 1; zero ones become +z."""
    result = _unit(vectors)
    result[~result.any(axis=1)] = (0.0, 0.0, 1.0)
    return result


def _pieces(welded: Int, units: Float, angle: float) -> Int:
    """Return for each corner (F, 3) the number of the smooth piece around its vertex it is in."""
    count = len(welded)
    corners = np.arange(3 * count).reshape(count, 3)
    start, end = corners, np.roll(corners, -1, axis=1)
    places = welded.ravel()
    # Each half edge as (low place, high place), with the corners at these two and its face.
    low_first = places[start] <= places[end]
    low = np.where(low_first, start, end).ravel()
    high = np.where(low_first, end, start).ravel()
    face = np.repeat(np.arange(count), 3)
    order = np.lexsort((face, places[high], places[low]))
    one, two = order[:-1], order[1:]
    same = (places[low[one]] == places[low[two]]) & (places[high[one]] == places[high[two]])
    one, two = one[same], two[same]
    cosine = np.einsum("ij,ij->i", units[face[one]], units[face[two]])
    smooth = cosine >= math.cos(angle)
    one, two = one[smooth], two[smooth]
    rows = np.concatenate([low[one], high[one]])
    columns = np.concatenate([low[two], high[two]])
    graph = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(3 * count,) * 2)
    labels = connected_components(graph, directed=False)[1]
    result: Int = labels.reshape(count, 3).astype(np.int64)
    return result


def _corner_weights(vertices: Float, faces: Int) -> Float:
    """Return the angle [rad] of each face at each corner (F, 3)."""
    points = vertices[faces]
    forward = _unit((np.roll(points, -1, axis=1) - points).reshape(-1, 3))
    backward = _unit((np.roll(points, 1, axis=1) - points).reshape(-1, 3))
    cosine = np.einsum("ij,ij->i", forward, backward).clip(-1.0, 1.0)
    weights: Float = np.arccos(cosine).reshape(faces.shape)
    return weights


def _unit(vectors: Float) -> Float:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
