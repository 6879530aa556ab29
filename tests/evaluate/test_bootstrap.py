"""Intervals hold the truth as often as they say; tests of no difference are as rare as they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from simkit.errors import ConfigError
from simkit.evaluate.bootstrap import (
    Resampled,
    difference_interval,
    resampled,
    resamples,
    score_interval,
    seed_variance,
)

N, DRAWS, RUNS = 80, 200, 400
PLACES = np.array(resamples(N, DRAWS))


@dataclass(frozen=True)
class Mean:
    """A score that is the mean of a figure of each image."""

    each: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.each)

    def scores(self, images: NDArray[np.int64] | None = None) -> dict[str, float]:
        return {"m": float((self.each if images is None else self.each[images]).mean())}


def sample(
    rng: np.random.Generator, images: NDArray[np.float64], truth: float, of_seed: float, seeds: int
) -> Resampled:
    """Scores of `seeds` models on images of given difficulty."""
    shifts = rng.normal(0, of_seed, seeds)
    each = truth + images + shifts[:, None] + rng.normal(0, 0.3, (seeds, len(images)))
    under = np.stack([one[PLACES].mean(axis=1) for one in each])
    return Resampled(("m",), each.mean(axis=1)[:, None], under[..., None])


@pytest.mark.parametrize(("of_seed", "seeds"), [(0.0, 3), (0.1, 3), (0.5, 3), (0.1, 2), (0.2, 5)])
def test_intervals_hold_the_truth_whatever_varies_most(of_seed: float, seeds: int) -> None:
    rng = np.random.default_rng(int(of_seed * 100) + seeds)
    held = 0
    for _ in range(RUNS):
        images = rng.normal(0, 1, N)
        one = score_interval(sample(rng, images, 5.0, of_seed, seeds), "m")
        held += one.low <= 5.0 <= one.high
    # 95 %, less what a percentile interval of 80 images loses; 3 standard errors are 3.3 %.
    assert held / RUNS >= 0.915


def test_intervals_are_not_needlessly_wide() -> None:
    rng = np.random.default_rng(3)
    images = rng.normal(0, 1, N)
    one = score_interval(sample(rng, images, 5.0, 0.0, 5), "m")
    assert one.high - one.low < 1.3 * 2 * 1.96 * images.std() / np.sqrt(N)


@pytest.mark.parametrize("of_seed", [0.0, 0.3])
def test_no_difference_is_called_one_in_at_most_five_percent(of_seed: float) -> None:
    rng = np.random.default_rng(7)
    found = 0
    for _ in range(RUNS):
        images = rng.normal(0, 1, N)
        pair = [sample(rng, images, 5.0, of_seed, 3) for _ in range(2)]
        one = difference_interval(*pair, "m")
        found += one.p < 0.05
        assert (one.p < 0.05) == (not one.low <= 0 <= one.high)
    assert found / RUNS <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / RUNS)


def test_a_planted_difference_is_found_though_images_differ_much_more() -> None:
    rng = np.random.default_rng(1)
    images = rng.normal(0, 3, N)
    better, worse = (sample(rng, images, truth, 0.01, 3) for truth in (5.4, 5.0))
    one = difference_interval(better, worse, "m")
    assert one.p < 0.01
    assert one.low <= 0.4 <= one.high
    assert score_interval(better, "m").low < score_interval(worse, "m").high
    other = difference_interval(worse, better, "m")
    assert other.value == -one.value
    assert other.p == pytest.approx(one.p)


def test_scores_are_taken_of_each_draw() -> None:
    rng = np.random.default_rng(2)
    each = rng.normal(0, 1, (2, N))
    one = resampled([Mean(row) for row in each], list(PLACES))
    assert np.array_equal(one.draws[1, :, 0], each[1][PLACES].mean(axis=1))
    assert np.array_equal(one.values[:, 0], each.mean(axis=1))


def test_one_seed_leaves_the_images_alone() -> None:
    rng = np.random.default_rng(1)
    one = sample(rng, rng.normal(0, 1, N), 5.0, 1.0, 1)
    interval = score_interval(one, "m")
    low, high = np.quantile(one.draws[0, :, 0], (0.025, 0.975))
    assert (interval.low, interval.high) == (low, high)
    assert difference_interval(one, one, "m").p == 1.0


def test_draws_take_whole_groups() -> None:
    groups = [0, 0, 1, 1, 1, 2]
    for draw in resamples(6, 50, 0, groups):
        counts = np.bincount(draw, minlength=6)
        assert counts[0] == counts[1]
        assert counts[2] == counts[3] == counts[4]
        assert counts[0] + counts[2] + counts[5] == 3
    with pytest.raises(ConfigError, match="one group"):
        resamples(3, 5, 0, ["a", "a", "a"])


def test_grouped_images_have_wider_intervals() -> None:
    rng = np.random.default_rng(0)
    bursts = np.repeat(rng.normal(0, 1, 20), 10)
    groups = np.repeat(np.arange(20), 10).tolist()
    widths = [
        score_interval(resampled([Mean(5 + bursts)], resamples(200, 300, 0, one)), "m")
        for one in (None, groups)
    ]
    ratio = (widths[1].high - widths[1].low) / (widths[0].high - widths[0].low)
    assert ratio == pytest.approx(np.sqrt(10), rel=0.25)


def test_a_class_that_a_draw_lacks_is_left_out_of_it() -> None:
    draws = np.array([[[0.5], [np.nan], [0.7]]])
    one = score_interval(Resampled(("m",), np.array([[0.6]]), draws), "m")
    assert 0.5 <= one.low <= one.high <= 0.7


def test_seed_variance_is_pooled() -> None:
    pooled = seed_variance([np.array([0.0, 2.0]), np.array([5.0, 5.0, 8.0]), np.array([1.0])])
    assert pooled.freedom == 3
    assert pooled.variance == pytest.approx((2 + 6) / 3)
