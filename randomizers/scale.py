"""How large objects are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simkit.contracts import Params, Randomizer
from simkit.distributions import Constant, Distribution, LogUniform
from simkit.options import varied
from simkit.scene import Scene, vec3


@dataclass
class ScaleOptions:
    """Factors on the size of what can move; its density stays."""

    factor: Distribution = varied(
        LogUniform(0.8, 1.25), low=0.01, high=100.0, help="on all three sides, for each body"
    )
    stretch: Distribution = varied(
        Constant(1.0), low=0.1, high=10.0, help="further, for each side; 1 keeps the proportions"
    )


class Scale(Randomizer):
    """Scales objects and distractors along their models' axes, before they are placed."""

    Options = ScaleOptions
    stage = "setup"

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return {
            body.name: {
                "factor": self.options.factor.sample(rng),
                "stretch": [self.options.stretch.sample(rng) for _ in range(3)],
            }
            for body in scene.bodies
            if not body.fixed
        }

    def apply(self, scene: Scene, params: Params) -> Scene:
        bodies = []
        for body in scene.bodies:
            if body.name in params:
                drawn = params[body.name]
                factors = drawn["factor"] * np.array(drawn["stretch"])
                mass = body.mass * float(np.prod(factors))
                body = replace(body, scale=vec3(factors * body.scale), mass=mass)
            bodies.append(body)
        return scene.with_bodies(bodies)
