"""What is in a file comes out: geometry, units, colours, textures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual.material import PBRMaterial, SimpleMaterial
from trimesh.visual.texture import TextureVisuals

from simkit.assets.color import srgb_to_linear
from simkit.assets.library import Model, load_library
from simkit.assets.mesh import Mesh
from simkit.assets.options import ModelOptions

from .conftest import CUBE_FACES, CUBE_VERTICES, cube_obj

# A 2x2 texture: top left red, top right green, bottom left blue, bottom right white.
CORNERS = {(0, 1): (255, 0, 0), (1, 1): (0, 255, 0), (0, 0): (0, 0, 255), (1, 0): (255, 255, 255)}
PICTURE = np.array([[CORNERS[0, 1], CORNERS[1, 1]], [CORNERS[0, 0], CORNERS[1, 0]]], np.uint8)


def load(path: Path, **options: object) -> Model:
    library = load_library(ModelOptions(source=str(path), **options))  # type: ignore[arg-type]
    return next(iter(library.values()))


def cube(scale: float = 0.1) -> trimesh.Trimesh:
    vertices = np.array(CUBE_VERTICES, dtype=float) * scale
    return trimesh.Trimesh(vertices, CUBE_FACES, process=False)


def sampled(mesh: Mesh, uv: np.ndarray) -> np.ndarray:
    """Return the texels (N, 3) at coordinates (N, 2), v upwards, nearest, repeating."""
    assert mesh.texture is not None
    height, width = mesh.texture.shape[:2]
    column = (np.mod(uv[:, 0], 1.0) * width).astype(int).clip(0, width - 1)
    row = ((1.0 - np.mod(uv[:, 1], 1.0)) * height).astype(int).clip(0, height - 1)
    return mesh.texture[row, column]


def pyramid(uv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vertices, faces and uv of a pyramid on a unit square whose base has `uv`."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 1]]) * 0.1
    faces = np.array([[0, 2, 1], [0, 3, 2], [0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    return vertices, faces, np.vstack([uv, uv.mean(axis=0)])


@pytest.mark.parametrize("ending", ["obj", "ply", "stl", "glb", "gltf"])
def test_geometry_and_unit_of_each_format(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"part.{ending}"
    if ending == "gltf":
        for name, data in trimesh.exchange.gltf.export_gltf(cube().scene()).items():
            (tmp_path / name.replace("model.gltf", "part.gltf")).write_bytes(data)
    else:
        cube().export(path)
    model = load(path)
    assert model.watertight
    assert model.volume == pytest.approx(1e-3, rel=1e-5)
    assert np.allclose(model.center_of_mass, 0.05, atol=1e-6)
    assert model.diameter == pytest.approx(0.1 * np.sqrt(3), rel=1e-5)
    assert np.allclose(model.mesh.bounds, [[0, 0, 0], [0.1, 0.1, 0.1]], atol=1e-6)
    assert load(path, unit="cm", min_size=1e-4).mesh.bounds[1, 0] == pytest.approx(1e-3)


def test_box_has_hard_edges(tmp_path: Path) -> None:
    (tmp_path / "box.obj").write_text(cube_obj())
    mesh = load(tmp_path / "box.obj").mesh
    assert len(mesh.vertices) == 24
    assert np.allclose(np.abs(mesh.normals).max(axis=1), 1.0)


def test_sphere_is_smooth_and_faces_stay_in_order(tmp_path: Path) -> None:
    sphere = trimesh.creation.icosphere(subdivisions=3, radius=0.1)
    sphere.export(tmp_path / "ball.stl")
    mesh = load(tmp_path / "ball.stl").mesh
    assert len(mesh.vertices) >= len(sphere.vertices)
    assert np.allclose(mesh.normals, mesh.vertices / 0.1, atol=0.02)
    assert np.allclose(mesh.triangles, sphere.triangles, atol=1e-6)


def test_normals_of_the_file_are_kept(tmp_path: Path) -> None:
    normals = np.array(CUBE_VERTICES, dtype=float) - 0.5
    rows = [f"{v[0] * 0.1} {v[1] * 0.1} {v[2] * 0.1} {n[0]} {n[1]} {n[2]}"
            for v, n in zip(CUBE_VERTICES, normals, strict=True)]  # fmt: skip
    _write_ply(tmp_path / "a.ply", ["x", "y", "z", "nx", "ny", "nz"], rows)
    mesh = load(tmp_path / "a.ply").mesh
    assert len(mesh.vertices) == 8
    assert np.allclose(mesh.normals, normals / np.sqrt(0.75), atol=1e-6)


def _write_ply(path: Path, properties: list[str], rows: list[str]) -> None:
    kinds = [("uchar" if p in ("red", "green", "blue") else "float", p) for p in properties]
    head = ["ply", "format ascii 1.0", "element vertex 8"]
    head += [f"property {kind} {name}" for kind, name in kinds]
    head += ["element face 12", "property list uchar int vertex_indices", "end_header"]
    faces = [f"3 {a} {b} {c}" for a, b, c in CUBE_FACES]
    path.write_text("\n".join([*head, *rows, *faces]) + "\n")


def test_vertex_colors_of_ply_survive(tmp_path: Path) -> None:
    colors = np.arange(24).reshape(8, 3) * 10
    rows = [" ".join(map(str, [*(np.array(v) * 0.1), *c]))
            for v, c in zip(CUBE_VERTICES, colors, strict=True)]  # fmt: skip
    _write_ply(tmp_path / "a.ply", ["x", "y", "z", "red", "green", "blue"], rows)
    mesh = load(tmp_path / "a.ply").mesh
    assert mesh.vertex_colors is not None
    for vertex, color in zip(mesh.vertices, mesh.vertex_colors, strict=True):
        at = CUBE_VERTICES.index(tuple(np.rint(vertex * 10).astype(int).tolist()))
        assert (color == colors[at]).all()


def test_vertex_colors_of_glb_are_linear(tmp_path: Path) -> None:
    mesh = cube()
    mesh.visual.vertex_colors = np.tile([55, 128, 255, 255], (8, 1))
    mesh.export(tmp_path / "a.glb")
    colors = load(tmp_path / "a.glb").mesh.vertex_colors
    assert colors is not None
    assert np.allclose(srgb_to_linear(colors / 255.0), np.array([55, 128, 255]) / 255, atol=0.01)


@pytest.mark.parametrize("ending", ["obj", "glb", "ply"])
def test_texture_is_the_right_way_up(tmp_path: Path, ending: str) -> None:
    square = np.array([[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]])
    vertices, faces, uv = pyramid(square)
    image = Image.fromarray(PICTURE)
    if ending == "ply":
        image.save(tmp_path / "a.png")
        _textured_ply(tmp_path / "a.ply", vertices, faces, uv)
    else:
        pbr = PBRMaterial(baseColorTexture=image)
        material = pbr if ending == "glb" else SimpleMaterial(image=image)
        visual = TextureVisuals(uv=uv, material=material)
        trimesh.Trimesh(vertices, faces, visual=visual, process=False).export(
            tmp_path / f"a.{ending}"
        )
    mesh = load(tmp_path / f"a.{ending}").mesh
    assert mesh.uv is not None
    assert (mesh.texture == PICTURE).all()
    base = mesh.vertices[:, 2] < 1e-6
    texels = sampled(mesh, mesh.uv[base])
    for vertex, texel in zip(mesh.vertices[base], texels, strict=True):
        corner = tuple(np.rint(vertex[:2] * 10).astype(int).tolist())
        assert tuple(texel.tolist()) == CORNERS[corner]


def _textured_ply(path: Path, vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray) -> None:
    head = ["ply", "format ascii 1.0", "comment TextureFile a.png", f"element vertex {len(uv)}"]
    head += [f"property float {name}" for name in ("x", "y", "z", "s", "t")]
    head += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header"]
    rows = [" ".join(map(str, [*v, *t])) for v, t in zip(vertices, uv, strict=True)]
    path.write_text("\n".join([*head, *rows, *(f"3 {a} {b} {c}" for a, b, c in faces)]) + "\n")


def test_obj_with_materials_without_texture(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl red\nKd 1 0 0\nnewmtl half\nKd 0.5 0.5 0.5\n")
    text = cube_obj(head="mtllib a.mtl").splitlines()
    first = next(i for i, line in enumerate(text) if line.startswith("f"))
    text.insert(first, "usemtl red")
    text.insert(first + 3, "usemtl half")
    (tmp_path / "a.obj").write_text("\n".join(text))
    model = load(tmp_path / "a.obj")
    assert model.watertight
    colors = model.mesh.vertex_colors
    assert colors is not None
    assert {tuple(c) for c in colors.tolist()} == {(255, 0, 0), (128, 128, 128)}
    red = model.mesh.vertices[(colors == (255, 0, 0)).all(axis=1)]
    assert (red[:, 0] == 0).all()


def test_several_textures_share_an_atlas(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    rng = np.random.default_rng(3)
    uvs, pictures = {}, {}
    # The second one's coordinates repeat, with a face over a border between tiles.
    for name, low in (("a", 0.1), ("b", -1.7)):
        square = np.array([[0, 0], [0.8, 0], [0.8, 0.8], [0, 0.8]]) + low
        vertices, faces, uv = pyramid(square)
        picture = rng.integers(0, 255, size=(8, 16, 3)).astype(np.uint8)
        material = PBRMaterial(baseColorTexture=Image.fromarray(picture))
        visual = TextureVisuals(uv=uv, material=material)
        part = trimesh.Trimesh(vertices, faces, visual=visual, process=False)
        offset = 0.0 if name == "a" else 0.5
        T = trimesh.transformations.translation_matrix([offset, 0, 0])
        scene.add_geometry(part, node_name=name, geom_name=name, transform=T)
        uvs[name], pictures[name] = uv, picture
    plain = cube()
    plain.visual = TextureVisuals(material=PBRMaterial(baseColorFactor=[255, 0, 0, 255]))
    T = trimesh.transformations.translation_matrix([0.9, 0, 0])
    scene.add_geometry(plain, node_name="c", geom_name="c", transform=T)
    scene.export(tmp_path / "many.glb")
    mesh = load(tmp_path / "many.glb").mesh
    assert mesh.uv is not None
    weights = rng.dirichlet([2, 2, 2], size=40)
    for name, offset in (("a", 0.0), ("b", 0.5)):
        vertices, faces, _ = pyramid(np.zeros((4, 2)))
        for face in faces:
            found = _face_at(mesh, vertices[face] + [offset, 0, 0])
            expected = Mesh(mesh.vertices, mesh.faces, mesh.normals, None, pictures[name])
            wanted = sampled(expected, weights @ uvs[name][face])
            got = sampled(mesh, weights @ mesh.uv[found])
            assert (wanted == got).all(axis=1).mean() > 0.9  # texel borders may round apart
    red = mesh.vertices[:, 0] > 0.85
    assert (sampled(mesh, mesh.uv[red]) == (255, 0, 0)).all()


def _face_at(mesh: Mesh, corners: np.ndarray) -> np.ndarray:
    """Return the vertices (3,) of the face with these corners (3, 3), in their order."""
    for face in mesh.faces:
        for turn in range(3):
            rolled = np.roll(face, turn)
            if np.allclose(mesh.vertices[rolled], corners, atol=1e-5):
                return rolled
    raise AssertionError("no face with these corners")


def test_scene_graph_and_base_color_of_glb(tmp_path: Path) -> None:
    part = cube()
    part.visual = TextureVisuals(material=PBRMaterial(baseColorFactor=[0.5, 0.25, 0.0, 1.0]))
    scene = trimesh.Scene()
    T = trimesh.transformations.rotation_matrix(np.pi / 2, [0, 0, 1])
    T[:3, 3] = [0.3, 0.0, 0.2]
    scene.add_geometry(part, transform=T)
    scene.export(tmp_path / "a.glb")
    model = load(tmp_path / "a.glb")
    assert np.allclose(model.mesh.bounds, [[0.2, 0, 0.2], [0.3, 0.1, 0.3]], atol=1e-6)
    assert np.allclose(model.mesh.base_color, [0.5, 0.25, 0.0], atol=0.005)
    mirrored = trimesh.Scene()
    mirrored.add_geometry(cube(), transform=np.diag([-1.0, 1.0, 1.0, 1.0]))
    mirrored.export(tmp_path / "m.glb")
    assert load(tmp_path / "m.glb").volume == pytest.approx(1e-3, rel=1e-4)


def test_inside_out_is_turned_with_a_warning(tmp_path: Path) -> None:
    inside_out = [face[::-1] for face in CUBE_FACES]
    (tmp_path / "a.obj").write_text(cube_obj(faces=inside_out))
    one_wrong = [CUBE_FACES[0][::-1], *CUBE_FACES[1:]]
    (tmp_path / "b.obj").write_text(cube_obj(faces=one_wrong))
    library = load_library(ModelOptions(source=str(tmp_path)))
    assert "inside out" in library.warnings[0]
    assert "1 faces were wound against" in library.warnings[1]
    for model in library.values():
        assert model.watertight
        assert model.volume == pytest.approx(1e-3)
        out = ((model.mesh.vertices - 0.05) * model.mesh.normals).sum(axis=1)
        assert (out > 0).all()


def test_same_file_same_hash(tmp_path: Path) -> None:
    cube().export(tmp_path / "a.glb")
    hashes = {load(tmp_path / "a.glb").mesh.content_hash for _ in range(2)}
    assert len(hashes) == 1


def test_bop_symmetries_and_diameter_are_metres(tmp_path: Path) -> None:
    cube(100.0).export(tmp_path / "obj_000007.ply")
    turn = [-1, 0, 0, 12.5, 0, -1, 0, 0, 0, 0, 1, -3, 0, 0, 0, 1]
    info = {"diameter": 173.2, "symmetries_discrete": [turn],
            "symmetries_continuous": [{"axis": [0, 0, 1], "offset": [10, 0, 0]}]}  # fmt: skip
    (tmp_path / "models_info.json").write_text(json.dumps({"7": info}))
    model = load(tmp_path)
    assert (model.name, model.obj_id, model.category_id) == ("obj_000007", 7, 7)
    assert model.category == "obj_000007"
    assert model.diameter == pytest.approx(0.1732)
    assert np.allclose(np.array(model.symmetries_discrete[0])[:, 3], [0.0125, 0, -0.003, 1])
    assert model.symmetries_continuous == (((0.0, 0.0, 1.0), (0.01, 0.0, 0.0)),)
    assert model.volume == pytest.approx(1e-3, rel=1e-5)


def test_lmo_models(lmo_models: Path) -> None:
    options = ModelOptions(source=str(lmo_models), include=["obj_000001", "obj_000011"])
    library = load_library(options)
    assert [model.obj_id for model in library.values()] == [1, 11]
    ape, glue = library.values()
    assert ape.diameter == pytest.approx(0.102099)
    assert ape.mesh.vertex_colors is not None
    assert ape.mesh.vertex_colors.std() > 10
    assert ape.watertight
    assert len(glue.symmetries_discrete) == 1
    raw = trimesh.load(lmo_models / "obj_000001.ply", process=False)
    assert np.allclose(ape.mesh.vertices, raw.vertices * 1e-3, atol=1e-7)
    assert (ape.mesh.faces == raw.faces).all()
    assert np.allclose(ape.mesh.normals, raw.vertex_normals, atol=1e-3)
