"""Run lengths against pycocotools."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pycocotools import mask as coco

from simkit.dataset.rle import decode_mask, encode_mask

Mask = NDArray[np.bool_]

sizes = st.tuples(st.integers(1, 14), st.integers(1, 14))
noise = sizes.flatmap(lambda size: arrays.arrays(bool, size))


@st.composite
def bars(draw: st.DrawFn) -> Mask:
    """Masks of whole columns and rows, which make runs that go on in the next column."""
    height, width = draw(sizes)
    mask = np.zeros((height, width), dtype=bool)
    mask[:, draw(st.lists(st.integers(0, width - 1), max_size=4))] = True
    mask[draw(st.lists(st.integers(0, height - 1), max_size=2)), :] = True
    return mask


@settings(max_examples=300, deadline=None)
@given(st.one_of(noise, bars()))
def test_both_ways_as_pycocotools(mask: Mask) -> None:
    rle = json.loads(json.dumps(encode_mask(mask)))
    assert rle["size"] == list(mask.shape)
    assert sum(rle["counts"]) == mask.size
    assert all(count > 0 for count in rle["counts"][1:])
    packed = coco.frPyObjects(rle, *rle["size"])
    assert np.array_equal(coco.decode(packed), mask)
    assert packed["counts"] == coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    assert np.array_equal(decode_mask(rle), mask)


@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1, 5), (7, 4)])
@pytest.mark.parametrize("value", [False, True])
def test_empty_and_full(shape: tuple[int, int], value: bool) -> None:
    mask = np.full(shape, value)
    rle = encode_mask(mask)
    assert rle["counts"] == ([0, mask.size] if value else [mask.size])
    assert np.array_equal(decode_mask(rle), mask)
    assert np.array_equal(coco.decode(coco.frPyObjects(rle, *rle["size"])), mask)


def test_column_by_column() -> None:
    mask = np.array([[0, 1, 1], [0, 1, 0]], dtype=bool)
    assert encode_mask(mask) == {"counts": [2, 3, 1], "size": [2, 3]}
