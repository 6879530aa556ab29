"""Ranges fitted to photos that simkit itself made: what they were made with must be found again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from simkit.config import load_config
from simkit.errors import DatasetError, SimkitError
from simkit.fitting import Fit, fit_randomization
from simkit.pipeline import Pipeline

CONFIG: dict[str, Any] = {
    "render": {"backend": "embree"},
    "physics": {"enabled": False},
    "labels": ["bbox_visib"],
    "scene": {"objects": 3},
    "randomizers": {
        "placement": {"mode": "place", "x": [-0.15, 0.15], "y": [-0.15, 0.15]},
        "material": {
            "hue": 0.3,
            "saturation": [0.0, 0.1],
            "value": [0.5, 0.6],
            "background": "plain",
        },
        "light": {"temperature": 6500, "intensity": 0.7, "ambient": 0.2, "elevation_deg": [55, 65]},
        "camera": {"width": 128, "height": 96, "distance": [0.6, 0.9]},
    },
}
STOPS, MIRED, DISTANCE = 0.8, 50.0, 0.45


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    sensors = {"exposure": {"stops": STOPS}, "white_balance": {"mired": MIRED, "tint": 0.0}}
    camera = {**CONFIG["randomizers"]["camera"], "distance": DISTANCE}
    config = {**CONFIG, "seed": 99, "sensors": sensors}
    config["randomizers"] = {**CONFIG["randomizers"], "camera": camera}
    images, boxes = [], []
    with Pipeline(config) as pipeline:
        for index in range(24):
            sample = pipeline(index)
            name = f"{index:03d}.png"
            cv2.imwrite(str(folder / name), sample.picture[..., ::-1])
            images.append({"id": index, "file_name": name, "width": 128, "height": 96})
            for box in sample.labels["bbox_visib"]:
                if box is not None:
                    boxes.append({"image_id": index, "bbox": list(box)})
    text = json.dumps({"images": images, "annotations": boxes})
    (folder / "annotations.json").write_text(text)
    return folder


@pytest.fixture(scope="module")
def fit(photos: Path) -> Fit:
    return fit_randomization(CONFIG, photos, n=24)


def test_what_the_photos_were_made_with_is_found(fit: Fit) -> None:
    ranges = {one.key: one.fitted for one in fit.found}
    assert np.mean(ranges["sensors.exposure.stops"]) == pytest.approx(STOPS, abs=0.3)
    assert np.mean(ranges["sensors.white_balance.mired"]) == pytest.approx(MIRED, abs=15)
    assert np.mean(ranges["sensors.white_balance.tint"]) == pytest.approx(0.0, abs=0.05)
    low, high = ranges["randomizers.camera.distance"]
    assert low - 0.1 < DISTANCE < high + 0.1
    assert (low + high) / 2 < 0.62


def test_the_fitted_config_comes_nearer(fit: Fit) -> None:
    by_name = {one.statistic: one for one in fit.found}
    for name in ("exposure", "warmth", "object_size"):
        one = by_name[name]
        assert abs(one.after[1] - one.real[1]) < 0.5 * abs(one.before[1] - one.real[1]), name


def test_the_new_config_is_valid_and_keeps_the_rest(fit: Fit) -> None:
    config = load_config(yaml.safe_load(fit.yaml(CONFIG)))
    assert config.family_options.objects.support == (3,)
    assert config.randomizers["camera"].width == 128
    low, high = fit.config["randomizers"]["camera"]["distance"]
    assert config.randomizers["camera"].distance.support == (low, high)
    assert set(config.sensors) == {one.key.split(".")[1] for one in fit.found if one.fitted} - {
        "camera"
    }


def test_too_few_photos(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DatasetError, match="has 1 photos; quantiles need at least 8"):
        fit_randomization(CONFIG, tmp_path, n=4)


def test_a_photo_that_is_none(photos: Path, tmp_path: Path) -> None:
    for path in sorted(photos.glob("*.png"))[:9]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "zz.png").write_bytes(b"no image")
    with pytest.raises(SimkitError, match=r"1 of 10 images cannot be read"):
        fit_randomization(CONFIG, tmp_path, n=4)
