"""Goods on the boards of a rack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from simkit.contracts import Params
from simkit.distributions import Constant, Distribution, Integer, Uniform
from simkit.furniture import RoomOptions, board_tops, rack, room, sample_room
from simkit.options import varied
from simkit.population import ObjectOptions, PopulatedFamily
from simkit.scene import Region, Scene

MARGIN = 0.01
"""Objects start at least this far from sides, back, front edge and the board above [m]."""


@dataclass
class ShelfOptions(ObjectOptions, RoomOptions):
    """The rack, and what is on it."""

    objects: Distribution = varied(
        Integer(8, 24), low=0, high=500, whole=True, help="number of objects"
    )
    boards: Distribution = varied(
        Integer(2, 4), low=1, high=20, whole=True, help="number of boards that hold objects"
    )
    board_spacing: Distribution = varied(
        Uniform(0.2, 0.35), unit="m", low=0.03, high=5.0, help="clear height above each board"
    )
    shelf_width: Distribution = varied(
        Uniform(0.6, 1.0), unit="m", low=0.1, high=20.0, help="inside, along y"
    )
    shelf_depth: Distribution = varied(
        Uniform(0.25, 0.4), unit="m", low=0.1, high=5.0, help="inside, along x; it opens to +x"
    )
    board_thickness: Distribution = varied(
        Uniform(0.012, 0.025), unit="m", low=0.004, high=0.2, help="of boards, sides and back"
    )
    table_height: Distribution = varied(
        Constant(0.4), unit="m", low=0.1, high=10.0, help="of the lowest board above the floor"
    )


class Shelf(PopulatedFamily):
    """A rack of boards, the lowest at z = 0, on which objects stand upright, or lie (mode: drop)."""

    Options = ShelfOptions
    randomizers: ClassVar[Mapping[str, Any]] = {
        "placement": {"mode": "place"},
        "material": {},
        "light": {"azimuth_deg": [-60.0, 60.0], "elevation_deg": [10.0, 50.0]},
        "camera": {
            "distance": [1.0, 1.5],
            "azimuth_deg": [-35.0, 35.0],
            "elevation_deg": [0.0, 30.0],
        },
    }

    def sample(self, rng: np.random.Generator) -> Params:
        options = self.options
        return {
            **self.population.sample(rng),
            "board_spacing": [
                options.board_spacing.sample(rng) for _ in range(options.boards.sample(rng))
            ],
            "shelf_width": options.shelf_width.sample(rng),
            "shelf_depth": options.shelf_depth.sample(rng),
            "board_thickness": options.board_thickness.sample(rng),
            **sample_room(options, rng),
        }

    def build(self, params: Params) -> Scene:
        levels, thickness = params["board_spacing"], params["board_thickness"]
        depth, width = params["shelf_depth"], params["shelf_width"]
        x, y = depth / 2 - MARGIN, width / 2 - MARGIN
        regions = [
            Region(f"board_{i}", (-x, -y, z), (x, y, z + level - MARGIN), mode="place")
            for i, (z, level) in enumerate(zip(board_tops(levels, thickness), levels, strict=False))
        ]
        bodies = [
            *room(params),
            *rack(depth, width, levels, thickness),
            *self.population.bodies(params),
        ]
        return Scene(bodies=tuple(bodies), regions=tuple(regions))
