"""Croissant (MLCommons): what a folder holds, in ``croissant.json``, built and checked by mlcroissant.

Paths are relative to the file: it moves with its folder. Parquet columns and image files become record
sets that mlcroissant reads; other files are named, with their hashes where they are few.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simkit.errors import DatasetError
from simkit.exchange.card import config_hash
from simkit.exchange.format import About

FILE = "croissant.json"

FORMATS = {
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/x-parquet",
    ".ply": "model/ply",
    ".png": "image/png",
    ".tar": "application/x-tar",
    ".txt": "text/plain",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
}
"""MIME type by ending."""

PARQUET = ".parquet"
READ = (PARQUET, ".jpg", ".png")
"""Files that have records."""

FEW = 20
"""Other files of one kind, up to so many, are named one by one."""


def add_croissant(folder: Path, name: str, about: About) -> None:
    """Write ``croissant.json`` (see `write_croissant`), or note that mlcroissant is not installed."""
    if find_spec("mlcroissant") is None:
        about.notes.append(f"{FILE} is left out: it needs pip install 'simkit[hub]'")
    else:
        write_croissant(folder, name, about)


def write_croissant(folder: Path, name: str, about: About) -> None:
    """Write ``croissant.json`` about all that lies in a folder.

    Args:
        folder: of an export, with all its data.
        name: of the data set.
        about: what was exported.

    Raises:
        ImportError: mlcroissant is not installed.
        DatasetError: mlcroissant finds it wrong.
    """
    import mlcroissant as mlc

    distribution: list[Any] = []
    records: list[Any] = []
    for (place, suffix), paths in _kinds(folder).items():
        mime = FORMATS.get(suffix, "application/octet-stream")
        if suffix not in READ and len(paths) <= FEW:
            distribution += [_file(mlc, folder, path, mime) for path in paths]
            continue
        uid = (
            "-".join([*place.replace("*", "").split("/"), suffix[1:]])
            .replace("--", "-")
            .strip(".-")
        )
        pattern = f"{place}/*{suffix}".removeprefix("./")
        files = mlc.FileSet(id=uid, name=uid, encoding_formats=[mime], includes=[pattern])
        distribution.append(files)
        if suffix in READ:
            fields = (
                _columns(mlc, uid, folder / paths[0]) if suffix == PARQUET else _image(mlc, uid)
            )
            records.append(mlc.RecordSet(id=f"{uid}-records", name=f"{uid}-records", fields=fields))
    source = about.description
    try:
        metadata = mlc.Metadata(
            name=name,
            description=_summary(about),
            license=list(source["licences"]) or ["unknown"],
            cite_as="No citation is known; provenance.json says what went into it.",
            version="1.0.0",
            creators=[mlc.Organization(name=f"simkit {version('simkit')}")],
            keywords=["simkit", source["origin"], *about.categories.values()],
            distribution=distribution,
            record_sets=records,
            data_collection=_making(source),
            data_collection_type=["Simulations" if source["origin"] == "simulated" else "Others"],
            data_limitations=list(about.notes) or None,
        )
    except mlc.ValidationError as error:
        raise DatasetError(f"{FILE}: is not valid: {error}") from None
    text = json.dumps(metadata.to_json(), indent=1)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def _kinds(folder: Path) -> dict[tuple[str, str], list[Path]]:
    """Return the files (relative) by where they lie and ending; folders that are numbers are ``*``."""
    kinds: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != FILE:
            relative = path.relative_to(folder)
            parts = ("*" if part.isdigit() else part for part in relative.parent.parts)
            kinds["/".join(parts) or ".", path.suffix].append(relative)
    return kinds


def _file(mlc: Any, folder: Path, path: Path, mime: str) -> Any:
    digest = hashlib.sha256((folder / path).read_bytes()).hexdigest()
    uid = path.as_posix()
    return mlc.FileObject(id=uid, name=uid, content_url=uid, encoding_formats=[mime], sha256=digest)


def _image(mlc: Any, uid: str) -> list[Any]:
    """Return the fields of image files: where they lie, and what they show."""
    kinds = {
        "path": (mlc.DataType.TEXT, mlc.FileProperty.fullpath),
        "image": (mlc.DataType.IMAGE_OBJECT, mlc.FileProperty.content),
    }
    return [
        mlc.Field(
            id=f"{uid}-records/{name}",
            name=name,
            data_types=[kind],
            source=mlc.Source(file_set=uid, extract=mlc.Extract(file_property=read)),
        )
        for name, (kind, read) in kinds.items()
    ]


def _columns(mlc: Any, uid: str, path: Path) -> list[Any]:
    """Return the fields of a Parquet file; the parts of a struct go by ``COLUMN_PART``."""
    fields = []
    for column in pq.read_schema(path):
        parts = [None]
        if pa.types.is_struct(column.type):
            image = {part.name for part in column.type} == {"bytes", "path"}
            parts = [column.type.field("bytes")] if image else list(column.type)
        for part in parts:
            kind = part.type if part is not None else column.type
            name = (
                column.name
                if part is None or part.name == "bytes"
                else f"{column.name}_{part.name}"
            )
            repeated = pa.types.is_list(kind)
            while pa.types.is_list(kind):
                kind = kind.value_type
            transforms: list[Any] = [] if part is None else [mlc.Transform(json_path=part.name)]
            extract = mlc.Extract(column=column.name)
            fields.append(
                mlc.Field(
                    id=f"{uid}-records/{name}",
                    name=name,
                    data_types=[_data_type(mlc, kind)],
                    repeated=repeated or None,
                    source=mlc.Source(file_set=uid, extract=extract, transforms=transforms),
                )
            )
    return fields


def _data_type(mlc: Any, kind: pa.DataType) -> Any:
    if pa.types.is_binary(kind):
        return mlc.DataType.IMAGE_OBJECT
    if pa.types.is_boolean(kind):
        return mlc.DataType.BOOL
    if pa.types.is_integer(kind):
        return mlc.DataType.INTEGER
    return mlc.DataType.FLOAT if pa.types.is_floating(kind) else mlc.DataType.TEXT


def _summary(about: About) -> str:
    shown = ", ".join(about.categories.values()) or "no labelled category"
    return f"Images ({about.description['origin']}) with labels of {shown}; splits: " + ", ".join(
        about.splits
    )


def _making(source: Mapping[str, Any]) -> str:
    lines = [f"origin: {source['origin']}", f"config hash: {config_hash(source)}"]
    if "import" in source["config"]:
        lines.append(f"imported from {source['config']['import']['source']}")
    if source.get("renderer"):
        lines.append(
            f"rendered by {source['renderer']['backend']} ({source['renderer']['driver']})"
        )
        lines.append(f"seed {source['config'].get('seed')}")
    lines += [f"{name} {value}" for name, value in source["versions"].items()]
    return "; ".join(lines)
