"""``simkit stats``: profiles of sets whose contents are known, requirements, and what is lacking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from simkit.dataset.reader import open_dataset
from simkit.errors import ConfigError
from simkit.evaluate.drawn import coverage_of
from simkit.evaluate.profile import GRID, profile_of
from simkit.evaluate.requirement import against_real, against_requirement, read_requirement
from simkit.exchange import import_

WIDTH, HEIGHT = 160, 80


def imported(folder: Path, images: list[list[tuple[str, list[float]]]]) -> str:
    """Make a data set of grey images with these boxes; return its folder."""
    names = ["cat", "dog", "owl"]
    about: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": k + 1, "name": name} for k, name in enumerate(names)],
    }
    folder.mkdir()
    for number, boxes in enumerate(images):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
        about["images"].append(
            {"id": number, "file_name": f"{number}.png", "width": WIDTH, "height": HEIGHT}
        )
        for name, box in boxes:
            about["annotations"].append(
                {
                    "id": len(about["annotations"]) + 1,
                    "image_id": number,
                    "category_id": names.index(name) + 1,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    path = folder / "annotations.json"
    path.write_text(json.dumps(about))
    import_(path, folder / "data", "coco")
    return str(folder / "data")


@pytest.fixture
def pets(tmp_path: Path) -> str:
    cat, dog = ("cat", [60.0, 20.0, 40.0, 40.0]), ("dog", [0.0, 50.0, 20.0, 10.0])
    return imported(tmp_path / "pets", [[cat, dog], [cat], [cat], []])


def test_a_profile_counts_what_is_there(pets: str) -> None:
    profile, objects = profile_of(open_dataset(pets))
    assert (profile.images, profile.instances, profile.empty) == (4, 4, 0.25)
    assert [(one.name, one.instances, one.images) for one in profile.classes] == [
        ("cat", 3, 3),
        ("dog", 1, 1),
    ]
    assert profile.unseen == ["owl"]
    assert profile.imbalance == 3
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert profile.effective_classes == pytest.approx(np.exp(entropy))
    assert profile.quantiles["object size"][2] == pytest.approx(np.sqrt(1600 / (WIDTH * HEIGHT)))
    assert profile.coco_sizes == {"small": 0.25, "medium": 0.75, "large": 0.0}
    assert profile.occlusion == {}
    assert profile.truncated == 0.25
    assert profile.resolutions == {f"{WIDTH}x{HEIGHT}": 4}
    assert objects.counts.tolist() == [2, 1, 1, 0]
    cells = np.array(profile.positions)
    assert cells.shape == (GRID, GRID)
    assert cells[4, 4] == 0.75  # (80, 40) of (160, 80) is the corner of the cells 3 and 4
    assert cells[5, 0] == 0.25
    assert profile.coverage == []


def test_a_requirement_is_held_against_the_profile(pets: str, tmp_path: Path) -> None:
    path = tmp_path / "wanted.yaml"
    path.write_text(
        "images: 4\nclasses: [cat, owl]\ninstances_per_class: 2\nimbalance: 2.5\n"
        "sizes: [0.2, 0.3]\ncounts: [0, 2]\noccluded: 0.1\ntruncated: 0.2\npositions: 0.5\n"
    )
    found = against_requirement(profile_of(open_dataset(pets))[0], read_requirement(path))
    met = {one.key: one.met for one in found if one.key != "occluded"}
    assert met == {
        "images": True,
        "classes.cat": True,
        "classes.owl": False,
        "instances_per_class.cat": True,
        "instances_per_class.owl": False,
        "imbalance": False,
        "sizes": True,
        "counts": False,
        "truncated": True,
        "positions": False,
    }
    assert any("not stored" in one.found for one in found if one.key == "occluded")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image: 4", "did you mean 'images'"),
        ("sizes: [0.5, 0.1]", r"require.sizes: \[0.5, 0.1\] is not \[from, to\]"),
        ("occluded: 3", "require.occluded"),
        ("images: [", "no valid YAML"),
    ],
)
def test_a_wrong_requirement_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wanted.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_requirement(path)


def test_what_the_real_set_has_and_the_other_lacks(pets: str, tmp_path: Path) -> None:
    small = imported(tmp_path / "small", [[("cat", [70.0, 30.0, 9.0, 9.0])]] * 4)
    sides = [profile_of(open_dataset(one)) for one in (small, pets)]
    lacks = {one.key: one for one in against_real(*sides[0], *sides[1])}
    unmet = {key for key, one in lacks.items() if not one.met}
    assert {"class dog", "object size", "upright", "objects in an image", "positions"} <= unmet
    assert "class cat" not in unmet
    assert "100% are above" in lacks["object size"].found
    own = against_real(*sides[1], *sides[1])
    assert all(one.met for one in own)


def test_coverage_is_of_what_the_config_declares(small_dataset: Path) -> None:
    found = {one.key: one for one in coverage_of(open_dataset(small_dataset))}
    azimuth = found["light.azimuth_deg"]
    assert azimuth.support == [0.0, 360.0]
    assert azimuth.low is not None
    assert azimuth.high is not None
    assert 0 <= azimuth.low <= azimuth.high <= 360
    assert azimuth.drawn == 4  # seven images, two views a scene
    assert azimuth.used <= 0.4
    assert azimuth.expected == pytest.approx(1 - 0.9**4)
    assert all(0 <= one.used <= 1 for one in found.values())
    assert found["camera.x"].drawn == 0  # the camera is on a shell


def test_the_command(pets: str, tmp_path: Path, small_dataset: Path) -> None:
    from typer.testing import CliRunner

    from simkit.cli.main import app

    wanted, out = tmp_path / "wanted.yaml", tmp_path / "stats.json"
    wanted.write_text("classes: [owl]\n")
    result = CliRunner().invoke(
        app, ["stats", pets, "--require", str(wanted), "--real", pets, "--json", str(out)]
    )
    assert result.exit_code == 1, result.output
    assert "long tail" not in result.output
    assert "declared, but in no image: owl" in result.output
    assert "LACKS" in result.output
    data = json.loads(out.read_text())
    assert data["required"] == [
        {"key": "classes.owl", "wanted": "at least 1", "found": "0", "met": False}
    ]
    assert data["instances"] == 4
    result = CliRunner().invoke(app, ["stats", str(small_dataset)])
    assert result.exit_code == 0, result.output
    assert "light.azimuth_deg" in result.output
