"""BOP's errors against brute force, closed forms, and recalls that are counted by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from simkit.tasks.bop_scores import (
    MSPD_THRESHOLDS,
    MSSD_THRESHOLDS,
    add,
    adi,
    found_counts,
    hull_corners,
    matched,
    mspd,
    mssd,
    symmetry_set,
)

Float = NDArray[np.float64]

K = np.array([[500.0, 0.0, 320.0], [0.0, 510.0, 240.0], [0.0, 0.0, 1.0]])
CUBE = np.array(list(itertools.product((-0.05, 0.05), repeat=3)))
NOTHING = np.eye(4)[None]


def pose(rotation: Any = (0.0, 0.0, 0.0), shift: Any = (0.0, 0.0, 1.0)) -> Float:
    T = np.eye(4)
    T[:3, :3] = Rotation.from_rotvec(rotation).as_matrix()
    T[:3, 3] = shift
    return T


def random_pose(rng: np.random.Generator) -> Float:
    return pose(rng.normal(size=3), rng.normal(size=3) * 0.1 + [0, 0, 1])


def slow(estimate: Float, truth: Float, points: Float, symmetries: Float) -> dict[str, float]:
    """All errors, point by point, as their definitions read."""
    found = [estimate[:3, :3] @ x + estimate[:3, 3] for x in points]
    true = [truth[:3, :3] @ x + truth[:3, 3] for x in points]

    def pixel(x: Float) -> Float:
        return np.array([(K @ x)[0] / x[2], (K @ x)[1] / x[2]])

    largest, spread = [], []
    for S in symmetries:
        same = [(truth @ S @ np.append(x, 1.0))[:3] for x in points]
        largest.append(max(math.dist(a, b) for a, b in zip(found, same, strict=True)))
        spread.append(max(math.dist(pixel(a), pixel(b)) for a, b in zip(found, same, strict=True)))
    return {
        "add": float(np.mean([math.dist(a, b) for a, b in zip(found, true, strict=True)])),
        "adi": float(np.mean([min(math.dist(a, b) for a in found) for b in true])),
        "mssd": min(largest),
        "mspd": min(spread),
    }


@pytest.mark.parametrize("seed", range(4))
def test_errors_are_as_brute_force_has_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(60, 3)) * 0.05
    turn = pose((0, 0, math.pi), (0.01, 0.0, 0.0))
    symmetries = symmetry_set([turn], [((0.0, 1.0, 0.5), (0.0, 0.01, 0.0))], max_step=0.5)
    truth, estimate = random_pose(rng), random_pose(rng)
    wanted = slow(estimate, truth, points, symmetries)
    assert add(estimate, truth, points) == pytest.approx(wanted["add"], rel=1e-12)
    assert adi(estimate, truth, points) == pytest.approx(wanted["adi"], rel=1e-12)
    corners = hull_corners(points)
    assert len(corners) < len(points)
    for some in (points, corners):
        assert mssd(estimate, truth, some, symmetries) == pytest.approx(wanted["mssd"], rel=1e-12)
    for hints in (None, corners):
        found = mspd(estimate, truth, points, symmetries, K, hints)
        assert found == pytest.approx(wanted["mspd"], rel=1e-12)


@given(st.tuples(*[st.floats(-0.2, 0.2)] * 3))
def test_a_translation_moves_all_points_as_far(shift: tuple[float, float, float]) -> None:
    truth = pose((0.3, 0.2, 0.1))
    estimate = truth.copy()
    estimate[:3, 3] += shift
    length = math.hypot(*shift)
    assert add(estimate, truth, CUBE) == pytest.approx(length, abs=1e-12)
    assert mssd(estimate, truth, CUBE, NOTHING) == pytest.approx(length, abs=1e-12)
    assert adi(estimate, truth, CUBE) <= length + 1e-12


def test_a_shift_across_is_seen_as_focal_length_over_depth() -> None:
    points = np.array([[0.0, 0.0, -0.1], [0.0, 0.0, 0.1]])
    found = mspd(pose(shift=(0.02, 0, 1)), pose(shift=(0, 0, 1)), points, NOTHING, K)
    assert found == pytest.approx(500 * 0.02 / 0.9)  # of the nearer point


def test_a_turn_moves_the_farthest_point_by_its_chord() -> None:
    points = np.array([[0.1, 0, 0], [-0.03, 0, 0]])
    turned = pose((0, 0, 0.4))
    assert mssd(turned, pose(), points, NOTHING) == pytest.approx(2 * 0.1 * math.sin(0.2))
    assert add(turned, pose(), points) == pytest.approx(2 * 0.065 * math.sin(0.2))


def test_symmetries_forgive() -> None:
    quarter = [pose((0, 0, k * math.pi / 2), (0, 0, 0)) for k in (1, 2, 3)]
    symmetries = symmetry_set(quarter, [])
    truth = pose((0.4, -0.1, 0.2), (0.02, 0.01, 0.9))
    estimate = truth @ quarter[0]
    assert len(symmetries) == 4
    assert mssd(estimate, truth, CUBE, symmetries) == pytest.approx(0, abs=1e-12)
    assert mspd(estimate, truth, CUBE, symmetries, K) == pytest.approx(0, abs=1e-9)
    assert adi(estimate, truth, CUBE) == pytest.approx(0, abs=1e-9)
    assert mssd(estimate, truth, CUBE, NOTHING) == pytest.approx(0.1)
    assert add(estimate, truth, CUBE) == pytest.approx(0.1)


def test_continuous_symmetries_are_steps_about_their_axis() -> None:
    axis, offset = np.array([0.0, 0.0, 2.0]), np.array([0.03, 0.0, 0.0])
    symmetries = symmetry_set([], [(axis, offset)])
    assert len(symmetries) == math.ceil(math.pi / 0.01)
    np.testing.assert_allclose(symmetries[0], np.eye(4), atol=1e-15)
    on_axis = np.array([0.03, 0.0, 0.05, 1.0])
    np.testing.assert_allclose(symmetries @ on_axis, np.tile(on_axis, (315, 1)), atol=1e-12)
    turns = Rotation.from_matrix(symmetries[:, :3, :3]).as_rotvec()[:, 2] % (2 * math.pi)
    np.testing.assert_allclose(turns, np.arange(315) * 2 * math.pi / 315, atol=1e-9)
    # a point a radius away travels less than 0.01 diameters from one step to the next
    rim = np.array([0.08, 0.0, 0.0, 1.0])
    steps = np.linalg.norm(np.diff((symmetries @ rim)[:, :3], axis=0), axis=1)
    assert steps.max() <= 0.01 * 0.1 + 1e-12


def test_discrete_symmetries_come_before_continuous_ones() -> None:
    flip = pose((math.pi, 0, 0), (0, 0, 0.02))
    symmetries = symmetry_set([flip], [((0, 0, 1), (0, 0, 0))], max_step=math.pi / 4)
    assert len(symmetries) == 8
    quarter = pose((0, 0, math.pi / 2), (0, 0, 0))
    np.testing.assert_allclose(symmetries[5], quarter @ flip, atol=1e-12)


def test_thresholds_are_those_of_the_challenge() -> None:
    np.testing.assert_allclose(MSSD_THRESHOLDS, np.arange(0.05, 0.51, 0.05))
    np.testing.assert_allclose(MSPD_THRESHOLDS, np.arange(5, 51, 5))


def test_estimates_choose_by_score_and_each_target_is_found_once() -> None:
    errors = np.array([[1.0, 4.0], [2.0, 9.0], [0.5, 3.0]])
    assert matched(errors, [0.9, 0.8, 0.7], 5.0).tolist() == [0, 2]
    assert matched(errors, [0.7, 0.8, 0.9], 5.0).tolist() == [2, 0]
    assert matched(errors, [0.9, 0.8, 0.7], 1.0).tolist() == [2, -1]  # below, not at
    assert matched(np.zeros((0, 2)), [], 5.0).tolist() == [-1, -1]


def test_no_more_estimates_count_than_there_are_targets() -> None:
    errors = np.array([[9.0], [0.1]])
    assert found_counts(errors, [0.9, 0.8], [1.0, 10.0]).tolist() == [0, 1]
    assert found_counts(errors, [0.8, 0.9], [1.0, 10.0]).tolist() == [1, 1]


@given(st.integers(0, 2**32 - 1))
def test_more_is_found_at_higher_thresholds_and_never_more_than_there_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    errors = rng.random((rng.integers(0, 5), rng.integers(1, 5)))
    counts = found_counts(errors, rng.random(len(errors)), np.linspace(0.05, 1.05, 6))
    assert (np.diff(counts) >= 0).all()
    assert counts[-1] == min(errors.shape)
