"""Files of a folder that an option names: a user's own images and environment maps."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from simkit.errors import AssetError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
MAP_SUFFIXES = (".hdr", ".exr")
"""Of equirectangular environment maps."""

_MOST_FAULTS = 10
"""That many unreadable files are named in one error."""


def files_in(folder: str, suffixes: Iterable[str]) -> tuple[str, ...]:
    """Return the files of a folder and its sub-folders with one of these suffixes, sorted.

    They are sorted by the parts of their paths, the same on every machine. Hidden files and folders
    (``.name``) are left out. Call it once, when a plug-in is made, so that a bad folder shows early.

    Args:
        folder: ``~`` stands for the user's home.
        suffixes: in lower case, with their dot; files' own match in any case.

    Raises:
        AssetError: the folder is missing, is no folder, cannot be read, or has no such file.
    """
    root, endings = os.path.expanduser(folder), tuple(suffixes)
    if not os.path.exists(root):
        raise AssetError(f"{folder or '(no path)'}: the folder is not there; check the path")
    if not os.path.isdir(root):
        raise AssetError(f"{folder}: is no folder; give the folder that the files are in")
    found: list[Path] = []
    for at, folders, names in os.walk(root, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(at, name)
            for name in names
            if not name.startswith(".") and name.lower().endswith(endings)
        ]
    if not found:
        raise AssetError(f"{folder}: holds no {', '.join(endings)} file; check the path")
    return tuple(str(path) for path in sorted(found, key=lambda path: path.parts))


def images_in(folder: str) -> tuple[str, ...]:
    """Return the images of a folder and its sub-folders, sorted, as `files_in` does.

    Raises:
        AssetError: see `files_in`; or files are no images, by name.
    """
    paths = files_in(folder, IMAGE_SUFFIXES)
    faults = [fault for path in paths if (fault := _fault(path, os.stat(path).st_mtime_ns))]
    if faults:
        more = len(faults) - _MOST_FAULTS
        lines = [*faults[:_MOST_FAULTS], *([f"and {more} more"] if more > 0 else [])]
        raise AssetError(
            f"{folder}: {len(faults)} of {len(paths)} images cannot be read; remove them or "
            "export them anew:\n  " + "\n  ".join(lines)
        )
    return paths


@lru_cache(maxsize=1 << 20)
def _fault(path: str, changed: int) -> str:
    """Return what is wrong with an image's header, "" if nothing; read once for each change."""
    del changed
    try:
        with Image.open(path):
            return ""
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        return f"{path}: {error}"


def _unreadable(error: OSError) -> None:
    raise AssetError(f"{error.filename}: cannot be read ({error.strerror}); check its rights")
