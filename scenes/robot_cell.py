"""A robot arm and the objects on its table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.spatial.transform import Rotation

from simkit.assets.library import Library
from simkit.assets.options import ModelOptions
from simkit.contracts import Params
from simkit.distributions import Choice, Distribution, Uniform
from simkit.errors import ConfigError
from simkit.furniture import OPEN_ABOVE, RoomOptions, room, sample_room, table
from simkit.options import setting, varied
from simkit.population import ObjectOptions, PopulatedFamily
from simkit.robots import Arm, robot_library, urdf_of
from simkit.scene import Body, Region, Scene

FOOT = 0.15
"""Half of the side of the square that the base stands on [m]."""


@dataclass
class RobotCellOptions(ObjectOptions, RoomOptions):
    """The arm, what it stands on, and what lies before it."""

    robot: str = setting("panda", help="panda, kuka_iiwa, or the path of a .urdf file")
    label_links: bool = setting(True, help="whether the arm's links are labelled, as objects are")
    mount: Distribution = varied(
        Choice(("table", "floor")), allowed=("table", "floor"), help="what the arm stands on"
    )
    base_distance: Distribution = varied(
        Uniform(0.45, 0.6), unit="m", low=0.05, high=10.0, help="from the base to the area's middle"
    )
    base_offset: Distribution = varied(
        Uniform(-0.15, 0.15), unit="m", low=-10.0, high=10.0, help="of the base to its left"
    )
    base_turn_deg: Distribution = varied(
        Uniform(-30.0, 30.0), unit="deg", low=-180.0, high=180.0, help="of the base about z"
    )
    area: Distribution = varied(
        Uniform(0.35, 0.5), unit="m", low=0.05, high=10.0, help="side of the square for the objects"
    )
    table_size: Distribution = varied(
        Uniform(0.9, 1.4), unit="m", low=0.1, high=20.0, help="side of the table, each of two drawn"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        nearest, widest = min(self.base_distance.support), max(self.area.support)
        if nearest < widest / 2 + FOOT:
            raise ConfigError(
                f"base_distance: {nearest} m leaves no room for the base, {2 * FOOT} m wide, beside "
                f"an area of {widest} m; give at least {widest / 2 + FOOT:g} m, or narrow the area"
            )


class RobotCell(PopulatedFamily):
    """Objects settle about the origin, then `randomizers.joints` poses the arm, whose base is at -x.

    Until then the arm is in the middle of its joints' limits, and only links that no joint moves
    are in the objects' way. A table carries the base, or ends before it and a pedestal does.
    """

    Options = RobotCellOptions
    randomizers: ClassVar[dict[str, dict[str, Any]]] = {
        "placement": {},
        "material": {"keep_look": 1.0},
        "light": {},
        "joints": {},
        "camera": {"distance": [1.1, 2.0], "elevation_deg": [5, 60]},
    }

    def __init__(self, options: Any, library: Library) -> None:
        super().__init__(options, library)
        self.arm = Arm.of(urdf_of(options.robot)[0], library)

    @classmethod
    def furnish(cls, options: Any, distractors: ModelOptions) -> Library:
        return super().furnish(options, distractors).merged(robot_library(options.robot))

    def sample(self, rng: np.random.Generator) -> Params:
        options = self.options
        names = ("mount", "base_distance", "base_offset", "base_turn_deg", "area")
        return {
            **self.population.sample(rng),
            **{name: getattr(options, name).sample(rng) for name in names},
            "table_size": [options.table_size.sample(rng) for _ in range(2)],
            **sample_room(options, rng),
        }

    def build(self, params: Params) -> Scene:
        away, aside = params["base_distance"], params["base_offset"]
        base = np.eye(4)
        base[:3, :3] = Rotation.from_euler("z", params["base_turn_deg"], degrees=True).as_matrix()
        base[:3, 3] = [-away, aside, 0.0]
        links = self.arm.bodies(base, self.arm.middle)
        half = params["area"] / 2
        bodies = [
            *room(params),
            *_furniture(params),
            *(replace(link, labelled=self.options.label_links) for link in links),
            *self.population.bodies(params),
        ]
        region = Region("area", (-half, -half, 0.0), (half, half, OPEN_ABOVE))
        return Scene(bodies=tuple(bodies), regions=(region,))


def _furniture(params: Params) -> list[Body]:
    """Return the table, which holds the objects' area, and the pedestal if there is one."""
    away, aside = params["base_distance"], abs(params["base_offset"])
    width, depth = params["table_size"]
    on_table = params["mount"] == "table"
    low = -max(width / 2, away + FOOT) if on_table else FOOT - away
    high = max(low + width, params["area"] / 2)
    depth = max(depth, params["area"], 2 * (aside + FOOT) if on_table else 0.0)
    top = table(high - low, depth)
    top = replace(top, position=((low + high) / 2, *top.position[1:]))
    if on_table:
        return [top]
    tall = params["table_height"]
    pedestal = Body(
        name="pedestal",
        model="simkit:box",
        position=(-away, params["base_offset"], -tall / 2),
        scale=(2 * FOOT, 2 * FOOT, tall),
        fixed=True,
        labelled=False,
    )
    return [top, pedestal]
