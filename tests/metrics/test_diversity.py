"""Vendi score, Inception Score and sliced Wasserstein distance: closed forms and references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance
from vendi_score.vendi import score_dual

from metrics.drawn import correlated, rotation
from simkit.errors import MetricError
from simkit.metrics import inception_score, sliced_wasserstein, vendi_score
from simkit.metrics.sliced import distance_of_projections
from simkit.metrics.vendi import vendi_score_of_products
from simkit.randomness import stream


def test_vendi_of_known_sets() -> None:
    turned = rotation(12, 0)
    assert vendi_score(turned) == pytest.approx(12, abs=1e-9)
    assert vendi_score(turned[:5] * 7) == pytest.approx(5, abs=1e-9)
    assert vendi_score(np.ones((9, 4))) == pytest.approx(1, abs=1e-9)
    groups = np.eye(4)[[0] * 3 + [1] * 7]
    assert vendi_score(groups) == pytest.approx(1.84202, abs=1e-5)
    entropy = -(0.3 * np.log(0.3) + 0.7 * np.log(0.7))
    assert vendi_score(groups) == pytest.approx(np.exp(entropy), abs=1e-9)


@pytest.mark.parametrize(("n", "d"), [(30, 80), (90, 20)])
def test_vendi_against_the_package(n: int, d: int) -> None:
    rows = correlated(n, d, 1) + 0.2
    expected = score_dual(rows)
    assert vendi_score(rows) == pytest.approx(expected, abs=1e-9)
    assert vendi_score_of_products(rows @ rows.T) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 999))
@settings(max_examples=20)
def test_laws_of_vendi(seed: int) -> None:
    """1 to N; lengths, rotations, order and having each row twice change nothing."""
    rows = correlated(15, 6, seed)
    value = vendi_score(rows)
    assert 1 <= value <= 15
    lengths = np.random.default_rng(seed).uniform(0.1, 9, (15, 1))
    assert vendi_score(rows[::-1] * lengths @ rotation(6, 3)) == pytest.approx(value, abs=1e-9)
    assert vendi_score(np.repeat(rows, 2, axis=0)) == pytest.approx(value, abs=1e-9)


def test_inception_score_of_known_sets() -> None:
    assert inception_score(np.eye(10)) == pytest.approx(10)
    assert inception_score(np.full((5, 4), 0.25)) == pytest.approx(1)
    assert inception_score(np.eye(10)[[0] * 3 + [1] * 3]) == pytest.approx(2)
    rows = np.array([[0.9, 0.1], [0.5, 0.5]])
    mean = rows.mean(axis=0)
    divergence = np.mean([np.sum(row * np.log(row / mean)) for row in rows])
    assert inception_score(rows) == pytest.approx(np.exp(divergence))
    with pytest.raises(MetricError, match=r"row 1 is no distribution \(it sums to 3\)"):
        inception_score([[0.5, 0.5], [1.0, 2.0]])
    with pytest.raises(MetricError, match=r"row 0 is no distribution"):
        inception_score([[1.5, -0.5]])


def test_sliced_wasserstein_in_one_dimension() -> None:
    """Every direction is the axis: sorted differences; unequal sets as rows repeated to one number."""
    x, y = correlated(30, 1, 1), correlated(30, 1, 2) * 2 + 1
    rng = stream(0, 0, "directions")
    found = sliced_wasserstein(x, y, rng=rng, directions=3)
    assert found == pytest.approx(np.sqrt(np.mean((np.sort(x[:, 0]) - np.sort(y[:, 0])) ** 2)))
    few, many = correlated(6, 4, 1), correlated(15, 4, 2)
    repeated = np.repeat(few, 5, axis=0), np.repeat(many, 2, axis=0)
    assert distance_of_projections(few, many) == pytest.approx(distance_of_projections(*repeated))
    two = np.array([[0.0], [1.0]])
    assert distance_of_projections(two, two + 3) == pytest.approx(
        wasserstein_distance([0, 1], [3, 4])
    )


def test_sliced_wasserstein_of_a_shift() -> None:
    """|shift| / sqrt(d) on average over directions."""
    x, shift = correlated(20, 8, 1), np.array([2.0, 0, 0, 0, 0, 0, 0, 1.0])
    found = sliced_wasserstein(x, x + shift, rng=stream(0, 0, "directions"), directions=20000)
    assert found == pytest.approx(np.linalg.norm(shift) / np.sqrt(8), rel=0.02)


@given(st.integers(0, 999))
@settings(max_examples=20)
def test_laws_of_sliced_wasserstein(seed: int) -> None:
    x, y, z = (correlated(count, 5, seed + count) for count in (12, 17, 12))

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return sliced_wasserstein(a, b, rng=stream(0, seed, "directions"))

    assert distance(x, x[::-1]) == 0
    assert distance(x, y) == pytest.approx(distance(y, x))
    assert distance(2 * x + 1, 2 * y + 1) == pytest.approx(2 * distance(x, y))
    assert distance(x, y) <= distance(x, z) + distance(z, y) + 1e-12
