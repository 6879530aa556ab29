"""Lights that make a place as bright as asked, whatever their kind, size and distance."""

from __future__ import annotations

import math

import numpy as np

from simkit.geometry import Array
from simkit.scene import Body, Light, Scene, Vec3, vec3

SHELL = ("wall", "ceiling")
"""What the names of the boxes begin with that keep light out of a room, see `simkit.furniture`."""

WITHIN = 0.9
"""A lamp that a wall would hide hangs at this part of the way to the wall."""


def middle_of_objects(scene: Scene) -> Array:
    """Return the mean position (3,) of the labelled bodies [m], the world's origin without any."""
    positions = [body.position for _, body in scene.labelled()]
    return np.mean(positions, axis=0) if positions else np.zeros(3)


def lamp(
    kind: str,
    aim: Array,
    towards: Array,
    distance: float,
    brightness: float,
    color: Vec3,
    softness: float = 0.0,
    size: tuple[float, float] = (0.5, 0.5),
    cone: float = 0.5,
) -> Light:
    """Return a light that faces `aim` and gives it so much light that white there is `brightness`.

    That is the radiance of a white Lambertian surface at `aim` that faces the light: its irradiance
    over pi.

    Args:
        kind: one of `simkit.scene.LIGHT_KINDS`.
        aim: (3,) point in the world [m].
        towards: (3,) unit vector from it to the light.
        distance: from it to the light [m]; a directional one has none.
        brightness: see above.
        color: linear RGB.
        softness: the light's apparent radius [rad]; an area light has its size instead.
        size: width and height of an area light [m].
        cone: half the opening angle of a spot [rad].
    """
    near = kind != "directional"
    falloff = {"directional": 1.0, "area": rectangle_factor(*size, distance)}
    return Light(
        kind=kind,
        direction=vec3(-towards),
        color=color,
        intensity=brightness / falloff.get(kind, distance**-2),
        position=vec3(aim + towards * distance) if near else (0.0, 0.0, 2.0),
        radius=math.tan(softness) * distance if near else softness,
        size=size,
        cone=cone,
    )


def rectangle_factor(width: float, height: float, distance: float) -> float:
    """Return the part of its radiance that a rectangle gives to white facing it, `distance` ahead [m].

    The configuration factor from an element to a parallel rectangle, whose middle is on its normal
    (Howell, A Catalog of Radiation Heat Transfer Configuration Factors, B-4), four quarters of it.
    """
    x, y = width / 2 / distance, height / 2 / distance
    a, b = math.hypot(1.0, x), math.hypot(1.0, y)
    return 2 / math.pi * (x / a * math.atan(y / a) + y / b * math.atan(x / b))


def free_distance(scene: Scene, start: Array, towards: Array) -> float:
    """Return how far a ray goes before a room's wall or ceiling stops it [m]; inf if none does.

    Args:
        scene: its bodies named after `SHELL` are taken for boxes.
        start: (3,) in the world [m].
        towards: (3,) unit vector.
    """
    shell = [body for body in scene.bodies if body.name.startswith(SHELL) and not body.labelled]
    return min((_to_box(body, start, towards) for body in shell), default=math.inf)


def _to_box(body: Body, start: Array, towards: Array) -> float:
    """Return where a ray enters a box ahead of it (slab method); inf if it does not."""
    T = body.T_world_body
    origin, way = (start - T[:3, 3]) @ T[:3, :3], towards @ T[:3, :3]
    way = np.where(np.abs(way) < 1e-12, 1e-12, way)
    half = np.array(body.scale) / 2
    ends = np.sort([(-half - origin) / way, (half - origin) / way], axis=0)
    enters, leaves = float(ends[0].max()), float(ends[1].min())
    return max(enters, 0.0) if enters <= leaves and leaves > 0 else math.inf
