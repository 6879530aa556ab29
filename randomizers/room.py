"""The room around the objects."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simkit.contracts import Params, Randomizer
from simkit.distributions import Distribution, Uniform
from simkit.geometry import apply_transform
from simkit.options import setting, varied
from simkit.scene import Body, Scene, vec3

SIDES = {"east": (0, 1.0), "west": (0, -1.0), "north": (1, 1.0), "south": (1, -1.0)}
"""Axis and sign of the way to each wall."""

THICKNESS = 0.02
MARGIN = 0.05
"""Free space between walls and furniture [m]."""


@dataclass
class RoomOptions:
    """How far walls and ceiling are, and whether they are there."""

    wall_distance: Distribution = varied(
        Uniform(1.5, 4.0), unit="m", low=0.1, high=500, help="from z's axis, each wall by itself"
    )
    height: Distribution = varied(
        Uniform(2.3, 4.0), unit="m", low=0.5, high=100, help="of walls and ceiling above the floor"
    )
    walls: float = setting(1.0, low=0, high=1, help="probability of each wall")
    ceiling: float = setting(0.3, low=0, high=1, help="probability of a ceiling")


class Room(Randomizer):
    """Moves a scene's walls and fits its floor to them; walls may be missing, and a ceiling added.

    It replaces the bodies ``wall_*`` and ``ceiling`` of a scene that has a ``floor``, others stay as
    they are. Walls keep clear of the furniture.
    """

    Options = RoomOptions
    stage = "setup"

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        options = self.options
        sides: Params = {
            side: {
                "wall_distance": options.wall_distance.sample(rng),
                "wall": bool(rng.random() < options.walls),
            }
            for side in SIDES
        }
        ceiling = bool(rng.random() < options.ceiling)
        return {"height": options.height.sample(rng), "ceiling": ceiling, **sides}

    def apply(self, scene: Scene, params: Params) -> Scene:
        floors = [body for body in scene.bodies if body.name == "floor"]
        if not floors:
            return scene
        others = [body for body in scene.bodies if not _of_room(body)]
        far = {
            side: max(params[side]["wall_distance"], self._reach(others, *SIDES[side]) + MARGIN)
            for side in SIDES
        }
        return scene.with_bodies([*_parts(floors[0], far, params), *others])

    def _reach(self, bodies: list[Body], axis: int, sign: float) -> float:
        """Return how far fixed bodies reach from the world's origin along an axis [m]."""
        reach = 0.0
        for body in bodies:
            if body.fixed:
                corners = self.library[body.model].mesh.bounds
                box = np.stack(np.meshgrid(*corners.T), axis=-1).reshape(-1, 3) * body.scale
                ends = sign * apply_transform(body.T_world_body, box)[:, axis]
                reach = max(reach, float(ends.max()))
        return reach


def _of_room(body: Body) -> bool:
    return not body.labelled and (
        body.name in ("floor", "ceiling") or body.name.startswith("wall_")
    )


def _parts(floor: Body, far: dict[str, float], params: Params) -> list[Body]:
    """Return floor, walls and ceiling; `far` has the walls' inner sides' distances [m]."""
    low, high = np.array([far["west"], far["south"]]), np.array([far["east"], far["north"]])
    middle, extent = (high - low) / 2, high + low + 2 * THICKNESS
    top = floor.position[2] + floor.scale[2] / 2 + params["height"]
    flat = replace(
        floor,
        position=(float(middle[0]), float(middle[1]), floor.position[2]),
        scale=(float(extent[0]), float(extent[1]), floor.scale[2]),
    )
    parts = [flat]
    for side, (axis, sign) in SIDES.items():
        if not params[side]["wall"]:
            continue
        at, size = (
            np.array([*middle, top - params["height"] / 2]),
            np.array([*extent, params["height"]]),
        )
        at[axis], size[axis] = sign * (far[side] + THICKNESS / 2), THICKNESS
        parts.append(replace(floor, name=f"wall_{side}", position=vec3(at), scale=vec3(size)))
    if params["ceiling"]:
        over, thin = vec3([*middle, top + THICKNESS / 2]), vec3([*extent, THICKNESS])
        parts.append(replace(floor, name="ceiling", position=over, scale=thin))
    return parts
