"""Objects on a table in a room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simkit.contracts import Params
from simkit.distributions import Distribution, Uniform
from simkit.furniture import RoomOptions, room, sample_room, table
from simkit.options import varied
from simkit.population import ObjectOptions, PopulatedFamily
from simkit.scene import Scene


@dataclass
class TabletopOptions(ObjectOptions, RoomOptions):
    """What stands on the table, and where the table stands."""

    table_size: Distribution = varied(
        Uniform(0.9, 1.4), unit="m", low=0.1, high=20.0, help="side of the table, each of two drawn"
    )


class Tabletop(PopulatedFamily):
    """A table whose top is z = 0, a floor and four walls; the placement drops the objects on it."""

    Options = TabletopOptions
    randomizers = ("placement", "material", "light", "camera")

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            **self.population.sample(rng),
            "table_size": [self.options.table_size.sample(rng) for _ in range(2)],
            **sample_room(self.options, rng),
        }

    def build(self, params: Params) -> Scene:
        bodies = [*room(params), table(*params["table_size"]), *self.population.bodies(params)]
        return Scene(bodies=tuple(bodies))
