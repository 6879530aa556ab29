"""Boxes to maps and back, and losses against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples_of
from hypothesis import strategies as st

from simkit.geometry import box_iou
from simkit.randomness import stream
from simkit.tasks.augmentation import Sheet, corners_of
from simkit.tasks.centre_points import (
    box_loss,
    class_loss,
    corners_at,
    decode,
    giou,
    heat_loss,
    overlaps,
    suppressed,
    targets_of,
)

SHAPE, STRIDE = (96, 128), 8


def sheet_with(boxes: list[list[float]], labels: list[int], ignored: list[bool]) -> Sheet:
    outlines = tuple(corners_of(np.array(box, float)) for box in boxes)
    image = np.zeros((*SHAPE, 3), np.uint8)
    return Sheet(image, outlines, np.array(labels, np.int64), np.array(ignored, bool))


def reach_of(corners: torch.Tensor) -> torch.Tensor:
    """Distances [strides] that give these corners: the inverse of `corners_at`."""
    zero = corners_at(torch.zeros_like(corners), STRIDE)
    sign = torch.tensor([-1.0, -1, 1, 1])[None, :, None, None]
    return sign * (corners - zero) / STRIDE


@given(st.integers(0, 10_000))
@examples_of(max_examples=40)
def test_perfect_maps_decode_to_the_boxes(seed: int) -> None:
    rng = stream(seed, 0, "box")
    size = rng.uniform(10, 50, 2)
    box = np.concatenate([rng.uniform(0, 1, 2) * ([128, 96] - size), size])
    label = int(rng.integers(3))
    targets = targets_of([sheet_with([box.tolist()], [label], [False])], SHAPE, STRIDE)
    classes = 20.0 * torch.nn.functional.one_hot(targets.labels, 3).movedim(3, 1)
    logits = torch.logit(targets.heat.clamp(1e-6, 1 - 1e-6))
    corners, labels, scores = decode(logits, classes, reach_of(targets.corners), STRIDE, 5)
    expected = np.concatenate([box[:2], box[:2] + box[2:]])
    np.testing.assert_allclose(corners[0, 0], expected, atol=1e-3)
    assert labels[0, 0] == label
    assert scores[0, 0] > 0.99
    assert scores[0, 1] < 1e-3


def test_perfect_maps_cost_nothing_and_each_change_costs() -> None:
    sheet = sheet_with([[20, 20, 40, 30], [70, 50, 30, 40]], [0, 1], [False, False])
    targets = targets_of([sheet], SHAPE, STRIDE)
    assert targets.instances == 2
    perfect = torch.where(targets.heat == 1, 20.0, -20.0)
    assert heat_loss(perfect, targets) < 1e-6
    assert box_loss(reach_of(targets.corners), targets, STRIDE) < 1e-5
    assert heat_loss(perfect.flip(2), targets) > 1
    named = 20.0 * torch.nn.functional.one_hot(targets.labels, 2).movedim(3, 1)
    assert class_loss(named, targets) < 1e-6
    assert class_loss(named.flip(1), targets) > 10
    assert box_loss(reach_of(targets.corners) * 1.5 + 0.1, targets, STRIDE) > 0.1


def test_focal_loss_is_its_formula() -> None:
    sheet = sheet_with([[20, 20, 40, 30]], [0], [False])
    targets = targets_of([sheet], SHAPE, STRIDE)
    logits = torch.from_numpy(stream(0, 0, "x").normal(0, 2, targets.heat.shape))
    p, y = torch.sigmoid(logits).numpy(), targets.heat.numpy()
    terms = np.where(y == 1, (1 - p) ** 2 * np.log(p), (1 - y) ** 4 * p**2 * np.log(1 - p))
    assert float(heat_loss(logits, targets)) == pytest.approx(-terms.sum(), rel=1e-5)


def test_ignored_boxes_neither_count_nor_punish() -> None:
    sheet = sheet_with([[20, 20, 40, 30]], [0], [True])
    targets = targets_of([sheet], SHAPE, STRIDE)
    assert targets.instances == 0
    assert (targets.heat == 0).all()
    logits = torch.full_like(targets.heat, -30.0)
    logits[0, 4, 4] = 5.0  # in the box
    assert heat_loss(logits, targets) < 1e-6
    logits[0, 10, 14] = 5.0  # elsewhere
    assert heat_loss(logits, targets) > 1


@given(st.lists(st.floats(1, 60), min_size=8, max_size=8))
@examples_of(max_examples=50)
def test_giou_against_its_definition(values: list[float]) -> None:
    a, b = values[:4], values[4:]
    iou = box_iou(a, b)
    x0, y0 = min(a[0], b[0]), min(a[1], b[1])
    x1, y1 = max(a[0] + a[2], b[0] + b[2]), max(a[1] + a[3], b[1] + b[3])
    hull = (x1 - x0) * (y1 - y0)
    union = (a[2] * a[3] + b[2] * b[3]) / (1 + iou)
    corners = [
        torch.tensor([[box[0], box[1], box[0] + box[2], box[1] + box[3]]], dtype=torch.float64)
        for box in (a, b)
    ]
    assert float(giou(*corners)) == pytest.approx(iou - (hull - union) / hull, abs=1e-9)
    assert overlaps(corners[0][0].numpy(), corners[1].numpy())[0] == pytest.approx(iou, abs=1e-9)


def test_suppression_is_by_class() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9.9], [50, 0, 60, 10]], np.float32)
    labels = np.array([0, 0, 1, 0])
    scores = np.array([0.9, 0.95, 0.5, 0.1], np.float32)
    assert suppressed(boxes, labels, scores, 0.6).tolist() == [1, 2, 3]
    assert suppressed(boxes, labels, scores, 1.0).tolist() == [1, 0, 2, 3]
    assert len(suppressed(boxes[:0], labels[:0], scores[:0], 0.6)) == 0
