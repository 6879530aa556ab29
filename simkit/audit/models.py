"""The models of an audited data set: triangles, ids and what else the labels speak of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit import registry
from simkit.assets.library import Model
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import load_furnished
from simkit.config import load_config
from simkit.errors import AssetError, ConfigError, DatasetError
from simkit.options import build

Float = NDArray[np.float64]
RELOCATES = "models."
"""Only keys that begin so may be overridden: the models may lie elsewhere now."""


@dataclass(frozen=True, eq=False)
class Shape:
    """A model as plain data.

    Attributes:
        name, obj_id, category, category_id, mesh_hash: what the labels call it.
        vertices: (V, 3) float64 [m], in the model's frame; `normals` (V, 3) at them.
        faces: (F, 3).
        symmetries: 4x4 transforms [m] that leave it as it is, the identity left out.
        axes: (direction, offset [m]) about which it may be turned freely.
        keypoints: (name, point [m]).
    """

    name: str
    obj_id: int
    category: str
    category_id: int
    mesh_hash: str
    vertices: Float
    normals: Float
    faces: NDArray[np.int32]
    symmetries: tuple[Any, ...] = ()
    axes: tuple[Any, ...] = ()
    keypoints: tuple[tuple[str, tuple[float, float, float]], ...] = ()

    @cached_property
    def bounds(self) -> Float:
        """Lower and upper corner (2, 3) [m]."""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)])

    @cached_property
    def diameter(self) -> float:
        """Length of the bounds' diagonal [m]: no less than the diameter."""
        return float(np.linalg.norm(self.bounds[1] - self.bounds[0]))


Shapes = dict[str, Shape]


def models_of_folder(folder: str) -> Shapes:
    """Return the models of a BOP models folder (mm), by name."""
    return _shapes(ModelOptions(source=folder, kind="bop"))


def models_of_dataset(description: Mapping[str, Any], overrides: Iterable[str] = ()) -> Shapes:
    """Return the models that a data set names, by name.

    Args:
        description: what ``dataset.json`` says.
        overrides: ``models.KEY=value``, where they lie elsewhere now.

    Raises:
        ConfigError: an override is of another key.
        DatasetError: they cannot be read.
    """
    wanted, config = list(overrides), description["config"]
    for one in wanted:
        if not one.startswith(RELOCATES) or "=" not in one:
            raise ConfigError(f"'{one}': only models.KEY=value may be given, where they have moved")
    try:
        if "scene" not in config:
            return _shapes(_options_of_photos(config, wanted))
        made = load_config(config, wanted)
        family = registry.load("scenes", made.family)
        shapes = _shapes(made.run.models)
        furniture = family.furnish(made.family_options, made.run.distractors)
        return {**shapes, **{name: shape_of(model) for name, model in furniture.items()}}
    except AssetError as error:
        raise DatasetError(f"{error}; give models.source=FOLDER if the models have moved") from None


def shape_of(model: Model) -> Shape:
    """Return a library's model as plain data."""
    mesh = model.mesh
    return Shape(
        name=model.name,
        obj_id=model.obj_id,
        category=model.category,
        category_id=model.category_id,
        mesh_hash=mesh.content_hash,
        vertices=mesh.vertices.astype(np.float64),
        normals=mesh.normals.astype(np.float64),
        faces=mesh.faces,
        symmetries=model.symmetries_discrete,
        axes=model.symmetries_continuous,
        keypoints=tuple(model.keypoints),
    )


def _shapes(options: ModelOptions) -> Shapes:
    return {name: shape_of(model) for name, model in load_furnished(options).items()}


def _options_of_photos(config: Mapping[str, Any], overrides: list[str]) -> ModelOptions:
    source = config.get("import", config.get("rerender", {})).get("models")
    keys: dict[str, Any] = {"source": str(source or ""), "kind": "bop"}
    for one in overrides:
        key, value = one[len(RELOCATES) :].split("=", 1)
        keys[key] = value
    if not keys["source"]:
        raise DatasetError(
            "the data set does not say where its models are; give models.source=FOLDER"
        )
    return build(ModelOptions, keys, "models")
