"""Files that the asset tests read: small, written on the spot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

CUBE_VERTICES = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
CUBE_FACES = [
    (0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1),
    (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3),
]  # fmt: skip
"""A cube of side 1 with a corner in the origin, faces outwards."""


def cube_obj(scale: float = 0.1, faces: list[tuple[int, ...]] | None = None, head: str = "") -> str:
    """Return the cube as an OBJ file's text."""
    lines = [head] if head else []
    lines += [f"v {x * scale} {y * scale} {z * scale}" for x, y, z in CUBE_VERTICES]
    lines += ["f " + " ".join(str(i + 1) for i in face) for face in faces or CUBE_FACES]
    return "\n".join(lines) + "\n"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the tests out of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SIMKIT_CACHE", str(folder))
    return folder


@pytest.fixture
def lmo_models() -> Path:
    """The LM-O models folder; skips where the real data is not at hand."""
    real = Path(os.environ.get("SIMKIT_REAL", REPOSITORY.parent / "shared" / "real"))
    folder = real / "lmo" / "models"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set SIMKIT_REAL to the folder of real data")
    return folder
