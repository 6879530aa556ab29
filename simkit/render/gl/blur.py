"""Blur by a lens' opening and by motion: the mean of pictures taken from moved places and times."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from scipy.spatial.transform import Rotation

from simkit.scene import Body, Camera, Scene, matrix3, quaternion, vec3

Moving = TypeVar("Moving", Body, Camera)


@dataclass(frozen=True)
class Aim:
    """Where from a picture is taken.

    Attributes:
        lens: place in the opening, along the camera's x and y [m]; what lies at the focus distance
            stays where it is in the image.
        pixel: place in the pixel, from its centre [px].
    """

    lens: tuple[float, float] = (0.0, 0.0)
    pixel: tuple[float, float] = (0.0, 0.0)


def blurs(scene: Scene, camera: Camera) -> bool:
    """Return whether the picture is not sharp."""
    moving = _moves(camera) or any(_moves(body) for body in scene.bodies)
    return camera.aperture > 0 or (camera.exposure > 0 and moving)


def sub_frames(
    scene: Scene, camera: Camera, count: int, jitter: bool
) -> Iterator[tuple[Scene, Camera, Aim]]:
    """Return `count` moments and places whose pictures' mean is the blurred one.

    They are well spread in time, over the opening, and, with `jitter`, over the pixel: time in
    strata, the others by Roberts' R sequence of four dimensions.
    """
    bodies_move = camera.exposure > 0 and any(_moves(body) for body in scene.bodies)
    for number in range(count):
        time = camera.exposure * ((number + 0.5) / count - 0.5)
        u, v, x, y = ((0.5 + (number + 1) * _BASE**-power) % 1.0 for power in range(1, 5))
        radius, angle = camera.aperture * math.sqrt(u), 2 * math.pi * v
        lens = radius * math.cos(angle), radius * math.sin(angle)
        aim = Aim(lens, (x - 0.5, y - 0.5) if jitter else (0.0, 0.0))
        then = scene
        if bodies_move:
            then = scene.with_bodies([_moved(body, time) for body in scene.bodies])
        yield then, _moved(camera, time) if camera.exposure > 0 else camera, aim


def aimed(camera: Camera, aim: Aim, focus: float) -> Camera:
    """Return the pinhole that sees through a place in the opening; `focus` [m] is what stays."""
    (x, y), K = aim.lens, camera.K
    K[0, 2] += (K[0, 0] * x + K[0, 1] * y) / focus - aim.pixel[0]
    K[1, 2] += K[1, 1] * y / focus - aim.pixel[1]
    position = camera.T_world_camera @ np.array([x, y, 0.0, 1.0])
    return replace(camera, cam_K=matrix3(K), position=vec3(position[:3]))


_BASE = 1.1673039782614187
"""The root of x^5 = x + 1."""


def _moves(thing: Body | Camera) -> bool:
    return any(thing.velocity) or any(thing.angular_velocity)


def _moved(thing: Moving, time: float) -> Moving:
    """Return a body or camera after `time` [s] at its velocity."""
    if not _moves(thing):
        return thing
    turn = Rotation.from_rotvec(np.multiply(thing.angular_velocity, time))
    return replace(
        thing,
        position=vec3(np.add(thing.position, np.multiply(thing.velocity, time))),
        quaternion=quaternion((turn * Rotation.from_quat(thing.quaternion)).as_quat()),
    )
