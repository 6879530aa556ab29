"""Outlines go where the pixels go: what is drawn, moved and found again is where the box says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn_shapes import COLOURS, shapes
from hypothesis import given
from hypothesis import settings as examples_of
from hypothesis import strategies as st
from numpy.typing import NDArray

from simkit.options import build
from simkit.randomness import stream
from simkit.tasks.augmentation import (
    FILL,
    AugmentOptions,
    Sheet,
    area_of,
    augment,
    clipped,
    corners_of,
    hull_of,
    sheet_of,
    warp,
)
from simkit.tasks.looks import LookOptions, look

SAME_LOOK = {
    "brightness": 0.0,
    "contrast": 0.0,
    "gamma": 0.0,
    "cast": 0.0,
    "saturation": 0.0,
    "hue": 0.0,
    "grey": 0.0,
    "shadow": 0.0,
    "noise": 0.0,
    "blur": 0.0,
    "motion": 0.0,
    "jpeg": 100,
}


def marker(radius: tuple[int, int] = (22, 13), angle: float = 30, masks: bool = True) -> Sheet:
    """A red ellipse on black, 120 x 160."""
    image = np.zeros((120, 160, 3), np.uint8)
    cv2.ellipse(image, (70, 55), radius, angle, 0, 360, (255, 0, 0), -1)
    mask = image[..., 0] > 0
    y, x = np.nonzero(mask)
    box = np.array([[x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]], np.float32)
    one = np.zeros(1, np.int64)
    return sheet_of(image, box, one, one > 0, mask[None] if masks else None, 160)


def found(image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """The box of what is red: x, y, width, height."""
    red = (image[..., 0] > 127) & (image[..., 1] < 64)
    if red.sum() < 4:
        return None
    y, x = np.nonzero(red)
    return np.array([x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1], float)


@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([0.0, 1.0]))
@examples_of(max_examples=60)
def test_boxes_bound_what_is_drawn(seed: int, mirror: bool, mosaic: float) -> None:
    options = build(
        AugmentOptions,
        {"look": SAME_LOOK, "cutout": 0.0, "mirror": mirror, "mosaic": mosaic, "rotation": 180.0},
    )
    blank = Sheet(np.zeros((90, 90, 3), np.uint8), (), np.zeros(0, np.int64), np.zeros(0, bool))
    sheets = [marker(), blank, blank, blank]
    made = augment(sheets, (128, 160), 160, options, stream(seed, 0, "test"))
    assert made.image.shape == (128, 160, 3)
    red = found(made.image)
    if red is None or red[2:].min() < 5:
        return
    assert len(made.boxes) == 1
    low, high = made.boxes[0, :2], made.boxes[0, :2] + made.boxes[0, 2:]
    assert np.abs(low - red[:2]).max() <= 2.2  # a tip is blended away
    assert np.abs(high - (red[:2] + red[2:])).max() <= 2.2  # a tip is blended away


@pytest.mark.parametrize("seed", range(8))
def test_without_masks_only_quarter_turns_keep_boxes_tight(seed: int) -> None:
    options = build(AugmentOptions, {"look": SAME_LOOK, "cutout": 0.0, "rotation": 180.0})
    made = augment([marker(masks=False)], (160, 160), 160, options, stream(seed, 0, "test"))
    red = found(made.image)
    if red is not None and len(made.boxes):
        np.testing.assert_allclose(made.boxes[0], red, atol=2.1)


def test_nothing_asked_for_changes_nothing() -> None:
    options = build(
        AugmentOptions,
        {
            "zoom_in": 1.0,
            "zoom_out": 1.0,
            "rotation": 0.0,
            "quarter_turns": False,
            "stretch": 0.0,
            "shear": 0.0,
            "cutout": 0.0,
            "look": SAME_LOOK,
        },
    )
    sheet = marker()
    made = augment([sheet], (120, 160), 160, options, stream(0, 0, "test"))
    np.testing.assert_array_equal(made.image, sheet.image)
    np.testing.assert_allclose(made.boxes, sheet.boxes)


def test_same_generator_same_image_and_another_another() -> None:
    options = build(AugmentOptions, {})
    sheets = [marker()]
    first, again, other = (
        augment(sheets, (96, 96), 120, options, stream(seed, 0, "test")) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.boxes, again.boxes)
    assert (first.image != other.image).any()


def test_what_a_crop_leaves_little_of_is_ignored_and_less_is_gone() -> None:
    sheet = marker((20, 20), 0)
    for shift, count, ignored in ((-70, 1, False), (-85, 1, True), (-95, 0, None)):
        moved = warp(sheet, np.array([[1.0, 0, shift], [0, 1, 0]]), (120, 160), 0.25)
        assert len(moved.labels) == count
        assert ignored is None or moved.ignored[0] == ignored


def test_beyond_the_edge_is_grey() -> None:
    moved = warp(marker(), np.array([[1.0, 0, 200], [0, 1, 0]]), (40, 50), 0.25)
    assert (moved.image == FILL).all()


def test_smaller_sheets_keep_their_boxes() -> None:
    example = shapes(1)[0]
    sheet = sheet_of(example.image, example.boxes, example.labels, example.ignored, None, 64)
    assert sheet.image.shape == (48, 64, 3)
    np.testing.assert_allclose(sheet.boxes, example.boxes / 2, atol=1e-5)


@given(st.integers(0, 10_000))
@examples_of(max_examples=30)
def test_hull_bounds_what_its_mask_bounds_in_any_direction(seed: int) -> None:
    rng = stream(seed, 0, "hull")
    mask = cv2.resize((rng.random((6, 7)) > 0.5).astype(np.uint8), (70, 60)) > 0
    y, x = np.nonzero(mask)
    if len(x) == 0:
        return
    box = np.array([x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1], float)
    hull = hull_of(mask, box)
    corners = np.stack([x, y], 1)[:, None] + [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]
    angle = rng.uniform(0, np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    assert (hull @ along).max() == pytest.approx((corners @ along).max(), abs=0.5)
    np.testing.assert_allclose(hull.min(axis=0), box[:2] - 0.5)


def test_clipping_a_square_leaves_the_part_inside() -> None:
    square = corners_of(np.array([-5.0, 10.0, 20.0, 20.0]))
    assert area_of(clipped(square, 100, 20)) == pytest.approx(15 * 10)
    assert len(clipped(square + 200, 100, 20)) == 0
    np.testing.assert_array_equal(clipped(square, 100, 100) >= -0.5, True)


@pytest.mark.parametrize("key", [key for key in SAME_LOOK if key != "jpeg"])
def test_each_look_alone_alters_the_image(key: str) -> None:
    image = shapes(1)[0].image
    value = {"grey": 1.0, "shadow": 1.0, "noise": 20.0, "hue": 90.0, "motion": 9.0}.get(key, 0.9)
    options = build(
        LookOptions, {**SAME_LOOK, key: value, **({"blur": 3.0} if key == "blur" else {})}
    )
    made = [look(image, options, stream(seed, 0, key)) for seed in range(12)]
    assert any((one != image).any() for one in made)
    assert all(one.shape == image.shape and one.dtype == np.uint8 for one in made)


def test_no_look_leaves_the_image() -> None:
    image = shapes(1)[0].image
    np.testing.assert_array_equal(
        look(image, build(LookOptions, SAME_LOOK), stream(0, 0, "x")), image
    )


def test_grey_has_no_colour_and_red_stays_darker_than_yellow() -> None:
    image = np.tile(np.array(COLOURS, np.uint8), (4, 4, 1))
    grey = look(image, build(LookOptions, {**SAME_LOOK, "grey": 1.0}), stream(0, 0, "x"))
    assert np.ptp(grey.astype(int), axis=2).max() <= 1
