"""Cards, markers and fiducial boards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from simkit.assets.cards import BACK, OTHERS, POOL, SheetOptions, plate_library
from simkit.assets.library import Library
from simkit.assets.options import ModelOptions
from simkit.contracts import Params
from simkit.distributions import Constant, Distribution, Integer, Uniform
from simkit.furniture import RoomOptions, room, sample_room, table
from simkit.geometry import apply_transform, quaternion_of, transform
from simkit.options import varied
from simkit.plates import ArrangementOptions, Plate, arranged
from simkit.population import ObjectOptions, PopulatedFamily
from simkit.regions import region_above
from simkit.scene import Body, Scene, quaternion, vec3

BACK_SHARE = 0.25
"""Of the other sheets, beside paper, text and patterns."""


@dataclass
class PlanarOptions(SheetOptions, ArrangementOptions, ObjectOptions, RoomOptions):
    """What is printed on the plates, how many there are, how they lie, and what lies on them."""

    objects: Distribution = varied(
        Constant(0), low=0, high=200, whole=True, help="number of objects dropped on the plates"
    )
    count: Distribution = varied(
        Integer(1, 5), low=0, high=200, whole=True, help="number of plates"
    )
    table_size: Distribution = varied(
        Uniform(1.0, 2.0), unit="m", low=0.05, high=20.0, help="least side of the table, of two"
    )

    def __post_init__(self) -> None:
        SheetOptions.__post_init__(self)
        ObjectOptions.__post_init__(self)


class Planar(PopulatedFamily):
    """Thin plates on a table whose top is z = 0, or above it, posed by geometry, without physics.

    Objects and distractors, if there are any, fall on them and move none.
    """

    Options = PlanarOptions
    randomizers: ClassVar[dict[str, dict[str, Any]]] = {
        "placement": {},
        "material": {"keep_look": 1.0},
        "light": {},
        "camera": {"distance": [0.3, 0.8]},
    }

    def __init__(self, options: Any, library: Library) -> None:
        super().__init__(options, library)
        self.names = library.names_of(POOL)
        self.others = library.names_of(OTHERS)

    @classmethod
    def furnish(cls, options: Any, distractors: ModelOptions) -> Library:
        return super().furnish(options, distractors).merged(plate_library(options))

    def sample(self, rng: np.random.Generator) -> Params:
        options = self.options
        count, how = options.count.sample(rng), options.arrangement.sample(rng)
        chosen = [self.names[i] for i in rng.integers(len(self.names), size=count)]
        for _ in range(options.others.sample(rng)):
            chosen.insert(int(rng.integers(len(chosen) + 1)), self._other(rng))
        sizes = [vec3(np.ptp(self.library[name].mesh.bounds, axis=0)) for name in chosen]
        plates = arranged(how, sizes, options, rng)
        return {
            **self.population.sample(rng),
            "arrangement": how,
            "plates": [_posed(*one) for one in zip(chosen, plates, strict=True)],
            "table_size": [options.table_size.sample(rng) for _ in range(2)],
            **sample_room(options, rng),
        }

    def build(self, params: Params) -> Scene:
        bodies, corners = [], [np.zeros((1, 3))]
        for number, one in enumerate(params["plates"]):
            name, at, turn = one["model"], vec3(one["position"]), quaternion(one["quaternion"])
            labelled = name not in self.others
            bodies.append(Body(f"{name}#{number}", name, at, turn, fixed=True, labelled=labelled))
            corners.append(apply_transform(transform(at, turn), self.library[name].mesh.vertices))
        points = np.vstack(corners)
        width, depth = np.maximum(params["table_size"], 2 * np.abs(points).max(axis=0)[:2])
        around = [*room(params), table(float(width), float(depth))]
        return Scene(
            bodies=(*around, *bodies, *self.population.bodies(params)),
            regions=(region_above(points),),
        )

    def _other(self, rng: np.random.Generator) -> str:
        """Return the plates' back, if they have one, as often as any kind of sheet."""
        if BACK in self.others and rng.random() < BACK_SHARE:
            return BACK
        return self.others[int(rng.integers(len(self.others)))]


def _posed(name: str, plate: Plate) -> Params:
    T = np.eye(4)
    T[:3, :3] = plate.rotation
    turn = list(quaternion(quaternion_of(T)))
    return {"model": name, "position": list(vec3(plate.position)), "quaternion": turn}
