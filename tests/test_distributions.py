"""Distributions against closed forms and scipy, with fixed seeds."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from simkit.distributions import (
    Choice,
    Constant,
    Distribution,
    Integer,
    LogUniform,
    Normal,
    Range,
    Uniform,
    parse,
)
from simkit.errors import ConfigError

numbers = st.floats(-1e6, 1e6, allow_nan=False)
pairs = st.tuples(numbers, numbers).map(sorted)
positive = st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)).map(sorted)
whole = st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000)).map(sorted)
values = st.one_of(numbers, st.text(max_size=5), st.booleans(), st.integers(-9, 9))

uniforms = pairs.map(lambda p: Uniform(*p))
log_uniforms = positive.map(lambda p: LogUniform(*p))
integers = whole.map(lambda p: Integer(*p))
normals = st.builds(
    lambda mean, std, p: Normal(mean, std, *p), numbers, st.floats(1e-3, 1e4), pairs
)
choices = st.lists(values, min_size=1, max_size=6).flatmap(
    lambda v: st.one_of(
        st.just(Choice(tuple(v))),
        st.lists(st.floats(0.01, 9), min_size=len(v), max_size=len(v)).map(
            lambda w: Choice(tuple(v), tuple(w))
        ),
    )
)
ranges = st.one_of(uniforms, log_uniforms, integers, normals)
everything = st.one_of(ranges, choices, values.map(Constant))


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def drawn(distribution: Distribution, count: int, seed: int = 1) -> list[Any]:
    rng = generator(seed)
    return [distribution.sample(rng) for _ in range(count)]


@given(everything)
def test_round_trip(distribution: Distribution) -> None:
    data = distribution.to_config()
    assert parse(data) == distribution
    assert parse(json.loads(json.dumps(data))) == distribution


@settings(deadline=None)
@given(everything, st.integers(0, 2**32))
def test_samples_lie_in_the_support_and_are_plain(distribution: Distribution, seed: int) -> None:
    for value in drawn(distribution, 20, seed):
        assert distribution.contains(value)
        assert type(value) in (float, int, str, bool)
        if isinstance(distribution, Range):
            low, high = distribution.support
            assert low <= value <= high
        else:
            assert value in distribution.support
    assert drawn(distribution, 3, seed) == drawn(distribution, 3, seed)


@given(ranges)
def test_contains_has_the_ends_and_no_more(distribution: Range) -> None:
    low, high = distribution.support
    assert distribution.contains(low)
    assert distribution.contains(high)
    assert not distribution.contains(high + max(1.0, abs(high) * 1e-6))
    assert not distribution.contains(low - max(1.0, abs(low) * 1e-6))
    assert not distribution.contains("1")


@given(st.one_of(uniforms, normals), st.floats(0.1, 10))
def test_scaled(distribution: Range, factor: float) -> None:
    low, high = distribution.support
    new_low, new_high = distribution.scaled(factor).support
    size = max(abs(low), abs(high), 1.0) * (1 + factor)
    assert math.isclose(new_high - new_low, (high - low) * factor, abs_tol=1e-9 * size)
    assert math.isclose(new_low + new_high, low + high, abs_tol=1e-9 * size)
    assert type(distribution.scaled(factor)) is type(distribution)


@given(log_uniforms, st.floats(0.1, 3))
def test_scaled_in_the_logarithm(distribution: LogUniform, factor: float) -> None:
    low, high = map(math.log, distribution.support)
    new_low, new_high = map(math.log, distribution.scaled(factor).support)
    assert math.isclose(new_high - new_low, (high - low) * factor, abs_tol=1e-6)
    assert math.isclose(new_low + new_high, low + high, abs_tol=1e-6)


@given(integers, st.floats(0.1, 5))
def test_scaled_integers_stay_whole(distribution: Integer, factor: float) -> None:
    scaled = distribution.scaled(factor)
    assert all(isinstance(end, int) for end in scaled.support)
    assert isinstance(scaled.sample(generator()), int)


@given(st.one_of(uniforms, normals, log_uniforms), positive)
def test_with_support(distribution: Range, pair: list[float]) -> None:
    moved = distribution.with_support(*pair)
    assert moved.support == tuple(pair)
    assert all(moved.contains(value) for value in drawn(moved, 5))


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_a_factor_that_is_not_positive(factor: float) -> None:
    for distribution in (Uniform(0, 1), LogUniform(1, 2), Integer(0, 3)):
        with pytest.raises(ValueError, match="not positive"):
            distribution.scaled(factor)


@pytest.mark.parametrize(
    ("mean", "std", "low", "high"),
    [(0, 1, -2, 2), (5, 2, 5, 20), (0, 1, 1.5, 9), (-3, 0.5, -10, -3.5), (0, 10, -1, 1),
     (0, 1, 4, 6), (0, 1, -6, -4)],
)  # fmt: skip
def test_normal_is_truncnorm(mean: float, std: float, low: float, high: float) -> None:
    sample = drawn(Normal(mean, std, low, high), 4000)
    truth = stats.truncnorm((low - mean) / std, (high - mean) / std, loc=mean, scale=std)
    assert stats.kstest(sample, truth.cdf).pvalue > 1e-3


def test_normal_far_in_the_upper_tail() -> None:
    sample = drawn(Normal(0, 1, 9, 12), 500)
    assert stats.kstest(sample, stats.truncnorm(9, 12).cdf).pvalue > 1e-3


def test_uniform_and_log_uniform_by_ks() -> None:
    assert stats.kstest(drawn(Uniform(-3, 5), 4000), stats.uniform(-3, 8).cdf).pvalue > 1e-3
    sample = drawn(LogUniform(0.01, 10), 4000)
    assert stats.kstest(sample, stats.loguniform(0.01, 10).cdf).pvalue > 1e-3


def test_integer_is_even_over_both_ends() -> None:
    _, counts = np.unique(drawn(Integer(-2, 3), 6000), return_counts=True)
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("weights", [None, (1, 2, 5), (0.1, 0.0, 0.3)])
def test_choice_weights(weights: tuple[float, ...] | None) -> None:
    choice = Choice(("a", "b", "c"), weights)
    sample = drawn(choice, 6000)
    share = np.array(weights or (1, 1, 1), dtype=float)
    share /= share.sum()
    counts = np.array([sample.count(value) for value in choice.values])
    assert (counts[share == 0] == 0).all()
    expected = share[share > 0] * 6000
    assert stats.chisquare(counts[share > 0], expected).pvalue > 1e-3


def test_zero_weight_at_the_end_is_never_drawn() -> None:
    """Also for a draw next to 1, where rounding of the cumulated weights shows."""

    class Last:
        def random(self) -> float:
            return np.nextafter(1.0, 0.0)

    for count in range(2, 40):
        choice = Choice((*range(count), "never"), (*[0.1] * count, 0.0))
        assert choice.sample(Last()) != "never"  # type: ignore[arg-type]


def test_a_constant_draws_nothing() -> None:
    rng = generator()
    Constant(3).sample(rng)
    assert rng.random() == generator().random()


@given(st.floats(), st.floats())
def test_ranges_are_refused_or_valid(low: float, high: float) -> None:
    assume(not (math.isfinite(low) and math.isfinite(high) and low <= high))
    for kind in (Uniform, LogUniform, Integer):
        with pytest.raises(ConfigError):
            kind(low, high)
    with pytest.raises(ConfigError):
        Normal(0.0, 1.0, low, high)
