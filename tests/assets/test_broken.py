"""Each broken asset is refused with its name, the reason and a way out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from simkit.assets.library import load_library
from simkit.assets.options import ModelOptions
from simkit.errors import AssetError

from .conftest import CUBE_FACES, CUBE_VERTICES, cube_obj


def _cube(scale: float = 0.1) -> trimesh.Trimesh:
    return trimesh.Trimesh(np.array(CUBE_VERTICES) * scale, CUBE_FACES, process=False)


def _text(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None  # type: ignore[return-value]


def _truncated(ending: str, part: float) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        path = folder / f"cut.{ending}"
        _cube().export(path)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])

    return write


def _bop(info: str, *ids: int) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "models_info.json").write_text(info)
        for i in ids:
            _cube(100.0).export(folder / f"obj_{i:06d}.ply")

    return write


def _duplicate(folder: Path) -> None:
    _cube().export(folder / "a.ply")
    _cube().export(folder / "a.stl")


def _urdf(visual: str, more: str = "") -> Callable[[Path], None]:
    link = f'<link name="base"><visual><geometry>{visual}</geometry></visual></link>'
    return _text("r.urdf", f'<robot name="r">{link}{more}</robot>')


def _gltf_without_image(folder: Path) -> None:
    data = {"asset": {"version": "2.0"}, "images": [{"uri": "gone.png"}]}
    (folder / "a.gltf").write_text(json.dumps(data))


def _broken_texture(folder: Path) -> None:
    (folder / "a.mtl").write_text("newmtl m\nmap_Kd bad.png\n")
    (folder / "bad.png").write_bytes(b"no image")
    (folder / "a.obj").write_text(cube_obj(head="mtllib a.mtl"))


NAN = cube_obj().replace("v 0.1 0.1 0.1", "v nan 0.1 0.1")
FLAT = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3\nf 1 3 4\n"
LINE = "v 0 0 0\nv 1 0 0\nv 0.5 0 0\nf 1 2 3\n"
OPEN = cube_obj(faces=CUBE_FACES[:-1])
BAD_URDF = '<robot name="r"><link name="a"/><link name="b"/></robot>'
LOOSE = '<joint name="j" type="fixed"><parent link="base"/><child link="gone"/></joint>'
GOOD_INFO = json.dumps({"1": {"diameter": 173.2}})

CASES = {
    "empty folder": (lambda folder: None, {}, ["has no models", ".obj, .ply, .stl, .glb, .gltf"]),
    "truncated glb": (_truncated("glb", 0.6), {}, ["cut.glb", "truncated", "again"]),
    "truncated stl": (_truncated("stl", 0.6), {}, ["cut.stl", "truncated", "again"]),
    "truncated ply": (_truncated("ply", 0.6), {}, ["cut.ply", "truncated", "again"]),
    "truncated ply header": (_truncated("ply", 0.1), {}, ["cut.ply", "truncated", "again"]),
    "no mesh at all": (_text("a.ply", "hello"), {}, ["a.ply", "damaged", "again"]),
    "empty file": (_text("a.obj", ""), {}, ["a.obj", "no faces", "export"]),
    "points only": (_text("a.obj", "v 0 0 0\nv 1 0 0\n"), {}, ["a.obj", "no faces", "export"]),
    "bad index": (_text("a.obj", cube_obj() + "f 1 2 99\n"), {}, ["a.obj", "export"]),
    "nan": (_text("a.obj", NAN), {}, ["a.obj", "1 vertices are not finite", "export"]),
    "degenerate": (_text("a.obj", LINE), {}, ["a.obj", "area of zero", "export"]),
    "flat": (_text("a.obj", FLAT), {}, ["a.obj", "flat along z", "thickness"]),
    "too large": (
        _text("a.obj", cube_obj(102.1)), {},
        ["a.obj", "102.1 m", "millimetres? set models.unit=mm"],
    ),
    "too small": (
        _text("a.obj", cube_obj(0.1)), {"unit": "mm"},
        ["a.obj", "0.0001 m", "metres? set models.unit=m,"],
    ),
    "missing mtl": (_text("a.obj", cube_obj(head="mtllib gone.mtl")), {}, ["a.obj", "gone.mtl",
                                                                           "beside the model"]),
    "broken texture": (_broken_texture, {}, ["a.obj", "bad.png", "cannot be read", "again"]),
    "missing gltf image": (_gltf_without_image, {}, ["a.gltf", "gone.png", "beside the model"]),
    "open": (_text("a.obj", OPEN), {"require_watertight": True}, ["a.obj", "watertight", "close"]),
    "duplicate": (_duplicate, {}, ["a.ply and", "a.stl", "rename"]),
    "bop unlisted": (_bop(GOOD_INFO, 1, 2), {}, ["obj_000002.ply", "no entry", "add one"]),
    "bop no ply": (_bop(GOOD_INFO), {}, ["obj_000001.ply", "not there", "models_info.json"]),
    "bop no json": (_bop("{", 1), {}, ["models_info.json", "JSON"]),
    "bop no diameter": (_bop('{"1": {}}', 1), {}, ["models_info.json", "'1'", "diameter"]),
    "bop no info": (lambda folder: _cube().export(folder / "obj_000001.ply"), {"kind": "bop"},
                    ["no models_info.json", "models.kind=folder"]),
    "urdf no mesh": (_urdf('<mesh filename="gone.obj"/>'), {}, ["r.urdf", "gone.obj", "check"]),
    "urdf shape": (_urdf('<cone radius="1"/>'), {}, ["r.urdf", "<cone>", "allowed are"]),
    "urdf number": (_urdf('<box size="1 1"/>'), {}, ["r.urdf", "3 number(s)", "correct"]),
    "urdf two roots": (_text("r.urdf", BAD_URDF), {}, ["r.urdf", "2 root links", "join"]),
    "urdf loose": (_urdf('<box size="1 1 1"/>', LOOSE), {}, ["r.urdf", "'gone'", "not there"]),
    "urdf no link": (_text("r.urdf", '<robot name="r"/>'), {}, ["r.urdf", "no <link>", "add one"]),
    "urdf xml": (_text("r.urdf", "<robot>"), {}, ["r.urdf", "XML", "correct"]),
    "include": (_text("hammer.obj", cube_obj()), {"include": ["hamer"]},
                ["models.include", "did you mean 'hammer'"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_broken_asset(case: str, tmp_path: Path) -> None:
    write, options, words = CASES[case]
    write(tmp_path)
    with pytest.raises(AssetError) as raised:
        load_library(ModelOptions(source=str(tmp_path), **options))  # type: ignore[arg-type]
    for word in words:
        assert word in str(raised.value)


def test_missing_folder_and_wrong_ending(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"gone.*no such file or folder.*check the path"):
        load_library(ModelOptions(source=str(tmp_path / "gone")))
    (tmp_path / "a.dae").write_text("<COLLADA/>")
    with pytest.raises(AssetError, match=r"a\.dae.*convert the model to one of \.obj"):
        load_library(ModelOptions(source=str(tmp_path / "a.dae")))


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(NAN)
    (tmp_path / "b.obj").write_text(FLAT)
    (tmp_path / "c.obj").write_text(cube_obj())
    with pytest.raises(AssetError) as raised:
        load_library(ModelOptions(source=str(tmp_path)))
    lines = str(raised.value).splitlines()
    assert lines[0] == "models: 2 of 3 cannot be used:"
    assert "a.obj" in lines[1]
    assert "b.obj" in lines[2]


def test_bop_root_is_pointed_to_its_models(tmp_path: Path) -> None:
    (tmp_path / "models_eval").mkdir()
    _bop(GOOD_INFO)(tmp_path / "models_eval")
    with pytest.raises(AssetError, match=r"did you mean .*models_eval\?"):
        load_library(ModelOptions(source=str(tmp_path)))


def test_not_watertight_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(OPEN)
    library = load_library(ModelOptions(source=str(tmp_path)))
    assert len(library.warnings) == 1
    assert "a.obj: is not watertight" in library.warnings[0]
    assert library["a"].volume == pytest.approx(1e-3)
