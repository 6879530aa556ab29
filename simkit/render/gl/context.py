"""An OpenGL context without a window, by EGL, on a device of choice."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

import moderngl

from simkit.errors import RenderError
from simkit.render import selection

REQUIRED = 330
"""OpenGL 3.3."""

REMEDY = (
    "install EGL and OpenGL (Debian, Ubuntu: apt-get install libegl1 libgl1 libgl1-mesa-dri); in a "
    "container on a host with an NVIDIA GPU start it with --gpus all "
    "-e NVIDIA_DRIVER_CAPABILITIES=graphics,compute,utility"
)

_LIBRARIES = {"libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
"""Named here because looking them up with `ctypes.util` starts a compiler, which takes 0.1 s."""

_MAX_DEVICES = 16


def open_context(device: int | None = None) -> moderngl.Context:
    """Return a context; without a `device`, on the first EGL device that is a GPU, else on any.

    Raises:
        RenderError: EGL or OpenGL is missing, or there is no such device.
    """
    if multiprocessing.parent_process() is not None:
        # Workers share the cores out among them: one llvmpipe thread each is fastest.
        os.environ.setdefault("LP_NUM_THREADS", "1")
    if device is not None:
        return _open(device)
    first = _open(0)
    if is_hardware(first):
        return first
    for index in range(1, _MAX_DEVICES):
        try:
            other = _open(index)
        except RenderError:
            break
        if is_hardware(other):
            first.release()
            return other
        other.release()
    return first


def is_hardware(context: moderngl.Context) -> bool:
    """Return whether a GPU draws, not the processor."""
    return selection.is_hardware(context.info["GL_RENDERER"])


def driver_name(context: moderngl.Context) -> str:
    """Return renderer and version, such as "llvmpipe (LLVM 15.0.6, 256 bits), OpenGL 4.5 ..."."""
    return f"{context.info['GL_RENDERER']}, OpenGL {context.info['GL_VERSION']}"


def _open(device: int) -> moderngl.Context:
    settings: dict[str, Any] = {"backend": "egl", "device_index": device, **_LIBRARIES}
    try:
        return moderngl.create_context(standalone=True, require=REQUIRED, **settings)
    except Exception as error:  # moderngl raises bare Exceptions
        raise RenderError(
            f"gl: no OpenGL {REQUIRED // 100}.{REQUIRED % 100 // 10} context on EGL device {device} "
            f"({error}); {REMEDY}"
        ) from error
