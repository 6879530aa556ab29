"""Planted gaps are found and named; what is no gap is not found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluate.painted import WIDTH, Picture, changed, examples_of, painted
from simkit.evaluate.findings import LEVEL, compare_observations, find_gaps
from simkit.evaluate.observing import STATISTICS, Observations, observe
from simkit.evaluate.result import Finding
from simkit.exchange import import_
from simkit.tasks.examples import open_examples

N = 48


@pytest.fixture(scope="module")
def originals() -> list[Picture]:
    return painted(np.random.default_rng(0), N)


@pytest.fixture(scope="module")
def other() -> list[Picture]:
    return painted(np.random.default_rng(1), N)


def found(real: list[Picture], synthetic: list[Picture]) -> list[Finding]:
    return find_gaps(
        examples_of(real), examples_of(synthetic), name="planted", rng=np.random.default_rng(2)
    )[0]


def blurred(pictures: list[Picture]) -> list[Picture]:
    return changed(pictures, lambda image: cv2.GaussianBlur(image, (0, 0), 2.0))


def noisy(pictures: list[Picture]) -> list[Picture]:
    rng = np.random.default_rng(3)
    return changed(pictures, lambda image: image + rng.normal(0, 9, image.shape))


def warm(pictures: list[Picture]) -> list[Picture]:
    return changed(pictures, lambda image: image * np.array([1.25, 1.0, 0.7]))


def dark(pictures: list[Picture]) -> list[Picture]:
    return changed(pictures, lambda image: image * 0.45)


def large(pictures: list[Picture]) -> list[Picture]:
    return painted(np.random.default_rng(1), len(pictures), size=2.0)


def lacking(pictures: list[Picture]) -> list[Picture]:
    return [
        replace(one, objects=[(max(c, 2), b, v) for c, b, v in one.objects]) for one in pictures
    ]


def unbalanced(pictures: list[Picture]) -> list[Picture]:
    return [
        replace(one, objects=[(1 if place % 4 else c, b, v) for c, b, v in one.objects])
        for place, one in enumerate(pictures)
    ]


def occluded(pictures: list[Picture]) -> list[Picture]:
    return [replace(one, objects=[(c, b, v * 0.5) for c, b, v in one.objects]) for one in pictures]


PLANTED: dict[str, Callable[[list[Picture]], list[Picture]]] = {
    "blur": blurred,
    "noise": noisy,
    "colour": warm,
    "exposure": dark,
    "object_size": large,
    "missing_class": lacking,
    "class_balance": unbalanced,
    "occlusion": occluded,
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_gap_is_found_and_named(
    kind: str, originals: list[Picture], other: list[Picture]
) -> None:
    first = found(originals, PLANTED[kind](other))[0]
    assert (first.kind, first.matters) == (kind, True), first


def test_copies_of_real_images_are_found(originals: list[Picture], other: list[Picture]) -> None:
    copies = changed(originals[: N // 2], lambda image: image[:, ::-1] * 0.9 + 5)
    first = found(originals, [*copies, *other[: N // 2]])[0]
    assert (first.kind, first.matters) == ("copies", True)
    assert first.synthetic == pytest.approx(0.5)
    assert "50% of the synthetic images are near-copies of real ones" in first.text


def test_repeated_images_are_found(originals: list[Picture], other: list[Picture]) -> None:
    first = found(originals, [*other[:10]] * 6)[0]
    assert (first.kind, first.synthetic) == ("repeats", 1.0)


def test_findings_say_which_way(originals: list[Picture], other: list[Picture]) -> None:
    one = found(originals, warm(other))[0]
    assert "warmer (redder)" in one.text
    assert "white_balance" in one.text
    assert one.synthetic > one.real + 1
    assert "darker" in found(originals, dark(other))[0].text


def test_resolution_alone_is_a_finding_of_its_own(originals: list[Picture]) -> None:
    rng = np.random.default_rng(1)
    larger = [
        Picture(
            one.image.repeat(4, axis=0).repeat(4, axis=1),
            [(c, tuple(4 * side for side in box), v) for c, box, v in one.objects],  # type: ignore[misc]
        )
        for one in painted(rng, N)
    ]
    seen = [observe(examples_of(one), side=WIDTH) for one in (originals, larger)]
    kinds = [one.kind for one in _compared(*seen) if one.matters]
    assert kinds == ["resolution"]  # the same pictures at the size at which they are compared


def test_real_against_real_raises_no_alarm_in_95_percent_of_runs() -> None:
    seen = observe(examples_of(painted(np.random.default_rng(4), 80)))
    # A true rate of 5 % exceeds 5 of 40 in 1.4 % of all seeds; these seeds are fixed.
    assert _alarms(seen, runs=40) <= 5


@pytest.mark.slow
def test_real_photos_against_themselves_raise_no_alarm(real: Path, tmp_path: Path) -> None:
    import_(real / "cards" / "annotations.json", tmp_path / "cards", "coco")
    seen = observe(open_examples(tmp_path / "cards"), side=128)
    assert _alarms(seen, runs=100) <= 10


def test_nothing_is_known_of_visibility_where_it_is_not_stored(
    originals: list[Picture], other: list[Picture]
) -> None:
    bare = [replace(one, objects=[(c, b, np.nan) for c, b, _ in one.objects]) for one in originals]
    findings = found(bare, other)
    assert not any("visible" in one.text for one in findings)
    assert not any(one.significant for one in findings)


def test_distributions_hold_all_statistics(originals: list[Picture], other: list[Picture]) -> None:
    _, distributions = find_gaps(
        examples_of(originals), examples_of(other), name="other", rng=np.random.default_rng(0)
    )
    assert [one.statistic for one in distributions] == list(STATISTICS)
    assert {one.of for one in distributions} == {"image", "label"}
    sizes = next(one for one in distributions if one.statistic == "count")
    assert (len(sizes.real), len(sizes.synthetic)) == (N, N)


def _compared(real: Observations, synthetic: Observations, seed: int = 0) -> list[Finding]:
    rng = np.random.default_rng(seed)
    return compare_observations(real, synthetic, name="x", rng=rng)


def _alarms(seen: Observations, runs: int) -> int:
    """Return in how many of `runs` random halvings anything is called a difference."""
    alarms = 0
    for seed in range(runs):
        rows = np.random.default_rng(seed).permutation(len(seen))
        halves = seen.subset(rows[: len(rows) // 2]), seen.subset(rows[len(rows) // 2 :])
        findings = compare_observations(
            *halves, name="half", rng=np.random.default_rng(seed), permutations=999
        )
        alarms += any(one.p <= LEVEL for one in findings)
    return alarms
