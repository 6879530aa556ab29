"""Data sets in the formats of the field: `export` writes ours, `import_` makes ours of real data."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simkit.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from simkit.exchange.exporting import ExportReport
    from simkit.exchange.format import Format
    from simkit.exchange.importing import ImportReport

Progress = Callable[[int, int], None]

FORMATS = {
    "bop": "bop_scenewise:BopScenewise",
    "coco": "coco:Coco",
    "folder": "folder:BareFolder",
    "huggingface": "hub:HuggingFace",
    "kitti": "kitti:Kitti",
    "tfrecord": "tfrecord:TfRecord",
    "voc": "voc:Voc",
    "webdataset": "webdataset_plain:PlainWebDataset",
    "yolo": "yolo:Yolo",
}
"""Module of this package, and class, by the format's name."""

SHARD_SIZE = 100


def load_format(name: str) -> Format:
    """Return a format by its name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in FORMATS:
        raise ConfigError(f"format: '{name}' is unknown; {did_you_mean(name, FORMATS)}")
    module, _, made = FORMATS[name].partition(":")
    found: Format = getattr(importlib.import_module(f"{__name__}.{module}"), made)()
    return found


def writable() -> list[str]:
    """Return the names of the formats that can be written."""
    return [name for name in FORMATS if load_format(name).writes is not None]


def readable() -> list[str]:
    """Return the names of the formats that can be read."""
    return [name for name in FORMATS if load_format(name).reads is not None]


def export(
    url: str | Path,
    out: str | Path,
    to: str,
    options: Iterable[str] = (),
    split: str = "",
    split_by: str = "scene",
    min_visib_fract: float = 0.0,
    progress: Progress | None = None,
) -> ExportReport:
    """Write a data set in another format.

    ``provenance.json`` and ``DATA_CARD.md`` go with it. The folder appears when it is whole.

    Args:
        url: the data set, simulated or real.
        out: a local folder that is not there yet, or is empty.
        to: one of `writable`.
        options: ``key=value`` of the format's own options.
        split: ``train=0.9,val=0.1``; all is ``train`` if left out. By a hash of the scene's number.
        split_by: ``scene`` (no scene is in two splits) or ``image``.
        min_visib_fract: instances below it are left out, and counted.
        progress: called with images done and images in all.

    Raises:
        ConfigError: before any work.
        DatasetError: the format cannot hold an image (it is named), or a label is not there;
            nothing is left behind.
    """
    from simkit.exchange.exporting import write_format
    from simkit.exchange.splits import parse_splits
    from simkit.options import to_config

    writer = load_format(to)
    if writer.writes is None:
        raise ConfigError(f"format: '{to}' is not written; {did_you_mean(to, writable())}")
    if not 0 <= min_visib_fract <= 1:
        raise ConfigError(f"min_visib_fract: {min_visib_fract:g} is not in 0 to 1")
    built = _options(writer.writes, options)
    splits = parse_splits(split)
    settings = {
        "options": to_config(built),
        "split": splits,
        "split_by": split_by,
        "min_visib_fract": min_visib_fract,
    }
    return write_format(
        url, out, writer, to, built, splits, split_by, min_visib_fract, settings, progress
    )


def import_(
    source: str | Path,
    out: str | Path,
    format: str,
    options: Iterable[str] = (),
    licence: str = "",
    origin: str = "",
    progress: Progress | None = None,
) -> ImportReport:
    """Make a data set of ours of real data; its labels are those that the source has.

    All annotations and photos are checked before anything is written. Interrupted, the same call goes on.

    Args:
        source: file or folder.
        out: folder or fsspec URL.
        format: one of `readable`.
        options: ``key=value`` of the format's own options.
        licence: of the data; in place of what the source says.
        origin: ``real``, ``simulated``, ``refined`` or ``generated``; "": what the
            ``provenance.json`` of an export of ours says, else ``real``.
        progress: called with images done and images in all.

    Raises:
        ConfigError, DatasetError: before anything is written; the message names file and record.
        DatasetError: the disk is full, or a mask or depth image is damaged; what is complete stays.
    """
    from simkit.errors import DatasetError
    from simkit.exchange.importing import ORIGINS, fill
    from simkit.options import to_config

    reader = load_format(format)
    if reader.reads is None:
        raise ConfigError(f"format: '{format}' is not read; {did_you_mean(format, readable())}")
    built = _options(reader.reads, options)
    if origin and origin not in ORIGINS:
        raise ConfigError(f"origin: '{origin}' is unknown; {did_you_mean(origin, ORIGINS)}")
    if not Path(source).exists():
        raise DatasetError(f"{source}: there is no such file or folder")
    reading = reader.read(Path(source), built)
    settings = {"format": format, "options": to_config(built)}
    return fill(reading, source, out, settings, licence, origin, SHARD_SIZE, progress)


def _options(options: type[Any], overrides: Iterable[str]) -> Any:
    from simkit.config import load_raw
    from simkit.options import build

    return build(options, load_raw(None, overrides))
