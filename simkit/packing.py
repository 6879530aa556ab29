"""Room for bodies that must not overlap: by bounding spheres, or by upright cylinders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from simkit.assets.topology import convex_hull
from simkit.distributions import Distribution
from simkit.furniture import OPEN_ABOVE
from simkit.geometry import Array
from simkit.scene import Vec3

GAP = 0.001
"""Free space between two bodies [m]."""


@dataclass(frozen=True)
class Shape:
    """What counts of a body when it is packed, in its own frame [m].

    Attributes:
        points: (N, 3), such as the corners of its convex hull.
        centre: (3,) of its box, and of its bounding sphere.
        radius: of that sphere.
        around: radius of the upright cylinder about the centre.
    """

    points: Array
    centre: Array
    radius: float
    around: float

    @classmethod
    def of(cls, points: Array) -> Shape:
        """Return the shape that the points (N, 3) span."""
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        away = points - centre
        radius, around = np.linalg.norm(away, axis=1).max(), np.linalg.norm(away[:, :2], axis=1)
        return cls(points, centre, float(radius), float(around.max()))

    def reach(self, turn: Rotation) -> Array:
        """Return how far it reaches from its centre along the world's axes (3,), once turned."""
        reach: Array = np.abs(turn.apply(self.points - self.centre)).max(axis=0)
        return reach


def corners_of(vertices: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the corners (N, 3) of the vertices' convex hull; all of them if they are flat."""
    hull = convex_hull(vertices)  # type: ignore[arg-type]
    return vertices if hull is None else hull[0]


@dataclass(frozen=True)
class Placed:
    """A placed body: its centre (3,), radius of its sphere or cylinder, height of its top [m]."""

    centre: Array
    radius: float
    top: float


class Space:
    """A box in the scene, with what has been placed in it so far.

    Args:
        low, high: corners (3,) of a box that nothing reaches out of [m].
        mode: how bodies start in it, see `simkit.scene.Region`.
        spread: share of its sides over which they start, about its middle.
    """

    def __init__(self, low: Vec3, high: Vec3, mode: str, spread: float) -> None:
        self.low, self.high = np.array(low), np.array(high)
        self.mode = mode
        self.spread = spread
        self.placed: list[Placed] = []

    def reach(self, shape: Shape, turn: Rotation) -> Array | None:
        """Return how much room (3,) a turned shape takes to each side; None if there is less."""
        reach = shape.reach(turn)
        return reach if (2 * reach <= self.high - self.low).all() else None

    def draw(self, axis: int, reach: Array, rng: np.random.Generator) -> float:
        """Draw a coordinate of a centre, so that the body stays inside."""
        low, high = self.low[axis] + reach[axis], self.high[axis] - reach[axis]
        return _drawn_in(rng.uniform(low, high), (low + high) / 2, self.spread)

    def lift(self, reach: Array, height: float, rng: np.random.Generator) -> float:
        """Draw a centre's z anywhere inside; `height` above the floor, if nothing closes it above."""
        if self.high[2] < OPEN_ABOVE:
            return self.draw(2, reach, rng)
        return float(self.low[2] + reach[2] + height)

    @property
    def middle(self) -> Array:
        """Of its area (2,)."""
        middle: Array = (self.low[:2] + self.high[:2]) / 2
        return middle

    def clipped(self, xy: Array, reach: Array) -> Array:
        """Return the nearest x and y (2,) from where the body stays inside."""
        return np.clip(xy, self.low[:2] + reach[:2], self.high[:2] - reach[:2])

    def apart(self, centre: Array, radius: float) -> bool:
        """Return whether a sphere there touches none of the bounding spheres."""
        return all(
            np.linalg.norm(centre - one.centre) > radius + one.radius + GAP for one in self.placed
        )

    def above_spheres(self, xy: Array, radius: float, lowest: float) -> float:
        """Return the least height, from `lowest`, from where a sphere's way up is free of others."""
        return max([lowest, *(_clear_above(xy, radius, one) for one in self.placed)])

    def support(self, xy: Array, radius: float) -> float:
        """Return the height of the highest top below an upright cylinder; else that of the floor."""
        below = [
            one.top
            for one in self.placed
            if np.linalg.norm(xy - one.centre[:2]) <= radius + one.radius + GAP
        ]
        return max([float(self.low[2]), *below])


class OpenSpace(Space):
    """All that is above z = 0; centres are drawn from distributions of x and y [m]."""

    def __init__(self, axes: tuple[Distribution, Distribution], spread: float) -> None:
        super().__init__((-np.inf, -np.inf, 0.0), (np.inf, np.inf, np.inf), "drop", spread)
        self._axes = axes

    def reach(self, shape: Shape, turn: Rotation) -> Array:
        """Return the sphere's radius three times: nothing bounds it."""
        return np.full(3, shape.radius)

    def draw(self, axis: int, reach: Array, rng: np.random.Generator) -> float:
        """Draw a coordinate of a centre."""
        return _drawn_in(self._axes[axis].sample(rng), float(self.middle[axis]), self.spread)

    @property
    def middle(self) -> Array:
        """Of both supports (2,)."""
        return np.array([(min(one.support) + max(one.support)) / 2 for one in self._axes])


def _drawn_in(value: float, middle: float, share: float) -> float:
    return value * share + middle * (1 - share)


def _clear_above(xy: Array, radius: float, other: Placed) -> float:
    """Return the height from which a sphere above `xy` does not touch another one."""
    reach = radius + other.radius + GAP
    across = float(np.linalg.norm(xy - other.centre[:2]))
    return -np.inf if across >= reach else float(other.centre[2] + np.sqrt(reach**2 - across**2))
