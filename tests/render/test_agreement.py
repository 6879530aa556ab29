"""The renderers against each other on random scenes of all mesh formats.

`benchmarks.agreement` does the same on 200 scenes; thresholds are those of the project's goals.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simkit.assets.library import Library
from simkit.errors import RenderError
from simkit.render import Renderer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.agreement import RGB_BOUND, compare, make, random_scene, write_models

SCENES = 8


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return write_models(tmp_path_factory.mktemp("meshes"))


@pytest.fixture(scope="module")
def reference(library: Library) -> Iterator[Renderer]:
    renderer = make("embree", library)
    yield renderer
    renderer.close()


@pytest.mark.parametrize("name", ["gl", "bullet"])
def test_labels_agree_with_ray_casting(name: str, library: Library, reference: Renderer) -> None:
    try:
        renderer = make(name, library)
    except RenderError as error:
        pytest.skip(str(error))
    assert len(library.labelled_names()) == 4, "one model a file format"
    for seed in range(SCENES):
        found = compare(random_scene(library, seed), reference, renderer)
        assert found["ids"] >= 0.999, (seed, found)
        assert found["depth"] >= 0.9995, (seed, found)
        assert found["boxes"] <= 1, (seed, found)
        if name == "gl":
            assert found["depth_error"] <= 1e-4, (seed, found)
            assert found["rgb"] <= RGB_BOUND, (seed, found)
    renderer.close()
