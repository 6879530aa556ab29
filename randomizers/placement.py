"""Where objects are before the physics starts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from simkit.assets.library import Library
from simkit.contracts import Params, Randomizer
from simkit.distributions import Constant, Distribution, Uniform
from simkit.errors import SceneError
from simkit.geometry import Array
from simkit.options import setting, varied
from simkit.packing import GAP, OpenSpace, Placed, Shape, Space, corners_of
from simkit.scene import Body, Scene, quaternion, vec3

CANDIDATES = 4
TRIES = 200


@dataclass
class PlacementOptions:
    """How objects are placed. `x` and `y` are for scenes whose family names no regions."""

    mode: str = setting(
        "auto",
        allowed=("auto", "drop", "place", "float"),
        help="drop: any orientation, from above; place: upright, side by side; float: any "
        "orientation and height; auto: as the family says, else drop",
    )
    x: Distribution = varied(Uniform(-0.2, 0.2), unit="m", low=-50, high=50, help="in the world")
    y: Distribution = varied(Uniform(-0.2, 0.2), unit="m", low=-50, high=50, help="in the world")
    height: Distribution = varied(
        Uniform(0.1, 0.5),
        unit="m",
        low=0.0,
        high=50,
        help="of what floats or is thrown, in the open",
    )
    drop_height: Distribution = varied(
        Uniform(0.01, 0.05), unit="m", low=0.0, high=10.0, help="free fall of the lowest objects"
    )
    spread: Distribution = varied(
        Constant(1.0), low=0.0, high=1.0, help="over which share of x and y they start; 0: one heap"
    )
    stacking: float = setting(
        0.0, low=0.0, high=1.0, help="share of objects that start on top of another one"
    )
    thrown: float = setting(
        0.0, low=0.0, high=1.0, help="share of objects that do not settle, but fly to the middle"
    )
    throw_speed: Distribution = varied(
        Uniform(0.5, 2.0), unit="m/s", low=0.0, high=100.0, help="horizontal, see thrown"
    )
    throw_spin: Distribution = varied(
        Uniform(0.0, 10.0), unit="rad/s", low=0.0, high=1000.0, help="about a random axis"
    )


class Placement(Randomizer):
    """Puts the movable bodies into the scene's regions, or above z = 0, without overlap."""

    Options = PlacementOptions
    stage = "setup"
    after = ("scale",)

    def __init__(self, options: PlacementOptions, library: Library) -> None:
        super().__init__(options, library)
        self._corners: dict[str, NDArray[np.floating]] = {}

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        options = self.options
        spread = options.spread.sample(rng)
        spaces = [Space(one.low, one.high, one.mode, spread) for one in scene.regions]
        spaces = spaces or [OpenSpace((options.x, options.y), spread)]
        poses = {body.name: self._placed(body, spaces, rng) for body in _in_turn(scene, rng)}
        return {"spread": spread, **poses}

    def apply(self, scene: Scene, params: Params) -> Scene:
        bodies = []
        for body in scene.bodies:
            if not body.fixed:
                body = _put(body, params[body.name])
            bodies.append(body)
        return scene.with_bodies(bodies)

    def _placed(self, body: Body, spaces: list[Space], rng: np.random.Generator) -> Params:
        """Draw a space, an orientation and a place until one is free."""
        shape = Shape.of(self._corners_of(body.model) * np.array(body.scale))
        thrown = bool(self.options.thrown) and rng.random() < self.options.thrown
        areas = np.array([np.prod((one.high - one.low)[:2]) for one in spaces])
        for _ in range(TRIES):
            which = 0 if len(spaces) == 1 else int(rng.choice(len(spaces), p=areas / areas.sum()))
            space = spaces[which]
            mode = space.mode if self.options.mode == "auto" else self.options.mode
            mode = "float" if thrown else mode
            turn = _upright(rng) if mode == "place" else _any_way_up(rng)
            reach = space.reach(shape, turn)
            if reach is None:
                continue
            found: Placed | None = getattr(self, f"_{mode}")(shape, reach, space, rng)
            if found is not None and found.top <= space.high[2]:
                space.placed.append(found)
                pose = _pose(found.centre - turn.apply(shape.centre), turn)
                return (
                    {**pose, **self._throw(space.middle - found.centre[:2], rng)}
                    if thrown
                    else pose
                )
        raise SceneError(
            f"placement: no room for '{body.name}' after {TRIES} tries; lower scene.objects, use "
            "mode=drop, or make room: randomizers.placement.x and .y, or the family's sizes"
        )

    def _corners_of(self, model: str) -> NDArray[np.floating]:
        """Return the corners (N, 3) of a model's convex hull [m]; they are kept."""
        if model not in self._corners:
            self._corners[model] = corners_of(self.library[model].mesh.vertices)
        return self._corners[model]

    def _drop(self, shape: Shape, reach: Array, space: Space, rng: np.random.Generator) -> Placed:
        """Return the lowest free of some places; the sphere rests on others below."""
        lowest = space.low[2] + reach[2] + self.options.drop_height.sample(rng)
        best = np.array([0.0, 0.0, np.inf])
        for _ in range(CANDIDATES):
            xy, _ = self._spot(reach, space, rng)
            z = space.above_spheres(xy, shape.radius, lowest)
            if z < best[2]:
                best = np.array([*xy, z])
        return Placed(best, shape.radius, float(best[2] + reach[2]))

    def _place(
        self, shape: Shape, reach: Array, space: Space, rng: np.random.Generator
    ) -> Placed | None:
        """Return a place on the floor, or on another body; None if it is taken."""
        xy, stacked = self._spot(reach, space, rng)
        support = space.support(xy, shape.around)
        if support > space.low[2] and not stacked:
            return None
        half = float(np.ptp(shape.points[:, 2])) / 2
        z = support + GAP + half
        return Placed(np.array([*xy, z]), shape.around, z + half)

    def _float(
        self, shape: Shape, reach: Array, space: Space, rng: np.random.Generator
    ) -> Placed | None:
        """Return a place anywhere; None if it is taken."""
        z = space.lift(reach, self.options.height.sample(rng), rng)
        centre = np.array([space.draw(0, reach, rng), space.draw(1, reach, rng), z])
        if not space.apart(centre, shape.radius):
            return None
        return Placed(centre, shape.radius, float(z + reach[2]))

    def _throw(self, way: Array, rng: np.random.Generator) -> Params:
        """Draw a velocity along `way` (2,) and a spin."""
        ahead = way / max(float(np.linalg.norm(way)), 1e-9)
        axis = rng.normal(size=3)
        spin = self.options.throw_spin.sample(rng) * axis / np.linalg.norm(axis)
        velocity = self.options.throw_speed.sample(rng) * np.array([*ahead, 0.0])
        return {"velocity": list(vec3(velocity)), "angular_velocity": list(vec3(spin))}

    def _spot(self, reach: Array, space: Space, rng: np.random.Generator) -> tuple[Array, bool]:
        """Draw x and y, sometimes of a body that is there; return whether it is one's."""
        share = self.options.stacking
        if share and space.placed and rng.random() < share:
            host = space.placed[int(rng.integers(len(space.placed)))]
            return space.clipped(host.centre[:2], reach), True
        return np.array([space.draw(axis, reach, rng) for axis in (0, 1)]), False


def _in_turn(scene: Scene, rng: np.random.Generator) -> list[Body]:
    """Return the movable bodies; shuffled if some hide others, so that they lie below as well."""
    bodies = [body for body in scene.bodies if not body.fixed]
    if all(body.labelled for body in bodies):
        return bodies
    return [bodies[i] for i in rng.permutation(len(bodies))]


def _upright(rng: np.random.Generator) -> Rotation:
    return Rotation.from_euler("z", rng.uniform(0, 2 * np.pi))


def _any_way_up(rng: np.random.Generator) -> Rotation:
    """Draw a rotation uniformly (a normalised Gaussian in four dimensions is uniform on S^3)."""
    drawn = rng.normal(size=4)
    return Rotation.from_quat(drawn / np.linalg.norm(drawn))


def _put(body: Body, pose: Params) -> Body:
    placed = replace(
        body, position=vec3(pose["position"]), quaternion=quaternion(pose["quaternion"])
    )
    if "velocity" not in pose:
        return placed
    velocity, spin = vec3(pose["velocity"]), vec3(pose["angular_velocity"])
    return replace(placed, settles=False, velocity=velocity, angular_velocity=spin)


def _pose(position: Array, turn: Rotation) -> Params:
    return {"position": list(vec3(position)), "quaternion": list(quaternion(turn.as_quat()))}
