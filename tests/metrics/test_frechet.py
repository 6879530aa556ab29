"""Fréchet distance: torchmetrics, closed forms, invariances, and its null expectation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.image.fid import FrechetInceptionDistance

from metrics.drawn import correlated, rotation
from simkit.errors import MetricError
from simkit.metrics import (
    Features,
    Moments,
    frechet_distance,
    frechet_distance_of_moments,
    null_frechet_distance,
)
from simkit.metrics.frechet import frechet_distance_of_products
from simkit.metrics.products import products_of


class Flat(torch.nn.Module):
    """Features that are passed through as they are."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.num_features = d

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


def of_torchmetrics(x: np.ndarray, y: np.ndarray) -> float:
    d = x.shape[1]
    metric = FrechetInceptionDistance(Flat(d), normalize=True, input_img_size=(1, 1, d))
    metric.set_dtype(torch.float64)
    metric.update(torch.from_numpy(x)[:, None, None], real=True)
    metric.update(torch.from_numpy(y)[:, None, None], real=False)
    return float(metric.compute())


@pytest.mark.parametrize(("n", "m", "d"), [(400, 300, 40), (300, 300, 64), (60, 61, 50)])
def test_against_torchmetrics(n: int, m: int, d: int) -> None:
    x, y = correlated(n, d, 1), 1.2 * correlated(m, d, 2) + 0.3
    assert frechet_distance(x, y) == pytest.approx(of_torchmetrics(x, y), rel=1e-10)


@pytest.mark.parametrize(("n", "m", "d"), [(60, 50, 200), (30, 250, 100), (250, 30, 100)])
def test_against_torchmetrics_with_fewer_rows_than_dimensions(n: int, m: int, d: int) -> None:
    x, y = correlated(n, d, 1), 1.2 * correlated(m, d, 2) + 0.3
    expected = of_torchmetrics(x, y)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance_of_products(products_of(x, y)) == pytest.approx(expected, rel=1e-6)


def test_closed_form_of_gaussians() -> None:
    """Of N(0, 4 I) and N(m, I): |m|^2 + d (2 - 1)^2; and of covariances that do not commute."""
    d = 6
    shift = np.arange(d, dtype=float)
    found = frechet_distance_of_moments(np.zeros(d), 4 * np.eye(d), shift, np.eye(d))
    assert found == pytest.approx(shift @ shift + d)
    first, second = np.diag([4.0, 1.0]), np.array([[2.0, 1.0], [1.0, 2.0]])
    # tr (S1 S2)^(1/2) of 2 x 2: sqrt(tr(S1 S2) + 2 sqrt(det(S1 S2)))
    root = np.sqrt(np.trace(first @ second) + 2 * np.sqrt(np.linalg.det(first @ second)))
    zero = np.zeros(2)
    assert frechet_distance_of_moments(zero, first, zero, second) == pytest.approx(9 - 2 * root)


@given(st.integers(0, 999), st.sampled_from([(30, 20, 8), (12, 20, 30), (9, 40, 16)]))
@settings(max_examples=25)
def test_laws(seed: int, shape: tuple[int, int, int]) -> None:
    """Symmetric, at least 0, 0 of a set with itself; rotations and shifts leave it, scale squares it."""
    n, m, d = shape
    x, y = correlated(n, d, seed), 0.7 * correlated(m, d, seed + 1) + 0.1
    value = frechet_distance(x, y)
    assert value >= 0
    assert frechet_distance(y, x) == pytest.approx(value, rel=1e-9)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x[::-1]) == pytest.approx(0, abs=1e-9)
    turned = rotation(d, seed)
    assert frechet_distance(x @ turned + 3, y @ turned + 3) == pytest.approx(value, rel=1e-8)
    assert frechet_distance(3 * x, 3 * y) == pytest.approx(9 * value, rel=1e-8)
    assert frechet_distance_of_products(products_of(x, y)) == pytest.approx(value, rel=1e-7)


def test_null_expectation() -> None:
    """The mean over repeats lies within 4 standard errors of the formula (plus its next order)."""
    d, n, repeats = 6, 1500, 200
    scales = np.array([3.0, 2.0, 1.0, 0.7, 0.3, 0.1])
    rng = np.random.default_rng(0)
    values = [frechet_distance(*(rng.standard_normal((2, n, d)) * scales)) for _ in range(repeats)]
    expected = null_frechet_distance(np.diag(scales**2), n)
    error = np.std(values) / np.sqrt(repeats)
    assert abs(np.mean(values) - expected) < 4 * error
    assert error < 0.05 * expected
    means_alone = 2 * np.sum(scales**2) / n
    assert abs(means_alone - expected) > 4 * error


def test_a_dead_feature_changes_nothing() -> None:
    x, y = correlated(50, 8, 3), correlated(60, 8, 4)
    dead_x, dead_y = np.pad(x, ((0, 0), (0, 2))), np.pad(y, ((0, 0), (0, 2)))
    assert frechet_distance(dead_x, dead_y) == pytest.approx(frechet_distance(x, y), rel=1e-9)


def test_float32_is_computed_in_float64() -> None:
    x, y = correlated(300, 20, 3).astype(np.float32), correlated(300, 20, 4).astype(np.float32)
    assert frechet_distance(x, y) == frechet_distance(x.astype(float), y.astype(float))


@given(st.integers(0, 999), st.lists(st.integers(0, 40), max_size=3).map(sorted))
@settings(max_examples=25)
def test_accumulators_do_not_see_batches(seed: int, cuts: list[int]) -> None:
    """However rows are split over batches and accumulators, and after a restart."""
    x, y = correlated(40, 5, seed) + 100, correlated(30, 5, seed + 1) + 100
    kept, moments = Features(), Moments()
    for part in np.split(x, cuts):
        kept.merge(Features().add(part))
        moments.merge(Moments().add(part))
        kept, moments = Features.from_state(kept.state()), Moments.from_state(moments.state())
    np.testing.assert_array_equal(kept.array(), x.astype(np.float32))
    assert len(kept) == moments.count == 40
    np.testing.assert_allclose(moments.mean, x.mean(axis=0))
    np.testing.assert_allclose(moments.covariance(), np.cov(x.T), rtol=1e-9, atol=1e-12)
    found = moments.frechet_distance(Moments().add(y))
    assert found == pytest.approx(frechet_distance(x, y), rel=1e-8)


def test_what_accumulators_refuse() -> None:
    with pytest.raises(MetricError, match="none were added"):
        Features().array()
    with pytest.raises(MetricError, match="covariance needs 2"):
        Moments().add(np.ones((1, 3))).covariance()
    for kept in (Features(), Moments()):
        kept.add(np.ones((2, 3)))
        with pytest.raises(MetricError, match="4 dimensions; those before it have 3"):
            kept.add(np.ones((2, 4)))


def test_what_is_no_covariance() -> None:
    good, zero = np.eye(2), np.zeros(2)
    with pytest.raises(MetricError, match=r"covariance2: has the eigenvalue -1"):
        frechet_distance_of_moments(zero, good, zero, np.diag([1.0, -1.0]))
    with pytest.raises(MetricError, match=r"covariance1: has shape \(3, 3\)"):
        frechet_distance_of_moments(zero, np.eye(3), zero, good)
    with pytest.raises(MetricError, match="means: have shapes"):
        frechet_distance_of_moments(zero, good, np.zeros(3), good)
    with pytest.raises(MetricError, match="n: 1 rows"):
        null_frechet_distance(good, 1)
