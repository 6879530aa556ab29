"""Samples that cannot be made: stop and say which, or skip and record why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import simkit
from simkit.errors import DatasetError, PhysicsError


@pytest.fixture
def restless(small: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Return a config of which some samples fail: those that still move after 0.6 s."""
    return small(
        scene={"objects": 2},
        physics={"on_moving": "error", "max_time": 0.6},
        render={"backend": "bullet"},
    )


def test_skipped_samples_are_recorded(restless: dict[str, Any], tmp_path: Path) -> None:
    report = simkit.generate({**restless, "on_error": "skip"}, tmp_path, n=8)
    data = simkit.open_dataset(tmp_path)
    rows = data.index.to_pylist()
    failed = [row["index"] for row in rows if row["status"] == "failed"]
    assert 0 < report.skipped == len(failed) < 8, "the config is to have both kinds"
    assert [row["index"] for row in rows] == list(range(8))
    assert all("still moves" in rows[index]["error"] for index in failed)
    assert sorted([*failed, *(record.index for record in data)]) == list(range(8))
    with pytest.raises(DatasetError, match="was skipped"):
        data[failed[0]]
    again = simkit.generate({**restless, "on_error": "skip"}, tmp_path, n=8)
    assert again.images == 0, "what was skipped is not tried again"


def test_a_failing_sample_stops_and_is_named(restless: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(PhysicsError, match=r"sample \d: '.*' still moves"):
        simkit.generate(restless, tmp_path, n=8)
    assert not (tmp_path / "index.parquet").exists()
