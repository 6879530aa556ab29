"""Names, ids, categories; the embedded parts and the primitives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simkit.assets.library import Library, load_library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import primitives
from simkit.assets.sources import find_entries
from simkit.errors import AssetError
from simkit.options import build

from .conftest import cube_obj


@pytest.fixture(scope="module")
def embedded() -> Library:
    return load_library(ModelOptions())


def test_embedded_parts_are_sound(embedded: Library) -> None:
    assert len(embedded) == 8
    assert embedded.warnings == ()
    assert [model.obj_id for model in embedded.values()] == list(range(1, 9))
    for model in embedded.values():
        assert model.watertight, model.name
        assert 0.02 <= model.diameter <= 0.13, model.name
        assert model.volume > 1e-6
        assert len(model.mesh.faces) <= 6000
        assert model.licence == "Apache-2.0"
        normals = model.mesh.normals
        assert np.allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-5)
        corners = model.mesh.triangles
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert ((across * normals[model.mesh.faces].sum(axis=1)).sum(axis=1) > 0).all(), model.name
    assert embedded["bowl"].mesh.texture is not None
    assert embedded["mug"].mesh.vertex_colors is not None


def test_embedded_parts_are_the_same_each_time(embedded: Library) -> None:
    again = load_library(ModelOptions())
    for name in embedded:
        assert again[name].mesh.content_hash == embedded[name].mesh.content_hash


def test_wrong_name_gets_a_hint(embedded: Library) -> None:
    with pytest.raises(AssetError, match="did you mean 'hex_nut'"):
        embedded["hexnut"]
    with pytest.raises(AssetError, match="did you mean 'mug'"):
        embedded.collision("mugg")


def test_merged_with_primitives(embedded: Library) -> None:
    both = embedded.merged(primitives())
    assert both.names()[-4:] == ["simkit:box", "simkit:cylinder", "simkit:plane", "simkit:sphere"]
    assert len(both.categories()) == 8
    assert both["simkit:plane"].mesh.normals.tolist() == [[0.0, 0.0, 1.0]] * 4
    assert len(both["simkit:box"].mesh.vertices) == 24
    with pytest.raises(AssetError, match="stands twice"):
        both.merged(primitives())


def test_names_and_categories_of_a_folder(tmp_path: Path) -> None:
    for name in ("mug/red.obj", "mug/blue.obj", "duck/duck.obj", "zebra.obj", ".git/x.obj"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(cube_obj())
    options = ModelOptions(source=str(tmp_path))
    names = [(e.name, e.category, e.obj_id) for e in find_entries(options)]
    assert names == [
        ("duck", "duck", 1),
        ("mug/blue", "mug", 2),
        ("mug/red", "mug", 3),
        ("zebra", "zebra", 4),
    ]
    library = load_library(ModelOptions(source=str(tmp_path), include=["mug/*"], licence="CC0"))
    assert library.names() == ["mug/blue", "mug/red"]
    assert [m.category_id for m in library.values()] == [2, 2]
    assert [m.obj_id for m in library.values()] == [2, 3]
    assert library["mug/red"].licence == "CC0"


def test_options_are_a_config() -> None:
    options = build(ModelOptions, {"include": ["a"], "unit": "mm"})
    assert options.include == ["a"]
