"""A data set with all labels that formats carry, and short names for the two ways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simkit.dataset.reader import Dataset, open_dataset
from simkit.exchange import export, import_
from simkit.labels import DEFAULT_LABELS

LABELS = [
    *DEFAULT_LABELS,
    "bbox_3d",
    "panoptic",
    "panoptic_map",
    "keypoints",
    "obb_visib",
    "part_map",
    "parts",
]


@pytest.fixture(scope="session")
def rich(small: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of 6 images of 3 scenes, 128x96, objects that hide each other and leave the image."""
    from simkit.generation import generate

    folder = tmp_path_factory.mktemp("rich") / "data"
    camera = {"width": 128, "height": 96}
    camera |= {"distance": {"uniform": [0.3, 0.5]}, "elevation_deg": {"uniform": [15, 30]}}
    config = small(
        views_per_scene=2,
        seed=4,
        labels=LABELS,
        scene={"objects": {"integer": [10, 12]}},
        randomizers={"camera": camera, "placement": {"spread": 0.7}},
    )
    generate(config, folder, n=6)
    return folder


@pytest.fixture
def exported(rich: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that exports `rich` to a format with ``key=value`` options."""

    def run(to: str, *options: str, **more: Any) -> Path:
        folder = tmp_path / f"{to}{len(list(tmp_path.iterdir()))}"
        export(rich, folder, to, options, **more)
        return folder

    return run


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., Dataset]:
    """Return a function that imports a source and opens what came of it."""

    def run(source: Path, format: str, *options: str, **more: Any) -> Dataset:
        folder = tmp_path / f"imported{len(list(tmp_path.iterdir()))}"
        import_(source, folder, format, options, **more)
        return open_dataset(folder)

    return run
