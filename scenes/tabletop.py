"""Objects on a table in a room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simkit.contracts import Params, SceneFamily
from simkit.distributions import Choice, Distribution, Integer, Uniform
from simkit.options import setting, varied
from simkit.scene import Body, Scene

TABLE_THICKNESS = 0.03
TABLE_HEIGHT = 0.75
ROOM_SIZE = 6.0
ROOM_HEIGHT = 3.0


@dataclass
class TabletopOptions:
    """What stands on the table."""

    objects: Distribution = varied(
        Integer(3, 8), low=0, high=200, whole=True, help="number of objects"
    )
    repeat: bool = setting(True, help="whether one model may come several times in a scene")
    table_size: Distribution = varied(
        Uniform(0.9, 1.4), unit="m", low=0.1, high=20.0, help="side of the table, each of two drawn"
    )
    density: Distribution = varied(
        Choice((300.0, 700.0, 1200.0)), unit="kg/m^3", low=1.0, high=30000.0, help="of each object"
    )


class Tabletop(SceneFamily):
    """A table whose top is z = 0, a floor and four walls; the placement drops the objects on it."""

    Options = TabletopOptions
    randomizers = ("placement", "material", "light", "camera")

    def sample(self, rng: np.random.Generator) -> Params:
        options = self.options
        names = self.library.labelled_names()
        count = options.objects.sample(rng)
        if not options.repeat:
            count = min(count, len(names))
        chosen = rng.choice(len(names), size=count, replace=options.repeat)
        return {
            "models": [names[i] for i in chosen],
            "densities": [options.density.sample(rng) for _ in chosen],
            "table_size": [options.table_size.sample(rng) for _ in range(2)],
        }

    def build(self, params: Params) -> Scene:
        bodies = [*_room(), _table(*params["table_size"])]
        for number, name in enumerate(params["models"]):
            mass = max(self.library[name].volume * params["densities"][number], 1e-3)
            bodies.append(Body(name=f"{name}#{number}", model=name, mass=mass))
        return Scene(bodies=tuple(bodies))


def _table(width: float, depth: float) -> Body:
    return Body(
        name="table",
        model="simkit:box",
        position=(0.0, 0.0, -TABLE_THICKNESS / 2),
        scale=(width, depth, TABLE_THICKNESS),
        fixed=True,
        labelled=False,
    )


def _room() -> list[Body]:
    half, middle = ROOM_SIZE / 2, ROOM_HEIGHT / 2 - TABLE_HEIGHT
    sides = {
        "floor": ((0.0, 0.0, -TABLE_HEIGHT), (ROOM_SIZE, ROOM_SIZE, 0.02)),
        "wall_east": ((half, 0.0, middle), (0.02, ROOM_SIZE, ROOM_HEIGHT)),
        "wall_west": ((-half, 0.0, middle), (0.02, ROOM_SIZE, ROOM_HEIGHT)),
        "wall_north": ((0.0, half, middle), (ROOM_SIZE, 0.02, ROOM_HEIGHT)),
        "wall_south": ((0.0, -half, middle), (ROOM_SIZE, 0.02, ROOM_HEIGHT)),
    }
    return [
        Body(name=name, model="simkit:box", position=at, scale=size, fixed=True, labelled=False)
        for name, (at, size) in sides.items()
    ]
