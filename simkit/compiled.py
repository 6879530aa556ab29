"""How simkit compiles: Numba, with what it made kept in simkit's cache folder.

Numba looks for changes only in the file of the function that it compiles, and takes old code where a
function called from another file has changed. So the folder is named after all sources that compile.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from numba import config, njit, types
from numba.extending import intrinsic

from simkit.assets.cache import cache_dir
from simkit.errors import AssetError

_SOURCES = (
    "cameras.py",
    "compiled.py",
    "covering.py",
    "dataset/rle.py",
    "embree.py",
    "raycast.py",
    "assets/color.py",
    "labels/motion.py",
    "labels/points.py",
    "labels/sight.py",
    "render/*.py",
    "render/embree/*.py",
    "render/gl/*.py",
    "sensors/*.py",
)

_SETTING = "CACHE_DIR"
log = logging.getLogger(__name__)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function on its first call: one thread, without the GIL.

    Arithmetic is IEEE's, step by step: nothing is fused or reordered, so that results are the same
    on each processor, however the compiler vectorises.
    """
    folder = _folder()
    before = getattr(config, _SETTING)
    setattr(config, _SETTING, folder)  # Numba reads it here and now, and offers no argument for it
    try:
        return njit(cache=bool(folder), nogil=True, error_model="numpy")(function)
    finally:
        setattr(config, _SETTING, before)


def _instruction(name: str) -> Any:
    """Return an LLVM operation on one float64, which can be vectorised; libm's functions cannot."""

    @intrinsic
    def operation(typing, x):  # type: ignore[no-untyped-def]
        def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            function = builder.module.declare_intrinsic(name, [arguments[0].type])
            return builder.call(function, arguments)

        return types.float64(types.float64), code

    return operation


square_root = _instruction("llvm.sqrt")
round_down = _instruction("llvm.floor")
"""For compiled code: ``sqrt`` and ``floor`` of a float64."""


@lru_cache(maxsize=1)
def _folder() -> str:
    """Return where compiled code is kept; empty if nothing can be."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for pattern in _SOURCES:
        for path in sorted(package.glob(pattern)):
            digest.update(path.read_bytes())
    try:
        return str(cache_dir() / "compiled" / digest.hexdigest()[:16])
    except AssetError as error:
        log.warning("compiling anew in each process, which takes half a minute: %s", error)
        return ""
