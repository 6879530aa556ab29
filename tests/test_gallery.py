"""Contact sheets: which keys are swept, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from simkit import gallery, registry
from simkit.cli.main import app
from simkit.distributions import LogUniform, Uniform, parse
from simkit.errors import PluginError
from simkit.pipeline import Pipeline

SMALL = "seed: 2\nrender: {backend: embree}\nrandomizers: {camera: {width: 40, height: 30}}\n"


def test_every_varied_key_has_a_row() -> None:
    rows = {
        one.key: one.values for one in gallery.sweeps(registry.load("randomizers", "light").Options)
    }
    assert {"azimuth_deg", "temperature", "intensity"} <= set(rows)
    assert "every" not in rows
    low, *_, high = (parse(value).support for value, _ in rows["azimuth_deg"])
    assert low == (0, 0)
    assert high == (360, 360)


@pytest.mark.parametrize(
    "distribution", [Uniform(2.0, 6.0), LogUniform(1.0, 16.0), parse({"choice": [1, 2, 3]})]
)
def test_a_swept_key_draws_as_often_as_before(distribution: Uniform) -> None:
    """So what is drawn after it stays the same."""
    fresh = np.random.default_rng(5)
    distribution.sample(fresh)
    expected = fresh.random()
    for value, _ in gallery._across(distribution):
        rng = np.random.default_rng(5)
        assert distribution.contains(parse(value).sample(rng))
        assert rng.random() == expected


def test_one_factor_alone_changes() -> None:
    base = {
        "labels": [],
        "physics": {"enabled": False},
        "render": {"backend": "embree"},
        "randomizers": {"camera": {"width": 40, "height": 30}},
    }
    plain = Pipeline(base)
    swept = Pipeline(
        gallery._with(base, ["randomizers", "light", "azimuth_deg"], {"uniform": [9, 9]})
    )
    with plain, swept:
        a, b = plain(0).params, swept(0).params
    assert b["light"]["azimuth_deg"] == 9
    assert {k: v for k, v in a["light"].items() if k != "azimuth_deg"} == {
        k: v for k, v in b["light"].items() if k != "azimuth_deg"
    }
    assert {k: v for k, v in a.items() if k != "light"} == {
        k: v for k, v in b.items() if k != "light"
    }


def test_sheets_are_written(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    arguments = ["gallery", "vignetting", "tabletop", "-c", str(tmp_path / "small.yaml")]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "scenes_tabletop.jpg",
        "sensors_vignetting.jpg",
    ]


def test_unknown_names() -> None:
    with pytest.raises(PluginError, match="did you mean 'light'"):
        gallery.chosen(["ligth"])
