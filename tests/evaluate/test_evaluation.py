"""From data sets to verdicts, with a task whose scores are known; killed, and gone on with."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles import colours

from simkit.errors import ConfigError, DatasetError, PluginError
from simkit.evaluate.evaluation import Request, evaluate
from simkit.evaluate.learners import load_learner
from simkit.evaluate.protocols import Settings
from simkit.evaluate.result import Comparison, Evaluation, Finding, Measure
from simkit.evaluate.storing import decoded, encoded
from simkit.evaluate.verdicts import judged_distance, judged_findings, judged_gap
from simkit.metrics.estimate import Estimate

TASK = "oracles.colours:Colours"


@pytest.fixture(autouse=True)
def _forget() -> None:
    colours.TRAINED.clear()
    colours.FAIL_AFTER.clear()


def request(squares: dict[str, str], *names: str, **changes: Any) -> Request:
    given = {
        "task": TASK,
        "options": {"wobble": 5.0},
        "features": "",
        "settings": Settings(seeds=2, folds=3),
        "resamples": 200,
    }
    made = tuple(squares[name] for name in names)
    return Request(squares["real"], made, **{**given, **changes})


def test_a_planted_difference_is_found_and_its_absence_is_not(
    squares: dict[str, str], tmp_path: Path
) -> None:
    found = evaluate(request(squares, "good", "bad"), tmp_path)
    scores = {(one.name, one.protocol): one for one in found.scores}
    real, good, bad = (scores[key] for key in (("real", "TRTR"), ("good", "TSTR"), ("bad", "TSTR")))
    assert good.value > 0.9 > 0.7 > bad.value
    for one in (real, good, bad):
        assert one.low <= one.value <= one.high
        assert one.tested_on == 60
        assert len(one.seeds) == 2
        assert one.value == pytest.approx(np.mean(one.seeds))
        assert set(one.per_class) == {"red", "green", "blue"}
        assert one.others["error"] == pytest.approx(1 - one.value)
    pairs = {(one.first, one.second): one for one in found.comparisons}
    assert pairs["real", "bad"].p < 0.05
    assert pairs["real", "bad"].difference == pytest.approx(real.value - bad.value)
    assert "is better than bad" in pairs["real", "bad"].text
    assert pairs["real", "good"].p > 0.05
    assert "cannot be told apart" in pairs["real", "good"].text
    overall = {one.name: one for one in reversed(found.verdicts)}
    assert overall["good"].level in ("good", "fair")
    assert overall["bad"].level == "poor"
    assert "good is the best of the 2 sets" in overall[""].text
    assert any(one.kind == "class" and one.name == "bad" for one in found.findings)
    for one in found.failures:
        assert (tmp_path / "pictures" / one.picture).is_file()
    assert {one.name for one in found.failures} >= {"bad"}
    assert Evaluation.read(tmp_path) == found
    assert set(json.loads((tmp_path / "slices.json").read_text())) == {"good", "bad"}


def test_a_killed_evaluation_trains_nothing_twice(squares: dict[str, str], tmp_path: Path) -> None:
    whole = evaluate(request(squares, "good"), tmp_path / "whole")
    assert len(colours.TRAINED) == 2 + 2 * 3
    colours.TRAINED.clear()
    colours.FAIL_AFTER.append(5)
    with pytest.raises(KeyboardInterrupt):
        evaluate(request(squares, "good"), tmp_path / "killed")
    assert len(list((tmp_path / "killed" / "runs").glob("*.json"))) == 5
    colours.FAIL_AFTER.clear()
    colours.TRAINED.clear()
    resumed = evaluate(request(squares, "good"), tmp_path / "killed")
    assert len(colours.TRAINED) == 3
    without = [
        [{**vars(score), "seconds": 0.0} for score in one.scores] for one in (whole, resumed)
    ]
    assert without[0] == without[1]
    assert resumed.comparisons == whole.comparisons


def test_what_determines_a_run_makes_another_run(squares: dict[str, str], tmp_path: Path) -> None:
    base = {"protocols": ("tstr",)}
    evaluate(request(squares, "good", **base), tmp_path)
    assert len(colours.TRAINED) == 2
    same = ({"protocols": ("tstr", "learning:60")}, {"resamples": 100, **base})
    for changes in same:
        evaluate(request(squares, "good", **changes), tmp_path)
        assert len(colours.TRAINED) == 2, changes
    others: tuple[dict[str, Any], ...] = (
        {"options": {"wobble": 6.0}},
        {"settings": Settings(seeds=3)},
        {"categories": ("green", "red", "blue")},
        {"trainer": "oracles.colours:train"},
    )
    for changes in others:
        before = len(colours.TRAINED)
        evaluate(request(squares, "good", **{**base, **changes}), tmp_path)
        assert len(colours.TRAINED) > before, changes
    evaluate(request(squares, "bad", **base), tmp_path)
    assert colours.TRAINED[-1] == (60, 1)


def test_a_damaged_run_is_trained_anew_and_other_code_is_said(
    squares: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked = request(squares, "good", protocols=("tstr",))
    first = evaluate(asked, tmp_path)
    paths = sorted((tmp_path / "runs").glob("*.json"))
    paths[0].write_text(paths[0].read_text()[:50])
    data = json.loads(paths[1].read_text())
    paths[1].write_text(json.dumps({**data, "code": "older"}))
    with caplog.at_level(logging.WARNING):
        again = evaluate(asked, tmp_path)
    assert "is damaged" in caplog.text
    assert "other code" in caplog.text
    assert len(colours.TRAINED) == 3
    assert again.scores[0].seeds == first.scores[0].seeds


def test_predictions_come_back_as_they_were() -> None:
    one = colours.Named(2, np.arange(6, dtype=np.float32).reshape(2, 3))
    value = {"a": [one, (1, "x", None)], "b": np.zeros((0, 4), bool), "c": np.float32(0.5)}
    back = decoded(json.loads(json.dumps(encoded(value))))
    named = back["a"][0]
    assert named.label == 2
    assert named.colour.dtype == np.float32
    assert np.array_equal(named.colour, one.colour)
    assert back["a"][1] == (1, "x", None)
    assert back["b"].shape == (0, 4)
    assert back["c"] == 0.5
    with pytest.raises(DatasetError, match="cannot be stored"):
        encoded([object()])


def test_a_trainer_of_ones_own_plugs_in(squares: dict[str, str], tmp_path: Path) -> None:
    asked = request(squares, "good", protocols=("tstr",), trainer="oracles.colours:train")
    assert evaluate(asked, tmp_path).scores[0].value > 0.9
    assert [seed for _, seed in colours.TRAINED] == [0, 1]
    with pytest.raises(PluginError, match="without predict"):
        evaluate(request(squares, "good", trainer="oracles.colours:train_nothing"), tmp_path / "no")
    curriculum = {"protocols": ("curriculum",), "trainer": "oracles.colours:train"}
    with pytest.raises(ConfigError, match="weights"):
        evaluate(request(squares, "good", **curriculum), tmp_path / "no")


@pytest.mark.parametrize(
    ("task", "trainer", "said"),
    [
        ("oracles.colours:Colors", "", "did you mean 'Colours'"),
        ("oracles.colours:Model", "", "no class of"),
        (TASK, "oracles.nothing:train", "does not import"),
        (TASK, "train", "write package.module:name"),
        (TASK, "oracles.colours:SIZE", "cannot be called"),
    ],
)
def test_wrong_names_are_said(task: str, trainer: str, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        load_learner(task, {}, trainer)


def test_wrong_options_and_paths_are_said_before_any_work(
    squares: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"task\.wobbel.*did you mean 'wobble'"):
        load_learner(TASK, {"wobbel": 1})
    photos = f"{squares['real']}_source"
    with pytest.raises(DatasetError, match=r"simkit import .*annotations\.json --from coco"):
        evaluate(Request(photos, (squares["good"],), TASK, features=""), tmp_path)
    with pytest.raises(DatasetError, match="is not there"):
        evaluate(request({**squares, "good": "nowhere"}, "good"), tmp_path)
    with pytest.raises(ConfigError, match="named twice"):
        evaluate(request(squares, "good", "good"), tmp_path)
    with pytest.raises(ConfigError, match="nothing to evaluate"):
        request(squares, "good", task="")
    assert not colours.TRAINED


@pytest.mark.parametrize(
    ("gap", "level"), [(-0.05, "good"), (0.029, "good"), (0.05, "fair"), (0.2, "poor")]
)
def test_the_gap_is_judged_as_stated(gap: float, level: str) -> None:
    one = judged_gap(Comparison("real", "s", "AP50", gap, gap - 0.04, gap + 0.04, 0.01, ""))
    assert one.level == level
    assert f"{100 * abs(gap):.1f} points" in one.text
    assert ("reaches from" in one.text) == (gap != -0.05 and gap != 0.2)


def test_distance_and_findings_are_judged_as_stated() -> None:
    def distance(value: float) -> str:
        one = Measure("s", Estimate("FD-X", value, floor=1.0, floor_high=1.2))
        judged = judged_distance("s", [one])
        assert judged is not None
        return judged.level

    assert [distance(value) for value in (1.1, 3.0, 6.0)] == ["good", "fair", "poor"]
    assert judged_distance("s", [Measure("s", Estimate("KID-X", 1.0, floor=1.0))]) is None

    def judged(*kinds: str) -> str:
        found = [Finding("s", kind, "", 0, 0, 1, 0.01, True, True) for kind in kinds]
        quiet = Finding("s", "noise", "", 0, 0, 0.1, 0.01, True, False)
        verdict = judged_findings("s", [*found, quiet])
        assert verdict is not None
        return verdict.level

    assert judged() == "good"
    assert judged("slice", "class", "slice") == "good"
    assert judged("blur", "noise") == "fair"
    assert judged("blur", "noise", "colour") == "poor"
    assert judged("missing_class") == "poor"


def test_the_first_model_of_tstr_is_kept(squares: dict[str, str], tmp_path: Path) -> None:
    found = evaluate(request(squares, "good"), tmp_path)
    models = found.provenance["models"]
    assert list(models) == ["good (TSTR)"]
    assert Path(models["good (TSTR)"]).is_file()
    assert len(list((tmp_path / "runs").glob("*.model"))) == 1


@pytest.mark.parametrize("path", ["docs/evaluation.md"])
def test_the_protocols_of_the_docs_are_those_that_there_are(path: str) -> None:
    import re

    from simkit.evaluate.protocols import NAMED

    page = (Path(__file__).parents[2] / path).read_text()
    told = set(re.findall(r"^\| `(\w[^`]*)` \|", page, flags=re.MULTILINE))
    for name in NAMED:
        assert any(
            re.match(rf"{re.escape(name.partition('[')[0].replace('K', '50'))}\b", one)
            for one in told
        ), name
