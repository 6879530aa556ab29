"""What is trained on and tested on: no real image is both, groups stay whole, nothing depends on luck."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.errors import ConfigError, DatasetError
from simkit.evaluate.folds import folds_of, groups_of
from simkit.evaluate.mixing import (
    CURRICULUM,
    FINE_TUNING,
    Mixture,
    joined,
    read_knots,
)
from simkit.evaluate.protocols import Settings, Trial, trials_of
from simkit.tasks.examples import Examples, open_examples

SETTINGS = Settings(seeds=2, folds=3)
BY_FOLDS = ("trtr", "tstr+10", "tstr+10:finetune", "mixing:0/0.5/1", "curriculum")


@pytest.fixture(scope="module")
def sets(squares: dict[str, str]) -> tuple[Examples, Examples]:
    real = open_examples(squares["real"])
    return open_examples(squares["good"], real.categories), real


def hashes(examples: Examples) -> set[str]:
    return set(examples.column("content_hash"))


@pytest.mark.parametrize("protocol", BY_FOLDS)
def test_no_real_image_is_trained_on_and_tested_by_one_model(
    sets: tuple[Examples, Examples], protocol: str
) -> None:
    synthetic, real = sets
    for trial in trials_of("s", synthetic, real, [protocol], SETTINGS):
        for parts in trial.parts:
            tested = np.sort(np.concatenate([places for _, places in parts]))
            assert tested.tolist() == list(range(len(real)))
            for training, places in parts:
                assert not hashes(training.examples) & hashes(training.tested)
                assert hashes(training.tested) == hashes(real.subset(places.tolist()))


def test_tstr_sees_synthetic_images_alone(sets: tuple[Examples, Examples]) -> None:
    synthetic, real = sets
    (trial,) = trials_of("s", synthetic, real, ["tstr"], SETTINGS)
    for training in trial.trainings:
        assert hashes(training.examples) == hashes(synthetic)
        assert training.target is None
    (adapted,) = trials_of("s", synthetic, real, ["tstr+adapt"], SETTINGS)
    assert adapted.trainings[0].target is real
    assert "labels" in adapted.note


def test_a_mix_keeps_its_number_and_its_share(sets: tuple[Examples, Examples]) -> None:
    synthetic, real = sets
    ours = hashes(synthetic)
    for trial in trials_of("s", synthetic, real, ["mixing:0/0.25/1"], SETTINGS):
        for training in trial.trainings:
            made = [one in ours for one in training.examples.column("content_hash")]
            assert len(made) == trial.trained_on == 40
            assert np.mean(made) == pytest.approx(trial.x, abs=0.5 / 40)
            assert len(set(training.examples.column("content_hash"))) == 40


def test_a_learning_curve_is_nested(sets: tuple[Examples, Examples]) -> None:
    synthetic, real = sets
    trials = trials_of("s", synthetic, real, ["learning:10/30/60"], SETTINGS)
    assert [trial.x for trial in trials] == [10, 30, 60]
    for seed in range(2):
        small, middle, whole = (hashes(one.parts[seed][0][0].examples) for one in trials)
        assert small < middle < whole
        assert len(small) == 10
    assert trials[0].parts[0][0][0].examples.column("index") != trials[0].parts[1][0][
        0
    ].examples.column("index")


def test_k_real_images_are_half_of_what_is_seen(sets: tuple[Examples, Examples]) -> None:
    synthetic, real = sets
    (trial,) = trials_of("s", synthetic, real, ["tstr+10"], SETTINGS)
    seen = trial.trainings[0].examples.column("content_hash")
    added = [one for one in seen if one not in hashes(synthetic)]
    assert len(set(added)) == 10
    assert len(added) == len(synthetic)
    assert len(joined(synthetic, real.subset([0]), 0.2)) == len(synthetic) + 15


def test_trts_tests_on_synthetic_images(sets: tuple[Examples, Examples]) -> None:
    synthetic, real = sets
    (trial,) = trials_of("s", synthetic, real, ["trts"], SETTINGS)
    assert hashes(trial.tested) == hashes(synthetic)
    assert hashes(trial.trainings[0].examples) == hashes(real)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("tstx", "did you mean 'tstr'"),
        ("tstr+0", "at least 1"),
        ("tstr+99", "needs 99 real images"),
        ("learning:999", "not possible"),
        ("learning:a", "write numbers"),
        ("mixing:0/2", "from 0 to 1"),
        ("curriculum:1=0/0=1", "does not rise"),
        ("curriculum:a", "write PROGRESS"),
    ],
)
def test_what_is_not_possible_is_said(
    sets: tuple[Examples, Examples], protocol: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        trials_of("s", *sets, [protocol], SETTINGS)


@given(st.integers(4, 60), st.integers(2, 4), st.integers(0, 5), st.integers(1, 7))
def test_folds_hold_each_image_once_and_tear_no_group(
    n: int, count: int, seed: int, size: int
) -> None:
    groups = [place // size for place in range(n)]
    if len(set(groups)) < count:
        with pytest.raises(ConfigError, match="groups of images"):
            folds_of(n, count, seed, groups)
        return
    folds = folds_of(n, count, seed, groups)
    assert np.sort(np.concatenate([tested for _, tested in folds])).tolist() == list(range(n))
    for trained, tested in folds:
        assert sorted([*trained, *tested]) == list(range(n))
        assert not {groups[one] for one in trained} & {groups[one] for one in tested}
    sizes = [len(tested) for _, tested in folds]
    assert max(sizes) - min(sizes) <= size
    again = folds_of(n, count, seed, groups)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(folds, again, strict=True))


def test_groups_are_columns_or_blocks(sets: tuple[Examples, Examples]) -> None:
    _, real = sets
    assert groups_of(real, "") is None
    assert groups_of(real, "scene_index") == list(range(60))
    assert groups_of(real, "blocks:25") == [0] * 25 + [1] * 25 + [2] * 10
    for wrong, said in (("blocks:x", "blocks:N"), ("scene", "column 'scene'")):
        with pytest.raises(ConfigError, match=said):
            groups_of(real, wrong)


def test_a_mixture_changes_its_shares(sets: tuple[Examples, Examples]) -> None:
    synthetic, real = sets
    few = real.subset([1, 2, 3])
    mixture = Mixture(synthetic, few, CURRICULUM)
    for progress in (0.0, 0.3, 1.0):
        weights = mixture.weights(progress)
        assert weights.sum() == pytest.approx(1)
        assert weights[: len(synthetic)].sum() == pytest.approx(1 - progress)
    tuned = Mixture(synthetic, few, FINE_TUNING)
    assert [tuned.share(one) for one in (0.0, 0.699, 0.7, 1.0)] == [1, 1, 0, 0]
    assert read_knots("0=1/0.5=0.2/1=0") == ((0, 1), (0.5, 0.2), (1, 0))
    with pytest.raises(DatasetError, match="one side has none"):
        Mixture(synthetic, real.subset([]), CURRICULUM)


def test_the_training_loop_draws_by_the_shares(sets: tuple[Examples, Examples]) -> None:
    from simkit.tasks.training import TrainingOptions, order, places_of

    synthetic, real = sets
    mixture = Mixture(synthetic, real.subset(range(5)), CURRICULUM)
    options = TrainingOptions(steps=10, batch=400)
    for step in (0, 5, 9):
        places = np.array(places_of(mixture, options, step, seed=3))
        assert np.mean(places < len(synthetic)) == pytest.approx(1 - step / 10, abs=0.1)
        assert places.tolist() == places_of(mixture, options, step, seed=3)
    assert places_of(synthetic, options, 2, 3) == order(len(synthetic), 400, 2, 3)


def test_trials_are_the_same_each_time(sets: tuple[Examples, Examples]) -> None:
    def drawn(trials: list[Trial]) -> list[list[int]]:
        return [one.examples.column("index") for trial in trials for one in trial.trainings]

    names = [*BY_FOLDS, "learning:20"]
    assert drawn(trials_of("s", *sets, names, SETTINGS)) == drawn(
        trials_of("s", *sets, names, SETTINGS)
    )
