"""What a format is: it writes items to a folder, or reads photos from a source, or both."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from simkit.contracts import NoOptions
from simkit.dataset.encode import Files
from simkit.errors import DatasetError
from simkit.exchange.items import Item, Thing


@dataclass(frozen=True, eq=False)
class About:
    """What a format may want to know of the data set that it writes.

    Attributes:
        description: its ``dataset.json``.
        categories: their names by id, sorted by id.
        splits: names of the splits, in the order they were asked for.
        notes: what the user should know of the export; a format adds lines.
    """

    description: Mapping[str, Any]
    categories: Mapping[int, str]
    splits: tuple[str, ...]
    notes: list[str] = field(default_factory=list)

    @property
    def models(self) -> list[dict[str, Any]]:
        """The models that instances may be of, by obj_id."""
        models = [one for one in self.description.get("models", ()) if one.get("obj_id", 0) > 0]
        return sorted(models, key=lambda one: int(one["obj_id"]))


@dataclass(frozen=True, eq=False)
class Photo:
    """One image of a source, checked, but not decoded.

    Attributes:
        path: the image file.
        name: of the image in its source.
        source_id: its id there.
        instances: labels, one dict an instance, as ``labels.json`` has them.
        size: width and height [px] that the annotations were made for; None: the file's.
        place: scene and image number, which make the key; None: by its position.
        files: gives further files (camera, masks, ...) for an image of (width, height).
    """

    path: Path
    name: str
    source_id: str
    instances: list[dict[str, Any]]
    size: tuple[int, int] | None = None
    place: tuple[int, int] | None = None
    files: Callable[[int, int], Files] = lambda width, height: {}


@dataclass(frozen=True, eq=False)
class Reading:
    """What a source holds.

    Attributes:
        photos: its images, in order.
        categories: names by id, >= 1.
        annotations: files that the labels come from; their hash tells a changed source.
        models: as ``dataset.json`` has them.
        licences: as far as the source names them.
        warnings: one line each.
        found: facts for the record, such as where the models lie.
    """

    photos: list[Photo]
    categories: dict[int, str]
    annotations: tuple[Path, ...] = ()
    models: list[dict[str, Any]] = field(default_factory=list)
    licences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    found: dict[str, Any] = field(default_factory=dict)


class Format(ABC):  # noqa: B024 - a format overrides write, read, or both
    """Writes a data set in a format of the field, reads one, or both.

    Attributes:
        writes, reads: options classes (see `simkit.options`); None: it cannot.
        title: what it is, in a few words.
    """

    title: ClassVar[str] = ""
    writes: ClassVar[type[Any] | None] = NoOptions
    reads: ClassVar[type[Any] | None] = None

    def carries(self, thing: Thing, options: Any) -> bool:
        """Return whether this format can hold an instance; others are left out, and counted."""
        return True

    def write(self, items: Iterable[Item], about: About, folder: Path, options: Any) -> None:
        """Write all items under `folder`.

        Raises:
            DatasetError: names the image that the format cannot hold.
        """
        raise DatasetError("this format cannot be written")

    def read(self, source: Path, options: Any) -> Reading:
        """Return what a source holds.

        Raises:
            DatasetError: names the file, and the row or record in it, that is at fault.
        """
        raise DatasetError("this format cannot be read")


def has_box(thing: Thing, box: str) -> bool:
    """Return whether an instance has the box that option ``box`` names: ``obj`` or ``visib``."""
    return thing.need("bbox_obj") is not None if box == "obj" else has_visible_box(thing)


def has_visible_box(thing: Thing) -> bool:
    """Return whether an instance has a visible pixel."""
    return thing.need("bbox_visib") is not None
