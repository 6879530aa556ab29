"""What goes with every export: where it comes from, what may be done with it, what is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simkit.dataset.reader import Dataset
from simkit.exchange.format import About

if TYPE_CHECKING:
    from simkit.exchange.exporting import Tally

PROVENANCE = "provenance.json"
CARD = "DATA_CARD.md"

NAMED = ("obj_id", "name", "category", "category_id", "licence")
"""What provenance says of each model: BOP's own files have no names."""


def config_hash(description: Mapping[str, Any]) -> str:
    """Return SHA-256 (hex) over a data set's resolved config, as JSON with sorted keys."""
    text = json.dumps(description["config"], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_provenance(
    folder: Path,
    dataset: Dataset,
    name: str,
    settings: Mapping[str, Any],
    tally: Tally,
    about: About,
) -> None:
    """Write ``provenance.json``."""
    source = dataset.description
    data = {
        "format": name,
        "settings": settings,
        "source": {
            "url": dataset.url,
            "origin": source["origin"],
            "config_hash": config_hash(source),
            "seed": source["config"].get("seed"),
            "renderer": source.get("renderer"),
            "versions": source["versions"],
        },
        "simkit": version("simkit"),
        "licences": source["licences"],
        "images": dict(tally.images),
        "instances": dict(tally.instances),
        "left_out": {"below_min_visib_fract": tally.below, "not_carried": tally.not_carried},
        "origins": dict(tally.origins),
        "depth_of_models": tally.depth_of_models,
        "models": [{name: one.get(name) for name in NAMED} for one in about.models],
        "categories": [{"id": k, "name": value} for k, value in about.categories.items()],
        "notes": about.notes,
    }
    (folder / PROVENANCE).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def write_card(
    folder: Path,
    dataset: Dataset,
    name: str,
    title: str,
    settings: Mapping[str, Any],
    tally: Tally,
    about: About,
) -> None:
    """Write ``DATA_CARD.md``."""
    splits = _table(
        ("split", "images", "instances"),
        [(one, tally.images[one], tally.instances[one]) for one in about.splits],
    )
    categories = _table(
        ("id", "category", "instances"),
        [(k, name, tally.categories[name]) for k, name in about.categories.items()],
    )
    licences = dataset.description["licences"] or ["unknown: ask whoever made the data set"]
    sections = [
        f"# {folder.name.removesuffix('.partial')}",
        f"{sum(tally.images.values())} images with {sum(tally.instances.values())} labelled "
        f"instances, in the format `{name}`: {title}.",
        f"## What is in it\n\n{splits}\n\n{categories}",
        f"Left out: {tally.below} instances below `min_visib_fract` = "
        f"{settings['min_visib_fract']:g}, and {tally.not_carried} that the format cannot hold.",
        "## How it was made\n\n" + "\n".join(f"- {line}" for line in _making(dataset)),
        "## Licences\n\n" + "\n".join(f"- {licence}" for licence in licences),
        "## To know\n\n" + "\n".join(f"- {line}" for line in _notes(dataset, settings, about)),
    ]
    (folder / CARD).write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _making(dataset: Dataset) -> list[str]:
    about, config = dataset.description, dataset.description["config"]
    lines = [f"origin of the images: {about['origin']}"]
    if "import" in config:
        source = config["import"]
        lines.append(f"imported from {source['source']} (format `{source['format']}`)")
    if about.get("renderer"):
        lines.append(f"rendered by {about['renderer']['backend']} ({about['renderer']['driver']})")
    if "scene" in config:
        randomizers = ", ".join(sorted(config.get("randomizers", {})))
        lines.append(f"scenes: `{config['scene'].get('family', 'tabletop')}`")
        lines.append(f"randomizers: {randomizers}; seed {config.get('seed')}")
    lines.append(f"labels: {', '.join(config.get('labels', []))}")
    lines.append(f"config hash: `{config_hash(about)}`; all of it is in the source's dataset.json")
    lines.append("versions: " + ", ".join(f"{k} {v}" for k, v in about["versions"].items()))
    return lines


def _notes(dataset: Dataset, settings: Mapping[str, Any], about: About) -> list[str]:
    given = ", ".join(f"{key}={value}" for key, value in settings["options"].items())
    notes = [f"options of the export: {given or 'none'}; splits by {settings['split_by']}"]
    if dataset.description["origin"] == "simulated":
        notes.append(
            "the images are synthetic: what a model learns of them must be measured on real ones"
        )
    return [*notes, *about.notes, *dict.fromkeys(dataset.description["warnings"])]


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
