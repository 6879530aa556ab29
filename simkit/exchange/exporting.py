"""Writing a data set in another format: whole, with its provenance and a card, or not at all."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simkit.dataset.reader import Dataset, open_dataset
from simkit.dataset.shards import PARTIAL
from simkit.errors import DatasetError
from simkit.exchange.card import write_card, write_provenance
from simkit.exchange.croissant import add_croissant
from simkit.exchange.format import About, Format
from simkit.exchange.items import Item
from simkit.exchange.splits import split_of

Progress = Callable[[int, int], None]


@dataclass
class Tally:
    """What an export counts.

    Attributes:
        images, instances: written, by split.
        below: instances left out for their ``visib_fract``.
        not_carried: instances left out because the format cannot hold what is not visible.
        categories: instances written, by category.
        origins: images written, by origin; `depth_of_models` is the most of them.
    """

    images: Counter[str] = field(default_factory=Counter)
    instances: Counter[str] = field(default_factory=Counter)
    below: int = 0
    not_carried: int = 0
    categories: Counter[str] = field(default_factory=Counter)
    origins: Counter[str] = field(default_factory=Counter)
    depth_of_models: int = 0


@dataclass(frozen=True)
class ExportReport:
    """What `write_format` did.

    Attributes:
        folder: where to.
        splits: their names, as they were asked for.
        tally: what was written and left out.
        notes: what to know of it.
    """

    folder: Path
    splits: tuple[str, ...]
    tally: Tally
    notes: tuple[str, ...]


def write_format(
    url: str | Path,
    out: str | Path,
    writer: Format,
    name: str,
    options: Any,
    splits: Mapping[str, float],
    split_by: str,
    min_visib_fract: float,
    settings: Mapping[str, Any],
    progress: Progress | None = None,
) -> ExportReport:
    """Write a data set with a format's writer; see `simkit.exchange.export`."""
    if "://" in str(out):
        raise DatasetError(f"{out}: exports go to a local folder; copy it from there")
    dataset, folder = open_dataset(url), Path(out)
    index = dataset.index.select(["index", "scene_index", "status"]).to_pylist()
    rows = [row for row in index if row["status"] == "ok"]
    by_index = {row["index"]: split_of(row, splits, split_by) for row in rows}
    _check_splits(by_index, rows, splits)
    about = About(dataset.description, dataset.categories, tuple(splits))
    if len(rows) < dataset.description["count"]:
        about.notes.append(
            f"{dataset.description['count'] - len(rows)} images are missing or skipped"
        )
    tally = Tally()
    partial = _begin(folder)
    try:
        items = _items(dataset, by_index, writer, options, min_visib_fract, tally, progress)
        writer.write(items, about, partial, options)
        for _ in items:
            raise AssertionError(f"{name}: the writer left images unread")
        add_croissant(partial, folder.name, about)
        write_provenance(partial, dataset, name, settings, tally, about)
        write_card(partial, dataset, name, writer.title, settings, tally, about)
        os.replace(partial, folder)
    except OSError as error:
        raise DatasetError(
            f"{folder}: cannot be written: {error}; nothing is left of it"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return ExportReport(folder, about.splits, tally, tuple(about.notes))


def _begin(folder: Path) -> Path:
    """Return an empty folder beside `folder`, under whose name it is renamed when it is whole."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(f"{folder}: is there already; give another folder, or remove it")
    partial = folder.with_name(folder.name + PARTIAL)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be written: {error}") from None
    return partial


def _check_splits(
    by_index: Mapping[int, str], rows: list[dict[str, Any]], splits: Mapping[str, float]
) -> None:
    used = Counter(by_index.values())
    empty = [name for name in splits if not used[name]]
    if empty:
        scenes = len({row["scene_index"] for row in rows})
        raise DatasetError(
            f"split: no image falls into {', '.join(empty)} ({len(rows)} images of {scenes} scenes); "
            "give it a larger share, or --split-by image if scenes may be torn apart"
        )


def _items(
    dataset: Dataset,
    by_index: Mapping[int, str],
    writer: Format,
    options: Any,
    min_visib_fract: float,
    tally: Tally,
    progress: Progress | None,
) -> Iterator[Item]:
    for done, (index, split) in enumerate(by_index.items(), start=1):
        item = _wanted(Item(dataset[index], split), writer, options, min_visib_fract, tally)
        tally.images[split] += 1
        row = item.record.row
        tally.origins[row["origin"]] += 1
        tally.depth_of_models = max(tally.depth_of_models, row["depth_of_models"])
        tally.instances[split] += len(item.things)
        tally.categories.update(thing.category for thing in item.things)
        yield item
        if progress is not None:
            progress(done, len(by_index))


def _wanted(item: Item, writer: Format, options: Any, min_visib_fract: float, tally: Tally) -> Item:
    """Return the item without the instances that the user or the format leaves out."""
    left_out = set()
    for thing in item.things:
        if min_visib_fract > 0 and thing.need("visib_fract")["visib_fract"] < min_visib_fract:
            tally.below += 1
            left_out.add(thing.place)
        elif not writer.carries(thing, options):
            tally.not_carried += 1
            left_out.add(thing.place)
    return Item(item.record, item.split, frozenset(left_out))
