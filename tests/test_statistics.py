"""Image statistics against images of which the answer is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.assets.color import srgb_bytes
from simkit.statistics import blur_of, noise_of, statistics_of

SHAPE = (192, 256)


def edges(blur: float, noise: float, seed: int = 0) -> np.ndarray:
    """Rectangles on grey, blurred, then with white noise: (H, W) uint8."""
    image = np.full(SHAPE, 40.0)
    image[:, 128:] = 210.0
    image[40:120, 30:90] = 160.0
    blurred = cv2.GaussianBlur(image, (0, 0), blur)
    noisy = blurred + np.random.default_rng(seed).normal(0, noise, SHAPE)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


@settings(max_examples=25, deadline=None)
@given(st.floats(1.0, 12.0), st.floats(0.8, 3.0), st.integers(0, 1000))
def test_noise(noise: float, blur: float, seed: int) -> None:
    """Edges and their blur do not count as noise."""
    assert noise_of(edges(blur, noise, seed)) == pytest.approx(0.9 * noise, rel=0.15)


def test_texture_elsewhere_is_no_noise() -> None:
    image = edges(1.0, 2.0).astype(np.float64)
    image[:, :128] += np.random.default_rng(1).normal(0, 25, (SHAPE[0], 128))
    textured = np.clip(image, 0, 255).astype(np.uint8)
    assert noise_of(textured) == pytest.approx(2.0, rel=0.2)


@pytest.mark.parametrize("noise", [0.0, 2.0])
@pytest.mark.parametrize("blur", [0.8, 1.2, 2.0, 2.6])
def test_blur(blur: float, noise: float) -> None:
    assert blur_of(edges(blur, noise)) == pytest.approx(blur, abs=0.1 + 0.07 * noise * blur)


def test_the_sharpest_edge_counts() -> None:
    sharp, soft = edges(0.8, 0.0), edges(4.0, 0.0)
    both = np.concatenate([soft[:96], sharp[96:]])
    assert blur_of(both) < 1.2
    assert blur_of(np.full(SHAPE, 90, np.uint8)) == 0.0


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 0.3), st.floats(-1.5, 1.5), st.integers(0, 99))
def test_exposure_counts_stops(level: float, stops: float, seed: int) -> None:
    """Twice the light is one more; what the colours are to each other stays."""
    light = np.random.default_rng(seed).uniform(0.6, 1.4, (*SHAPE, 3)) * level
    first, second = statistics_of(srgb_bytes(light)), statistics_of(srgb_bytes(light * 2.0**stops))
    clipped = float((light * 2.0**stops > 1).mean())
    if clipped == 0:
        assert second.exposure - first.exposure == pytest.approx(stops, abs=0.03)
        assert second.warmth == pytest.approx(first.warmth, abs=0.02)
        assert second.contrast == pytest.approx(first.contrast, rel=0.15)


@given(st.floats(-0.8, 0.8), st.floats(-0.5, 0.5))
@settings(max_examples=25, deadline=None)
def test_colour(warmth: float, tint: float) -> None:
    """Gains of the channels come back as their logarithms."""
    gains = np.array([2 ** (warmth / 2), 2**tint, 2 ** (-warmth / 2)])
    found = statistics_of(srgb_bytes(np.full((*SHAPE, 3), 0.2) * gains))
    assert found.warmth == pytest.approx(warmth, abs=0.05)
    assert found.tint == pytest.approx(tint, abs=0.05)


def test_saturation() -> None:
    red, grey = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 99, np.uint8)
    red[..., 0] = 200
    assert statistics_of(red).saturation == 1.0
    assert statistics_of(grey).saturation == 0.0
    assert statistics_of(np.concatenate([red, grey])).saturation == pytest.approx(0.5)
