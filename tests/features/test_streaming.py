"""Features of data sets: which images, which crops, and how much memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from evaluate.painted import HEIGHT, WIDTH, Picture, examples_of, painted

from simkit.features import crop_features_of, crops_of, features_of, open_features
from simkit.features.streaming import chosen


def test_features_of_examples_are_those_of_their_images() -> None:
    pictures = painted(np.random.default_rng(0), 5)
    extractor = open_features("pixels?size=4")
    features = features_of(examples_of(pictures), extractor)
    np.testing.assert_array_equal(features, extractor.extract(one.image for one in pictures))
    some = features_of(examples_of(pictures), extractor, limit=3, rng=np.random.default_rng(1))
    places = chosen(5, 3, np.random.default_rng(1))
    np.testing.assert_array_equal(some, features[places])
    assert sorted(set(places.tolist())) == places.tolist()


def test_choosing_needs_an_rng() -> None:
    with pytest.raises(ValueError, match="an rng is needed to choose 2 of 5"):
        chosen(5, 2, None)


def test_crops_are_boxes_with_a_margin_inside_the_image() -> None:
    image = np.arange(HEIGHT * WIDTH * 3).astype(np.uint8).reshape(HEIGHT, WIDTH, 3)
    boxes = [(1, (20.0, 10.0, 40.0, 20.0), 1.0), (3, (0.0, 0.0, 20.0, 20.0), 1.0)]
    small, hidden = (2, (50.0, 50.0, 4.0, 30.0), 1.0), (2, (50.0, 50.0, 30.0, 30.0), 0.01)
    example = examples_of([Picture(image, [*boxes, small, hidden])])[0]
    found = crops_of(example, margin=0.1)
    assert [label for _, label in found] == [0, 2]
    np.testing.assert_array_equal(found[0][0], image[8:32, 16:64])
    np.testing.assert_array_equal(found[1][0], image[0:22, 0:22])


def test_crop_features_know_their_image_and_label() -> None:
    pictures = painted(np.random.default_rng(2), 6)
    features, places, labels = crop_features_of(examples_of(pictures), open_features("pixels"))
    assert len(features) == len(places) == len(labels) == sum(len(p.objects) for p in pictures)
    wanted = [category - 1 for one in pictures for category, _, _ in one.objects]
    assert labels.tolist() == wanted
    assert np.bincount(places).tolist() == [len(one.objects) for one in pictures]


def test_images_are_not_all_held_at_once() -> None:
    extractor = open_features("pixels?size=1")
    tracemalloc.start()
    extractor.extract(np.zeros((400, 500, 3), np.uint8) for _ in range(200))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 400 * 500 * 3
