"""Printings keep what an image says; other sheets lie among the plates and are no objects."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from simkit.assets.cards import BACK, OTHER_SHEETS, OTHERS, POOL, SheetOptions, plate_library
from simkit.assets.prints import HUES, PrintOptions, printings, recoloured, scaled, weighted
from simkit.assets.sheets import Sheet
from simkit.distributions import Constant, Uniform
from simkit.pipeline import Pipeline

SAME = [0.0] * (HUES + 1), [1.0] * (HUES + 1), [1.0] * (HUES + 1)
COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


def patch(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((1, 1, 3), colour, np.uint8)


def disc() -> np.ndarray:
    image = np.full((200, 100, 3), 255, np.uint8)
    cv2.circle(image, (50, 100), 20, (0, 0, 0), -1)
    return image


def dark(image: np.ndarray) -> float:
    return float((1 - image[..., 0] / 255).sum())


@given(COLOURS)
def test_no_change_changes_nothing(colour: tuple[int, int, int]) -> None:
    assert np.abs(recoloured(patch(colour), *SAME).astype(int) - colour).max() <= 1


@given(st.lists(st.floats(-180, 180), min_size=7, max_size=7),
       st.lists(st.floats(0, 3), min_size=7, max_size=7),
       st.lists(st.floats(0, 2), min_size=7, max_size=7))  # fmt: skip
def test_white_paper_stays_white(hue: list[float], sat: list[float], value: list[float]) -> None:
    assert recoloured(patch((255, 255, 255)), hue, sat, value).min() == 255


def test_each_ink_is_changed_by_itself() -> None:
    turned = [120.0] + [0.0] * HUES  # red becomes green, blue stays
    assert tuple(recoloured(patch((255, 0, 0)), turned, *SAME[1:])[0, 0]) == (0, 255, 0)
    assert tuple(recoloured(patch((0, 0, 255)), turned, *SAME[1:])[0, 0]) == (0, 0, 255)
    half = [1.0] * HUES + [0.5]  # grey ink becomes darker, red does not
    assert tuple(recoloured(patch((100, 100, 100)), *SAME[:2], half)[0, 0]) < (80, 80, 80)
    assert tuple(recoloured(patch((255, 0, 0)), *SAME[:2], half)[0, 0]) == (255, 0, 0)


@pytest.mark.parametrize("weight", [-0.1, -0.05, 0.025, 0.05])
def test_strokes_are_thicker_by_their_share_of_the_width(weight: float) -> None:
    radius = np.sqrt(dark(weighted(disc(), weight)) / np.pi)
    assert radius == pytest.approx(20 + weight * 100 / 2, abs=0.7)


def test_the_print_is_scaled_about_the_middle() -> None:
    ink = 1 - scaled(disc(), 1.5, 0.5)[..., 0] / 255
    rows, columns = np.indices(ink.shape)
    assert ink.sum() == pytest.approx(0.75 * dark(disc()), rel=0.02)
    assert (rows * ink).sum() / ink.sum() == pytest.approx(100, abs=0.6)
    spread = [
        ((place * ink).sum() / ink.sum()) for place in ((columns - 50) ** 2, (rows - 100) ** 2)
    ]
    assert np.sqrt(spread[0] / spread[1]) == pytest.approx(3, rel=0.05)


def test_printings_differ_but_for_the_first_and_repeat() -> None:
    sheet = Sheet("K", "king", disc(), (0.06, 0.09, 0.001), 0.003)
    options = PrintOptions(prints=4, print_weight=Uniform(-0.05, 0.05))
    made = printings([sheet], options)
    assert [one.name for one in made] == ["K", "K~1", "K~2", "K~3"]
    assert {one.category for one in made} == {"king"}
    np.testing.assert_array_equal(made[0].front, sheet.front)
    assert len({one.front.tobytes() for one in made}) == 4
    again = printings([sheet], options)
    assert all(np.array_equal(a.front, b.front) for a, b in zip(made, again, strict=True))


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    for name, grey in (("a", 80), ("b", 160), ("back", 20)):
        Image.new("RGB", (50, 70), (grey,) * 3).save(tmp_path / f"{name}.png")
    return tmp_path


def test_other_sheets_are_their_own_pool(faces: Path) -> None:
    options = SheetOptions(
        images=str(faces),
        back="back.png",
        prints=3,
        others=Constant(2),
        other_size=Uniform(0.1, 0.2),
    )
    library = plate_library(options)
    assert library.names_of(POOL) == ["a", "a~1", "a~2", "b", "b~1", "b~2"]
    others = library.names_of(OTHERS)
    assert len(others) == OTHER_SHEETS + 1
    assert BACK in others
    sides = [np.ptp(library[name].mesh.vertices, axis=0)[:2] for name in others if name != BACK]
    assert 0.1 <= np.min(sides) < np.max(sides) <= 0.2
    assert not set(others) & set(library.labelled_names())


def test_other_sheets_hide_plates_and_have_no_labels(faces: Path) -> None:
    scene = {"family": "planar", "images": str(faces), "back": "back.png", "arrangement": "stacked",
             "count": 2, "others": 3, "face_up": 1.0, "spread": 0.0}  # fmt: skip
    randomizers = {
        "camera": {"width": 96, "height": 96, "distance": 0.4, "elevation_deg": [80, 90]}
    }
    config = {"scene": scene, "randomizers": randomizers, "render": {"backend": "embree"}}
    hidden = []
    with Pipeline(config) as pipeline:
        for index in range(6):
            sample = pipeline(index)
            plates = [body for body in sample.scene.bodies if body.model in ("a", "b")]
            assert len(plates) == 2
            assert sum(body.model.startswith(("other/", BACK)) for body in sample.scene.bodies) == 3
            assert {one["category"] for one in sample.labels["identity"]} <= {"a", "b"}
            hidden += [one["visib_fract"] for one in sample.labels["visib_fract"]]
    assert min(hidden) < 0.9 < max(hidden)
