"""Renderers that crash, hang or draw wrong are found out without harm to this process."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from simkit import registry
from simkit.errors import PluginError
from simkit.render.probe import probe

RENDERERS = """
import os, time
import numpy as np
from simkit.render import Frame
from simkit.render.bullet import Bullet

class Exits(Bullet):
    remedy = "install libexit"
    def draw(self, scene, camera, channels):
        os._exit(7)

class Aborts(Bullet):
    remedy = "install libabort"
    def __init__(self, options, library):
        os.abort()

class Hangs(Bullet):
    remedy = "install libhang"
    def draw(self, scene, camera, channels):
        time.sleep(1000)

class Raises(Bullet):
    remedy = "install libraise"
    def draw(self, scene, camera, channels):
        raise OSError("libraise.so: cannot open shared object file")

class RayDistance(Bullet):
    remedy = "mend it"
    def draw(self, scene, camera, channels):
        frame = super().draw(scene, camera, channels)
        return Frame({**frame.channels, "depth": frame.depth * np.float32(1.1)})

class Chatty(Bullet):
    def draw(self, scene, camera, channels):
        print("driver 3.1 says hello")
        os.write(1, b"{}\\n[]\\n")
        return super().draw(scene, camera, channels)
"""

NAMES = ("Exits", "Aborts", "Hangs", "Raises", "RayDistance", "Chatty")


@pytest.fixture
def _registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package with these renderers, as a user's is: children find it, too."""
    (tmp_path / "fake_renderers.py").write_text(textwrap.dedent(RENDERERS))
    about = tmp_path / "fake_renderers-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-renderers\nVersion: 1.0\n")
    points = [f"{name.lower()} = fake_renderers:{name}" for name in (*NAMES, "Missing")]
    (about / "entry_points.txt").write_text("\n".join(["[simkit.renderers]", *points]) + "\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    names = [*(name.lower() for name in NAMES), "missing", "bullet"]
    monkeypatch.setattr(registry, "names", lambda kind: names)


def test_bullet_works() -> None:
    found = probe("bullet")
    assert found.works, found.reason
    assert "TinyRenderer" in found.driver
    assert (found.remedy, found.reason) == ("", "")


@pytest.mark.usefixtures("_registered")
@pytest.mark.parametrize(
    ("name", "reason", "remedy"),
    [
        ("exits", "exit code 7", "install libexit"),
        ("aborts", "SIGABRT", "install libabort"),
        ("raises", "OSError: libraise.so", "install libraise"),
        ("raydistance", "depth at the centre is 0.9900 m, not 0.9000 m", "mend it"),
        ("missing", "does not load", "install the package"),
    ],
)
def test_what_does_not_work_is_explained(name: str, reason: str, remedy: str) -> None:
    found = probe(name)
    assert not found.works
    assert reason in found.reason
    assert remedy in found.remedy


@pytest.mark.usefixtures("_registered")
def test_a_renderer_that_hangs_is_killed() -> None:
    found = probe("hangs", timeout=4)
    assert not found.works
    assert "hangs" in found.reason
    assert found.remedy


@pytest.mark.usefixtures("_registered")
def test_a_driver_may_write_to_stdout() -> None:
    found = probe("chatty")
    assert found.works, found.reason


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(PluginError, match="did you mean 'bullet'"):
        probe("bulet")
