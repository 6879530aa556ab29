"""Estimates: equal N, intervals that cover, floors, verdicts of the null case, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, t

from metrics.drawn import correlated
from simkit.errors import MetricError, SimkitError
from simkit.metrics import (
    MEASURES,
    compare_features,
    compare_probabilities,
    frechet_distance,
    inception_score,
    jackknife_interval,
    kid,
    mmd,
    precision_recall,
    sliced_wasserstein,
    vendi_score,
    wilson_interval,
)
from simkit.metrics.intervals import plan_of
from simkit.randomness import stream


def images(rng: np.random.Generator, n: int, d: int, scale: float = 1.0) -> np.ndarray:
    """Positive features with a falling spectrum, as networks give them."""
    return np.abs(rng.standard_normal((n, d))) * scale * np.arange(1, d + 1) ** -0.5


def test_all_measures() -> None:
    """Names, equal N, floors between real images, and what moves where."""
    rng = np.random.default_rng(0)
    real, good, poor = images(rng, 90, 30), images(rng, 70, 30), images(rng, 70, 30, 1.5)
    found = [
        {
            one.name: one
            for one in compare_features(real, made, title="Test", rng=stream(0, 0, "compare"))
        }
        for made in (good, poor)
    ]
    assert list(found[0]) == [f"{name}-Test" for name in MEASURES]
    for name, one in found[0].items():
        worse = found[1][name]
        assert one.n == worse.n == 45
        assert one.low is not None
        assert one.low <= one.value <= one.high
        assert one.floor_low <= one.floor <= one.floor_high
        assert "half of the 90 real images" in one.note
        assert (worse.floor, worse.floor_low) == pytest.approx((one.floor, one.floor_low)), name
        if name in ("FD-Test", "KID-Test", "MMD-Test", "C2ST-Test", "PAD-Test", "SW-Test"):
            assert not one.higher_is_better
            assert worse.value > one.value
            assert worse.value > worse.floor_high
        if name in ("precision-Test", "density-Test", "coverage-Test"):
            assert one.higher_is_better
            assert worse.value < worse.floor_low
    assert "Permutation p = 0.001" in found[1]["C2ST-Test"].note
    assert "(70 images a side)" in found[1]["C2ST-Test"].note


def test_values_are_those_of_the_plain_functions() -> None:
    """With as many synthetic images as half of the real ones both draws are known sets."""
    rng = np.random.default_rng(0)
    real, made = images(rng, 40, 60), images(rng, 20, 60, 1.1)
    seen = {
        one.name[:-2]: one.value
        for one in compare_features(real, made, title="T", rng=stream(0, 0, "plain"))
    }
    order, _, axes, _ = stream(0, 0, "plain").spawn(4)
    shuffled = real[order.permutation(40)]
    halves = shuffled[:20], shuffled[20:]
    balls = [precision_recall(half, made) for half in halves]

    def mean(measure: Callable[[np.ndarray], float]) -> float:
        return float(np.mean([measure(half) for half in halves]))

    assert seen["FD"] == pytest.approx(mean(lambda half: frechet_distance(half, made)))
    assert seen["KID"] == pytest.approx(mean(lambda half: kid(half, made)))
    assert seen["density"] == pytest.approx(np.mean([one.density for one in balls]))
    assert seen["recall"] == pytest.approx(np.mean([one.recall for one in balls]))
    assert seen["Vendi"] == pytest.approx(vendi_score(made))
    state = axes.bit_generator.state

    def sliced(half: np.ndarray) -> float:
        axes.bit_generator.state = state
        return sliced_wasserstein(half, made, rng=axes)

    assert seen["SW"] == pytest.approx(mean(sliced))


def test_the_same_stream_gives_the_same_and_measures_do_not_shift_each_other() -> None:
    rng = np.random.default_rng(0)
    real, made = images(rng, 50, 10), images(rng, 40, 10)

    def found(**options: Any) -> dict[str, Any]:
        rng = stream(0, 0, "again")
        return {
            one.name: one for one in compare_features(real, made, title="T", rng=rng, **options)
        }

    everything = found()
    assert found() == everything
    for name in ("KID", "recall", "C2ST"):
        assert found(measures=(name,)) == {f"{name}-T": everything[f"{name}-T"]}
    assert found(most=20)["FD-T"].n == 20
    assert "20 at most" in found(most=20)["FD-T"].note


QUICK = ("FD", "KID", "MMD", "precision", "recall", "density", "coverage", "Vendi", "SW", "C2ST")


@pytest.mark.parametrize("scale", [1.0, 1.2], ids=["null", "gap"])
def test_intervals_cover(scale: float) -> None:
    """They hold the measure's expectation at this N in 95 % of the runs, or more (N < d)."""
    repeats, n, d = 60, 30, 60
    runs = []
    for number in range(repeats):
        rng = stream(0, number, "coverage")
        real, made = images(rng, 2 * n, d), images(rng, n, d, scale)
        runs.append(
            compare_features(
                real, made, title="T", rng=rng, measures=QUICK, floors=2, permutations=0
            )
        )
    for place, name in enumerate(QUICK):
        own = [run[place] for run in runs]
        expected = np.mean([one.value for one in own])
        inside = sum(one.low <= expected <= one.high for one in own)
        assert binomtest(inside, repeats, 0.95, alternative="less").pvalue > 0.002, (name, inside)
        width = np.mean([one.high - one.low for one in own])
        spread = np.std([one.value for one in own])
        assert width < 12 * spread + 0.3, (name, "so wide that it says nothing")


def test_a_plain_bootstrap_would_not_cover() -> None:
    """Why there is none: drawn with repetition, at N < d no resample is as near as the sets are."""
    rng = np.random.default_rng(0)
    x, y = images(rng, 30, 60), images(rng, 30, 60)
    drawn = [
        frechet_distance(x[rng.integers(0, 30, 30)], y[rng.integers(0, 30, 30)]) for _ in range(100)
    ]
    assert min(drawn) > frechet_distance(x, y)


def test_floors_hold_the_null_case() -> None:
    """Real against real: beyond 95 % of the floors on the bad side in few runs."""
    repeats, beyond = 60, dict.fromkeys(("KID", "coverage", "FD"), 0)
    for number in range(repeats):
        rng = stream(1, number, "floors")
        estimates = compare_features(
            images(rng, 60, 40),
            images(rng, 30, 40),
            title="T",
            rng=rng,
            measures=tuple(beyond),
        )
        for one in estimates:
            bad = one.value < one.floor_low if one.higher_is_better else one.value > one.floor_high
            beyond[one.name[:-2]] += bad
    assert max(beyond.values()) <= 0.15 * repeats


def test_inception_scores() -> None:
    rng = np.random.default_rng(0)
    real = rng.dirichlet(np.full(5, 0.2), 200)
    certain = np.eye(5)[rng.integers(0, 5, 150)]
    (found,) = compare_probabilities(real, certain, title="Net", rng=stream(0, 0, "scores"))
    assert (found.name, found.n) == ("IS-Net", 100)
    assert found.value == pytest.approx(5, abs=0.2)
    assert found.floor == pytest.approx(inception_score(real), abs=0.15)
    assert found.low < found.value < found.high


@given(st.integers(20, 5000), st.integers(10, 3000), st.integers(10, 2000))
def test_plans(real: int, synthetic: int, most: int) -> None:
    """N is as large as may be, and a multiple of the number of groups; draws hold equal groups."""
    plan = plan_of(real, synthetic, most)
    limit = min(real // 2, synthetic, most)
    assert limit - 10 < plan.n <= limit
    assert 10 <= plan.groups <= 20
    assert plan.synthetic <= synthetic
    (first_x, first_y), (second_x, second_y) = plan.draws()
    assert not set(first_x.tolist()) & set(second_x.tolist())
    assert second_x.max() < real
    assert second_y.max() < synthetic
    for rows in (first_x, second_x, first_y, second_y):
        assert set(np.bincount(rows % plan.groups)) == {plan.n // plan.groups}


def test_jackknife_of_a_mean_is_the_t_interval() -> None:
    sample = np.random.default_rng(0).standard_normal(20)
    replicates = np.array([np.delete(sample, i).mean() for i in range(20)])
    low, high = jackknife_interval(float(sample.mean()), replicates)
    reach = t.ppf(0.975, 19) * sample.std(ddof=1) / np.sqrt(20)
    assert (low, high) == pytest.approx((sample.mean() - reach, sample.mean() + reach))
    with pytest.raises(MetricError, match="replicates: 1"):
        jackknife_interval(0.0, np.zeros(1))


@given(st.integers(0, 30), st.integers(1, 30))
def test_wilson(hits: int, n: int) -> None:
    hits = min(hits, n)
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson_interval(hits / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


BAD = [
    (lambda x: np.where(np.arange(len(x))[:, None] == 3, np.nan, x), "row 3 is not finite"),
    (lambda x: np.full_like(x, np.inf), r"row 0 is not finite \(30 of 30 rows\)"),
    (lambda x: x[:, 0], r"has shape \(30,\); give features \(N, d\)"),
    (lambda x: x[:, :0], r"has shape \(30, 0\)"),
    (lambda x: x[:1], "has 1 rows; at least"),
    (lambda x: x[:, :3], "has 3 dimensions, real has 4"),
    (lambda x: [["a"]], "is no array of numbers"),
]
PAIRED = [
    frechet_distance,
    kid,
    mmd,
    precision_recall,
    lambda x, y: sliced_wasserstein(x, y, rng=stream(0, 0, "bad")),
    lambda x, y: compare_features(x, y, title="T", rng=stream(0, 0, "bad")),
]


@pytest.mark.parametrize(("spoil", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_features_are_named(spoil: Callable[[np.ndarray], Any], message: str) -> None:
    good = correlated(30, 4, 1)
    for measure in PAIRED:
        with pytest.raises(MetricError, match=f"synthetic: {message}") as caught:
            measure(good, spoil(good))
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value, SimkitError)


def test_bad_options_are_named() -> None:
    x, rng = correlated(40, 4, 1), stream(0, 0, "bad")
    with pytest.raises(MetricError, match=r"measures: there is no 'FID'.*Allowed are: C2ST"):
        compare_features(x, x, title="T", rng=rng, measures=("FID",))
    with pytest.raises(MetricError, match="k: 19 neighbours are too many for 20 images a side"):
        compare_features(x, x, title="T", rng=rng, k=19)
    with pytest.raises(MetricError, match="19 real and 40 synthetic are too few; give 20 and 10"):
        compare_features(x[:19], x, title="T", rng=rng)
    with pytest.raises(MetricError, match="row 2 is zero and has no direction"):
        vendi_score(np.array([[1.0, 0], [0, 1], [0, 0]]))
