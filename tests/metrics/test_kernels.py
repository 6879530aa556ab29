"""KID and MMD: torchmetrics, plain sums, unbiasedness, invariances."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.image.kid import poly_mmd

from metrics.drawn import correlated, rotation
from simkit.errors import MetricError
from simkit.metrics import kernels, kid, kid_of_subsets, median_distance, mmd
from simkit.metrics.kernels import kid_of_products, mmd_of_products
from simkit.metrics.products import products_of


def cubic(a: np.ndarray, b: np.ndarray) -> float:
    return float((a @ b / len(a) + 1) ** 3)


def plain(x: np.ndarray, y: np.ndarray, kernel: object) -> float:
    """The estimate as its definition has it, pair by pair."""
    n, m = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)  # type: ignore[operator]
    yy = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)  # type: ignore[operator]
    xy = sum(kernel(a, b) for a in x for b in y)  # type: ignore[operator]
    return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)


def biased_kid(x: np.ndarray, y: np.ndarray) -> float:
    def mean(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean((a @ b.T / a.shape[1] + 1) ** 3))

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


@pytest.mark.parametrize("chunk", [7, 2048])
def test_kid_against_torchmetrics(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "CHUNK", chunk)
    x, y = correlated(120, 30, 1), 1.3 * correlated(120, 30, 2) + 0.2
    expected = float(poly_mmd(torch.from_numpy(x), torch.from_numpy(y)))
    assert kid(x, y) == pytest.approx(expected, rel=1e-10, abs=1e-10)
    assert kid_of_products(products_of(x, y)) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("chunk", [3, 2048])
def test_against_the_definition_at_unequal_numbers(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "CHUNK", chunk)
    x, y = correlated(11, 4, 1), correlated(8, 4, 2) + 0.5
    assert kid(x, y) == pytest.approx(plain(x, y, cubic), rel=1e-10)
    width = 0.8

    def gaussian(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.exp(-np.sum((a - b) ** 2) / (2 * width**2)))

    assert mmd(x, y, width) == pytest.approx(plain(x, y, gaussian), rel=1e-10)
    assert mmd_of_products(products_of(x, y), width) == pytest.approx(mmd(x, y, width), rel=1e-9)


def test_null_mean_is_zero_and_the_biased_form_is_not() -> None:
    rng = np.random.default_rng(0)
    drawn = [rng.standard_normal((2, 40, 20)) for _ in range(300)]
    for estimate, unbiased in ((kid, True), (biased_kid, False), (mmd, True)):
        values = [estimate(x, y) for x, y in drawn]
        error = np.std(values) / np.sqrt(len(values))
        assert (abs(np.mean(values)) < 4 * error) == unbiased, estimate


@given(st.integers(0, 999))
@settings(max_examples=20)
def test_laws(seed: int) -> None:
    """Symmetric; the order of rows and rotations change nothing; MMD has no scale and no origin."""
    x, y = correlated(20, 6, seed), correlated(14, 6, seed + 1) + 0.3
    turned = rotation(6, seed)
    for estimate in (kid, mmd):
        value = estimate(x, y)
        assert estimate(y, x) == pytest.approx(value, rel=1e-8, abs=1e-12)
        assert estimate(x[::-1], y) == pytest.approx(value, rel=1e-8, abs=1e-12)
        assert estimate(x @ turned, y @ turned) == pytest.approx(value, rel=1e-8, abs=1e-12)
    assert mmd(5 * x - 2, 5 * y - 2) == pytest.approx(mmd(x, y), rel=1e-8, abs=1e-12)
    assert median_distance(3 * x, 3 * y) == pytest.approx(3 * median_distance(x, y))


def test_far_sets_have_the_largest_mmd() -> None:
    """At a distance the kernel between the sets is 0, within one point it is 1: 1 + 1 - 0."""
    x, y = np.zeros((5, 3)), np.full((4, 3), 100.0)
    assert mmd(x, y, 1.0) == pytest.approx(2.0)
    assert mmd(x, x + 0.0, 1.0) == 0
    assert median_distance(x, x) == 1


def test_subsets_agree_with_the_full_set() -> None:
    x, y = correlated(200, 10, 1), correlated(200, 10, 2) + 0.4
    mean, spread = kid_of_subsets(x, y, rng=np.random.default_rng(0), subsets=60, size=50)
    assert mean == pytest.approx(kid(x, y), abs=4 * spread / np.sqrt(60))
    assert (mean, spread) == kid_of_subsets(x, y, rng=np.random.default_rng(0), subsets=60, size=50)
    with pytest.raises(MetricError, match="size: 100 subsets of 1000 rows"):
        kid_of_subsets(x, y, rng=np.random.default_rng(0))
    with pytest.raises(MetricError, match="bandwidth: 0"):
        mmd(x, y, 0.0)
