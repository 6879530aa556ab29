"""Slices and shortcuts: what was planted is named, and nothing else is, as rarely as stated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles.colours import write_set

from simkit.evaluate.attributes import attributes_of, context_of
from simkit.evaluate.bootstrap import resamples
from simkit.evaluate.shortcuts import context_finding, label_from_context, param_test, shortcuts
from simkit.evaluate.slices import Slice, clusters, slice_scores, slices_of
from simkit.tasks.examples import open_examples

N = 120


@dataclass(frozen=True)
class Right:
    """Right or wrong, image by image."""

    right: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.right)

    def scores(self, images: NDArray[np.int64] | None = None) -> dict[str, float]:
        return {"m": float((self.right if images is None else self.right[images]).mean())}


def outcomes(rng: np.random.Generator, p: NDArray[np.float64], seeds: int = 3) -> list[Right]:
    return [Right(rng.random(len(p)) < p) for _ in range(seeds)]


HALVES = [
    Slice("blur", "sharp images", np.arange(0, N, 2)),
    Slice("blur", "blurred images", np.arange(1, N, 2)),
    Slice("objects", "few objects", np.arange(60)),
]


def test_the_slice_that_loses_is_found() -> None:
    rng = np.random.default_rng(0)
    synthetic = np.where(np.arange(N) % 2 == 1, 0.4, 0.9)
    found = slice_scores(
        HALVES, outcomes(rng, synthetic), outcomes(rng, np.full(N, 0.9)), resamples(N, 200), "m"
    )
    assert found[0].text == "blurred images"
    assert found[0].p < 0.01
    assert found[0].gap == pytest.approx(0.5, abs=0.15)
    assert found[0].more == pytest.approx(0.25, abs=0.1)
    assert found[0].gap_low <= found[0].gap <= found[0].gap_high
    assert {one.text: one.p < 0.05 for one in found}["few objects"] is False


def test_an_even_gap_is_no_finding() -> None:
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(40):
        found = slice_scores(
            HALVES,
            outcomes(rng, np.full(N, 0.6)),
            outcomes(rng, np.full(N, 0.9)),
            resamples(N, 100),
            "m",
        )
        wrong += any(one.p < 0.05 for one in found)
    assert wrong <= 6  # 2 expected; P(more than 6) < 0.4 %


def test_slices_are_of_what_is_seen(squares: dict[str, str]) -> None:
    real = open_examples(squares["real"])
    found = slices_of(real)
    kinds = {one.kind for one in found}
    assert {"brightness", "off_centre", "background"} <= kinds
    assert "visibility" not in kinds  # photos do not say
    assert "object_size" not in kinds or all(len(one.places) >= 12 for one in found)
    rows = [attributes_of(one) for one in real]
    (dark,) = [one for one in found if one.text.startswith("dark images")]
    others = np.setdiff1d(np.arange(len(real)), dark.places)
    brightness = np.array([row["brightness"] for row in rows])
    assert brightness[dark.places].max() <= brightness[others].min() + 1e-9
    backgrounds = np.concatenate([one.places for one in found if one.kind == "background"])
    assert len(backgrounds) == len(set(backgrounds.tolist()))


def test_attributes_are_measured(squares: dict[str, str]) -> None:
    one = attributes_of(open_examples(squares["real"])[0])
    assert one["object_size"] == 10
    assert one["objects"] == 1
    assert one["overlap"] == 0
    assert np.isnan(one["visibility"])


def test_the_context_does_not_show_the_objects(tmp_path: Path) -> None:
    """Recolouring an object leaves the context as it is."""
    examples = open_examples(write_set(tmp_path / "d", 4, 0))
    from dataclasses import replace

    one = examples[0]
    x, y, width, height = one.boxes[0].astype(int)
    image = one.image.copy()
    image[y : y + height, x : x + width] = (255, 0, 255)
    before, after = context_of(one), context_of(replace(one, image=image))
    assert before is not None
    assert after is not None
    assert np.array_equal(before, after)
    whole = replace(one, boxes=np.array([[0, 0, 24, 24]], np.float32))
    assert context_of(whole) is None


def test_a_background_that_tells_the_class_is_found(tmp_path: Path) -> None:
    greys = {"red": 40, "green": 120, "blue": 210}
    tied = open_examples(write_set(tmp_path / "tied", 60, 0, backgrounds=greys))
    free = open_examples(write_set(tmp_path / "free", 60, 1))
    found = context_finding("s", tied, free)
    assert found is not None
    assert found.matters
    assert found.synthetic > 0.7
    assert found.real < 0.6
    assert "background" in found.text
    quiet = context_finding("s", free, None)
    assert quiet is not None
    assert not quiet.matters
    assert [one.kind for one in shortcuts("s", free)] == ["shortcut"]


def test_no_tie_is_claimed_in_at_most_five_percent() -> None:
    rng = np.random.default_rng(2)
    runs = 120
    wrong = 0
    for _ in range(runs):
        taken = label_from_context(rng.normal(0, 1, (60, 8)), rng.integers(0, 3, 60))
        assert taken is not None
        wrong += taken[1] < 0.05
    assert wrong / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert label_from_context(rng.normal(0, 1, (10, 3)), np.zeros(10, int)) is None


def test_params_are_tested_as_numbers_and_as_words() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 300)
    tied = (labels + rng.normal(0, 0.3, 300)).tolist()
    p, effect, large = param_test(tied, labels) or (1.0, 0.0, 1.0)
    assert p < 1e-6
    assert effect > large
    words = [("spot", "area", "sun")[one] for one in labels]
    p, effect, _ = param_test(words, labels) or (1.0, 0.0, 1.0)
    assert p < 1e-6
    assert effect == pytest.approx(1)
    free = param_test(rng.normal(0, 1, 300).tolist(), labels)
    assert free is not None
    assert free[0] > 0.01
    assert param_test([1.0] * 300, labels) is None
    assert param_test([f"texture {one}" for one in range(300)], labels) is None


def test_params_of_a_simulated_set_are_read(small_dataset: Path) -> None:
    from simkit.evaluate.shortcuts import _scalars

    params = open_examples(small_dataset)[0].record.params
    keys = dict(_scalars(params))
    assert "light.intensity" in keys
    assert "camera.distance" in keys
    assert not any(key.startswith(("scene.models", "physics", "placement")) for key in keys)


def test_clusters_are_found() -> None:
    rng = np.random.default_rng(4)
    centres = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
    truth = rng.integers(0, 4, 100)
    members = clusters(centres[truth] + rng.normal(0, 0.5, (100, 2)), 4, seed=0)
    assert len(set(zip(truth.tolist(), members.tolist(), strict=True))) == 4
