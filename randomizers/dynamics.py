"""How bodies slide and fall."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from simkit.contracts import Params, Randomizer
from simkit.distributions import Distribution, LogUniform, Uniform
from simkit.options import draw_all, varied
from simkit.scene import Scene, vec3


@dataclass
class DynamicsOptions:
    """Friction and mass of bodies, and gravity."""

    friction: Distribution = varied(
        Uniform(0.5, 1.0),
        low=0.0,
        high=10.0,
        help="of each body; a contact takes the product of two",
    )
    mass_factor: Distribution = varied(
        LogUniform(0.5, 2.0), low=0.001, high=1000.0, help="on the mass of each body that can move"
    )
    gravity_factor: Distribution = varied(
        Uniform(0.95, 1.05), low=0.0, high=10.0, help="on the scene's gravity"
    )
    tilt_deg: Distribution = varied(
        Uniform(0.0, 2.0), unit="deg", low=0.0, high=90.0, help="of gravity from its direction"
    )


class Dynamics(Randomizer):
    """Varies what decides how a scene settles and moves."""

    Options = DynamicsOptions
    stage = "setup"

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        bodies: Params = {}
        for body in scene.bodies:
            bodies[body.name] = {"friction": self.options.friction.sample(rng)}
            if not body.fixed:
                bodies[body.name]["mass_factor"] = self.options.mass_factor.sample(rng)
        gravity = draw_all(self.options, rng, skip=("friction", "mass_factor"))
        return {**gravity, "tilt_azimuth_deg": float(rng.uniform(0.0, 360.0)), "bodies": bodies}

    def apply(self, scene: Scene, params: Params) -> Scene:
        drawn = params["bodies"]
        bodies = [
            replace(
                body,
                friction=drawn[body.name]["friction"],
                mass=body.mass * drawn[body.name].get("mass_factor", 1.0),
            )
            for body in scene.bodies
        ]
        pull = params["gravity_factor"] * np.array(scene.gravity)
        tilt, azimuth = np.deg2rad([params["tilt_deg"], params["tilt_azimuth_deg"]])
        tilted = Rotation.from_rotvec(tilt * _across(pull, azimuth)).apply(pull)
        return replace(scene.with_bodies(bodies), gravity=vec3(tilted))


def _across(direction: np.ndarray, azimuth: float) -> np.ndarray:
    """Return a unit vector (3,) square to a direction (3,), at `azimuth` [rad] about it; 0 if that is."""
    length = float(np.linalg.norm(direction))
    if length == 0:
        return np.zeros(3)
    along = direction / length
    start = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    start /= np.linalg.norm(start)
    return np.asarray(math.cos(azimuth) * start + math.sin(azimuth) * np.cross(along, start))
