"""Fixtures that all tests share: caches, real data, and one small data set."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The same examples in each run: what fails on one machine fails on all.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")

REPOSITORY = Path(__file__).resolve().parents[1]

SMALL: dict[str, Any] = {
    "models": {"collision": "convex_hull"},  # decomposing takes most of a minute
    "scene": {"objects": {"integer": [2, 4]}},
    "randomizers": {"camera": {"width": 64, "height": 48}},
    "render": {"backend": "embree"},
    "output": {"shard_size": 3, "image_format": "png"},
}
"""Quick to make: few objects, few pixels, collision shapes that need no cache."""


def pytest_configure(config: pytest.Config) -> None:
    """pycocotools' own code warns under numpy 2; that is not ours to mend."""
    config.addinivalue_line("filterwarnings", "ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests() -> None:
    """Keep the tests out of the user's cache, unless a cache is named; compiled kernels stay in it."""
    os.environ.setdefault("SIMKIT_CACHE", str(REPOSITORY / ".cache"))


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real data; skips where it is not at hand."""
    folder = Path(os.environ.get("SIMKIT_REAL", REPOSITORY.parent / "shared" / "real"))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; set SIMKIT_REAL to the folder that has it")
    return folder


@pytest.fixture(scope="session")
def small() -> Callable[..., dict[str, Any]]:
    """Return a function that gives the small config, with ``**changes`` merged into it."""
    return small_config


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of 7 images in shards of 3, two views of each scene; read it, do not write to it."""
    from simkit.generation import generate

    folder = tmp_path_factory.mktemp("small") / "data"
    generate(small_config(views_per_scene=2, seed=11), folder, n=7)
    return folder


def small_config(**changes: Any) -> dict[str, Any]:
    """Return the small config with `changes` merged into it."""
    return _merged(copy.deepcopy(SMALL), changes)


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict) and value:
            base[key] = _merged(base[key], value)
        else:
            base[key] = value
    return base
