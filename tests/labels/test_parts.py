"""Named parts: read from files, and at each pixel, against rays and the places of the parts."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from simkit import registry
from simkit.assets.library import load_library
from simkit.assets.named_parts import NamedParts, named_parts
from simkit.assets.options import ModelOptions
from simkit.assets.reading import read_parts
from simkit.errors import RenderError
from simkit.options import build
from simkit.pipeline import Pipeline, Sample
from simkit.render.probe import probe
from simkit.robots import robot_library
from tests.oracles.ray_casting import Seen, cast, rotation_of

LABELS = ["part_map", "parts", "instance_map", "mask_visib", "identity"]
BASE = trimesh.creation.box(bounds=[[-0.031, -0.0203, -0.04], [0.0307, 0.0211, 0.0]])
KNOB = trimesh.creation.icosphere(subdivisions=2, radius=0.0173)
KNOB.apply_translation([0.0, 0.0, 0.0173])
"""What is below z = 0 of the model is its base, what is above is its knob."""


def write_models(folder: Path) -> None:
    """Write the same model in each kind of file that names its parts."""
    folder.mkdir()
    lines, start = ["vn 0 0 1"], 1
    for name, mesh in (("base", BASE), ("knob", KNOB)):
        lines += [f"o whole\ng {name}\nusemtl m{len(lines)}"]
        lines += [f"v {x!r} {y!r} {z!r}" for x, y, z in mesh.vertices.tolist()]
        lines += [f"f {a}//1 {b}//1 {c}//1" for a, b, c in (mesh.faces + start).tolist()]
        start += len(mesh.vertices)
    (folder / "obj.obj").write_text("\n".join(lines))
    scene = trimesh.Scene()
    scene.add_geometry(KNOB, node_name="knob", geom_name="mesh.001")
    scene.add_geometry(BASE, node_name="base", geom_name="mesh.002")
    scene.export(folder / "glb.glb")
    BASE.export(folder / "whole.stl")


def write_urdf(folder: Path) -> None:
    folder.mkdir()
    (folder / "two.urdf").write_text(
        """<robot name="two">
        <link name="base"><visual><origin xyz="0 0 -0.02"/><geometry><box size="0.06 0.04 0.04"/>
        </geometry></visual></link>
        <link name="knob"><visual><origin xyz="0 0 0.0173"/><geometry><sphere radius="0.0173"/>
        </geometry></visual></link>
        <joint name="turn" type="revolute"><parent link="base"/><child link="knob"/>
        <axis xyz="0 0 1"/><limit lower="-1" upper="1" effort="1" velocity="1"/></joint></robot>"""
    )


def config(source: Path | str, backend: str) -> dict[str, Any]:
    camera = {"width": 112, "height": 88, "distance": [0.3, 0.4]}
    return {
        "labels": LABELS,
        "seed": 7,
        "models": {"source": str(source), "collision": "convex_hull"},
        "render": {"backend": backend},
        "scene": {"objects": 7},
        "randomizers": {"camera": camera, "placement": {"x": [-0.1, 0.1], "y": [-0.1, 0.1]}},
    }


def parts_of(sample: Sample, place: int) -> dict[str, int]:
    """Return the ids of an instance's parts by name."""
    return {one["name"]: one["part_id"] for one in sample.labels["parts"][place]["parts"]}


def heights(sample: Sample, seen: Seen, number: int) -> np.ndarray:
    """Return z in the model's frame (H, W) of where rays end on a body, if they do."""
    camera, body = sample.camera, sample.scene.bodies[number - 1]
    v, u = np.mgrid[: camera.height, : camera.width]
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(camera.K).T
    world = (rays * seen.depth[..., None]) @ rotation_of(camera.quaternion).T + camera.position
    local = (world - body.position) @ rotation_of(body.quaternion) / np.array(body.scale)
    return np.asarray(local[..., 2])


def check_partition(sample: Sample) -> None:
    """Check that an instance's part masks are disjoint, make its mask_visib, and are counted."""
    found, instances = sample.labels["part_map"], sample.labels["instance_map"]
    assert found.dtype == np.uint16
    assert np.array_equal(found > 0, instances > 0)
    for place, mask in enumerate(sample.labels["mask_visib"]):
        listed = sample.labels["parts"][place]["parts"]
        for one in listed:
            assert one["px"] == (mask & (found == one["part_id"])).sum()
        assert sum(one["px"] for one in listed) == mask.sum()


@pytest.mark.parametrize("backend", ["embree", "gl"])
def test_parts_are_where_rays_end(tmp_path: Path, backend: str) -> None:
    if not probe(backend).works:
        pytest.skip(f"renderer {backend} does not work here")
    write_models(tmp_path / "models")
    compared = 0
    with Pipeline(config(tmp_path / "models", backend)) as pipeline:
        assert pipeline.library.part_ids("glb") != pipeline.library.part_ids("obj")
        for index in range(2):
            sample = pipeline(index)
            check_partition(sample)
            seen = cast(sample.scene, sample.camera, pipeline.library)
            for place, (number, body) in enumerate(sample.scene.labelled()):
                ids = parts_of(sample, place)
                assert set(ids) == ({"whole"} if body.model == "whole" else {"base", "knob"})
                mine = (seen.ids == number) & (sample.frame.instance == number)
                z = heights(sample, seen, number)
                for name, where in (("base", z < -1e-5), ("knob", z > 1e-5)):
                    wanted = ids.get(name, ids.get("whole"))
                    assert (sample.labels["part_map"][mine & where] == wanted).all()
                compared += int(mine.sum()) if len(ids) > 1 else 0
    assert compared > 1000


def test_links_of_an_articulated_model(tmp_path: Path) -> None:
    write_urdf(tmp_path / "urdf")
    with Pipeline(config(tmp_path / "urdf", "embree")) as pipeline:
        sample = pipeline(0)
        check_partition(sample)
        seen = cast(sample.scene, sample.camera, pipeline.library)
        for place, (number, _) in enumerate(sample.scene.labelled()):
            ids, z = parts_of(sample, place), heights(sample, seen, number)
            assert sample.labels["parts"][place]["whole"] == "two"
            mine = (seen.ids == number) & (sample.frame.instance == number)
            assert (sample.labels["part_map"][mine & (z > 1e-5)] == ids["knob"]).all()
            assert (sample.labels["part_map"][mine & (z < -1e-5)] == ids["base"]).all()


def test_links_of_a_robot_are_its_parts() -> None:
    library = robot_library("kuka_iiwa")
    ids = set()
    for name, model in library.items():
        assert model.parts is not None
        assert model.whole == "kuka_iiwa"
        (place,) = np.unique(model.parts.faces)
        assert model.part_names[place] == name.removeprefix("kuka_iiwa/")
        ids.add(library.part_ids(name)[place])
    assert ids == set(range(1, len(library) + 1))


def test_embedded_parts() -> None:
    library = load_library(ModelOptions())
    mug = library["mug"]
    assert mug.parts is not None
    assert mug.part_names == ("body", "handle")
    radius = np.linalg.norm(mug.mesh.triangles.mean(axis=1)[:, :2], axis=1)
    assert (radius[mug.parts.faces == 0] < 0.0402).all()
    assert (mug.parts.faces[radius > 0.0402] == 1).all()
    bolt = library["hex_bolt"]
    assert bolt.parts is not None
    assert np.array_equal(
        bolt.parts.faces == 1, bolt.mesh.triangles[..., 2].mean(axis=1) >= 0.048 - 1e-7
    )
    ids = [one for name in library for one in library.part_ids(name)]
    assert ids == list(range(1, len(ids) + 1))


def test_models_of_a_category_share_their_parts(tmp_path: Path) -> None:
    for color in ("red", "blue"):
        write_models(tmp_path / f"of_{color}")
    (tmp_path / "source" / "jar").mkdir(parents=True)
    for color in ("red", "blue"):
        file = tmp_path / f"of_{color}" / "obj.obj"
        file.rename(tmp_path / "source" / "jar" / f"{color}.obj")
    library = load_library(ModelOptions(source=str(tmp_path / "source")))
    assert library.part_ids("jar/red") == library.part_ids("jar/blue") == (1, 2)


def test_a_renderer_without_triangles_says_so() -> None:
    renderer_class = registry.load("renderers", "bullet")
    renderer = renderer_class(build(renderer_class.Options, {}), load_library(ModelOptions()))
    with pytest.raises(RenderError, match="no channel 'triangle'"):
        renderer.render(None, None, ["triangle"])
    renderer.close()


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=9), min_size=1, max_size=4))
def test_obj_names_survive_what_a_reader_does(groups: list[list[str]]) -> None:
    """Quads, polygons, several materials: each face keeps its name."""
    lines, owners, number, start = [], {}, 0, 1
    for material, names in enumerate(groups):
        lines.append(f"usemtl m{material}")
        for name in names:
            corners = 3 + number % 3
            x = float(number)
            lines += [f"o {name}"]
            lines += [
                f"v {x + 0.3 * math.cos(t)!r} {0.3 * math.sin(t)!r} {0.1 * number!r}"
                for t in (2 * math.pi * k / corners for k in range(corners))
            ]
            lines.append("f " + " ".join(f"{start + k}//" for k in range(corners)))
            start += corners
            owners[number] = name
            number += 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.obj"
        path.write_text("\n".join(lines))
        parts, _ = read_parts(path)
    found = named_parts(parts)
    if len({name for names in groups for name in names}) < 2:
        expected = [f"m{k}" for k, names in enumerate(groups) for _ in names]
    else:
        expected = [owners[k] for k in range(number)]
    if len(set(expected)) < 2:
        assert found is None
        return
    assert isinstance(found, NamedParts)
    centres = np.concatenate([part.vertices[part.faces].mean(axis=1) for part in parts])
    numbers = np.rint(centres[:, 2] / 0.1).astype(int)
    assert [found.names[k] for k in found.faces] == [expected[k] for k in numbers]
