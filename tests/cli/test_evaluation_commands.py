"""``simkit evaluate``, ``ablate``, ``benchmark`` and ``monitor``: exit codes, and what they print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from oracles import colours
from oracles.colours import write_set

from simkit.evaluate.benchmark import (
    adjusted,
    at_folder,
    benchmark_names,
    figure,
    read_benchmark,
)
from simkit.evaluate.result import Evaluation, Measure, Score
from simkit.metrics.estimate import Estimate

TASK = "oracles.colours:Colours"


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sets")
    return {
        "real": write_set(folder / "photos", 90, 1, noise=60),
        "made": write_set(folder / "made", 40, 2, origin="simulated"),
        "wrong": write_set(
            folder / "wrong", 40, 3, cast=(160, 160, -160), blur=2, origin="simulated"
        ),
    }


@pytest.fixture(autouse=True)
def _forget() -> None:
    colours.TRAINED.clear()
    colours.FAIL_AFTER.clear()


@pytest.mark.parametrize(
    "name", ["evaluate", "ablate", "benchmark", "monitor fit", "monitor check"]
)
def test_each_help_has_an_example_and_fits_a_screen(run: Any, name: str) -> None:
    result = run(*name.split(), "--help")
    assert result.exit_code == 0
    assert f"Example: simkit {name}" in result.output
    assert len(result.output.splitlines()) <= 40


def test_evaluate_prints_writes_and_resumes(
    run: Any, sets: dict[str, Path], tmp_path: Path
) -> None:
    arguments = (
        "evaluate", "--real", sets["real"], "--synthetic", sets["made"], sets["wrong"], "wobble=3",
        "--task", TASK, "--protocols", "tstr,trtr,learning:20/40", "--seeds", 2, "--folds", 3,
        "--features", "none", "--no-report", "--out", tmp_path / "out",
    )  # fmt: skip
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    for text in ("TSTR", "TRTR", "accuracy", "made", "wrong", "poor:", "evaluation.json"):
        assert text in result.output
    assert "is better than wrong" in result.output.replace("\n", " ")
    found = Evaluation.read(tmp_path / "out")
    assert found.provenance["options"] == {"wobble": 3}
    assert [one.title for one in found.curves] == ["Learning curve"] * 2
    assert "wobble=3" in found.commands[0]
    assert f"--synthetic {sets['wrong']}" in found.commands[0]
    trained = len(colours.TRAINED)
    assert trained == 2 * (3 + 2 + 2)
    assert run(*arguments).exit_code == 0
    assert len(colours.TRAINED) == trained


def test_evaluate_measures_the_gap(run: Any, sets: dict[str, Path], tmp_path: Path) -> None:
    result = run(
        "evaluate", "--real", sets["real"], "--synthetic", sets["wrong"], "--task", "none",
        "--features", "pixels", "--out", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "FD-Pixels" in result.output
    found = Evaluation.read(tmp_path / "out")
    assert not found.scores
    kinds = {one.kind for one in found.findings if one.matters}
    assert kinds & {"blur", "colour", "power_spectrum"}
    for one in found.pairs:
        assert (tmp_path / "out" / "pictures" / one.synthetic).is_file()
        assert (tmp_path / "out" / "pictures" / one.real).is_file()
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--protocols": "tstr,trtx"}, "did you mean 'trts'"),
        ({"--task": "detektion"}, "detektion"),
        ({"--group-by": "room"}, "column 'room'"),
        ({"--real": "nowhere"}, "is not there"),
        ({"--folds": "91"}, "not possible"),
        ({"--trainer": "nothing:train"}, "does not import"),
    ],
)
def test_evaluate_says_what_is_wrong(
    run: Any, sets: dict[str, Path], tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    given = {
        "--real": sets["real"],
        "--synthetic": sets["made"],
        "--task": TASK,
        "--features": "none",
        "--out": tmp_path / "out",
    }
    parts = [part for pair in {**given, **changed}.items() for part in pair]
    result = run("evaluate", *parts)
    assert result.exit_code == 1
    assert said in result.output.replace("\n", " ")
    assert not colours.TRAINED


def test_monitor_fits_and_checks(run: Any, sets: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "monitor.json"
    result = run("monitor", "fit", "features:pixels", "--accepted", sets["real"], "--out", out)
    assert result.exit_code == 0, result.output
    assert "5 % of cases" in result.output
    same = write_set(tmp_path / "same", 20, 9, noise=60)
    result = run("monitor", "check", "features:pixels", out, "--new", same)
    assert result.exit_code == 0, result.output
    assert "no alarm" in result.output
    report = tmp_path / "check.json"
    result = run(
        "monitor", "check", "features:pixels", out, "--new", sets["wrong"], "--json", report
    )
    assert result.exit_code == 3, result.output
    assert "ALARM" in result.output
    assert "blur" in result.output
    assert json.loads(report.read_text())["alarm"] is True
    result = run("monitor", "check", "features:dinov2", out, "--new", same)
    assert result.exit_code == 1
    assert "was fitted for features:pixels" in result.output


def test_monitor_needs_no_labels_and_takes_any_model(
    run: Any, sets: dict[str, Path], tmp_path: Path
) -> None:
    from simkit.exchange import import_

    for path in Path(f"{sets['real']}_source").glob("*.png"):
        (tmp_path / "photos").mkdir(exist_ok=True)
        (tmp_path / "photos" / path.name).write_bytes(path.read_bytes())
    import_(tmp_path / "photos", tmp_path / "bare", "folder")
    out = tmp_path / "monitor.json"
    result = run("monitor", "fit", "features:pixels", "--accepted", tmp_path / "bare", "--out", out)
    assert result.exit_code == 0, result.output
    result = run("monitor", "fit", tmp_path, "--accepted", sets["real"], "--out", out)
    assert result.exit_code == 1
    assert "is no folder of a trained model" in result.output.replace("\n", " ")
    loader = "oracles.colours:loaded"
    result = run("monitor", "fit", loader, "--accepted", sets["real"], "--out", out)
    assert result.exit_code == 0, result.output
    assert "and its confidence" in result.output


def test_ablate_refuses_what_it_cannot_do(
    run: Any, sets: dict[str, Path], config_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "factors.yaml").write_text("a: {scene.objekts: 1}")
    result = run(
        "ablate", config_path, "--real", sets["real"], "--factors", tmp_path / "factors.yaml",
        "--task", TASK, "--out", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 1
    assert "scene.objekts: unknown key" in result.output.replace("\n", " ")
    assert not (tmp_path / "out").exists()
    result = run(
        "ablate", config_path, "--real", "nowhere", "--task", TASK, "--out", tmp_path / "out"
    )
    assert "nowhere: is not there" in result.output
    assert not (tmp_path / "out").exists()


def test_a_benchmark_goes_from_config_to_table(
    run: Any, small: Any, small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simkit.exchange import export

    root = tmp_path / "root"
    root.mkdir()
    export(small_dataset, root / "photos", "coco")
    files = sorted((root / "photos").rglob("*.json"))
    annotations = next(path for path in files if '"annotations"' in path.read_text())
    described = {
        "title": "Small",
        "n": 6,
        "config": small(physics={"enabled": False}, views_per_scene=1),
        "real": {"source": f"{{real}}/{annotations.relative_to(root)}", "from": "coco"},
        "tasks": [{"task": "oracles.presence:Presence", "name": "presence", "folds": 2}],
        "record": {"synthetic": "presence/TSTR/known", "real": "presence/TRTR/known"},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(described))
    monkeypatch.setenv("SIMKIT_REAL", str(root))
    record = tmp_path / "record.json"
    result = run("benchmark", path, "--out", tmp_path / "out", "--json", record, "--seeds", 2,
                 "--no-report")  # fmt: skip
    assert result.exit_code == 0, result.output
    data = json.loads(record.read_text())
    assert data["benchmark"] == "tiny"
    assert data["images"] == 6
    assert 0 <= data["synthetic"] <= 1
    assert 0 <= data["real"] <= 1
    assert {one["protocol"] for one in data["scores"]} == {"TSTR", "TRTR"}
    monkeypatch.delenv("SIMKIT_REAL")
    result = run("benchmark", path, "--out", tmp_path / "out")
    assert "--real-root" in result.output


def test_the_benchmark_of_cards_is_the_example() -> None:
    from simkit.config import load_config

    example = Path(__file__).parents[2] / "examples" / "cards.yaml"
    own = {**read_benchmark("cards").config}
    own["scene"] = {**own["scene"], "images": "cards/faces"}
    assert load_config(own).identity() == load_config(example).identity()


def test_the_named_benchmarks_are_whole(real: Path) -> None:
    from simkit import registry
    from simkit.config import load_config
    from simkit.evaluate.learners import load_learner

    assert benchmark_names() == ["cards", "lmo"]
    for name in benchmark_names():
        one = at_folder(read_benchmark(name), real)
        load_config(one.config)
        for task in one.tasks:
            if task["task"] in registry.names("tasks"):
                learner = load_learner(task["task"], task.get("options", {}))
                for text in one.record.values():
                    kind, *rest = text.split("/")
                    if kind == task["task"]:
                        assert rest[-1] in learner.task.metrics
        assert adjusted(one, n=7, seeds=1, tasks=["detection"]).n == 7


def test_figures_are_named() -> None:
    score = Score("s", "TSTR", "t", "AP", 0.5, 0.4, 0.6, [0.5], 1, 1, others={"AP50": 0.8})
    gap = Measure("s", Estimate("FD-X", 3.0))
    found = {"detection": Evaluation("t", scores=[score], measures=[gap])}
    assert figure("detection/TSTR/AP", found) == 0.5
    assert figure("detection/TSTR/AP50", found) == 0.8
    assert figure("detection/TRTR/AP", found) is None
    assert figure("gap/FD-X", found) == 3.0
