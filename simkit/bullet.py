"""A PyBullet client that is closed when it should be, and does not print."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep PyBullet's import from printing its build time (its C code writes to stderr)."""
    sys.stderr.flush()
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nothing)
        os.close(kept)


with _quiet():
    import pybullet


class Client:
    """One physics world, in this process (DIRECT mode), with PyBullet's functions as methods."""

    def __init__(self) -> None:
        self._id = pybullet.connect(pybullet.DIRECT)

    def close(self) -> None:
        """Free the world; closing twice is harmless."""
        if self._id >= 0:
            pybullet.disconnect(physicsClientId=self._id)
            self._id = -1

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(pybullet, name)
        if inspect.isbuiltin(attribute):
            return functools.partial(attribute, physicsClientId=self._id)
        return attribute
