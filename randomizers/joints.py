"""How robots stand: the values of their joints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simkit.assets.library import Library
from simkit.contracts import Params, Randomizer, how_often
from simkit.distributions import Constant, Distribution, Uniform
from simkit.options import draw_all, setting, varied
from simkit.robots import Arm, arms_in, free_state
from simkit.scene import Scene


@dataclass
class JointOptions:
    """Joint states, drawn until nothing touches."""

    every: str = how_often("scene")
    clearance: Distribution = varied(
        Uniform(0.005, 0.02), unit="m", low=0.0, high=1.0, help="of the arm from all else"
    )
    joint_range: Distribution = varied(
        Constant(1.0), low=0.0, high=1.0, help="share of each joint's range, about its middle"
    )
    tries: int = setting(500, low=1, high=100000, help="states that are drawn at most")


class JointState(Randomizer):
    """Gives each robot of a settled scene a joint state in which it touches nothing."""

    Options = JointOptions

    def __init__(self, options: Any, library: Library) -> None:
        super().__init__(options, library)
        self._arms: dict[str, Arm] = {}

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        params: Params = {**draw_all(self.options, rng), "states": {}}
        for name in arms_in(scene, self.library):
            params["states"][name] = free_state(
                self._arm(name),
                scene,
                self.library,
                rng,
                params["clearance"],
                params["joint_range"],
                self.options.tries,
            )
            scene = self._arm(name).moved(scene, params["states"][name])
        return params

    def apply(self, scene: Scene, params: Params) -> Scene:
        for name, state in params["states"].items():
            scene = self._arm(name).moved(scene, state)
        return scene

    def _arm(self, name: str) -> Arm:
        if name not in self._arms:
            self._arms[name] = Arm.of(name, self.library)
        return self._arms[name]
