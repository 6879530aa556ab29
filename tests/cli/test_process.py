"""The console script as a real process: what it imports, what it prints where, how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEAVY = ("numpy", "cv2", "pybullet", "omegaconf", "pyarrow", "scipy", "trimesh", "PIL")
MAIN = "from simkit.cli.main import main; main()"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from simkit.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    assert _python(code).stderr.strip() == "[]"


def test_an_error_is_one_line_on_stderr(tmp_path: Path) -> None:
    done = _python(MAIN, "inspect", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")


def test_debugging_keeps_the_traceback(tmp_path: Path) -> None:
    done = _python(MAIN, "inspect", str(tmp_path), SIMKIT_DEBUG="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "DatasetError" in done.stderr


def test_other_exceptions_keep_their_traceback() -> None:
    code = (
        "import simkit.config\n"
        "def broken(): raise ZeroDivisionError('a bug')\n"
        "simkit.config.schema = broken\n" + MAIN
    )
    done = _python(code, "schema")
    assert done.returncode == 1
    assert "ZeroDivisionError: a bug" in done.stderr


def test_without_a_terminal_output_is_short(config_path: Path, tmp_path: Path) -> None:
    done = _python(MAIN, "generate", str(config_path), "-o", str(tmp_path / "d"), "-n", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) < 20


def _python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )
