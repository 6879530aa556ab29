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

from numba import config, njit

from simkit.assets.cache import cache_dir
from simkit.errors import AssetError

_SOURCES = ("compiled.py", "embree.py", "raycast.py", "render/*.py", "render/embree/*.py")

_SETTING = "CACHE_DIR"
_CONTRACT = {"contract", "nsz", "arcp"}
"""Products and sums may be fused, divisions may become products; nothing is reordered."""

log = logging.getLogger(__name__)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function on its first call: one thread, without the GIL."""
    folder = _folder()
    before = getattr(config, _SETTING)
    setattr(config, _SETTING, folder)  # Numba reads it here and now, and offers no argument for it
    try:
        return njit(cache=bool(folder), nogil=True, error_model="numpy", fastmath=_CONTRACT)(
            function
        )
    finally:
        setattr(config, _SETTING, before)


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
