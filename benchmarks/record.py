"""What each benchmark writes beside its figures: the machine, the versions, the seeds."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("simkit", "numpy", "scipy", "torch", "pybullet", "embreex", "opencv-python-headless")


def real_data() -> Path:
    """Return the folder of real data: ``$SIMKIT_REAL``, or ``../shared/real`` beside the project."""
    default = Path(__file__).resolve().parents[2] / "shared" / "real"
    return Path(os.environ.get("SIMKIT_REAL", default))


def machine() -> dict[str, Any]:
    """Return processor, cores and versions."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def write(result: dict[str, Any], file: Path | None) -> None:
    """Print a result as JSON, and write it to `file` if there is one."""
    text = json.dumps({**result, "machine": machine()}, indent=1)
    print(text)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
