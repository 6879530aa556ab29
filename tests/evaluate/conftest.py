"""Small data sets of coloured squares."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracles.colours import write_set


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Data sets by name: real photos, synthetic ones like them, and ones of wrong colours."""
    folder: Path = tmp_path_factory.mktemp("squares")
    made = {
        "real": write_set(folder / "photos", 60, 1, noise=60),
        "good": write_set(folder / "good", 60, 2, noise=60, origin="simulated"),
        "bad": write_set(folder / "bad", 60, 3, cast=(160, 160, -160), origin="simulated"),
    }
    return {name: str(path) for name, path in made.items()}
