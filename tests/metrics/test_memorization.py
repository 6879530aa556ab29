"""Copies are named, honest sets are left alone, and the test against a held-out split has its level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.drawn import correlated
from simkit.errors import MetricError
from simkit.metrics import holds_copies, memorization, nearest_pairs
from simkit.randomness import stream


@given(st.integers(0, 999), st.integers(0, 5), st.integers(0, 5))
@settings(max_examples=20)
def test_copies_are_named(seed: int, exact: int, near: int) -> None:
    """Exact ones by their distance, altered ones by their ratio; each with what it is a copy of."""
    real, made = correlated(60, 40, seed, 0.2), correlated(50, 40, seed + 1000, 0.2)
    made[:exact] = real[10 : 10 + exact]
    noise = np.random.default_rng(seed).standard_normal((near, 40))
    made[exact : exact + near] = real[30 : 30 + near] + 0.02 * noise
    pairs = nearest_pairs(made, real)
    assert sorted(pair.synthetic for pair in pairs) == list(range(50))
    assert [pair.ratio for pair in pairs] == sorted(pair.ratio for pair in pairs)
    named = {(pair.synthetic, pair.real, pair.kind) for pair in pairs if pair.kind}
    assert named == {(i, 10 + i, "exact") for i in range(exact)} | {
        (exact + i, 30 + i, "near") for i in range(near)
    }
    assert all(pair.distance == 0 for pair in pairs[:exact])
    if exact:
        assert holds_copies(pairs)
    assert {pair.rank for pair in pairs if pair.kind} <= {0.0}


@pytest.mark.parametrize("d", [2, 5, 100])
def test_honest_sets_are_left_alone(d: int) -> None:
    """In few dimensions something is near by chance; that is 1 % of the images at most."""
    named, accused = 0, 0
    for seed in range(40):
        pairs = nearest_pairs(correlated(200, d, seed), correlated(150, d, seed + 500))
        named += sum(pair.kind != "" for pair in pairs)
        accused += holds_copies(pairs)
    assert named / (40 * 200) < 0.01
    assert accused <= 2


def test_bursts_make_no_copies() -> None:
    """A real set in which every image comes twice, almost: fresh images are not near to it for that."""
    base = correlated(60, 20, 1)
    burst = np.concatenate([base, base + 1e-3 * correlated(60, 20, 2)])
    assert not holds_copies(nearest_pairs(correlated(80, 20, 3), burst))
    assert holds_copies(nearest_pairs(np.concatenate([base[:3], correlated(80, 20, 3)]), burst))


def test_many_altered_copies_are_noticed_among_near_duplicates() -> None:
    """Real images that come in similar pairs: copies altered as much as those differ are too many."""
    scenes = correlated(60, 40, 1, 0.2)
    pairs_of_photos = np.concatenate([scenes + 0.2 * correlated(60, 40, i, 0.2) for i in (2, 3)])
    others = correlated(60, 40, 4, 0.2).repeat(2, axis=0) + correlated(120, 40, 5, 0.2)
    real = np.concatenate([pairs_of_photos[:12], others])
    altered = others[:25] + 0.4 * correlated(25, 40, 6, 0.2)
    fresh = correlated(100, 40, 7, 0.2)
    assert not holds_copies(nearest_pairs(fresh, real))
    assert holds_copies(nearest_pairs(np.concatenate([altered, fresh]), real))


def test_against_a_held_out_split() -> None:
    training, held_out = correlated(80, 10, 1), correlated(80, 10, 2)
    rng = np.random.default_rng(0)
    honest = memorization(correlated(90, 10, 3), training, held_out, rng=rng)
    assert honest.p > 0.05
    assert honest.nearer == pytest.approx(0.5, abs=0.2)
    assert honest.ratio == pytest.approx(1, abs=0.1)
    assert not honest.copied
    assert len(honest.pairs) == 20
    learnt = training[:60] + 0.3 * correlated(60, 10, 4)
    found = memorization(learnt, training, held_out, rng=rng)
    assert found.p == 0.001
    assert found.ratio < 0.7
    assert found.nearer > 0.8
    copied = memorization(training[:5], training, held_out, rng=rng)
    assert copied.copied
    assert [(pair.synthetic, pair.real) for pair in copied.copies] == [(i, i) for i in range(5)]
    assert copied.ratio < 1e-3


def test_the_level_of_the_test() -> None:
    """Synthetic images that crowd about two real ones: a binomial test would cry wolf."""
    p = []
    for number in range(200):
        rng = stream(0, number, "level")
        real = rng.standard_normal((40, 3))
        crowd = real[rng.integers(0, 40, 2)].repeat(30, axis=0) + 0.1 * rng.standard_normal((60, 3))
        order = rng.permutation(40)
        p.append(
            memorization(crowd, real[order[:20]], real[order[20:]], rng=rng, permutations=39).p
        )
    for alpha in (0.05, 0.1, 0.25):
        share = np.mean(np.array(p) <= alpha)
        assert share <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / 200), alpha


def test_what_is_refused() -> None:
    x, rng = correlated(10, 3, 1), np.random.default_rng(0)
    with pytest.raises(MetricError, match="held_out: has 2 rows"):
        memorization(x, x, x[:2], rng=rng)
    with pytest.raises(MetricError, match="permutations: 0"):
        memorization(x, x, x, rng=rng, permutations=0)
    with pytest.raises(MetricError, match="real: has 2 rows; at least 3"):
        nearest_pairs(x, x[:2])
