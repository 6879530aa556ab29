"""The gap of painted sets: near ones are near, changed ones are farther, copies are named."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from evaluate.painted import Picture, changed, examples_of, painted
from simkit.errors import ConfigError
from simkit.evaluate.gap import FORMULAS, Gap, Seen, gap_between, look, measure_gap
from simkit.evaluate.gap_parts import Crops, background_crops, probe_loss
from simkit.features import Extractor, open_features

N = 40


@pytest.fixture(scope="module")
def pixels() -> Extractor:
    return open_features("pixels?size=8")


def seen(pictures: list[Picture], pixels: Extractor, seed: int = 0) -> Seen:
    return look(examples_of(pictures), [pixels], rng=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def real(pixels: Extractor) -> Seen:
    return seen(painted(np.random.default_rng(0), N), pixels)


def gap(real: Seen, pictures: list[Picture], pixels: Extractor) -> Gap:
    made = seen(pictures, pixels)
    return gap_between(real, made, rng=np.random.default_rng(1), name="made", measures=())


def test_a_set_of_the_same_kind_is_nearest(real: Seen, pixels: Extractor) -> None:
    same = painted(np.random.default_rng(5), N)
    near = gap(real, same, pixels)
    assert 0 <= near.score < 0.5
    assert abs(near.score - near.floor) < 0.2
    assert not any(one.matters for one in near.findings)
    flat = changed(same, lambda image: 100 + 0.2 * image)
    for worse in (flat, painted(np.random.default_rng(5), N, size=2.2)):
        assert gap(real, worse, pixels).score > near.score + 0.1
    assert gap(real, flat, pixels).parts["class crops"] > near.parts["class crops"] + 0.1


def test_every_part_is_finite_and_scores_lie_in_0_to_1(real: Seen, pixels: Extractor) -> None:
    noise = changed(painted(np.random.default_rng(6), N), lambda image: 255 - image)
    parts = gap(real, noise, pixels).parts
    assert all(np.isfinite(value) and value >= 0 for value in parts.values())
    for name, formula in FORMULAS.items():
        assert 0 <= formula(parts) <= 1, name
        assert formula(dict.fromkeys(parts, 0.0)) == 0, name


def test_measures_carry_features_and_floors(real: Seen, pixels: Extractor) -> None:
    found = gap_between(
        real,
        seen(painted(np.random.default_rng(7), N), pixels),
        rng=np.random.default_rng(1),
        measures=("FD", "KID"),
    )
    names = [one.name for one in found.measures]
    assert {"FD-Pixels@8", "KID-Pixels@8", "FD-Crops-Pixels@8"} <= set(names)
    assert all(one.floor is not None for one in found.measures)


def test_copies_come_first_among_the_pairs(real: Seen, pixels: Extractor) -> None:
    fresh = painted(np.random.default_rng(8), N)
    copied = Picture(real.examples[3].image, [])
    found = gap(real, [*fresh[:10], copied, *fresh[11:]], pixels)
    first = found.pairs[0]
    assert (first.synthetic, first.real, first.kind) == (10, 3, "exact")
    assert first.distance == pytest.approx(0, abs=1e-6)


def test_places_are_those_of_the_given_examples(pixels: Extractor) -> None:
    pictures = painted(np.random.default_rng(9), 60)
    some = look(examples_of(pictures), [pixels], rng=np.random.default_rng(2), limit=30)
    assert len(some.places) == len(some.examples) == 30
    for own, given in zip(range(30), some.places.tolist(), strict=True):
        np.testing.assert_array_equal(some.examples[own].image, pictures[given].image)


def test_a_gap_is_the_same_again_and_takes_formulas_of_ones_own(pixels: Extractor) -> None:
    sides = [examples_of(painted(np.random.default_rng(seed), 24)) for seed in (10, 11)]
    a = measure_gap(*sides, [pixels], rng=np.random.default_rng(3))
    b = measure_gap(
        *sides, [pixels], rng=np.random.default_rng(3), formula=lambda parts: parts["labels"]
    )
    assert (a.parts, a.measures, a.findings) == (b.parts, b.measures, b.findings)
    assert b.score == b.parts["labels"]


def test_wrong_calls_are_named(pixels: Extractor) -> None:
    sides = [examples_of(painted(np.random.default_rng(seed), 24)) for seed in (10, 11)]
    with pytest.raises(ConfigError, match="did you mean 'product'"):
        measure_gap(*sides, [pixels], rng=np.random.default_rng(0), formula="produkt")
    with pytest.raises(ConfigError, match="no extractor"):
        measure_gap(*sides, [], rng=np.random.default_rng(0))


def test_the_probe_loses_nothing_on_its_like_and_all_where_classes_are_swapped() -> None:
    rng = np.random.default_rng(12)

    def crops(swapped: bool) -> Crops:
        labels = np.repeat([0, 1], 60)
        centres = np.eye(3)[1 - labels if swapped else labels]
        objects = centres * 4 + rng.normal(size=(120, 3))
        nothing = np.eye(3)[np.full(60, 2)] * 4 + rng.normal(size=(60, 3))
        images = np.concatenate([np.arange(120), np.arange(60)])
        return Crops(objects.astype(np.float32), labels, nothing.astype(np.float32), images)

    real = crops(False)
    assert probe_loss(real, crops(False)) < 0.05
    assert probe_loss(real, crops(True)) == pytest.approx(2 / 3, abs=0.05)


def test_background_crops_hold_no_object() -> None:
    image = np.zeros((90, 120, 3), np.uint8)
    cv2.rectangle(image, (10, 20), (49, 59), (255, 255, 255), -1)
    example = examples_of([Picture(image, [(1, (10.0, 20.0, 40.0, 40.0), 1.0)])])[0]
    found = [
        crop
        for seed in range(10)
        for crop in background_crops(example, np.random.default_rng(seed))
    ]
    assert len(found) >= 8
    assert all(crop.shape == (40, 40, 3) and not crop.any() for crop in found)
    whole = examples_of([Picture(image, [(1, (0.0, 0.0, 120.0, 90.0), 1.0)])])[0]
    assert background_crops(whole, np.random.default_rng(0)) == []
