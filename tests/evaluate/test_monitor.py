"""The stated rate of false alarms holds; blur, colour and new backgrounds raise an alarm."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simkit.errors import ConfigError, DatasetError
from simkit.evaluate.monitor import (
    Monitor,
    _discrepancy,
    check_images,
    fit_monitor,
    least_images,
)
from simkit.metrics.kernels import mmd
from simkit.statistics import statistics_of

RUNS = 200
RATE = 0.1


def skewed(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Features as they are: of many scales, correlated, far from normal."""
    mixing = np.random.default_rng(99).normal(0, 1, (12, 20))
    return rng.exponential(1, (n, 12)) @ mixing * np.logspace(0, 2, 20)


def test_the_false_alarm_rate_holds_for_batches_and_images() -> None:
    rng = np.random.default_rng(0)
    alarms, strange = 0, []
    for _ in range(RUNS):
        accepted, new = skewed(rng, 60), skewed(rng, 15)
        monitor = fit_monitor("m", accepted, accepted[:, 0] ** 2, None, RATE)
        check = check_images(monitor, new, new[:, 0] ** 2)
        alarms += check.alarm
        strange.append(len(check.strange) / len(new))
    error = 3 * np.sqrt(RATE * (1 - RATE) / RUNS)
    assert alarms / RUNS <= RATE + error
    assert np.mean(strange) <= RATE + 3 * np.std(strange) / np.sqrt(RUNS)
    # Not silent either: each test alone has half the level.
    assert np.mean(strange) > RATE / 4


def test_a_shift_of_features_or_of_confidence_alone_is_found() -> None:
    rng = np.random.default_rng(1)
    accepted, new = skewed(rng, 80), skewed(rng, 25)
    trust, trust_new = rng.beta(8, 2, 80), rng.beta(8, 2, 25)
    monitor = fit_monitor("m", accepted, trust)
    assert check_images(monitor, new + 1.5 * accepted.std(axis=0), trust_new).alarm
    check = check_images(monitor, new, rng.beta(2, 4, 25))
    assert check.alarm
    assert check.p_confidence is not None
    assert check.p_confidence < 0.01
    assert "ALARM" in check.text


def test_one_strange_image_is_named() -> None:
    rng = np.random.default_rng(2)
    monitor = fit_monitor("m", skewed(rng, 200))
    new = skewed(rng, 5)
    new[3] += 50 * np.abs(new).max()
    check = check_images(monitor, new)
    assert check.strange[0] == 3
    assert check.images[3] == pytest.approx(1 / 101)


def texture(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A noisy brown cloth with a bright square."""
    noise = cv2.resize(rng.normal(0, 1, (24, 24, 1)).astype(np.float32), (96, 96))[..., None]
    image = np.array([150, 110, 80]) + 25 * noise + rng.normal(0, 8, (96, 96, 3))
    x, y = rng.integers(5, 55, 2)
    image[y : y + 30, x : x + 30] = rng.uniform(200, 250, 3) + rng.normal(0, 8, (30, 30, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def new_background(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A green checkerboard wherever the square is not."""
    rows, columns = np.indices(image.shape[:2]) // 12
    board = np.where(((rows + columns) % 2)[..., None] == 0, (40, 140, 60), (20, 90, 40))
    bright = (image.min(axis=2) > 170)[..., None]
    return np.where(bright, image, board).astype(np.uint8)


def test_blur_colour_and_background_raise_an_alarm_and_are_named() -> None:
    from simkit.features.opening import open_features

    rng = np.random.default_rng(3)
    extractor = open_features("efficientnet_lite0")

    def seen(images: list[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], dict[str, list[float]]]:
        each = [vars(statistics_of(one)) for one in images]
        return extractor.extract(images), {name: [one[name] for one in each] for name in each[0]}

    accepted = [texture(rng) for _ in range(44)]
    monitor = fit_monitor("effnet", *_arranged(seen(accepted)), 0.1)
    new = [texture(rng) for _ in range(10)]
    features, statistics = seen(new)
    assert not check_images(monitor, features, None, statistics).alarm
    changes = {
        "blur": lambda image: cv2.GaussianBlur(image, (0, 0), 2.0),
        "warmth": lambda image: np.clip(image * [0.7, 1.0, 1.4], 0, 255).astype(np.uint8),
        "": new_background,
    }
    for name, change in changes.items():
        features, statistics = seen([change(one) for one in new])
        check = check_images(monitor, features, None, statistics)
        assert check.alarm, name
        if name:
            assert name in check.changed
            assert name in check.text


def _arranged(seen: tuple) -> tuple:  # type: ignore[type-arg]
    return seen[0], None, seen[1]


def test_the_discrepancy_is_the_unbiased_one() -> None:
    rng = np.random.default_rng(4)
    known, new = rng.normal(0, 1, (9, 3)), rng.normal(0.5, 1, (5, 3))
    both = np.concatenate([known, new])
    kernel = np.exp(-((both[:, None] - both) ** 2).sum(axis=2) / 2)
    np.fill_diagonal(kernel, 0)
    labels = (np.arange(14) >= 9).astype(float)[None]
    assert _discrepancy(kernel, labels)[0] == pytest.approx(mmd(known, new, bandwidth=1.0))


def test_it_is_written_and_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    accepted, new = skewed(rng, 90), skewed(rng, 9)
    monitor = fit_monitor("m", accepted, accepted[:, 1], {"blur": accepted[:, 2].tolist()})
    monitor.write(tmp_path / "monitor.json")
    again = Monitor.read(tmp_path / "monitor.json")
    assert check_images(again, new, new[:, 1]) == check_images(monitor, new, new[:, 1])
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DatasetError, match="no monitor"):
        Monitor.read(tmp_path / "other.json")


def test_too_few_images_and_other_features_are_refused() -> None:
    rng = np.random.default_rng(7)
    assert least_images(0.05) == 80
    with pytest.raises(ConfigError, match="at least 400"):
        fit_monitor("m", skewed(rng, 100), false_alarm_rate=0.01)
    monitor = fit_monitor("m", skewed(rng, 80))
    with pytest.raises(ConfigError, match=r"\(n, 20\)"):
        check_images(monitor, np.zeros((4, 3)))
    with pytest.raises(ConfigError, match="confidence"):
        check_images(monitor, skewed(rng, 4), np.ones(4))
    with pytest.raises(ConfigError, match="finite"):
        check_images(monitor, np.full((2, 20), np.nan))
