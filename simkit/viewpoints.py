"""How a camera moves about what it looks at, and rules that its view must keep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from simkit.errors import SceneError
from simkit.geometry import look_at
from simkit.options import setting
from simkit.scene import Camera
from simkit.surroundings import Surroundings

Array = NDArray[np.float64]

NEAREST = 0.01
"""A camera comes no closer to the point that it looks at [m]."""

MOMENTS = 5
"""A moving camera's view is judged at so many moments, evenly from a sequence's start to its end."""


@dataclass
class ViewRules:
    """What a camera's view must keep; candidates are drawn until one does."""

    max_tries: int = setting(200, low=1, high=1000000, help="candidates, before it is an error")
    outside: bool = setting(True, help="the camera is inside no body")
    clearance: float = setting(
        0.0, unit="m", low=0, high=1000, help="no surface is closer to the camera"
    )
    uncut: bool = setting(False, help="the image's border cuts no labelled body")
    min_visible: int = setting(
        0, low=0, help="so many labelled bodies are seen, or all where there are fewer"
    )
    min_visib_fract: float = setting(
        0.1, low=0, high=1, help="seen: so much of the silhouette, see the label visib_fract"
    )
    min_pixels: int = setting(1, unit="px", low=1, help="seen: so many visible pixels")


@dataclass(frozen=True, eq=False)
class Pose:
    """Where a camera is, and how it moves: ``T_world_camera`` (4, 4), and (3,) [m/s, rad/s, world]."""

    T_world_camera: Array
    velocity: Array
    angular_velocity: Array


@dataclass(frozen=True, eq=False)
class Path:
    """A camera's way through a sequence; it always looks at one point.

    Attributes:
        start: its first place (3,) [m, world].
        target: what it looks at (3,) [m, world].
        roll: about its viewing direction [rad], see `simkit.geometry.look_at`.
        end: where a straight line leads (3,) [m, world]; None: it does not move along a line.
        rate: of its turning about the vertical axis through the target [rad/s].
        duration: of the sequence [s]; a line needs one, and stands still without.
        ease: whether it starts and ends at rest, by Hermite's smooth step.
    """

    start: Array
    target: Array
    roll: float = 0.0
    end: Array | None = None
    rate: float = 0.0
    duration: float = 0.0
    ease: bool = False

    @property
    def moments(self) -> list[float]:
        """Times [s] at which its views are judged."""
        moves = self.duration > 0 and (self.end is not None or self.rate != 0)
        return np.linspace(0.0, self.duration, MOMENTS).tolist() if moves else [0.0]

    @property
    def nearest(self) -> float:
        """Smallest distance to the target on the way [m]."""
        along = np.zeros(3) if self.end is None else self.end - self.start
        away = self.target - self.start
        part = np.clip(along @ away / max(float(along @ along), 1e-300), 0.0, 1.0)
        return float(np.linalg.norm(away - part * along))

    def at(self, time: float) -> Pose:
        """Return the pose `time` [s] after the start.

        Raises:
            SceneError: it is where it looks.
        """
        part, speed = self._progress(time)
        if self.end is not None:
            along = (self.end - self.start) if self.duration > 0 else np.zeros(3)
            return self._looking(self.start + part * along, speed * along)
        first = self._looking(self.start, np.zeros(3)).T_world_camera
        angle, rate = part * self.rate, speed * self.rate
        turn = np.eye(4)
        turn[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        turn[:3, 3] = self.target - turn[:3, :3] @ self.target
        T_world_camera = turn @ first
        spin = np.array([0.0, 0.0, rate])
        return Pose(T_world_camera, np.cross(spin, T_world_camera[:3, 3] - self.target), spin)

    def _progress(self, time: float) -> tuple[float, float]:
        """Return how far it is, and how fast: parts of a line [1, 1/s], seconds of an orbit [s, 1]."""
        if self.duration == 0:
            return time, 1.0
        part, speed = time / self.duration, 1.0
        if self.ease:
            part, speed = part * part * (3 - 2 * part), 6 * part * (1 - part)
        unit = 1.0 if self.end is not None else self.duration
        return part * unit, speed * unit / self.duration

    def _looking(self, eye: Array, velocity: Array) -> Pose:
        """Return the pose of a camera that looks at the target while it moves.

        With d its distance and f the viewing direction, f changes by -(v - (v f) f) / d; that its
        right stays horizontal adds a turn about f.
        """
        distance = float(np.linalg.norm(self.target - eye))
        if distance == 0:
            raise SceneError("camera: it is at the very point that it looks at; move one of them")
        T_world_camera = look_at(eye, self.target, self.roll)
        forward = T_world_camera[:3, 2]
        change = -(velocity - (velocity @ forward) * forward) / distance
        across = np.hypot(*forward[:2])
        twist = 0.0
        if abs(forward[2]) <= 1 - 1e-9:
            right = np.array([forward[1], -forward[0], 0.0]) / across
            down = np.cross(forward, right)
            twist = float(np.array([change[1], -change[0], 0.0]) @ down / across)
        return Pose(T_world_camera, velocity, np.cross(forward, change) + twist * forward)


class Rejections:
    """Counts which rules reject candidates, and what the best one reached."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.best: dict[str, float] = {}

    def add(self, rule: str, reached: float) -> None:
        """Count a candidate that `rule` rejects; more is better of what it `reached`."""
        self.counts[rule] = self.counts.get(rule, 0) + 1
        self.best[rule] = max(reached, self.best.get(rule, -math.inf))

    def error(self, key: str, rules: ViewRules) -> SceneError:
        """Return the error that says which rule starves; `key` is the config's key of the camera."""
        rejected = sorted(self.counts, key=lambda rule: -self.counts[rule])
        said = [
            f"{_NAMES[rule]} rejects {self.counts[rule]}{self._best(rule, rules)}"
            for rule in rejected
        ]
        return SceneError(
            f"{key}: no view keeps the rules in {sum(self.counts.values())} tries: "
            f"{'; '.join(said)}. Let {key} put the camera elsewhere (where, distance, fov_deg, "
            f"aim), relax {_NAMES[rejected[0]]}, or raise rules.max_tries"
        )

    def _best(self, rule: str, rules: ViewRules) -> str:
        best = self.best[rule]
        if rule == "min_visible":
            seen = f"at least {rules.min_visib_fract:g} visible, {rules.min_pixels} px"
            return f" (best: {best:g} of {rules.min_visible} are seen: {seen})"
        if rule == "clearance":
            return f" (best: {best:.3g} m of {rules.clearance:g} m)"
        if rule == "uncut":
            return f" (best: {-best:g} bodies are cut)"
        return ""


_NAMES = {
    "target": f"the target ({NEAREST:g} m away at least)",
    "outside": "rules.outside",
    "clearance": "rules.clearance",
    "uncut": "rules.uncut",
    "min_visible": "rules.min_visible",
}


def broken_rule(
    rules: ViewRules, camera: Camera, surroundings: Surroundings
) -> tuple[str, float] | None:
    """Return the first rule that a pinhole camera's view breaks, and what it reached; else None."""
    if rules.outside and surroundings.holding(np.array(camera.position)) is not None:
        return "outside", 0.0
    if rules.clearance > 0:
        distance = surroundings.clearance(np.array(camera.position), rules.clearance)
        if distance < rules.clearance:
            return "clearance", distance
    if rules.uncut:
        cut = surroundings.cut(camera)
        if cut:
            return "uncut", -float(len(cut))
    if rules.min_visible > 0:
        wanted = min(rules.min_visible, sum(body.labelled for body in surroundings.bodies))
        enough = (
            one.visib_fract >= rules.min_visib_fract and one.px_count_visib >= rules.min_pixels
            for _, one in surroundings.seen(camera)
        )
        count = sum(1 for _ in islice(filter(None, enough), wanted))
        if count < wanted:
            return "min_visible", float(count)
    return None
