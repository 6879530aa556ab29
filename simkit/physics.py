"""Let bodies fall and come to rest, with PyBullet.

Families put the surface that things rest on at z = 0 of the world. A body whose centre of mass
sinks below `PhysicsOptions.fall_below`, or leaves the scene's walled regions, has fallen off.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull, HalfspaceIntersection
from scipy.spatial.transform import Rotation

from simkit.assets.library import Library
from simkit.bullet import Client
from simkit.errors import PhysicsError
from simkit.options import setting
from simkit.scene import Body, Region, Scene, Vec3, quaternion, vec3

COLLISION_MARGIN = 0.001
"""Bullet's skin around each hull of a compound [m]; it cannot be changed, so hulls are shrunk by it."""

TOUCHING = 0.0015
"""Bodies whose surfaces are no farther apart than this touch [m]."""

FILES_KEPT = 1000
"""Collision shapes, one a model and scale; those beyond are written anew when they are asked for."""

STEPS_PER_CHECK = 5
LONGEST_WAY, MOST_PARTS = 0.01, 4
"""A step is parted, into so many at most, if a body would move farther than this in it [m]."""

CALM_DAMPING = 0.99
"""Share of its speed that a body loses in a second once `PhysicsOptions.calm_after` has passed."""

_HELD = 2
"""Collision group of what cannot move, as Bullet has it for fixed bodies."""

REST, FELL, MOVING = "rest", "fell", "moving"


@dataclass
class PhysicsOptions:
    """How bodies are settled."""

    enabled: bool = setting(True, help="false: bodies stay where the placement put them")
    motion: str = setting(
        "even",
        allowed=("even", "simulated"),
        help="from frame to frame: bodies go on at their velocity, or fall and collide",
    )
    time_step: float = setting(1 / 120, unit="s", low=1e-4, high=0.02, help="length of a step")
    max_time: float = setting(4.0, unit="s", low=0.0, high=120.0, help="limit on simulated time")
    rest_linear: float = setting(
        0.01, unit="m/s", low=0.0, help="a body rests below this speed and below rest_angular"
    )
    rest_angular: float = setting(0.1, unit="rad/s", low=0.0, help="see rest_linear")
    rest_time: float = setting(0.2, unit="s", low=0.0, help="... if it stays below for this long")
    calm_after: float = setting(
        1.0,
        unit="s",
        low=0.0,
        help="after this time motion is strongly damped, so that cans stop rolling",
    )
    freeze_after: float = setting(
        2.0,
        unit="s",
        low=0.0,
        help="after this time what rests is held, so that heaps come to rest",
    )
    angular_damping: float = setting(0.5, low=0.0, high=1.0, help="share lost in a second")
    rolling_friction: float = setting(
        0.002, unit="m", low=0.0, help="resistance to rolling, spinning"
    )
    restitution: float = setting(0.0, low=0.0, high=1.0, help="0: no bounce, 1: elastic")
    fall_below: float = setting(-0.05, unit="m", help="a body below this height has fallen off")
    max_initial_overlap: float = setting(
        0.002, unit="m", low=0.0, help="deeper initial overlap of two bodies is an error"
    )
    on_fell: str = setting(
        "remove", allowed=("remove", "keep", "error"), help="what becomes of bodies that fall off"
    )
    on_moving: str = setting(
        "keep", allowed=("remove", "keep", "error"), help="... that still move at max_time"
    )


@dataclass(frozen=True)
class Contact:
    """Where two bodies touch.

    Attributes:
        a, b: names of the bodies.
        points: middles between their surfaces [m, world].
        normal: unit vector, mean over the points, from `b` towards `a` in the world.
        gap: smallest distance of the surfaces [m]; below 0 they overlap.
    """

    a: str
    b: str
    points: tuple[Vec3, ...]
    normal: Vec3
    gap: float


class Physics:
    """A PyBullet client in DIRECT mode; close it when done.

    Collision shapes are compounds of the library's convex hulls. A body's centre of mass is its
    model's; its inertia is Bullet's for the compound.
    """

    def __init__(self, options: PhysicsOptions, library: Library) -> None:
        self.options = options
        self.library = library
        self._client = Client()
        self._folder = tempfile.TemporaryDirectory(prefix="simkit-physics-")
        self._files: dict[tuple[str, Vec3], str] = {}
        self._written = 0

    def close(self) -> None:
        """Free the client and its temporary files."""
        self._client.close()
        self._folder.cleanup()

    def settle(self, scene: Scene) -> tuple[Scene, dict[str, Any]]:
        """Return the scene with its bodies where they came to rest, and a report.

        The report holds ``simulated_time`` [s], ``states`` (``rest``, ``fell`` or ``moving`` by
        body), how many bodies are in each state, and ``removed`` (names). What a body's state
        leads to is `on_fell` and `on_moving`.

        Raises:
            PhysicsError: bodies overlap at the start, or a policy says ``error``.
        """
        moving = [body for body in scene.bodies if not body.fixed and body.settles]
        if not self.options.enabled or not moving:
            return scene, _report(0.0, {}, [])
        handles = self._load(scene.with_bodies([body for body in scene.bodies if body.settles]))
        self._check_overlap(scene, handles)
        free = {body.name: handles[body.name] for body in moving}
        walled = [region for region in scene.regions if region.walled]
        states, simulated_time = self._run(free, walled)
        return self._settled(scene, free, states, simulated_time)

    def play(self, scene: Scene, count: int, frame_rate: float) -> list[Scene]:
        """Return the scene as it moves on: `count` frames, the first of them as it is.

        Bodies go by their velocities. If ``motion`` is ``simulated``, those that are not fixed fall
        and collide as well, and their velocities are those of the moment; fixed ones that have a
        velocity drag what lies on them.
        """
        duration = (count - 1) / frame_rate
        times = [frame / frame_rate for frame in range(count)]
        if self.options.motion == "even" or count == 1:
            frames = [scene.with_bodies([moved(b, time) for b in scene.bodies]) for time in times]
        else:
            frames = self._simulated(scene, count, frame_rate)
        return [
            replace(frame, time=time, duration=duration)
            for frame, time in zip(frames, times, strict=True)
        ]

    def contacts(self, scene: Scene) -> list[Contact]:
        """Return where bodies of a scene touch, as it stands: one a pair, in the order of the bodies.

        Pairs of which both are fixed are left out.
        """
        handles = self._load(scene)
        names = {handle: name for name, handle in handles.items()}
        fixed = {body.name for body in scene.bodies if body.fixed}
        self._client.performCollisionDetection()
        found: dict[tuple[str, str], list[Any]] = {}
        for one in self._client.getContactPoints():
            a, b = names[one[1]], names[one[2]]
            if one[8] <= TOUCHING and not (a in fixed and b in fixed):
                found.setdefault((a, b), []).append(one)
        # Bullet finds contacts where hulls' boxes overlap; between some that touch there is a gap.
        for a, b in self._close(handles):
            if (a, b) not in found and (b, a) not in found and not (a in fixed and b in fixed):
                points = self._client.getClosestPoints(handles[a], handles[b], TOUCHING)
                if points:
                    found[a, b] = list(points)
        places = {name: place for place, name in enumerate(handles)}
        contacts = [_contact(a, b, points) for (a, b), points in found.items()]
        return sorted(contacts, key=lambda one: (places[one.a], places[one.b]))

    def _close(self, handles: dict[str, int]) -> list[tuple[str, str]]:
        """Return the pairs of bodies whose boxes are no farther apart than `TOUCHING` along any axis."""
        names = list(handles)
        boxes = np.array([self._client.getAABB(handle) for handle in handles.values()])
        low, high = boxes[:, 0].reshape(-1, 3), boxes[:, 1].reshape(-1, 3) + TOUCHING
        near = (low[:, None] <= high[None]).all(axis=2) & (low[None] <= high[:, None]).all(axis=2)
        return [(names[i], names[j]) for i, j in np.argwhere(np.triu(near, 1)).tolist()]

    def _simulated(self, scene: Scene, count: int, frame_rate: float) -> list[Scene]:
        steps = max(1, math.ceil(1 / (frame_rate * self.options.time_step) - 1e-9))
        step = 1 / (frame_rate * steps)
        driven = [body for body in scene.bodies if body.fixed and _moves(body)]
        handles = self._load(
            scene.with_bodies([_heavy(b) if b in driven else b for b in scene.bodies])
        )
        free = {body.name: handles[body.name] for body in scene.bodies if not body.fixed}
        for body in scene.bodies:
            if body.name in free:
                self._throw(body, free[body.name])
        for body in driven:
            self._client.setCollisionFilterGroupMask(handles[body.name], -1, _HELD, ~_HELD)
            self._client.changeDynamics(handles[body.name], -1, linearDamping=0, angularDamping=0)
        frames = [scene]
        for frame in range(1, count):
            for _ in range(steps):
                parts = self._parts(free, step)
                against = np.multiply(scene.gravity, -step / parts)
                for _ in range(parts):
                    for body in driven:  # gravity adds to it in the step
                        self._throw(body, handles[body.name], against)
                    self._client.stepSimulation()
            bodies = [
                self._caught(body, free[body.name])
                if body.name in free
                else moved(body, frame / frame_rate)
                for body in scene.bodies
            ]
            frames.append(scene.with_bodies(bodies))
        return frames

    def _throw(self, body: Body, handle: int, more: ArrayLike = 0.0) -> None:
        """Give a body its velocity, and `more` [m/s]; Bullet wants that of the centre of mass."""
        arm = Rotation.from_quat(body.quaternion).apply(self._centre(body))
        linear = np.array(body.velocity) + np.cross(body.angular_velocity, arm) + more
        self._client.resetBaseVelocity(handle, linear.tolist(), list(body.angular_velocity))

    def _caught(self, body: Body, handle: int) -> Body:
        """Return a body with pose and velocity of the moment."""
        posed = self._posed(body, handle)
        linear, angular = self._client.getBaseVelocity(handle)
        arm = Rotation.from_quat(posed.quaternion).apply(self._centre(posed))
        velocity = vec3(np.array(linear) - np.cross(angular, arm))
        return replace(posed, velocity=velocity, angular_velocity=vec3(angular))

    def _centre(self, body: Body) -> NDArray[np.float64]:
        """Return the centre of mass (3,) [m] in the body's frame."""
        return np.multiply(self.library[body.model].center_of_mass, body.scale)

    def _load(self, scene: Scene) -> dict[str, int]:
        client = self._client
        client.resetSimulation()
        client.setGravity(*scene.gravity)
        client.setPhysicsEngineParameter(
            fixedTimeStep=self.options.time_step,
            deterministicOverlappingPairs=1,
            solverResidualThreshold=1e-4,
            useSplitImpulse=1,  # what pushes overlapping bodies apart gives them no speed
            splitImpulsePenetrationThreshold=0.0,
            contactERP=0.3,
        )
        shapes: dict[tuple[str, Vec3], int] = {}  # bodies of one model and scale share theirs
        return {body.name: self._load_body(body, shapes) for body in scene.bodies}

    def _load_body(self, body: Body, shapes: dict[tuple[str, Vec3], int]) -> int:
        client, key = self._client, (body.model, body.scale)
        if key not in shapes:
            file = self._hull_file(body)
            shapes[key] = client.createCollisionShape(client.GEOM_MESH, fileName=file)
        shape = shapes[key]
        if shape < 0:
            raise PhysicsError(
                f"body '{body.name}': Bullet takes no collision shape of '{body.model}'"
            )
        centre = self._centre(body)
        handle: int = client.createMultiBody(
            baseMass=0.0 if body.fixed else body.mass,
            baseCollisionShapeIndex=shape,
            baseInertialFramePosition=centre.tolist(),
            basePosition=list(body.position),
            baseOrientation=list(body.quaternion),
            useMaximalCoordinates=1,  # plain rigid bodies: half the time of multibodies
        )
        client.changeDynamics(
            handle,
            -1,
            lateralFriction=body.friction,
            rollingFriction=self.options.rolling_friction,
            spinningFriction=self.options.rolling_friction,
            restitution=self.options.restitution,
            angularDamping=self.options.angular_damping,
        )
        return handle

    def _hull_file(self, body: Body) -> str:
        key = body.model, body.scale
        if key not in self._files:
            hulls = [hull * np.array(body.scale) for hull in self.library.collision(body.model)]
            self._written += 1  # PyBullet knows shapes by file name: each gets its own
            path = Path(self._folder.name) / f"{self._written}.obj"
            path.write_text(_obj_of([shrunk(hull, COLLISION_MARGIN) for hull in hulls]))
            self._files[key] = str(path)
            if len(self._files) > FILES_KEPT:
                Path(self._files.pop(next(iter(self._files)))).unlink()
        return self._files[key]

    def _check_overlap(self, scene: Scene, handles: dict[str, int]) -> None:
        names = {handle: name for name, handle in handles.items()}
        fixed = {body.name for body in scene.bodies if body.fixed}
        self._client.performCollisionDetection()
        for contact in self._client.getContactPoints():
            a, b, distance = names[contact[1]], names[contact[2]], contact[8]
            if distance < -self.options.max_initial_overlap and not (a in fixed and b in fixed):
                raise PhysicsError(
                    f"'{a}' and '{b}' overlap by {-distance:.4f} m before anything moves; place "
                    "them apart, or raise physics.max_initial_overlap"
                )

    def _run(self, free: dict[str, int], walled: list[Region]) -> tuple[dict[str, str], float]:
        """Step until all rest; return each body's state and the simulated time."""
        client, options = self._client, self.options
        states = dict.fromkeys(free, MOVING)
        calm_for = dict.fromkeys(free, 0.0)
        loose = dict(free)
        period = STEPS_PER_CHECK * options.time_step
        checks = math.floor(options.max_time / period + 1e-9)
        damped = False
        for check in range(1, checks + 1):
            for _ in range(STEPS_PER_CHECK * self._parts(loose, options.time_step)):
                client.stepSimulation()
            freezes = check * period >= options.freeze_after
            for name, handle in list(loose.items()):
                calm_for[name] = calm_for[name] + period if self._is_slow(handle) else 0.0
                states[name] = REST if calm_for[name] >= options.rest_time else MOVING
                if self._has_fallen(handle, walled):
                    states[name] = FELL
                if states[name] == FELL or (freezes and states[name] == REST):
                    self._hold(loose.pop(name))
            if MOVING not in states.values():
                return states, check * period
            if not damped and check * period >= options.calm_after:
                self._calm(loose)
                damped = True
        return states, checks * period

    def _parts(self, free: dict[str, int], step: float) -> int:
        """Part a step [s] into as many as fast bodies need, for else they overlap; return how many."""
        speeds = [np.linalg.norm(self._client.getBaseVelocity(one)[0]) for one in free.values()]
        parts = math.ceil(max(speeds, default=0.0) * step / LONGEST_WAY)
        parts = min(max(1, parts), MOST_PARTS)
        self._client.setPhysicsEngineParameter(fixedTimeStep=step / parts)
        return parts

    def _hold(self, handle: int) -> None:
        """Let a body stay where it is; held bodies collide with none that are fixed or held."""
        client = self._client
        client.changeDynamics(handle, -1, mass=0.0)
        client.resetBaseVelocity(handle, [0, 0, 0], [0, 0, 0])
        client.setCollisionFilterGroupMask(handle, -1, _HELD, ~_HELD)

    def _is_slow(self, handle: int) -> bool:
        linear, angular = self._client.getBaseVelocity(handle)
        slow = np.linalg.norm(linear) < self.options.rest_linear
        return bool(slow and np.linalg.norm(angular) < self.options.rest_angular)

    def _has_fallen(self, handle: int, walled: list[Region]) -> bool:
        """Return whether a body's centre of mass is too low, or beside every walled region."""
        x, y, z = self._client.getBasePositionAndOrientation(handle)[0]
        inside = [
            one.low[0] <= x <= one.high[0] and one.low[1] <= y <= one.high[1] for one in walled
        ]
        return z < self.options.fall_below or (bool(walled) and not any(inside))

    def _calm(self, free: dict[str, int]) -> None:
        for handle in free.values():
            self._client.changeDynamics(
                handle, -1, linearDamping=CALM_DAMPING, angularDamping=CALM_DAMPING
            )

    def _settled(
        self, scene: Scene, free: dict[str, int], states: dict[str, str], simulated_time: float
    ) -> tuple[Scene, dict[str, Any]]:
        policy = {REST: "keep", FELL: self.options.on_fell, MOVING: self.options.on_moving}
        bodies, removed = [], []
        for body in scene.bodies:
            if body.name not in free:
                bodies.append(body)
                continue
            action = policy[states[body.name]]
            if action == "error":
                raise PhysicsError(
                    _policy_message(body.name, states[body.name], self.options.max_time)
                )
            if action == "remove":
                removed.append(body.name)
            else:
                bodies.append(self._posed(body, free[body.name]))
        return scene.with_bodies(bodies), _report(simulated_time, states, removed)

    def _posed(self, body: Body, handle: int) -> Body:
        position, orientation = self._client.getBasePositionAndOrientation(handle)
        posed = replace(body, position=vec3(position), quaternion=quaternion(orientation))
        origin = posed.T_world_body @ [*(-self._centre(body)), 1.0]
        return replace(posed, position=vec3(origin[:3]))


def moved(body: Body, time: float) -> Body:
    """Return a body after `time` [s] at its velocity."""
    if not _moves(body):
        return body
    turn = Rotation.from_rotvec(np.multiply(body.angular_velocity, time))
    return replace(
        body,
        position=vec3(np.add(body.position, np.multiply(body.velocity, time))),
        quaternion=quaternion((turn * Rotation.from_quat(body.quaternion)).as_quat()),
    )


def _moves(body: Body) -> bool:
    return any((*body.velocity, *body.angular_velocity))


def _heavy(body: Body) -> Body:
    """Return a fixed body as one that Bullet moves, and that nothing can stop."""
    return replace(body, fixed=False, mass=1e6)


def _contact(a: str, b: str, points: list[Any]) -> Contact:
    places = [vec3((np.array(one[5]) + np.array(one[6])) / 2) for one in points]
    mean = np.mean([one[7] for one in points], axis=0)
    length = float(np.linalg.norm(mean))
    normal = mean / length if length > 1e-6 else np.array(points[0][7])
    return Contact(a, b, tuple(places), vec3(normal), float(min(one[8] for one in points)))


def _report(simulated_time: float, states: dict[str, str], removed: list[str]) -> dict[str, Any]:
    counts = {state: list(states.values()).count(state) for state in (REST, FELL, MOVING)}
    return {"simulated_time": simulated_time, **counts, "states": states, "removed": removed}


def _policy_message(name: str, state: str, max_time: float) -> str:
    if state == FELL:
        return f"'{name}' fell off; physics.on_fell=error forbids it (remove, keep)"
    return (
        f"'{name}' still moves after {max_time:g} s; physics.on_moving=error forbids it "
        "(remove, keep), or raise physics.max_time"
    )


def shrunk(hull: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    """Return a convex hull (V, 3) [m] whose faces lie `margin` further in, or as far as it is thick."""
    planes = ConvexHull(hull).equations
    middle = hull.mean(axis=0)
    depth = -(planes[:, :3] @ middle + planes[:, 3]).max()  # of the middle below the nearest face
    inner = planes + np.array([0.0, 0.0, 0.0, min(margin, 0.5 * depth)])
    corners = HalfspaceIntersection(inner, middle).intersections
    kept: NDArray[np.float64] = corners[ConvexHull(corners).vertices]
    return kept


def _obj_of(hulls: list[NDArray[np.float64]]) -> str:
    """Return Wavefront OBJ text with one object a hull; Bullet makes a compound of them."""
    lines, first = [], 1
    for number, hull in enumerate(hulls):
        lines.append(f"o hull{number}")
        lines += [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in hull]
        lines += [f"f {a} {b} {c}" for a, b, c in ConvexHull(hull).simplices + first]
        first += len(hull)
    return "\n".join(lines) + "\n"
