"""Two-sample tests against SciPy, closed forms and their own level."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simkit.metrics.two_sample import (
    absence_test,
    chi_square,
    cliffs_delta,
    composition_test,
    cramer_von_mises,
    holm,
    kolmogorov_smirnov,
    memberships,
    permutation_test,
    robust_spread,
    standardized_distance,
    total_variation,
)

SMALL_INTEGERS = st.lists(st.integers(-3, 3), min_size=2, max_size=12)


def test_the_statistic_is_cramer_von_mises() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=23), rng.normal(0.4, 1.3, size=31)
    n, m = len(a), len(b)
    ours = permutation_test(a, b, memberships(n, m, 4999, rng))
    theirs = cramer_von_mises(a, b)
    # SciPy's T is Anderson's U less its least value.
    assert ours.statistic * n * m / (n + m) == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.p == pytest.approx(theirs.p, abs=0.02)


@given(SMALL_INTEGERS, SMALL_INTEGERS)
def test_with_ties_the_statistic_is_the_mean_squared_difference_of_the_shares(
    a: list[int], b: list[int]
) -> None:
    pooled = np.array(a + b)
    wanted = np.mean([(np.mean(np.array(a) <= x) - np.mean(np.array(b) <= x)) ** 2 for x in pooled])
    table = memberships(len(a), len(b), 9, np.random.default_rng(0))
    assert permutation_test(a, b, table).statistic == pytest.approx(wanted, abs=1e-12)


def test_the_level_holds_with_ties_and_unequal_numbers() -> None:
    rng = np.random.default_rng(1)
    runs = 600
    p = [
        permutation_test(
            rng.integers(0, 4, 15), rng.integers(0, 4, 40), memberships(15, 40, 199, rng)
        ).p
        for _ in range(runs)
    ]
    allowed = 3 * math.sqrt(0.05 * 0.95 / runs)
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + allowed
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.1)


def test_a_difference_of_spread_alone_is_found() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=100), rng.normal(0, 3, size=100)
    assert permutation_test(a, b, memberships(100, 100, 999, rng)).p == 0.001
    assert kolmogorov_smirnov(a, b).p < 0.001
    assert stats.ttest_ind(a, b).pvalue > 0.05


def test_chi_square_closed_form() -> None:
    test = chi_square([30, 10, 0], [20, 20, 0])
    expected = sum((o - e) ** 2 / e for o, e in ((30, 25), (10, 15), (20, 25), (20, 15)))
    assert test.statistic == pytest.approx(expected)
    assert test.p == pytest.approx(math.erfc(math.sqrt(expected / 2)))
    assert chi_square([3, 0], [5, 0]).p == 1


def test_composition_of_one_object_an_image_is_chi_square() -> None:
    rng = np.random.default_rng(3)
    a, b = (np.eye(3)[rng.choice(3, 150, p=p)] for p in ([0.4, 0.3, 0.3], [0.3, 0.3, 0.4]))
    ours = composition_test(a, b, memberships(150, 150, 3999, rng))
    theirs = chi_square(a.sum(axis=0), b.sum(axis=0))
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert ours.p == pytest.approx(theirs.p, abs=0.03)


def test_composition_keeps_its_level_where_objects_come_in_groups() -> None:
    rng = np.random.default_rng(4)
    p, naive = [], []
    for _ in range(200):
        sides = [np.eye(3)[rng.integers(0, 3, 30)] * 8 for _ in range(2)]  # eight of one class
        p.append(composition_test(*sides, memberships(30, 30, 199, rng)).p)
        naive.append(chi_square(*(one.sum(axis=0) for one in sides)).p)
    assert np.mean(np.array(p) <= 0.05) <= 0.1
    assert np.mean(np.array(naive) <= 0.05) > 0.5  # what counting objects would do


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_absence_counts_choices() -> None:
    wanted = math.comb(30 - 6, 10) / math.comb(30, 10)
    assert absence_test(6, 20, 10).p == pytest.approx(wanted)


@given(SMALL_INTEGERS, SMALL_INTEGERS)
def test_cliffs_delta_counts_pairs(a: list[int], b: list[int]) -> None:
    pairs = [(x < y) - (x > y) for x in a for y in b]
    assert cliffs_delta(a, b) == pytest.approx(np.mean(pairs))


def test_effects_of_known_shifts() -> None:
    values = np.random.default_rng(5).normal(size=20000)
    assert robust_spread(values) == pytest.approx(1, abs=0.03)
    assert standardized_distance(values, values + 1.5) == pytest.approx(1.5, abs=0.05)
    assert standardized_distance(values * 3, values * 3 - 1.5) == pytest.approx(0.5, abs=0.02)
    assert standardized_distance([1, 1, 1], [1.1, 1.1], grain=0.2) == pytest.approx(0.5)
    assert standardized_distance([1, 1, 1], [2, 2]) == math.inf
    assert standardized_distance([1, 1, 1], [1, 1]) == 0
    assert total_variation([1, 1, 2], [2, 2, 0]) == pytest.approx(0.5)
    assert total_variation([0, 0], [2, 2]) == 1
