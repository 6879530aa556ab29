"""The renderers against each other on random scenes of all mesh formats.

`benchmarks.agreement` does the same on 200 scenes; thresholds are those of the project's goals.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simkit.assets.library import Library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import load_furnished
from simkit.errors import RenderError
from simkit.geometry import look_at, quaternion_of
from simkit.render import Renderer
from simkit.scene import Body, Camera, Material, Scene, Texture, quaternion, vec3

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


@pytest.mark.parametrize("name", ["gl", "bullet"])
@pytest.mark.parametrize("own_look", [True, False])
def test_a_texture_replaces_the_models_own_look(name: str, own_look: bool) -> None:
    """Also its base colour: an orange bracket under a blue and white pattern is blue and white."""
    library = load_furnished(ModelOptions())
    assert library["l_bracket"].mesh.base_color != (1.0, 1.0, 1.0)
    try:
        renderer = make(name, library)
    except RenderError as error:
        pytest.skip(str(error))
    pattern = Texture("checker", ((0.1, 0.2, 0.8), (0.9, 0.9, 0.9)), size=0.02)
    body = Body("a", "l_bracket", material=Material(texture=pattern, own_look=own_look))
    T = look_at(np.array([0.15, -0.1, 0.12]), np.array([0.02, 0.0, 0.02]))
    camera = Camera(
        64, 48, ((90.0, 0.0, 31.5), (0.0, 90.0, 23.5), (0.0, 0.0, 1.0)),
        vec3(T[:3, 3]), quaternion(quaternion_of(T)),
    )  # fmt: skip
    scene = Scene(bodies=(body,), ambient=(0.8, 0.8, 0.8))
    expected = make("embree", library).render(scene, camera, ["rgb", "instance"])
    found = renderer.render(scene, camera, ["rgb"])
    seen = expected.instance > 0
    a, b = expected.rgb[seen].mean(axis=0), found.rgb[seen].mean(axis=0)
    assert a[2] > 1.2 * a[0], "blue prevails"
    assert b[2] / b[0] == pytest.approx(a[2] / a[0], rel=0.15)
    assert name == "bullet" or b == pytest.approx(a, rel=0.15)  # it has a light model of its own
