"""Objects and distractors that float before the camera (Tobin et al. 2017, Tremblay et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from simkit.contracts import Params
from simkit.distributions import Constant, Distribution, Integer, Uniform
from simkit.options import setting, varied
from simkit.population import ObjectOptions, PopulatedFamily
from simkit.scene import Region, Scene, vec3


@dataclass
class FlyingOptions(ObjectOptions):
    """What floats, and in how large a space."""

    objects: Distribution = varied(
        Integer(4, 12), low=0, high=500, whole=True, help="number of objects"
    )
    distractors: Distribution = varied(
        Integer(2, 8), low=0, high=500, whole=True, help="number of bodies that hide the objects"
    )
    distractor_shapes: float = setting(
        1.0, low=0.0, high=1.0, help="share of plain shapes among them; others are of their pool"
    )
    space: Distribution = varied(
        Uniform(0.4, 0.7), unit="m", low=0.05, high=100.0, help="each side of the box they fill"
    )
    speed: Distribution = varied(
        Constant(0.0), unit="m/s", low=0.0, high=100.0, help="in a random direction"
    )
    spin: Distribution = varied(
        Constant(0.0), unit="rad/s", low=0.0, high=1000.0, help="about a random axis"
    )


class Flying(PopulatedFamily):
    """Weightless bodies in a box about the origin, apart from each other; nothing settles.

    With ``physics.motion=simulated`` those that move collide.
    """

    Options = FlyingOptions
    randomizers: ClassVar[Mapping[str, Any]] = {
        "placement": {},
        "material": {"keep_look": 0.5},
        "light": {},
        "backdrop": {},
        "camera": {
            "distance": [0.7, 1.2],
            "elevation_deg": [-60.0, 80.0],
            "roll_deg": [-180.0, 180.0],
        },
    }

    def sample(self, rng: np.random.Generator) -> Params:
        options = self.options
        objects = self.population.sample(rng)
        count = len(objects["models"]) + len(objects["distractor_bodies"])
        return {
            **objects,
            "space": [options.space.sample(rng) for _ in range(3)],
            "velocities": [_vector(options.speed.sample(rng), rng) for _ in range(count)],
            "spins": [_vector(options.spin.sample(rng), rng) for _ in range(count)],
        }

    def build(self, params: Params) -> Scene:
        moving = zip(
            self.population.bodies(params), params["velocities"], params["spins"], strict=True
        )
        bodies = [
            replace(body, settles=False, velocity=vec3(velocity), angular_velocity=vec3(spin))
            for body, velocity, spin in moving
        ]
        half = np.array(params["space"]) / 2
        air = Region("air", vec3(-half), vec3(half), mode="float")
        return Scene(bodies=tuple(bodies), regions=(air,), gravity=(0.0, 0.0, 0.0))


def _vector(length: float, rng: np.random.Generator) -> list[float]:
    """Draw a vector (3,) of that length; its direction is uniform on the sphere."""
    drawn = rng.normal(size=3)
    return [float(x) for x in length * drawn / np.linalg.norm(drawn)]
