"""A tiny data set of simkit's own parts, for tasks to learn by heart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simkit.checker.tasks import TINY
from simkit.generation import generate
from simkit.tasks.examples import Examples, open_examples

PARTS = ("l_bracket", "mug", "spur_gear")


@pytest.fixture(scope="session")
def make_parts(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that stores the checker's tiny set; with ``**changes`` of the config."""

    def made(n: int, **changes: Any) -> Path:
        folder = tmp_path_factory.mktemp("parts") / "data"
        generate({**TINY, **changes}, folder, n=n)
        return folder

    return made


@pytest.fixture(scope="session")
def parts(make_parts: Callable[..., Path]) -> Examples:
    """Eight images of three parts, 96 x 72 pixels, with all labels that tasks need."""
    labels = [*TINY["labels"], "object_coords", "pose_canonical"]
    return open_examples(make_parts(8, labels=labels), PARTS)
