"""What is in a source of models: which models, in which files, with what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simkit.assets.bop import BopInfo, read_models_info
from simkit.assets.embedded import EMBEDDED_LICENCE, embedded_part_names, embedded_parts
from simkit.assets.mesh import Mesh
from simkit.assets.named_parts import NamedParts, named_parts
from simkit.assets.options import KINDS, UNITS, ModelOptions
from simkit.assets.parts import joined
from simkit.assets.reading import ENDINGS, read_parts
from simkit.assets.solid import check_parts
from simkit.assets.urdf import read_urdf
from simkit.errors import AssetError, did_you_mean
from simkit.scene import Vec3

EMBEDDED = "embedded"
URDF = ".urdf"
MODELS_INFO = "models_info.json"


@dataclass(frozen=True)
class Entry:
    """A model that has been found and not yet read; lengths in metres."""

    name: str
    obj_id: int
    category: str
    source: str
    unit: str
    bop: bool = False
    diameter: float = 0.0
    symmetries_discrete: tuple[tuple[tuple[float, ...], ...], ...] = ()
    symmetries_continuous: tuple[tuple[Vec3, Vec3], ...] = ()
    licence: str = ""


def find_entries(options: ModelOptions) -> list[Entry]:
    """Return the models of the options' source, in the order of their obj_ids.

    Raises:
        AssetError: the source is missing, has no models, or names one twice.
    """
    kind = _kind(options)
    if kind == "embedded":
        names = embedded_part_names()
        return [
            Entry(name, i, name, EMBEDDED, "m", licence=EMBEDDED_LICENCE)
            for i, name in enumerate(names, start=1)
        ]
    if kind == "bop":
        return _bop_entries(Path(options.source), options)
    endings = (URDF,) if kind == "urdf" else ENDINGS
    return _file_entries(Path(options.source), endings, options)


def read_entry(entry: Entry, options: ModelOptions) -> tuple[Mesh, NamedParts | None, list[str]]:
    """Return the model's mesh in metres, its named parts if it has several, and remarks about it.

    Raises:
        AssetError: its file cannot be used.
    """
    if entry.source == EMBEDDED:
        parts = embedded_parts(entry.name)
        return joined(parts), named_parts(parts), []
    path = Path(entry.source)
    if not path.is_file():
        raise AssetError(f"{path}: the file is not there, though {MODELS_INFO} has an entry for it")
    if path.suffix.lower() == URDF:
        parts, notes = read_urdf(path)
    else:
        parts, notes = read_parts(path)
    scale = UNITS[entry.unit]
    parts, more = check_parts(entry.source, parts, scale, options)
    try:
        return joined(parts, scale), named_parts(parts), notes + more
    except ValueError as error:
        raise AssetError(f"{path}: {error}") from None


def _kind(options: ModelOptions) -> str:
    if options.kind not in KINDS:
        raise AssetError(f"models.kind: {did_you_mean(options.kind, KINDS)}")
    if options.kind == "embedded" or (options.kind == "auto" and options.source == EMBEDDED):
        return "embedded"
    path = Path(options.source)
    if not path.exists():
        raise AssetError(
            f"{path}: there is no such file or folder (models.source); check the path, "
            "or use 'embedded' for the models that come with simkit"
        )
    if options.kind != "auto":
        return options.kind
    if path.suffix.lower() == URDF:
        return "urdf"
    if path.is_file():
        return "folder"
    if (path / MODELS_INFO).is_file():
        return "bop"
    return "urdf" if any(_files(path, (URDF,))) else "folder"


def _file_entries(path: Path, endings: tuple[str, ...], options: ModelOptions) -> list[Entry]:
    """Return the models of a folder, or of one file; their order is that of their names."""
    if path.is_file():
        return [Entry(path.stem, 1, path.stem, str(path), _unit(options))]
    files = _files(path, endings)
    if not files:
        raise AssetError(_nothing_found(path, endings))
    found: dict[str, list[Path]] = {}
    for file in files:
        found.setdefault(_name(path, file), []).append(file)
    twice = [files for files in found.values() if len(files) > 1]
    if twice:
        raise AssetError(
            "\n".join(
                f"{' and '.join(map(str, files))}: have the same model name "
                f"'{_name(path, files[0])}'; rename or move one of them"
                for files in twice
            )
        )
    return [
        Entry(name, i, _category(path, found[name][0]), str(file), _unit(options))
        for i, (name, (file,)) in enumerate(sorted(found.items()), start=1)
    ]


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    files = [p for p in folder.rglob("*") if p.suffix.lower() in endings and p.is_file()]
    shown = [p for p in files if not any(s.startswith(".") for s in p.relative_to(folder).parts)]
    return sorted(shown)


def _name(folder: Path, file: Path) -> str:
    """Return the path without ending; of a file named like its sub-folder, that folder."""
    relative = file.relative_to(folder).with_suffix("")
    own_folder = len(relative.parts) > 1 and relative.name == relative.parent.name
    return (relative.parent if own_folder else relative).as_posix()


def _category(folder: Path, file: Path) -> str:
    relative = file.relative_to(folder)
    return relative.parent.name if len(relative.parts) > 1 else file.stem


def _unit(options: ModelOptions) -> str:
    # The specifications of URDF and glTF say metres, and the others say nothing.
    return "m" if options.unit == "auto" else options.unit


def _nothing_found(path: Path, endings: tuple[str, ...]) -> str:
    below = [p.parent for p in sorted(path.glob(f"*/{MODELS_INFO}"))]
    hint = f"did you mean {below[0]}? " if below else ""
    return f"{path}: has no models; {hint}files that can be read end in {', '.join(endings)}"


def _bop_entries(folder: Path, options: ModelOptions) -> list[Entry]:
    file = folder / MODELS_INFO
    if not file.is_file():
        raise AssetError(
            f"{folder}: has no {MODELS_INFO}, which a BOP models folder has; "
            "name the folder 'models' or 'models_eval' of the data set, or set models.kind=folder"
        )
    unit = "mm" if options.unit == "auto" else options.unit
    infos = read_models_info(file, UNITS[unit])
    unlisted = [p for p in sorted(folder.glob("obj_*.ply")) if p.stem not in infos]
    if unlisted:
        raise AssetError(
            "\n".join(
                f"{p}: has no entry in {file}; add one, or move the file away" for p in unlisted
            )
        )
    return [_bop_entry(folder, name, info, unit) for name, info in infos.items()]


def _bop_entry(folder: Path, name: str, info: BopInfo, unit: str) -> Entry:
    return Entry(
        name=name,
        obj_id=info.obj_id,
        category=name,
        source=str(folder / f"{name}.ply"),
        unit=unit,
        bop=True,
        diameter=info.diameter,
        symmetries_discrete=info.symmetries_discrete,
        symmetries_continuous=info.symmetries_continuous,
    )
