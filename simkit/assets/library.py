"""The models that a run may use, by name."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simkit.assets.collision import CollisionSettings, convex_parts
from simkit.assets.embedded_points import embedded_keypoints
from simkit.assets.keypoints import Keypoints, read_keypoints
from simkit.assets.mesh import Mesh
from simkit.assets.named_parts import NamedParts
from simkit.assets.options import UNITS, ModelOptions
from simkit.assets.solid import measure
from simkit.assets.sources import EMBEDDED, Entry, find_entries, read_entry
from simkit.errors import AssetError, did_you_mean
from simkit.scene import Vec3

MOST_PARTS = 65_535

Matrix4 = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class Model:
    """A rigid model with what labels and physics need to know of it.

    Attributes:
        name: unique in the library, such as ``obj_000001`` or ``mug/red``.
        obj_id: unique, >= 1; BOP's for BOP folders, else counted from 1 in the order of all sorted
            names, so that `include` shifts none. 0 for primitives, which are never labelled.
        category: BOP: the name; folder: the sub-folder that the file lies in, else the name.
        category_id: >= 1, counted by sorted category; BOP: `obj_id`. 0 for primitives.
        mesh: in metres.
        symmetries_discrete: 4x4 transforms of the model frame [m] that leave the model as it is;
            identity is not listed.
        symmetries_continuous: (axis, offset [m]) of the axes about which it can be turned freely.
        diameter: largest distance between two vertices [m].
        volume: [m^3]; of the convex hull if the mesh is not watertight.
        center_of_mass: [m] in the model frame at uniform density; of the hull if not watertight.
        watertight: whether each edge has two faces, wound alike.
        licence: "" if unknown.
        source: path of the file, or "embedded".
        keypoints: (name, (x, y, z) [m] in the model frame), see `simkit.assets.keypoints`.
        pool: what it is for: ``objects`` of the config, ``distractors``, or a family's own.
        parts: which named part each face is of; None: the model is of one piece.
    """

    name: str
    obj_id: int
    category: str
    category_id: int
    mesh: Mesh
    diameter: float
    volume: float
    center_of_mass: Vec3
    watertight: bool
    symmetries_discrete: tuple[Matrix4, ...] = ()
    symmetries_continuous: tuple[tuple[Vec3, Vec3], ...] = ()
    licence: str = ""
    source: str = "embedded"
    pool: str = "objects"
    keypoints: Keypoints = ()
    parts: NamedParts | None = None

    @property
    def whole(self) -> str:
        """What its parts are parts of: its category, or the robot whose link it is."""
        return self.category if self.parts is None else self.parts.whole or self.category

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts of `whole`; a model of one piece is one part, named as its category."""
        return (self.category,) if self.parts is None else self.parts.names


class Library(Mapping[str, Model]):
    """An ordered, read-only mapping of names to models, with their collision shapes.

    Args:
        models: in order; names are unique, and so are the obj_ids above 0.
        warnings: one readable line each.
        collision: how the collision shapes of these models are made.

    Raises:
        AssetError: a name or an obj_id stands twice.
    """

    def __init__(
        self,
        models: Iterable[Model],
        warnings: Iterable[str] = (),
        collision: CollisionSettings | None = None,
    ) -> None:
        models = list(models)
        _check_unique([model.name for model in models], "name")
        _check_unique([model.obj_id for model in models if model.obj_id > 0], "obj_id")
        self._models = {model.name: model for model in models}
        self._settings = dict.fromkeys(self._models, collision or CollisionSettings())
        self._hulls: dict[str, list[NDArray[np.float64]]] = {}
        self._part_ids: dict[tuple[str, str], int] = {}
        self.warnings: tuple[str, ...] = tuple(warnings)

    def __getitem__(self, name: str) -> Model:
        try:
            return self._models[name]
        except KeyError:
            raise AssetError(f"model '{name}' is unknown; {did_you_mean(name, self)}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._models

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def names(self) -> list[str]:
        """Return the names of the models, in order."""
        return list(self._models)

    def labelled_names(self) -> list[str]:
        """Return the names of the models that objects are made of: all of the config's own."""
        return [name for name in self.names_of("objects") if self[name].obj_id > 0]

    def names_of(self, pool: str) -> list[str]:
        """Return the names of a pool's models, in order."""
        return [name for name, model in self._models.items() if model.pool == pool]

    def categories(self) -> dict[int, str]:
        """Return the names of the labelled categories by id, sorted by id."""
        pairs = {(m.category_id, m.category) for m in self.values() if m.category_id > 0}
        return dict(sorted(pairs))

    def keypoint_names(self) -> dict[str, tuple[str, ...]]:
        """Return the names of the named points by labelled category, of those that have some."""
        found: dict[str, dict[str, None]] = {}
        for model in self.values():
            if model.obj_id > 0 and model.keypoints:
                names = [name for name, _ in model.keypoints]
                found.setdefault(model.category, {}).update(dict.fromkeys(names))
        return {category: tuple(names) for category, names in found.items()}

    def part_ids(self, name: str) -> tuple[int, ...]:
        """Return the ids of a model's `part_names`, >= 1, counted over all labelled models in order.

        Models with the same `whole` share the ids of parts of the same name.

        Raises:
            AssetError: there are more than `MOST_PARTS`.
        """
        if not self._part_ids:
            pairs = [
                (m.whole, part) for m in self.values() if m.obj_id > 0 for part in m.part_names
            ]
            self._part_ids = {pair: k for k, pair in enumerate(dict.fromkeys(pairs), start=1)}
            if len(self._part_ids) > MOST_PARTS:
                raise AssetError(
                    f"models: have {len(self._part_ids)} named parts; part_map holds {MOST_PARTS}; "
                    "use fewer with models.include"
                )
        model = self[name]
        return tuple(self._part_ids[model.whole, part] for part in model.part_names)

    def collision(self, name: str) -> list[NDArray[np.float64]]:
        """Return convex hulls that cover a model, as vertices (V, 3) [m] in the model frame.

        They are made on first use and kept in the cache folder.

        Raises:
            AssetError: the name is unknown, or the cache folder cannot be written to.
        """
        model = self[name]
        if name not in self._hulls:
            self._hulls[name] = convex_parts(model.mesh, self._settings[name])
        return [hull.copy() for hull in self._hulls[name]]

    def merged(self, other: Library) -> Library:
        """Return a library of these models and the other's; `AssetError` if a name stands twice."""
        both = Library([*self.values(), *other.values()], (*self.warnings, *other.warnings))
        both._settings = {**self._settings, **other._settings}
        both._hulls = {**self._hulls, **other._hulls}
        return both


def load_library(options: ModelOptions) -> Library:
    """Return the models that the options name.

    Raises:
        AssetError: lists all files that cannot be used, one a line, with reason and remedy.
    """
    entries = find_entries(options)
    chosen = _included(entries, options.include)
    models: list[Model] = []
    faults: list[str] = []
    warnings: list[str] = []
    categories = _category_ids(entries)
    keypoints = _keypoints(entries, options)
    for entry in chosen:
        try:
            model, notes = _model(entry, options, categories)
        except AssetError as error:
            faults.append(str(error))
            continue
        models.append(replace(model, keypoints=keypoints.get(model.name, ())))
        warnings += notes
    if faults:
        raise AssetError(_report(faults, len(chosen)))
    settings = CollisionSettings(
        options.collision, options.max_convex_hulls, options.collision_threshold
    )
    return Library(models, warnings, settings)


def _model(
    entry: Entry, options: ModelOptions, categories: dict[str, int]
) -> tuple[Model, list[str]]:
    mesh, parts, notes = read_entry(entry, options)
    solid = measure(mesh)
    if not solid.watertight:
        line = f"{entry.source}: is not watertight; volume and mass are those of its convex hull"
        if options.require_watertight:
            raise AssetError(
                f"{entry.source}: is not watertight, and models.require_watertight is set; "
                "close its holes, or leave that key out"
            )
        notes = [*notes, line]
    model = Model(
        name=entry.name,
        obj_id=entry.obj_id,
        category=entry.category,
        category_id=categories[entry.category],
        mesh=mesh,
        diameter=entry.diameter or solid.diameter,
        volume=solid.volume,
        center_of_mass=solid.center_of_mass,
        watertight=solid.watertight,
        symmetries_discrete=entry.symmetries_discrete,
        symmetries_continuous=entry.symmetries_continuous,
        licence=options.licence or entry.licence,
        source=entry.source,
        parts=parts,
    )
    return model, notes


def _keypoints(entries: list[Entry], options: ModelOptions) -> dict[str, Keypoints]:
    if entries[0].source == EMBEDDED:
        return {name: embedded_keypoints(name) for name in (entry.name for entry in entries)}
    scale = UNITS[entries[0].unit]
    return read_keypoints(options.source, [entry.name for entry in entries], scale)


def _included(entries: list[Entry], patterns: list[str]) -> list[Entry]:
    names = [entry.name for entry in entries]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise AssetError(
                f"models.include: '{pattern}' matches no model; {did_you_mean(pattern, names)}"
            )
    if not patterns:
        return entries
    return [e for e in entries if any(fnmatch.fnmatchcase(e.name, p) for p in patterns)]


def _category_ids(entries: list[Entry]) -> dict[str, int]:
    if all(entry.bop for entry in entries):
        return {entry.category: entry.obj_id for entry in entries}
    return {name: i for i, name in enumerate(sorted({e.category for e in entries}), start=1)}


def _report(faults: list[str], count: int) -> str:
    lines = [line for fault in faults for line in fault.splitlines()]
    if len(lines) == 1:
        return lines[0]
    return "\n  ".join([f"models: {len(faults)} of {count} cannot be used:", *lines])


def _check_unique(values: list[str] | list[int], what: str) -> None:
    twice = sorted({str(value) for value in values if values.count(value) > 1})  # type: ignore[arg-type]
    if twice:
        raise AssetError(
            f"models: the {what} stands twice: {', '.join(twice)}; rename one, or leave it out "
            "with models.include"
        )
