"""Precision, recall, density, coverage: the package prdc, null values, ties; exact neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc

from metrics.drawn import correlated, rotation
from simkit.errors import MetricError
from simkit.metrics import neighbours, null_coverage, precision_recall
from simkit.metrics.coverage import precision_recall_of_products
from simkit.metrics.neighbours import in_balls, nearest
from simkit.metrics.products import products_of


@pytest.mark.parametrize("k", [1, 5, 9])
@pytest.mark.parametrize(
    ("n", "m", "d", "scale"),
    [(300, 200, 5, 0.8), (90, 140, 80, 1.1), (700, 600, 12, 1.0), (60, 60, 400, 1.0)],
)
def test_against_prdc(n: int, m: int, d: int, scale: float, k: int) -> None:
    x, y = correlated(n, d, 1) + 50, scale * correlated(m, d, 2) + 50
    y[:7] = y[0] + 1e-3 * correlated(7, d, 3)  # a clump
    expected = compute_prdc(x, y, k)
    assert vars(precision_recall(x, y, k)) == pytest.approx(expected, rel=1e-15)
    assert vars(precision_recall_of_products(products_of(x, y), k)) == pytest.approx(
        expected, rel=1e-15
    )


def test_null_density_and_coverage() -> None:
    n, m, k, repeats = 60, 80, 5, 300
    rng = np.random.default_rng(0)
    found = [
        precision_recall(rng.standard_normal((n, 3)), rng.standard_normal((m, 3)), k)
        for _ in range(repeats)
    ]
    expected = {"density": 1.0, "coverage": null_coverage(n, m, k)}
    for name, value in expected.items():
        values = [getattr(one, name) for one in found]
        assert abs(np.mean(values) - value) < 4 * np.std(values) / np.sqrt(repeats), name
    assert null_coverage(n, m, k - 1) < expected["coverage"] - 0.01
    assert null_coverage(10, 10, 1) == pytest.approx(10 / 19)


@given(st.integers(0, 999))
@settings(max_examples=20)
def test_laws(seed: int) -> None:
    """Precision and recall change places with the sets; order, rotation and scale change nothing."""
    x, y = correlated(30, 4, seed), correlated(25, 4, seed + 1) + 0.5
    found, swapped = precision_recall(x, y), precision_recall(y, x)
    assert (found.precision, found.recall) == (swapped.recall, swapped.precision)
    turned = rotation(4, seed) * 7
    assert precision_recall(x @ turned + 1, y[::-1] @ turned + 1) == found
    assert found.coverage <= found.recall or found.coverage > 0
    assert 0 <= found.coverage <= 1


def test_identical_and_distant_sets() -> None:
    x = correlated(50, 6, 1)
    same = precision_recall(x, x.copy())
    # A ball is open: it holds its centre and k - 1 neighbours, not the k-th on its rim.
    assert (same.precision, same.recall, same.density, same.coverage) == (1, 1, 1, 1)
    far = precision_recall(x, x + 100)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)


def test_ties_on_a_grid_are_decided_exactly() -> None:
    """Integer points: distances are integers' roots, so that a full search knows them exactly."""
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 4, (count, 3)).astype(float) for count in (700, 620))
    squares = np.sum((x[:, None] - y) ** 2, axis=2)
    own = np.sort(np.sum((x[:, None] - x) ** 2, axis=2), axis=1)[:, 5]
    inside = squares < own[:, None]
    found = precision_recall(x, y)
    assert found.density == pytest.approx(inside.sum() / (5 * len(y)), rel=1e-15)
    assert found.precision == inside.any(axis=0).mean()
    assert found.coverage == inside.any(axis=1).mean()


@given(st.integers(0, 999), st.sampled_from([1, 3, 1e4]), st.sampled_from([0.0, 1e6]))
@settings(max_examples=20)
def test_nearest_is_a_full_search(seed: int, scale: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    x, y = (scale * rng.standard_normal((count, 3)) + offset for count in (40, 33))
    y[5] = y[4]
    squares = np.sum((x[:, None] - y) ** 2, axis=2)
    places = np.argsort(squares, axis=1, kind="stable")[:, :3]
    distances, found = nearest(x, y, 3)
    np.testing.assert_array_equal(found, places)
    np.testing.assert_allclose(distances**2, np.take_along_axis(squares, places, axis=1))


def test_rows_that_float32_cannot_tell_apart() -> None:
    """Forty copies but for 1e-6, far from the rest: all candidates are within the rounding."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.standard_normal((40, 5)) * 1e-6 + 10, rng.standard_normal((40, 5))])
    squares = np.sum((x[:, None] - x) ** 2, axis=2)
    np.fill_diagonal(squares, np.inf)
    np.testing.assert_array_equal(nearest(x, count=2)[1], np.argsort(squares, axis=1)[:, :2])
    radii = nearest(x, count=2)[0][:, -1]
    y = x[::2] + 1e-6
    (_, in_x, in_y), *_ = in_balls(x, y, radii, radii[::2])
    exact = np.sqrt(np.sum((x[:, None] - y) ** 2, axis=2))
    np.testing.assert_array_equal(in_x, exact < radii[:, None])
    np.testing.assert_array_equal(in_y, exact < radii[::2])


def test_the_short_cut_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ordinary features few pairs are measured, and no row is searched in full."""
    measured = []
    monkeypatch.setattr(neighbours, "_searched", None)
    exact = neighbours.squared_distances

    def counted(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        measured.append(len(a))
        return exact(x, y, a, b)

    monkeypatch.setattr(neighbours, "squared_distances", counted)
    precision_recall(correlated(600, 64, 1), correlated(600, 64, 2))
    assert sum(measured) < 0.1 * 600 * 600


def test_k_and_rows() -> None:
    x = correlated(6, 3, 1)
    with pytest.raises(MetricError, match=r"k: 6 neighbours .* 6 rows of real; give 1 to 5"):
        precision_recall(x, x, 6)
    with pytest.raises(MetricError, match="k: 0 neighbours"):
        precision_recall(x, x, 0)
    with pytest.raises(MetricError, match=r"4 rows of synthetic"):
        precision_recall(x, x[:4], 4)
