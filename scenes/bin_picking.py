"""A tote that objects have been tipped into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from simkit.contracts import Params
from simkit.distributions import Distribution, Integer, Uniform
from simkit.furniture import OPEN_ABOVE, RoomOptions, room, sample_room, table, tote
from simkit.options import varied
from simkit.population import ObjectOptions, PopulatedFamily
from simkit.scene import Region, Scene

BESIDE = 0.3
"""How far the table reaches beyond the tote [m]."""


@dataclass
class BinPickingOptions(ObjectOptions, RoomOptions):
    """The tote, and what is in it."""

    objects: Distribution = varied(
        Integer(5, 60), low=0, high=500, whole=True, help="number of objects"
    )
    tote_length: Distribution = varied(
        Uniform(0.35, 0.6), unit="m", low=0.05, high=5.0, help="inside, along x"
    )
    tote_width: Distribution = varied(
        Uniform(0.25, 0.4), unit="m", low=0.05, high=5.0, help="inside, along y"
    )
    wall_height: Distribution = varied(
        Uniform(0.12, 0.3), unit="m", low=0.01, high=3.0, help="inside"
    )
    wall_thickness: Distribution = varied(
        Uniform(0.004, 0.015), unit="m", low=0.003, high=0.2, help="of walls and floor"
    )


class BinPicking(PopulatedFamily):
    """A tote whose floor is z = 0, on a table in a room; what does not fit in falls off."""

    Options = BinPickingOptions
    randomizers: ClassVar[Mapping[str, Any]] = {
        "placement": {},
        "material": {},
        "light": {},
        "camera": {"distance": [0.7, 1.1], "elevation_deg": [55.0, 90.0]},
    }

    def sample(self, rng: np.random.Generator) -> Params:
        options = self.options
        return {
            **self.population.sample(rng),
            "tote_length": options.tote_length.sample(rng),
            "tote_width": options.tote_width.sample(rng),
            "wall_height": options.wall_height.sample(rng),
            "wall_thickness": options.wall_thickness.sample(rng),
            **sample_room(options, rng),
        }

    def build(self, params: Params) -> Scene:
        length, width = params["tote_length"], params["tote_width"]
        thickness = params["wall_thickness"]
        bodies = [
            *room(params),
            table(length + 2 * BESIDE, width + 2 * BESIDE, top=-thickness),
            *tote(length, width, params["wall_height"], thickness),
            *self.population.bodies(params),
        ]
        low, high = (-length / 2, -width / 2, 0.0), (length / 2, width / 2, OPEN_ABOVE)
        inside = Region("tote", low, high, walled=True)
        return Scene(bodies=tuple(bodies), regions=(inside,))
