"""The conventions of the whole project, and the few transforms that follow from them.

* SI units: metres, kilograms, seconds, radians.
* World: right-handed, z up. Camera: OpenCV (x right, y down, z forward).
* ``T_a_b`` is a 4x4 float64 matrix that maps coordinates in frame ``b`` to coordinates in ``a``.
* Quaternions are ``xyzw`` (as in PyBullet and SciPy).
* ``cam_K`` is 3x3; the centre of the top left pixel is (0, 0), as in OpenCV. BOP's renderers put
  it at (0.5, 0.5): `shift_pixel_centre` converts.
* Boxes are ``[x, y, width, height]`` in pixels, ``width = x_max - x_min + 1`` over the pixels of a
  mask, as COCO means them. `box_as_bop` gives what BOP's scripts write (``x_max - x_min``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]

BOP_PIXEL_CENTRE = 0.5
"""Where BOP's renderers put the centre of the top left pixel, in both axes [px]."""

NOT_VISIBLE_BOX = (-1, -1, -1, -1)
"""What BOP writes as the box of an instance without a visible pixel."""


def transform(position: ArrayLike, quaternion: ArrayLike) -> Array:
    """Return ``T_a_b`` (4, 4) from the position (3,) [m] and the xyzw quaternion (4,) of b in a."""
    T = np.eye(4)
    T[:3, :3] = Rotation.from_quat(np.asarray(quaternion, dtype=np.float64)).as_matrix()
    T[:3, 3] = position
    return T


def invert(T_a_b: Array) -> Array:
    """Return ``T_b_a`` (4, 4) of a rigid ``T_a_b`` (4, 4)."""
    R = T_a_b[:3, :3]
    T = np.eye(4)
    T[:3, :3] = R.T
    T[:3, 3] = -R.T @ T_a_b[:3, 3]
    return T


def apply_transform(T_a_b: Array, points: ArrayLike) -> Array:
    """Return the points (N, 3) of frame b in frame a (N, 3) float64."""
    return np.asarray(points, dtype=np.float64) @ T_a_b[:3, :3].T + T_a_b[:3, 3]


def quaternion_of(T_a_b: Array) -> Array:
    """Return the xyzw quaternion (4,) of ``T_a_b`` (4, 4), with w >= 0."""
    quaternion = Rotation.from_matrix(T_a_b[:3, :3]).as_quat()
    return quaternion if quaternion[3] >= 0 else -quaternion


def look_at(eye: ArrayLike, target: ArrayLike, roll: float = 0.0) -> Array:
    """Return ``T_world_camera`` (4, 4) of an OpenCV camera at `eye` that looks at `target`.

    At ``roll=0`` [rad] the world's z axis points up in the image; a positive roll turns the camera
    about its viewing direction (clockwise as seen from behind it). Looking straight up or down,
    the world's y axis points up instead.
    """
    eye = np.asarray(eye, dtype=np.float64)
    forward = np.asarray(target, dtype=np.float64) - eye
    length = np.linalg.norm(forward)
    if length == 0:
        raise ValueError("look_at: eye and target are the same point")
    forward = forward / length
    up = np.array([0.0, 0.0, 1.0])
    if abs(forward @ up) > 1 - 1e-9:
        up = np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    R = np.stack([right, down, forward], axis=1)
    T = np.eye(4)
    T[:3, :3] = R @ Rotation.from_rotvec([0.0, 0.0, roll]).as_matrix()
    T[:3, 3] = eye
    return T


def direction(azimuth: float, elevation: float) -> Array:
    """Return the unit vector (3,) at `azimuth` about z from x and `elevation` above z = 0 [rad]."""
    across = np.cos(elevation)
    return np.array([np.cos(azimuth) * across, np.sin(azimuth) * across, np.sin(elevation)])


def project(points_camera: ArrayLike, cam_K: ArrayLike) -> Array:
    """Project points (N, 3) [m, camera frame] to pixels (N, 2), centre of the top left one (0, 0).

    Points at or behind the camera plane (z <= 0) give NaN.
    """
    points = np.asarray(points_camera, dtype=np.float64).reshape(-1, 3)
    z = points[:, 2:3]
    in_front = np.where(z > 0, z, np.nan)
    return ((points / in_front) @ np.asarray(cam_K, dtype=np.float64).T)[:, :2]


def pixel_rays(cam_K: ArrayLike, pixels: ArrayLike) -> Array:
    """Return camera-frame directions (N, 3) with z = 1 through the pixels (N, 2) [px].

    A ray's parameter at a hit is therefore the planar z-depth, not the ray distance.
    """
    pixels = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
    homogeneous = np.column_stack([pixels, np.ones(len(pixels))])
    rays: Array = homogeneous @ np.linalg.inv(np.asarray(cam_K, dtype=np.float64)).T
    return rays


def shift_pixel_centre(cam_K: ArrayLike, centre: float = BOP_PIXEL_CENTRE) -> Array:
    """Return the OpenCV ``cam_K`` (3, 3) of one whose top left pixel centre is (centre, centre)."""
    K = np.array(cam_K, dtype=np.float64).reshape(3, 3)
    K[:2, 2] -= centre
    return K


def box_of_mask(mask: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """Return ``(x, y, width, height)`` [px] of a mask (H, W)'s True pixels; None if there are none."""
    columns = np.flatnonzero(mask.any(axis=0))
    if columns.size == 0:
        return None
    rows = np.flatnonzero(mask.any(axis=1))
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1


def box_as_bop(box: tuple[int, int, int, int] | None, visible: bool) -> tuple[int, int, int, int]:
    """Return a box as BOP's ``gt_info`` has it: width ``x_max - x_min``; four -1 if not visible."""
    if box is None or not visible:
        return NOT_VISIBLE_BOX
    x, y, width, height = box
    return x, y, width - 1, height - 1


def box_iou(a: ArrayLike, b: ArrayLike) -> float:
    """Return intersection over union of two boxes ``[x, y, width, height]`` as continuous rectangles."""
    ax, ay, aw, ah = np.asarray(a, dtype=np.float64)
    bx, by, bw, bh = np.asarray(b, dtype=np.float64)
    width = min(ax + aw, bx + bw) - max(ax, bx)
    height = min(ay + ah, by + bh) - max(ay, by)
    if width <= 0 or height <= 0:
        return 0.0
    intersection = width * height
    return float(intersection / (aw * ah + bw * bh - intersection))
