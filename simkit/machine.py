"""What this machine has: cores, memory, disk, versions. For people; nothing of it enters a sample."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from simkit.dataset.describe import RECORDED_VERSIONS


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> tuple[int, int] | None:
    """Return free and total memory [bytes], None where the system does not say."""
    table = Path("/proc/meminfo")
    if table.exists():
        lines = (line.split(":") for line in table.read_text().splitlines())
        kilobytes = {name: int(rest.split()[0]) for name, rest in lines}
        if {"MemAvailable", "MemTotal"} <= set(kilobytes):
            return kilobytes["MemAvailable"] * 1024, kilobytes["MemTotal"] * 1024
    return None


def free_disk(folder: str | Path = ".") -> int:
    """Return the free space [bytes] of the disk that a folder lies on."""
    return shutil.disk_usage(folder).free


def python() -> str:
    """Return the interpreter's name and version, and the system's."""
    return f"{platform.python_implementation()} {platform.python_version()}, {platform.platform()}"


def versions() -> dict[str, str]:
    """Return the versions of the packages that a data set records."""
    found = {}
    for name in RECORDED_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found
