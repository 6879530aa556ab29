"""Each command: its exit code, and what a reader must find in what it prints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest


def test_help_lists_every_command(run: Any) -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in (
        "generate", "preview", "inspect", "replay", "schema", "doctor", "check-plugin", "gallery",
        "fit-randomization", "export", "import",
    ):  # fmt: skip
        assert name in result.output


@pytest.mark.parametrize(
    "name",
    [
        "generate",
        "preview",
        "inspect",
        "replay",
        "rerender",
        "schema",
        "randomizers",
        "gallery",
        "fit-randomization",
        "export",
        "import",
        "check-plugin",
        "doctor",
    ],
)
def test_each_help_has_an_example_and_fits_a_screen(run: Any, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Example: simkit {name}" in result.output
    assert len(result.output.splitlines()) <= 40


def test_generate_writes_and_reports(run: Any, config_path: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    result = run(
        "generate", config_path, "--out", tmp_path / "d", "-n", 4, "--seed", 7, "--json", report
    )
    assert result.exit_code == 0, result.output
    assert "4 images" in result.output
    assert "ms/image" in result.output
    assert "simkit inspect" in result.output
    data = json.loads(report.read_text())
    assert data["images"] == 4
    assert data["workers"] == 1
    assert data["wall_seconds"] > 0
    assert "render" in data["stage_seconds"]
    again = run("generate", config_path, "--out", tmp_path / "d", "-n", 4, "--seed", 7)
    assert "0 images, 4 were there" in again.output


def test_generate_keeps_overrides(run: Any, config_path: Path, tmp_path: Path) -> None:
    result = run(
        "generate", config_path, "scene.objects=1", "workers=1", "-o", tmp_path / "d", "-n", 1
    )
    assert result.exit_code == 0, result.output
    listed = run("inspect", tmp_path / "d", "--columns", "index,instances")
    assert listed.output.split()[:4] == ["index", "instances", "0", "1"]


def test_a_randomizer_that_is_turned_off_stays_off(
    run: Any, config_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "d"
    assert run("generate", config_path, "randomizers.light=null", "-o", out, "-n", 1).exit_code == 0
    assert "temperature" not in run("inspect", out, 0).output
    assert "bit-identical" in run("replay", out, 0).output


def test_generate_without_config(run: Any, config_path: Path, tmp_path: Path) -> None:
    wrong = config_path.with_name("smal.yaml")
    result = run("generate", wrong, "-o", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert "there is no such config; did you mean" in result.stderr


def test_generate_with_an_unknown_key(run: Any, config_path: Path, tmp_path: Path) -> None:
    result = run("generate", config_path, "scene.objcts=3", "-o", tmp_path)
    assert result.exit_code == 1
    assert "did you mean 'objects'" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_override_in_place_of_the_config(run: Any, tmp_path: Path) -> None:
    result = run("generate", "scene.objects=3", "-o", tmp_path)
    assert result.exit_code == 1
    assert "the first argument is a config" in result.stderr


def test_interrupt_says_what_is_kept(
    run: Any, config_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("simkit.generation.generate", interrupted)
    result = run("generate", config_path, "-o", tmp_path)
    assert result.exit_code == 130
    assert "complete shards" in result.stderr
    assert "the same command goes on" in result.stderr


def test_preview_of_a_config_and_of_a_data_set(
    run: Any, config_path: Path, small_dataset: Path, tmp_path: Path
) -> None:
    for source in (config_path, small_dataset):
        out = tmp_path / "new" / "sheet.png"
        result = run("preview", source, "--out", out, "-n", 2, "--columns", 2)
        assert result.exit_code == 0, result.output
        sheet = cv2.imread(str(out))
        assert sheet.shape[1] > 2 * 480


def test_preview_refuses_overrides_of_a_data_set(run: Any, small_dataset: Path) -> None:
    result = run("preview", small_dataset, "scene.objects=1")
    assert result.exit_code == 1
    assert "is a data set" in result.stderr


def test_inspect_sums_up(run: Any, small_dataset: Path) -> None:
    result = run("inspect", small_dataset)
    assert result.exit_code == 0, result.output
    assert "7 (finished)" in result.output
    assert "bullet" in result.output
    assert "category" in result.output
    assert "visible part" in result.output


def test_inspect_where(run: Any, small_dataset: Path) -> None:
    result = run("inspect", small_dataset, "--where", "index >= 2", "--where", "index < 5")
    assert result.exit_code == 0
    assert "3 of 7 images" in result.output
    limited = run("inspect", small_dataset, "--where", "index >= 2", "--limit", 1)
    assert "first 1 shown" in limited.output


def test_inspect_where_with_a_typo(run: Any, small_dataset: Path) -> None:
    result = run("inspect", small_dataset, "--where", "visibel > 1")
    assert result.exit_code == 1
    assert "did you mean 'visible'" in result.stderr


def test_inspect_one_image(run: Any, small_dataset: Path, tmp_path: Path) -> None:
    result = run("inspect", small_dataset, 3, "--out", tmp_path / "image.png")
    assert result.exit_code == 0, result.output
    assert "placement" in result.output
    assert cv2.imread(str(tmp_path / "image.png")) is not None
    assert run("inspect", small_dataset, 70).exit_code == 1


def test_verify_finds_a_flipped_bit(run: Any, small_dataset: Path, tmp_path: Path) -> None:
    assert run("inspect", small_dataset, "--verify").exit_code == 0
    damaged = shutil.copytree(small_dataset, tmp_path / "damaged")
    _flip_a_bit_of_an_image(damaged / "shard-000000.tar")
    result = run("inspect", damaged, "--verify")
    assert result.exit_code == 1
    assert "1 of 7 images are damaged: 0" in result.output


def test_replay_is_bit_identical(run: Any, small_dataset: Path, tmp_path: Path) -> None:
    result = run("replay", small_dataset, 3, "--out", tmp_path / "image.png")
    assert result.exit_code == 0, result.output
    assert "bit-identical" in result.output
    assert (tmp_path / "image.png").exists()


def test_replay_lists_differences(run: Any, small_dataset: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(small_dataset, tmp_path / "changed")
    description = json.loads((changed / "dataset.json").read_text())
    description["config"]["randomizers"]["light"] = None
    description["versions"]["numpy"] = "0.1"
    (changed / "dataset.json").write_text(json.dumps(description))
    result = run("replay", changed, 0)
    assert result.exit_code == 1
    assert "rgb.png" in result.output
    assert "pixels" in result.output
    assert "params.light" in result.output
    assert "depth.png" not in result.output
    assert "versions: numpy" in result.output


def test_replay_takes_only_keys_of_models(run: Any, small_dataset: Path) -> None:
    result = run("replay", small_dataset, 0, "seed=4")
    assert result.exit_code == 1
    assert "no other keys than models" in result.stderr
    assert run("replay", small_dataset, 0, "models.source=embedded").exit_code == 0


def test_schema(run: Any) -> None:
    result = run("schema", "output")
    assert result.exit_code == 0
    assert "jpeg_quality" in result.output
    assert "1 to 100" in result.output
    keys = json.loads(run("schema", "--json").output)
    assert {"seed", "randomizers.camera.fov_deg"} <= {key["key"] for key in keys}
    assert "did you mean 'output'" in run("schema", "outptu").stderr


def test_randomizers(run: Any) -> None:
    result = run("randomizers")
    assert result.exit_code == 0
    assert "elevation_deg" in result.output
    assert "{uniform: [" in result.output


def test_check_plugin(run: Any) -> None:
    result = run("check-plugin", "randomizers:light")
    assert result.exit_code == 0, result.output
    assert "checks passed" in result.output
    assert "did you mean 'light'" in run("check-plugin", "ligth").stderr


def test_doctor(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from simkit.render import Probe

    answers = {"works": Probe(True, "A"), "fails": Probe(False, "", "install libB", "no libB")}
    monkeypatch.setattr("simkit.registry.names", lambda kind: list(answers))
    monkeypatch.setattr("simkit.render.probe.probe", lambda name, timeout: answers[name])
    result = run("doctor")
    assert result.exit_code == 0
    assert "remedy: install libB" in result.output
    del answers["works"]
    assert run("doctor").exit_code == 1


def _flip_a_bit_of_an_image(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 20] ^= 1
    path.write_bytes(bytes(data))
