"""Where objects are before the physics starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from simkit.contracts import Params, Randomizer
from simkit.distributions import Distribution, Uniform
from simkit.errors import SceneError
from simkit.options import setting, varied
from simkit.scene import Body, Scene, quaternion, vec3

GAP = 0.001
"""Free space between two bounding spheres [m]."""

CANDIDATES = 4
TRIES = 200


@dataclass
class PlacementOptions:
    """How objects are placed."""

    mode: str = setting(
        "drop",
        allowed=("drop", "place"),
        help="drop: any orientation, from above; place: upright, side by side, on z = 0",
    )
    x: Distribution = varied(Uniform(-0.2, 0.2), unit="m", low=-50, high=50, help="in the world")
    y: Distribution = varied(Uniform(-0.2, 0.2), unit="m", low=-50, high=50, help="in the world")
    drop_height: Distribution = varied(
        Uniform(0.01, 0.05), unit="m", low=0.0, high=10.0, help="free fall of the lowest objects"
    )


class Placement(Randomizer):
    """Puts the movable bodies above or on z = 0, without overlap (of their bounding spheres)."""

    Options = PlacementOptions
    stage = "setup"

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        params: Params = {}
        placed: list[tuple[np.ndarray, float]] = []
        for body in scene.bodies:
            if body.fixed:
                continue
            drawn = self._drop if self.options.mode == "drop" else self._place
            params[body.name] = drawn(body, placed, rng)
        return params

    def apply(self, scene: Scene, params: Params) -> Scene:
        bodies = []
        for body in scene.bodies:
            if body.name in params:
                pose = params[body.name]
                body = replace(
                    body, position=vec3(pose["position"]), quaternion=quaternion(pose["quaternion"])
                )
            bodies.append(body)
        return scene.with_bodies(bodies)

    def _drop(
        self, body: Body, placed: list[tuple[np.ndarray, float]], rng: np.random.Generator
    ) -> dict[str, Any]:
        """Draw an orientation and the lowest free of some places; the sphere rests on others below."""
        turn = Rotation.from_quat(_uniform_quaternion(rng))
        centre, radius = self._sphere(body)
        height = self.options.drop_height.sample(rng)
        best = np.array([0.0, 0.0, np.inf])
        for _ in range(CANDIDATES):
            xy = np.array([self.options.x.sample(rng), self.options.y.sample(rng)])
            z = max([radius + height, *(_clear_above(xy, radius, other) for other in placed)])
            if z < best[2]:
                best = np.array([*xy, z])
        placed.append((best, radius))
        return _pose(best - turn.apply(centre), turn)

    def _place(
        self, body: Body, placed: list[tuple[np.ndarray, float]], rng: np.random.Generator
    ) -> dict[str, Any]:
        turn = Rotation.from_euler("z", rng.uniform(0, 2 * np.pi))
        centre, radius = self._sphere(body)
        lowest = float(self.library[body.model].mesh.bounds[0, 2]) * body.scale[2]
        for _ in range(TRIES):
            xy = np.array([self.options.x.sample(rng), self.options.y.sample(rng)])
            if all(np.linalg.norm(xy - other[:2]) > radius + r + GAP for other, r in placed):
                placed.append((np.array([*xy, 0.0]), radius))
                origin = np.array([*xy, GAP - lowest]) - turn.apply([centre[0], centre[1], 0.0])
                return _pose(origin, turn)
        raise SceneError(
            f"placement: no room for '{body.name}' after {TRIES} tries; widen "
            "randomizers.placement.x and .y, lower the number of objects, or use mode=drop"
        )

    def _sphere(self, body: Body) -> tuple[np.ndarray, float]:
        """Return a bounding sphere's centre in the body's frame (3,) and its radius [m]."""
        vertices = self.library[body.model].mesh.vertices * np.array(body.scale)
        centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
        return centre, float(np.linalg.norm(vertices - centre, axis=1).max())


def _clear_above(xy: np.ndarray, radius: float, other: tuple[np.ndarray, float]) -> float:
    """Return the height from which a sphere above `xy` does not touch another one."""
    centre, other_radius = other
    reach = radius + other_radius + GAP
    across = float(np.linalg.norm(xy - centre[:2]))
    return -np.inf if across >= reach else float(centre[2] + np.sqrt(reach**2 - across**2))


def _uniform_quaternion(rng: np.random.Generator) -> np.ndarray:
    """Draw a rotation uniformly (a normalised Gaussian in four dimensions is uniform on S^3)."""
    drawn = rng.normal(size=4)
    return np.asarray(drawn / np.linalg.norm(drawn))


def _pose(position: np.ndarray, turn: Rotation) -> dict[str, Any]:
    return {"position": list(vec3(position)), "quaternion": list(quaternion(turn.as_quat()))}
