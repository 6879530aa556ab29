"""Which renderer ``auto`` stands for on this machine."""

from __future__ import annotations

import logging
from functools import cache

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
    found = probe("gl") if "gl" in registered else Probe(False, "", "", "it is not registered")
    name, why = choose(found, registered)
    log.info("renderer auto: %s, %s", name, why)
    return name


def choose(gl: Probe, registered: list[str]) -> tuple[str, str]:
    """Return the renderer's name, and why it is that one, from what the probe of `gl` gave."""
    if gl.works and is_hardware(gl.driver):
        return "gl", f"on {gl.driver}"
    name = next((one for one in EMBEDDED if one in registered), "gl" if gl.works else EMBEDDED[-1])
    if gl.works:
        return name, f"for gl has no GPU here ({gl.driver})"
    return name, f"for gl does not work here: {gl.reason or 'unknown reason'}"
