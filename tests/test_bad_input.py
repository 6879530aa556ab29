"""What people get wrong: one line that names the key or file and says what to do, and no folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trimesh

import simkit
from simkit.config import load_config
from simkit.errors import AssetError, ConfigError, SimkitError

Row = tuple[Any, list[str], type[SimkitError], list[str]]


def config(*says: str, of: Any, error: type[SimkitError] = ConfigError, with_: str = "") -> Row:
    """A row: what is written, the overrides, what the message must say, and the error's class."""
    return of, [with_] if with_ else [], error, list(says)


CAMERA = "randomizers.camera"
ROWS: dict[str, Row] = {
    "unknown key": config("sede", "did you mean 'seed'", of={"sede": 1}),
    "unknown deep key": config(
        f"{CAMERA}.widht", "did you mean 'width'", of={"randomizers": {"camera": {"widht": 9}}}
    ),
    "unknown key of a section": config(
        "physics.timestep", "did you mean 'time_step'", of={"physics": {"timestep": 0.1}}
    ),
    "unknown key of the family": config(
        "scene.objcts", "did you mean 'objects'", of={"scene": {"objcts": 3}}
    ),
    "unknown key of the renderer": config(
        "render.shadows", "did you mean 'shadow'", of={"render": {"backend": "bullet", "shadows": True}}
    ),
    "text for a number": config(
        f"{CAMERA}.width", "'wide'", "int", of={"randomizers": {"camera": {"width": "wide"}}}
    ),
    "fraction for a whole number": config("views_per_scene", "1.5", of={"views_per_scene": 1.5}),
    "mapping for a number": config("n", "int", of={"n": {"a": 1}}),
    "number for a list": config("labels", of={"labels": 3}),
    "list for a section": config("physics", "no mapping", of={"physics": [1, 2]}),
    "out of range, low": config("n", "0", "at least 1", of={"n": 0}),
    "out of range, high": config(
        "output.jpeg_quality", "101", "100", of={"output": {"jpeg_quality": 101}}
    ),
    "not a number": config("physics.max_time", of={"physics": {"max_time": float("nan")}}),
    "support out of range": config(
        f"{CAMERA}.fov_deg", "0", of={"randomizers": {"camera": {"fov_deg": [0, 60]}}}
    ),
    "low above high": config(
        f"{CAMERA}.distance", "0.9", "above", "swap",
        of={"randomizers": {"camera": {"distance": [0.9, 0.5]}}},
    ),
    "unknown distribution": config(
        f"{CAMERA}.distance", "unifrom", "did you mean 'uniform'",
        of={"randomizers": {"camera": {"distance": {"unifrom": [1, 2]}}}},
    ),
    "three numbers for a range": config(
        "randomizers.light.intensity", "[low, high]",
        of={"randomizers": {"light": {"intensity": [0.1, 0.2, 0.3]}}},
    ),
    "fractional number of objects": config(
        "scene.objects", "integer", of={"scene": {"objects": [1, 4]}}
    ),
    "fraction of an object": config("scene.objects", "2.5", "whole", of={"scene": {"objects": 2.5}}),
    "log of a negative": config(
        f"{CAMERA}.distance", "positive",
        of={"randomizers": {"camera": {"distance": {"log_uniform": [-1, 1]}}}},
    ),
    "weights that do not match": config(
        "randomizers.material.background", "weights",
        of={"randomizers": {"material": {"background": {"choice": {
            "values": ["wood", "plain"], "weights": [1]}}}}},
    ),
    "a value that is not allowed": config(
        "randomizers.material.background", "'wodo'", "did you mean 'wood'",
        of={"randomizers": {"material": {"background": "wodo"}}},
    ),
    "a mode that is not allowed": config(
        "randomizers.placement.mode", "did you mean 'drop'",
        of={"randomizers": {"placement": {"mode": "dorp"}}},
    ),
    "unknown family": config(
        "scene.family", "tabeltop", "did you mean 'tabletop'", of={"scene": {"family": "tabeltop"}}
    ),
    "unknown backend": config(
        "render.backend", "'bulet'", "did you mean 'bullet'", of={"render": {"backend": "bulet"}}
    ),
    "unknown label": config("labels", "'bbox'", "Allowed are", of={"labels": ["bbox"]}),
    "unknown randomizer": config(
        "randomizers.lihgt", "did you mean 'light'", of={"randomizers": {"lihgt": {}}}
    ),
    "override without value": config("'seed'", "key=value", of={}, with_="seed"),
    "override without key": config("'=3'", "key=value", of={}, with_="=3"),
    "override of an unknown key": config("outptu", "did you mean 'output'", of={},
                                         with_="outptu.shard_size=3"),
    "override of a wrong type": config("seed", "'x'", of={}, with_="seed=x"),
    "negative seed": config("seed", "-1", of={"seed": -1}),
    "seed too large": config("seed", of={"seed": 2**63}),
    "fractional seed": config("seed", of={"seed": 0.5}),
    "cam_K with eight numbers": config(
        f"{CAMERA}.cam_K", "8", "nine",
        of={"randomizers": {"camera": {"cam_K": [1, 0, 0, 0, 1, 0, 0, 0]}}},
    ),
    "cam_K with a text": config(
        f"{CAMERA}.cam_K", of={"randomizers": {"camera": {"cam_K": [*[1] * 8, "x"]}}}
    ),
    "near beyond far": config(
        f"{CAMERA}.near", "far", of={"randomizers": {"camera": {"near": 2.0, "far": 1.0}}}
    ),
    "no camera": config("camera", of={"randomizers": {"camera": None}}),
    "circular interpolation": config("seed", of={"seed": "${n}", "n": "${seed}"}),
    "interpolation of nothing": config("seed", "nothing", of={"seed": "${nothing}"}),
    "YAML without keys": config("config.yaml", "mapping", of="- 1\n- 2\n"),
    "YAML of one word": config("config.yaml", "mapping", of="hello\n"),
    "YAML syntax": config("config.yaml:4", "YAML", of="seed: 1\nscene:\n  a: [1, 2\nn: 3\n"),
    "a tab in YAML": config("config.yaml:2", "YAML", of="scene:\n\tfamily: tabletop\n"),
    "a key twice": config("config.yaml", "seed", of="seed: 1\nseed: 2\n"),
    "a config that is not there": config("missing.yaml", of=Path("missing.yaml")),
    "models that are not there": config(
        "nowhere", "models.source", of={"models": {"source": "nowhere"}}, error=AssetError
    ),
    "a pattern without models": config(
        "models.include", "'mog'", "did you mean 'mug'",
        of={"models": {"include": ["mog"]}}, error=AssetError,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(ROWS))
def test_broken_configs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, overrides, error, says = ROWS[name]
    monkeypatch.chdir(tmp_path)
    if isinstance(written, str):
        Path("config.yaml").write_text(written)
        written = Path("config.yaml")
    with pytest.raises(error) as caught:
        simkit.generate(written, tmp_path / "out", n=None, overrides=overrides)
    check(caught.value, error, says, tmp_path / "out")


def check(raised: SimkitError, error: type[SimkitError], says: list[str], out: Path) -> None:
    message = str(raised)
    assert type(raised) is error
    assert len(message.splitlines()) == 1, message
    for part in says:
        assert part in message
    assert not out.exists()


def empty(folder: Path) -> None:
    del folder


def only_text(folder: Path) -> None:
    (folder / "notes.txt").write_text("nothing here")


def truncated_ply(folder: Path) -> None:
    trimesh.creation.icosphere(radius=0.05).export(folder / "ball.ply")
    data = (folder / "ball.ply").read_bytes()
    (folder / "ball.ply").write_bytes(data[: len(data) // 2])


def text_as_ply(folder: Path) -> None:
    (folder / "ball.ply").write_text("this is no mesh")


def empty_file(folder: Path) -> None:
    (folder / "ball.obj").write_text("")


def millimetres(folder: Path) -> None:
    trimesh.creation.box((50, 40, 30)).export(folder / "brick.ply")


def too_small(folder: Path) -> None:
    trimesh.creation.box((5e-5, 4e-5, 3e-5)).export(folder / "brick.ply")


def not_finite(folder: Path) -> None:
    (folder / "bad.obj").write_text("v 0 0 0\nv nan 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 3 4\n")


def no_faces(folder: Path) -> None:
    (folder / "points.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")


def bop_without_file(folder: Path) -> None:
    (folder / "models_info.json").write_text(json.dumps({"1": {"diameter": 100.0}}))


def bop_broken_json(folder: Path) -> None:
    (folder / "models_info.json").write_text('{"1": ')


def missing_texture(folder: Path) -> None:
    lines = ["mtllib a.mtl", "v 0 0 0", "v .1 0 0", "v 0 .1 0", "usemtl m", "f 1 2 3"]
    (folder / "a.obj").write_text("\n".join(lines))
    (folder / "a.mtl").write_text("newmtl m\nmap_Kd gone.png\n")


ASSETS: list[tuple[Callable[[Path], None], list[str]]] = [
    (empty, ["models", "has no models"]),
    (only_text, ["models", "has no models", ".ply"]),
    (truncated_ply, ["ball.ply"]),
    (text_as_ply, ["ball.ply"]),
    (empty_file, ["ball.obj"]),
    (millimetres, ["brick.ply", "models.unit"]),
    (too_small, ["brick.ply"]),
    (not_finite, ["bad.obj"]),
    (no_faces, ["points.obj"]),
    (bop_without_file, ["obj_000001.ply"]),
    (bop_broken_json, ["models_info.json"]),
    (missing_texture, ["a.obj", "gone.png"]),
]


@pytest.mark.parametrize(("make", "says"), ASSETS, ids=[make.__name__ for make, _ in ASSETS])
def test_broken_models(make: Callable[[Path], None], says: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    make(folder)
    with pytest.raises(AssetError) as caught:
        simkit.generate({"models": {"source": str(folder)}}, tmp_path / "out", n=1)
    check(caught.value, AssetError, says, tmp_path / "out")


@pytest.mark.parametrize("n", [0, -3])
def test_no_images(n: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        simkit.generate(None, tmp_path / "out", n=n)
    check(caught.value, ConfigError, ["n:", str(n), "at least 1"], tmp_path / "out")


def test_a_folder_that_cannot_be_made(small: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SimkitError) as caught:
        simkit.generate(small(), tmp_path / "file" / "out", n=1)
    assert "file/out" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_opening_what_is_no_data_set(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(SimkitError, match=r"has no dataset\.json") as caught:
            simkit.open_dataset(folder)
        assert len(str(caught.value).splitlines()) == 1


def test_an_override_of_broken_yaml() -> None:
    with pytest.raises(ConfigError, match="its value is no valid YAML"):
        load_config({}, ["scene.objects={integer: [1"])


def test_an_override_takes_the_place_of_a_distribution() -> None:
    config = {
        "randomizers": {"material": {"background": {"choice": {"values": ["noise", "wood"]}}}}
    }
    loaded = load_config(config, ["randomizers.material.background={choice: [wood]}"])
    assert loaded.randomizers["material"].background.support == ("wood",)
