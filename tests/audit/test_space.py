"""The audit's own geometry: distances of convex hulls, and where a robot's links are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from simkit.audit import CHECKS
from simkit.audit.casting import Alone
from simkit.audit.checking import Case, Measured
from simkit.audit.convex import separation
from simkit.audit.models import shape_of
from simkit.audit.stored import NotApplicable, Placed
from simkit.robots import Arm, robot_library


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.floats(0, 0.3))
def test_hulls_are_as_far_apart_as_a_plane_parts_them(
    seed: int, m: int, n: int, away: float
) -> None:
    """A plane across the found vector parts the hulls by its length: no shorter one can be."""
    rng = np.random.default_rng(seed)
    a, b = 0.05 * rng.normal(size=(m, 3)) + np.array([away, 0, 0]), 0.05 * rng.normal(size=(n, 3))
    found = separation(a, b)
    length = float(np.linalg.norm(found))
    if length > 0:
        way = found / length
        assert (a @ way).min() - (b @ way).max() == pytest.approx(length, abs=2e-6)
        return
    between = np.hstack([a.T, -b.T, -np.ones((3, 1))])  # the last unknown: how far a point is off
    between = np.vstack([between, np.hstack([-a.T, b.T, -np.ones((3, 1))])])
    sums = np.array([[1.0] * m + [0.0] * n + [0.0], [0.0] * m + [1.0] * n + [0.0]])
    costs = np.append(np.zeros(m + n), 1.0)
    assert linprog(costs, between, np.zeros(6), sums, [1.0, 1.0]).fun < 2e-6


def test_boxes_by_hand() -> None:
    cube = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
    beside, beyond = np.array([3, 0.5, 0]), np.array([2.0, 2, 2])
    assert separation(cube + beside, cube) == pytest.approx([2, 0, 0], abs=1e-9)
    assert separation(cube + beyond, cube) == pytest.approx([1, 1, 1], abs=1e-9)
    assert (separation(cube + 0.5, cube) == 0).all()


class Robot:
    """An image of a robot alone, as far as `joint_states` looks at it."""

    complete = True

    def __init__(self, bodies: list[Placed], states: dict[str, Any]) -> None:
        self.bodies, self._states = bodies, states

    def of_image(self, name: str) -> dict[str, Any]:
        assert name == "joint_states"
        return self._states


def measured(bodies: list[Placed], states: dict[str, Any]) -> Measured:
    image: Any = Robot(bodies, states)
    return CHECKS["joint_states"].measure(Case(image, Alone(), 0.0))


@pytest.mark.parametrize("robot", ["kuka_iiwa", "panda"])
def test_joint_states_against_links(robot: str) -> None:
    library = robot_library(robot)
    arm = Arm.of(robot, library)
    state = arm.draw(np.random.default_rng(1))
    T = np.eye(4)
    T[:3, 3] = (0.3, -0.2, 0.7)
    T[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    bodies = []
    for body in arm.bodies(T, state):
        pose = body.T_world_body
        shape = shape_of(library[body.model], library)
        bodies.append(Placed(shape, pose[:3, :3], pose[:3, 3], np.ones(3), name=body.name))
    assert measured(bodies, {robot: state}).passed
    first = next(iter(state))
    for wrong in (
        {**state, first: state[first] + 0.001},
        {name: float(np.degrees(value)) for name, value in state.items()},
        {name: -value for name, value in state.items()},
        {name: value for name, value in state.items() if name != first},
        {**state, first: 100.0},
    ):
        assert not measured(bodies, {robot: wrong}).passed
    assert not measured(bodies, {}).passed
    assert not measured(bodies, {robot: state, "other": {}}).passed
    swapped = [*bodies[:2], replace(bodies[2], t=bodies[3].t), *bodies[3:]]
    assert not measured(swapped, {robot: state}).passed
    with pytest.raises(NotApplicable):
        measured([], {})
