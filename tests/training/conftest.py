"""A small data set with what tensors are made of, and its config."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simkit.labels import DEFAULT_LABELS

DENSE = ("normal", "instance_map", "part_map", "flow_forward")
POINTS = ("keypoints", "obb_visib")
N = 7


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Small tensors gain nothing from threads that wait for each other on a busy machine."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def config(small: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Two views of each scene, objects that hide each other and leave the image, a second eye."""
    return small(
        views_per_scene=2,
        seed=4,
        labels=[*DEFAULT_LABELS, *DENSE, *POINTS],
        scene={"objects": {"integer": [5, 7]}},
        randomizers={"camera": {"distance": {"uniform": [0.25, 0.35]}}},
        sensors={"stereo": {}, "time_of_flight": {}},
    )


@pytest.fixture(scope="session")
def stored(config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of 7 images in shards of 3."""
    from simkit.generation import generate

    folder = tmp_path_factory.mktemp("stored") / "data"
    generate(config, folder, n=N)
    return folder
