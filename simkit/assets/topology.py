"""What a bare triangle mesh is as a solid: welded, watertight, its volume and its diameter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

Float = NDArray[np.float64]
Int = NDArray[np.int64]


def weld(vertices: Float) -> Int:
    """Return for each vertex (V,) int64 the number of its place: equal at equal coordinates."""
    places = np.unique(vertices + 0.0, axis=0, return_inverse=True)[1]
    return places.reshape(-1).astype(np.int64)


def welded(vertices: Float, faces: Int) -> tuple[Float, Int]:
    """Return the mesh with one vertex a place (P, 3) and without faces that use a place twice."""
    places, number = np.unique(vertices + 0.0, axis=0, return_inverse=True)
    joined = number.reshape(-1)[faces].astype(np.int64)
    distinct = (
        (joined[:, 0] != joined[:, 1])
        & (joined[:, 1] != joined[:, 2])
        & (joined[:, 2] != joined[:, 0])
    )
    return places, joined[distinct]


def is_watertight(faces: Int) -> bool:
    """Return whether each edge of welded faces (F, 3) has two faces, one in each direction."""
    if len(faces) == 0:
        return False
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    there = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
    back = edges[np.lexsort((edges[:, 0], edges[:, 1]))][:, ::-1]
    return bool(np.array_equal(there, back))


def against_neighbours(faces: Int) -> NDArray[np.bool_]:
    """Return which of welded faces (F, 3) to turn over so that neighbours are wound alike.

    Only edges with exactly two faces tie these together. In each connected piece the smaller part
    is turned; a one-sided piece (a Moebius strip) is left as it is.
    """
    count = len(faces)
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    upwards = edges[:, 0] < edges[:, 1]
    low, high = edges.min(axis=1), edges.max(axis=1)
    order = np.lexsort((high, low))
    order = order[low[order] != high[order]]
    pair = np.stack([low[order], high[order]], axis=1)
    starts = np.flatnonzero(np.r_[True, (pair[1:] != pair[:-1]).any(axis=1)])
    starts = starts[np.diff(np.r_[starts, len(order)]) == 2]
    one, two = order[starts], order[starts + 1]
    alike = upwards[one] != upwards[two]
    # Each face stands twice in the graph: as it is, and (+ count) turned over.
    a, b = one // 3, two // 3
    rows = np.r_[a, a + count]
    columns = np.r_[np.where(alike, b, b + count), np.where(alike, b + count, b)]
    graph = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(2 * count,) * 2)
    labels = connected_components(graph, directed=False)[1]
    kept, turned = labels[:count], labels[count:]
    untouched = np.bincount(kept, minlength=int(labels.max()) + 1)
    result: NDArray[np.bool_] = untouched[kept] < untouched[turned]
    return result


def signed_volume(vertices: Float, faces: Int) -> float:
    """Return the volume of a closed mesh; negative if its faces are wound inside out."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)


def centroid(vertices: Float, faces: Int) -> Float:
    """Return the centre of mass (3,) of a closed mesh of uniform density."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    volumes = np.einsum("ij,ij->i", a, np.cross(b, c))
    moment: Float = ((a + b + c) * volumes[:, None]).sum(axis=0) / (4.0 * volumes.sum())
    return moment


def convex_hull(vertices: Float) -> tuple[Float, Int] | None:
    """Return vertices (H, 3) and outward faces (G, 3) of the hull; None if the points are flat."""
    try:
        hull = ConvexHull(vertices)
    except (QhullError, ValueError):
        return None
    points = vertices[hull.vertices]
    number = np.full(len(vertices), -1, dtype=np.int64)
    number[hull.vertices] = np.arange(len(hull.vertices))
    faces = number[hull.simplices]
    a, b, c = (points[faces[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), hull.equations[:, :3]) < 0
    faces[inward] = faces[inward][:, ::-1]
    return points, faces


def diameter(vertices: Float) -> float:
    """Return the largest distance between two of the vertices (V, 3)."""
    hull = convex_hull(vertices)
    points = vertices if hull is None else hull[0]
    step = 512
    return max(
        float(cdist(points[i : i + step], points).max()) for i in range(0, len(points), step)
    )
