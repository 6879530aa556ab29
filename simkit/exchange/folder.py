"""A bare folder of photos: no labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from simkit.contracts import NoOptions
from simkit.errors import DatasetError
from simkit.exchange.format import Format, Photo, Reading
from simkit.exchange.sources import images_in


class BareFolder(Format):
    """All images below a folder, by path."""

    title = "a bare folder of images"
    writes: ClassVar[type[Any] | None] = None
    reads = NoOptions

    def read(self, source: Path, options: NoOptions) -> Reading:
        if not source.is_dir():
            raise DatasetError(f"{source}: is no folder")
        names = [(path, path.relative_to(source).as_posix()) for path in images_in(source)]
        return Reading([Photo(path, name, name, []) for path, name in names], {})
