"""Collision shapes: a model as a few convex hulls.

CoACD decomposes; a model that is (nearly) convex is its own hull. All is deterministic, and kept in
the cache under a hash of the geometry, the settings and CoACD's version.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from simkit.assets.cache import Arrays, cached_arrays
from simkit.assets.mesh import Mesh
from simkit.assets.topology import convex_hull, is_watertight, signed_volume, welded
from simkit.errors import AssetError

Float = NDArray[np.float64]
Int = NDArray[np.int64]

MOST_VERTICES = 128
FEWEST_VERTICES = 32
VERTEX_BUDGET = 256
"""A model's hulls share this many vertices, within these bounds for each: physics slows with them."""
NEARLY_CONVEX = 0.995
"""A watertight model that fills this part of its convex hull is taken as convex."""
THINNEST = 1e-3
"""A flat model's hull is made this thick, relative to its largest extent."""
REVISION = 2
"""Raise it when this file's results change: it enters the cache's key."""

# A shallower search than CoACD's own (150, 20, 2000). On the embedded parts it takes half the
# time of (60, 10, 1000), and the hulls' volume grows by 0 to 11 %.
_COACD = {
    "mcts_iterations": 30,
    "mcts_nodes": 8,
    "resolution": 500,
    "seed": 0,
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CollisionSettings:
    """How collision shapes are made; see `simkit.assets.options.ModelOptions`."""

    kind: str = "convex_decomposition"
    max_convex_hulls: int = 10
    threshold: float = 0.06


def convex_parts(mesh: Mesh, settings: CollisionSettings) -> list[Float]:
    """Return convex hulls that cover the mesh, as vertices (V, 3) [m], V <= `MOST_VERTICES`.

    Raises:
        AssetError: the cache folder cannot be written to.
    """
    points, faces = welded(mesh.vertices.astype(np.float64), mesh.faces.astype(np.int64))
    hull = convex_hull(points)
    if hull is None:
        return [thickened(points)]
    if settings.kind == "convex_hull" or _is_convex(points, faces, hull):
        return [simplified(hull[0])]
    key = _key(points, faces, settings)
    arrays = cached_arrays("collision", key, lambda: _decomposed(points, faces, settings))
    return _hulls_of(arrays)


def collision_hash(hulls: Iterable[Float]) -> str:
    """Return SHA-256 (hex) over hulls, in order."""
    digest = hashlib.sha256()
    for hull in hulls:
        values = np.ascontiguousarray(hull, dtype="<f8")
        digest.update(f"{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def simplified(points: Float, most: int = MOST_VERTICES) -> Float:
    """Return a hull of at most `most` vertices for the hull vertices (H, 3), of the same volume.

    Starts from the extreme points along the axes, then takes in the one farthest outside. Scaling
    to the same volume spreads what is missing: else round things sink into what they rest on.
    """
    if len(points) <= most:
        return points
    axes = np.array([[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)])
    chosen = sorted({int(i) for i in (points @ axes[axes.any(axis=1)].T).argmax(axis=0)})
    while len(chosen) < most:
        equations = ConvexHull(points[chosen]).equations
        outside = (points @ equations[:, :3].T + equations[:, 3]).max(axis=1)
        outside[chosen] = -np.inf
        chosen.append(int(outside.argmax()))
    few = points[sorted(chosen)]
    middle = few.mean(axis=0)
    growth = (ConvexHull(points).volume / ConvexHull(few).volume) ** (1 / 3)
    grown: Float = middle + growth * (few - middle)
    return grown


def thickened(points: Float) -> Float:
    """Return the box (8, 3) around flat points; where it has no depth it gets one, downwards."""
    low, high = points.min(axis=0), points.max(axis=0)
    thin = THINNEST * float((high - low).max())
    low = np.minimum(low, high - thin)
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    box: Float = low + corners * (high - low)
    return box


def _is_convex(points: Float, faces: Int, hull: tuple[Float, Int]) -> bool:
    if not is_watertight(faces):
        return False
    middle = points.mean(axis=0)
    filled = signed_volume(points - middle, faces)
    return filled >= NEARLY_CONVEX * signed_volume(hull[0] - middle, hull[1])


def _key(points: Float, faces: Int, settings: CollisionSettings) -> str:
    digest = hashlib.sha256()
    digest.update(np.ascontiguousarray(points, dtype="<f8").tobytes())
    digest.update(np.ascontiguousarray(faces, dtype="<i8").tobytes())
    parameters = sorted(_COACD.items())
    digest.update(f"{settings}{parameters}{version('coacd')}/{REVISION}".encode())
    return digest.hexdigest()


def _decomposed(points: Float, faces: Int, settings: CollisionSettings) -> Arrays:
    import coacd  # here, for it loads a large native library

    log.info("decomposing %d faces into convex hulls (kept in the cache)", len(faces))
    coacd.set_log_level("off")
    extent = float((points.max(axis=0) - points.min(axis=0)).max())
    # CoACD's lengths are relative; at a size of 1 its tolerances mean the same for every unit.
    found = coacd.run_coacd(
        coacd.Mesh(points / extent, faces.astype(np.int32)),
        threshold=settings.threshold,
        max_convex_hull=settings.max_convex_hulls,
        **_COACD,
    )
    hulls = [hull for vertices, _ in found if (hull := convex_hull(vertices * extent)) is not None]
    if not hulls:
        raise AssetError("a model cannot be decomposed; set models.collision=convex_hull")
    share = int(np.clip(VERTEX_BUDGET // len(hulls), FEWEST_VERTICES, MOST_VERTICES))
    parts = [simplified(hull[0], share) for hull in hulls]
    return {f"hull_{i:04d}": part for i, part in enumerate(parts)}


def _hulls_of(arrays: Arrays) -> list[Float]:
    return [np.asarray(arrays[name], dtype=np.float64) for name in sorted(arrays)]
