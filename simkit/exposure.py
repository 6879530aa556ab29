"""Poses while a picture is taken: what moves, and when each row is exposed.

The scene's poses hold at the middle of the middle row's exposure; velocities are constant meanwhile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from simkit.geometry import Array
from simkit.scene import Body, Camera


def moves(thing: Body | Camera) -> bool:
    """Return whether a body or camera moves while the shutter is open."""
    return any(thing.velocity) or any(thing.angular_velocity)


def row_times(camera: Camera, rows: ArrayLike) -> Array:
    """Return the middles of the exposures of some rows [s]; a rolling shutter's differ.

    Rows outside the image have those of a sensor that goes on there.
    """
    rows = np.asarray(rows, dtype=np.float64)
    return camera.readout * (rows / max(camera.height - 1, 1) - 0.5)


def poses_at(thing: Body | Camera, times: Array) -> Array:
    """Return (..., 12) rotations, row by row, and positions of a body or camera at times (...) [s]."""
    flat = times.reshape(-1)
    turns = Rotation.from_rotvec(flat[:, None] * np.array(thing.angular_velocity))
    poses = np.empty((len(flat), 12))
    poses[:, :9] = (turns * Rotation.from_quat(thing.quaternion)).as_matrix().reshape(-1, 9)
    poses[:, 9:] = np.array(thing.position) + flat[:, None] * np.array(thing.velocity)
    return poses.reshape(*times.shape, 12)


def transforms_at(thing: Body | Camera, times: Array) -> Array:
    """Return what `poses_at` does as transforms (..., 4, 4) to the world."""
    poses = poses_at(thing, times)
    T: Any = np.zeros((*times.shape, 4, 4))
    T[..., :3, :3], T[..., :3, 3] = poses[..., :9].reshape(*times.shape, 3, 3), poses[..., 9:]
    T[..., 3, 3] = 1.0
    return T
