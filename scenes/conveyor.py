"""Objects that pass by on a belt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from simkit.contracts import Params
from simkit.distributions import Distribution, Integer, Uniform
from simkit.furniture import OPEN_ABOVE, RoomOptions, belt, room, sample_room
from simkit.options import varied
from simkit.population import ObjectOptions, PopulatedFamily
from simkit.scene import Region, Scene

THICKNESS = 0.03
"""Of belt and rails [m]."""


@dataclass
class ConveyorOptions(ObjectOptions, RoomOptions):
    """The belt, and what lies on it."""

    objects: Distribution = varied(
        Integer(8, 30), low=0, high=500, whole=True, help="number of objects"
    )
    belt_speed: Distribution = varied(
        Uniform(0.1, 0.6), unit="m/s", low=-10.0, high=10.0, help="along x"
    )
    belt_length: Distribution = varied(
        Uniform(2.0, 3.0), unit="m", low=0.2, high=50.0, help="objects lie all along it"
    )
    belt_width: Distribution = varied(
        Uniform(0.3, 0.6), unit="m", low=0.05, high=5.0, help="between the rails"
    )
    rail_height: Distribution = varied(
        Uniform(0.01, 0.08), unit="m", low=0.0, high=1.0, help="above the belt"
    )


class Conveyor(PopulatedFamily):
    """A belt along x whose top is z = 0; it and what has settled on it move at one speed."""

    Options = ConveyorOptions
    randomizers: ClassVar[Mapping[str, Any]] = {
        "placement": {},
        "material": {},
        "light": {},
        "camera": {"distance": [0.7, 1.1], "elevation_deg": [40.0, 90.0]},
    }

    def sample(self, rng: np.random.Generator) -> Params:
        options = self.options
        return {
            **self.population.sample(rng),
            "belt_speed": options.belt_speed.sample(rng),
            "belt_length": options.belt_length.sample(rng),
            "belt_width": options.belt_width.sample(rng),
            "rail_height": options.rail_height.sample(rng),
            **sample_room(options, rng),
        }

    def build(self, params: Params) -> Scene:
        length, width = params["belt_length"], params["belt_width"]
        velocity = (params["belt_speed"], 0.0, 0.0)
        objects = [replace(one, velocity=velocity) for one in self.population.bodies(params)]
        bodies = [
            *room(params),
            *belt(length, width, params["rail_height"], THICKNESS, velocity),
            *objects,
        ]
        low, high = (-length / 2, -width / 2, 0.0), (length / 2, width / 2, OPEN_ABOVE)
        return Scene(bodies=tuple(bodies), regions=(Region("belt", low, high),))
