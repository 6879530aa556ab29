"""A config file, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

Run = Callable[..., Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs ``simkit`` with arguments and gives its result."""
    from simkit.cli.main import app

    monkeypatch.delenv("SIMKIT_DEBUG", raising=False)

    def call(*arguments: object) -> Any:
        return CliRunner().invoke(app, [str(one) for one in arguments])

    return call


@pytest.fixture(scope="session")
def config_path(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small config with the physics off."""
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    path.write_text(yaml.safe_dump(small(physics={"enabled": False})))
    return path
