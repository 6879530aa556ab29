"""BOP's pose errors and recall, for the task of localizing objects in 6D.

Hodan et al., BOP Challenge 2020 on 6D Object Localization, ECCVW 2020, sections 2.2 to 2.4. MSSD and
MSPD are reported with their average recall. BOP's third error, VSD, needs a measured depth image and
is not computed, so no figure here is BOP's AR.

Poses are ``T_camera_model`` (4, 4) [m], points (N, 3) [m] in the model's frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull, QhullError, cKDTree
from scipy.spatial.transform import Rotation

from simkit.geometry import apply_transform

Float = NDArray[np.float64]

MAX_STEP = 0.01
"""Largest share of the diameter by which a point moves between two steps of a continuous symmetry."""

MSSD_THRESHOLDS = tuple(0.05 * step for step in range(1, 11))
"""... of the model's diameter."""

MSPD_THRESHOLDS = tuple(5.0 * step for step in range(1, 11))
"""[px], in an image that is `MSPD_WIDTH` wide."""

MSPD_WIDTH = 640

ADD_THRESHOLD = 0.1
"""... of the model's diameter (Hinterstoisser et al., ACCV 2012)."""


def symmetry_set(
    discrete: Iterable[Any], continuous: Iterable[tuple[Any, Any]], max_step: float = MAX_STEP
) -> Float:
    """Return the transforms (K, 4, 4) of a model's frame that are taken for one, identity first.

    A continuous symmetry becomes ``ceil(pi / max_step)`` equal turns about its axis; each is combined
    with each discrete one, which is applied first.

    Args:
        discrete: transforms (4, 4) [m], without the identity.
        continuous: (axis, offset [m]) of each axis about which the model may be turned freely.
    """
    plain = [np.eye(4), *(np.array(one, dtype=np.float64).reshape(4, 4) for one in discrete)]
    turns = [turn for axis, offset in continuous for turn in _turns(axis, offset, max_step)]
    return np.array([turn @ one for one in plain for turn in turns or [np.eye(4)]])


def add(estimate: Float, truth: Float, points: Float) -> float:
    """Return the mean distance [m] of the points at two poses (ADD)."""
    gaps = apply_transform(estimate, points) - apply_transform(truth, points)
    return float(np.linalg.norm(gaps, axis=1).mean())


def adi(estimate: Float, truth: Float, points: Float) -> float:
    """Return the mean distance [m] from the true points to the nearest estimated ones (ADI, ADD-S)."""
    tree = cKDTree(apply_transform(estimate, points))
    return float(tree.query(apply_transform(truth, points))[0].mean())


def mssd(estimate: Float, truth: Float, points: Float, symmetries: Float) -> float:
    """Return the largest distance [m] of the points at two poses, at the kindest symmetry (MSSD).

    The distance is a convex function of the point, so its maximum over points is the one over their
    convex hull's corners: `hull_corners` may be given for all points.
    """
    found = apply_transform(estimate, points)
    return float(min(_farthest(found, truth @ one, points) for one in symmetries))


def mspd(
    estimate: Float,
    truth: Float,
    points: Float,
    symmetries: Float,
    cam_K: ArrayLike,
    corners: Float | None = None,
) -> float:
    """Return the largest distance [px] of projected points, at the kindest symmetry (MSPD).

    Args:
        corners: some of the points. The result is the same with or without: they give a lower bound of
            each symmetry's distance, and only symmetries that may be the kindest are looked at closely.
    """
    K = np.asarray(cam_K, dtype=np.float64).reshape(3, 3)
    order = range(len(symmetries))
    bounds = np.zeros(len(symmetries))
    if corners is not None and len(symmetries) > 1:
        shown = _projected(estimate, corners, K)
        bounds = np.array(
            [_longest(shown - _projected(truth @ one, corners, K)) for one in symmetries]
        )
        order = np.argsort(bounds, kind="stable").tolist()
    shown = _projected(estimate, points, K)
    best = math.inf
    for place in order:
        if bounds[place] >= best:
            break
        best = min(best, _longest(shown - _projected(truth @ symmetries[place], points, K)))
    return best


def hull_corners(points: Float) -> Float:
    """Return the corners (M, 3) of the points' convex hull; all points where they are flat."""
    try:
        corners: Float = points[ConvexHull(points).vertices]
    except QhullError:
        return points
    return corners


def matched(
    errors: NDArray[Any], scores: Sequence[float] | NDArray[Any], threshold: float
) -> NDArray[np.int64]:
    """Return which estimate is matched to each target (G,), or -1.

    Estimates choose in the order of their scores, each the free target of the lowest error below the
    threshold.

    Args:
        errors: (E, G), of each estimate against each target of the same model in the same image.
        scores: (E,).
    """
    chosen = np.full(errors.shape[1], -1, dtype=np.int64)
    for estimate in np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable"):
        free = np.where(chosen < 0, errors[estimate], np.inf)
        if free.size and free.min() < threshold:
            chosen[int(free.argmin())] = estimate
    return chosen


def found_counts(
    errors: NDArray[Any], scores: Sequence[float] | NDArray[Any], thresholds: Iterable[float]
) -> NDArray[np.int64]:
    """Return how many of the targets are found at each threshold.

    As many estimates count as there are targets, those of the highest scores.

    Args:
        errors: (E, G), see `matched`.
        scores: (E,).
    """
    values = np.asarray(scores, dtype=np.float64)
    top = np.argsort(-values, kind="stable")[: errors.shape[1]]
    counts = [int((matched(errors[top], values[top], one) >= 0).sum()) for one in thresholds]
    return np.array(counts, dtype=np.int64)


def _turns(axis: Any, offset: Any, max_step: float) -> list[Float]:
    direction = np.asarray(axis, dtype=np.float64)
    direction = direction / np.linalg.norm(direction)
    centre = np.asarray(offset, dtype=np.float64)
    count = math.ceil(math.pi / max_step)
    turns = []
    for step in range(count):
        turn = np.eye(4)
        turn[:3, :3] = Rotation.from_rotvec(direction * (2 * math.pi * step / count)).as_matrix()
        turn[:3, 3] = centre - turn[:3, :3] @ centre
        turns.append(turn)
    return turns


def _farthest(found: Float, truth: Float, points: Float) -> float:
    return _longest(found - apply_transform(truth, points))


def _longest(vectors: Float) -> float:
    return float(np.sqrt(np.einsum("ij,ij->i", vectors, vectors).max()))


def _projected(pose: Float, points: Float, K: Float) -> Float:
    """Return pixels (N, 2); points behind the camera are projected through its centre, as in BOP."""
    homogeneous = apply_transform(pose, points) @ K.T
    pixels: Float = homogeneous[:, :2] / homogeneous[:, 2:]
    return pixels
