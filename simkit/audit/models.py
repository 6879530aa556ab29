"""The models of an audited data set: triangles, ids and what else the labels speak of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, HalfspaceIntersection

from simkit import registry
from simkit.assets.library import Library, Model
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import load_furnished
from simkit.config import load_config
from simkit.errors import AssetError, ConfigError, DatasetError
from simkit.options import build

Float = NDArray[np.float64]
SKIN = 0.001
"""How thick the skin is that the physics engine has about each hull [m]."""

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
        whole, part_names, part_ids: what its parts are of, and their names and ids.
        part_of_face: (F,) the place of each face's part among them.
        collision: gives its collision shapes: hulls of (V, 3) [m].
        source: its file.
        is_link: whether it is a robot's link.
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
    whole: str = ""
    part_names: tuple[str, ...] = ()
    part_ids: tuple[int, ...] = ()
    part_of_face: NDArray[np.int64] | None = None
    collision: Callable[[], list[Float]] = list
    source: str = ""
    is_link: bool = False

    def cores(self, scale: tuple[float, float, float]) -> list[Float]:
        """Return the hulls (V, 3) [m] of the collision shape, scaled, without the skin about them."""
        if scale not in self._cores:
            self._cores[scale] = [_core(hull * np.array(scale)) for hull in self._hulls]
        return self._cores[scale]

    @cached_property
    def _hulls(self) -> list[Float]:
        return self.collision()

    @cached_property
    def _cores(self) -> dict[tuple[float, float, float], list[Float]]:
        return {}

    @cached_property
    def hull(self) -> tuple[Float, Float]:
        """Corners (H, 3) [m] of the convex hull, and the planes (F, 4) of its faces, outwards."""
        hull = ConvexHull(self.vertices)
        return self.vertices[hull.vertices], np.unique(hull.equations.round(12), axis=0)

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
        furniture = family.furnish(made.family_options, made.run.distractors)
        library = load_furnished(made.run.models).merged(furniture)
        return {name: shape_of(model, library) for name, model in library.items()}
    except AssetError as error:
        raise DatasetError(f"{error}; give models.source=FOLDER if the models have moved") from None


def shape_of(model: Model, library: Library) -> Shape:
    """Return a library's model as plain data."""
    mesh, labelled = model.mesh, model.obj_id > 0
    none = np.zeros(len(mesh.faces), dtype=np.int64)
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
        whole=model.whole,
        part_names=model.part_names if labelled else (),
        part_ids=library.part_ids(model.name) if labelled else (),
        part_of_face=none if model.parts is None else model.parts.faces.astype(np.int64),
        collision=partial(library.collision, model.name),
        source=model.source,
        is_link=model.parts is not None and bool(model.parts.whole),
    )


def _core(hull: Float) -> Float:
    """Return the corners of what is left of a hull where each face goes in by `SKIN` or as far as it can.

    The physics engine has a ball of `SKIN` about these: flat faces are where they were, corners round.
    """
    planes = ConvexHull(hull).equations
    middle = hull.mean(axis=0)
    depth = -float((planes[:, :3] @ middle + planes[:, 3]).max())
    planes[:, 3] += min(SKIN, depth / 2)
    corners = HalfspaceIntersection(planes, middle).intersections
    return np.asarray(corners[ConvexHull(corners).vertices])


def _shapes(options: ModelOptions) -> Shapes:
    library = load_furnished(options)
    return {name: shape_of(model, library) for name, model in library.items()}


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
