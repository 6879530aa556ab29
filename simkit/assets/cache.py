"""The cache folder: computed things that are slow to make, by the hash of what they depend on.

An entry is written beside its name and renamed when complete, so it is whole or not there; one
that cannot be read is made again. Deleting the folder loses time and nothing else.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simkit.errors import AssetError

SHIPPED = Path(__file__).parent / "shipped"
"""Entries that come with simkit, so that the embedded models are ready at once."""

Arrays = dict[str, NDArray[np.generic]]

log = logging.getLogger(__name__)


def cache_dir() -> Path:
    """Return the cache folder, and make it if it is not there.

    It is ``$SIMKIT_CACHE`` if that is set, else ``simkit`` in the platform's user cache folder.

    Raises:
        AssetError: the folder cannot be made or written to.
    """
    folder = _configured()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        reason = error.strerror or str(error)
        raise AssetError(
            f"{folder}: the cache folder cannot be written to ({reason}); "
            "set the environment variable SIMKIT_CACHE to a folder that can"
        ) from None


def cached_arrays(kind: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays of the entry `key`, and make and store them if it is missing or damaged.

    Args:
        kind: what the entry holds; a sub-folder of the cache.
        key: hash (hex) over all that the arrays depend on.
        make: computes the arrays; none of object type.

    Raises:
        AssetError: the cache folder cannot be written to.
    """
    name = f"{kind}/{key}.npz"
    path = cache_dir() / name
    for place in (SHIPPED / name, path):
        found = _read(place)
        if found is not None:
            return found
    arrays = make()
    _write(path, arrays)
    return arrays


def _configured() -> Path:
    chosen = os.environ.get("SIMKIT_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "simkit" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "simkit"
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "simkit"


def _read(path: Path) -> Arrays | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as entry:
            return {name: entry[name] for name in entry.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        log.warning("cache entry %s is damaged (%s); making it again", path, error)
        return None


def _write(path: Path, arrays: Arrays) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    except OSError as error:
        raise AssetError(
            f"{path.parent}: the cache folder cannot be written to ({error.strerror or error}); "
            "set the environment variable SIMKIT_CACHE to a folder that can"
        ) from None
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(beside, path)
    except OSError as error:
        Path(beside).unlink(missing_ok=True)
        raise AssetError(
            f"{path}: the cache entry cannot be written ({error.strerror or error}); "
            "free some space, or set the environment variable SIMKIT_CACHE to another folder"
        ) from None
