"""Plain statistics of images and labels against what was painted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from simkit.metrics.image_statistics import (
    BACKGROUND_STATISTICS,
    BANDS,
    IMAGE_STATISTICS,
    background_statistics,
    band_level,
    image_statistics,
    radial_power,
    spectrum_slope,
)
from simkit.metrics.label_statistics import (
    LABEL_STATISTICS,
    instance_statistics,
    label_statistics,
)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_the_spectrums_slope(exponent: float) -> None:
    rng = np.random.default_rng(0)
    shape = (192, 256)
    radius = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    radius[0, 0] = 1
    white = np.fft.rfft2(rng.normal(size=shape))
    rough = np.fft.irfft2(white * radius ** (-exponent / 2), shape)
    image = np.repeat((128 + 30 * rough / rough.std())[..., None], 3, axis=2)
    slope = spectrum_slope(*radial_power(np.clip(image, 0, 255).astype(np.uint8)))
    assert slope == pytest.approx(-exponent, abs=0.25)


def test_white_noise_has_the_power_of_its_variance() -> None:
    noise = np.random.default_rng(1).normal(128, 6, (128, 160, 1)).repeat(3, axis=2)
    frequency, power = radial_power(np.clip(noise, 0, 255).astype(np.uint8))
    for band in BANDS.values():
        assert band_level(frequency, power, *band) == pytest.approx(10 * np.log10(36), abs=0.5)


def test_a_wave_is_in_its_band() -> None:
    wave = 128 + 60 * np.sin(2 * np.pi * np.arange(256) * 0.18)
    image = np.broadcast_to(wave[None, :, None], (128, 256, 3)).astype(np.uint8)
    found = image_statistics(np.ascontiguousarray(image))
    assert max(BANDS, key=lambda name: found[name]) == "middle band"


def test_statistics_go_the_way_that_their_words_say() -> None:
    rng = np.random.default_rng(2)
    rough = cv2.resize(rng.uniform(60, 180, (12, 16, 3)), (160, 120), interpolation=cv2.INTER_AREA)
    plain = np.clip(rough + rng.normal(0, 2, rough.shape), 0, 255).astype(np.uint8)
    soft = cv2.GaussianBlur(plain, (0, 0), 2)
    base, blurred = image_statistics(plain), image_statistics(soft)
    assert set(base) == {one.name for one in IMAGE_STATISTICS}
    assert blurred["blur"] > base["blur"] + 1
    assert blurred["noise"] < base["noise"]
    assert blurred["fine band"] < base["fine band"] - 10
    assert blurred["spectrum slope"] < base["spectrum slope"]


def test_background_is_what_no_box_covers() -> None:
    image = np.full((40, 60, 3), 50, np.uint8)
    image[10:30, 20:40] = 200
    box = np.array([[20, 10, 20, 20]], np.float32)
    found = background_statistics(image, box)
    assert set(found) == {one.name for one in BACKGROUND_STATISTICS}
    assert found["background texture"] < 2
    assert found["object against background"] > 3
    everything = background_statistics(image, np.array([[0, 0, 60, 40]], np.float32))
    assert all(np.isnan(value) for value in everything.values())
    nothing = background_statistics(image, np.zeros((0, 4), np.float32))
    assert np.isnan(nothing["object against background"])
    assert nothing["background exposure"] > found["background exposure"]


def test_statistics_of_known_boxes() -> None:
    boxes = np.array([[0, 20, 40, 20], [30, 30, 20, 10]], np.float32)
    own = instance_statistics(boxes, 100, 200, np.array([0.5, np.nan]))
    np.testing.assert_allclose(2 ** own["object size"], np.sqrt([0.04, 0.01]))
    np.testing.assert_allclose(own["aspect"], [1, 1])
    np.testing.assert_allclose(own["upright"], [-1, -1])
    np.testing.assert_allclose([own["x"], own["y"]], [[0.1, 0.2], [0.3, 0.35]])
    np.testing.assert_allclose(own["overlap"], [10 * 10 / 800, 10 * 10 / 200])
    np.testing.assert_array_equal(own["cut off"], [1, 0])
    image = label_statistics(own)
    assert set(image) == {one.name for one in LABEL_STATISTICS}
    assert image["count"] == 2
    assert image["size spread"] == pytest.approx(1)
    assert image["visible"] == 0.5
    assert image["cut off"] == 0.5


def test_an_image_without_objects_says_nothing_but_their_number() -> None:
    own = instance_statistics(np.zeros((0, 4), np.float32), 10, 10, np.zeros(0))
    image = label_statistics(own)
    assert image.pop("count") == 0
    assert all(np.isnan(value) for value in image.values())
