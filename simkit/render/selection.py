"""Which renderer ``auto`` stands for on this machine."""

from __future__ import annotations

import logging
import sys
from functools import cache
from pathlib import Path

from simkit import registry
from simkit.render import Probe
from simkit.render.probe import probe

EMBEDDED = ("embree", "bullet")
"""What needs no driver, in order of preference."""

SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software rasterizer")
"""OpenGL drivers that draw on the processor, as they name themselves."""

log = logging.getLogger(__name__)


def is_hardware(driver: str) -> bool:
    """Return whether an OpenGL driver of this name draws on a GPU.

    >>> is_hardware("llvmpipe (LLVM 15.0.6, 256 bits), OpenGL 4.5")
    False
    """
    return not any(name in driver.lower() for name in SOFTWARE)


@cache
def select_renderer() -> str:
    """Return the name of the renderer that ``auto`` means here; it says in one line which and why.

    `gl` on a GPU, else the first of `EMBEDDED` that is registered. OpenGL is tried in a process of
    its own, for a missing driver can end an interpreter, or hang it.
    """
    registered = registry.names("renderers")
    if "gl" not in registered:
        found = Probe(False, "", "", "it is not registered")
    elif not may_have_gpu():
        found = Probe(False, "", "", "there is no graphics device")
    else:
        found = probe("gl")
    name, why = choose(found, registered)
    log.info("renderer auto: %s, %s", name, why)
    return name


def may_have_gpu() -> bool:
    """Return whether the system shows a graphics device; True where that cannot be told."""
    if not sys.platform.startswith("linux"):
        return True
    return any(Path("/dev").glob("nvidia[0-9]*")) or any(Path("/dev").glob("dri/renderD*"))


def choose(gl: Probe, registered: list[str]) -> tuple[str, str]:
    """Return the renderer's name, and why it is that one, from what the probe of `gl` gave."""
    if gl.works and is_hardware(gl.driver):
        return "gl", f"on {gl.driver}"
    name = next((one for one in EMBEDDED if one in registered), "gl" if gl.works else EMBEDDED[-1])
    if gl.works:
        return name, f"for gl has no GPU here ({gl.driver})"
    return name, f"for gl does not work here ({gl.reason or 'unknown reason'})"
