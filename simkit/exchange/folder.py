"""A bare folder of photos: no labels, or a folder for each class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from simkit.errors import DatasetError
from simkit.exchange.format import Format, Photo, Reading
from simkit.exchange.pictures import size_of
from simkit.exchange.sources import images_in
from simkit.options import setting


@dataclass
class FolderOptions:
    """What an import of a folder may be told."""

    classes: bool = setting(
        False, help="each first folder is a class, of which its images show one instance, whole"
    )


class BareFolder(Format):
    """All images below a folder, by path."""

    title = "a bare folder of images"
    writes: ClassVar[type[Any] | None] = None
    reads = FolderOptions

    def read(self, source: Path, options: FolderOptions) -> Reading:
        if not source.is_dir():
            raise DatasetError(f"{source}: is no folder")
        names = [(path, path.relative_to(source).as_posix()) for path in images_in(source)]
        if not options.classes:
            return Reading([Photo(path, name, name, []) for path, name in names], {})
        loose = [name for _, name in names if "/" not in name]
        if loose:
            raise DatasetError(
                f"{source}: {loose[0]} lies in no class's folder; move it into one, or leave out "
                "classes=true"
            )
        classes = sorted({name.split("/")[0] for _, name in names})
        photos = [
            Photo(path, name, name, [_instance(path, classes, name.split("/")[0])])
            for path, name in names
        ]
        return Reading(photos, dict(enumerate(classes, start=1)))


def _instance(path: Path, classes: list[str], category: str) -> dict[str, Any]:
    width, height = size_of(path)
    identity = {"category": category, "category_id": classes.index(category) + 1}
    return {
        "identity": {"instance_id": 1, **identity},
        "bbox_visib": [0, 0, width, height],
    }
