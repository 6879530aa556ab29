"""The models whose poses are estimated: shape, size and symmetries, of a data set or a folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from numpy.typing import NDArray

from simkit.assets.library import Library, Model
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import load_furnished
from simkit.dataset.reader import Dataset
from simkit.errors import AssetError, DatasetError, SimkitError, did_you_mean
from simkit.exchange.bop_models import library_of
from simkit.tasks.bop_scores import hull_corners, symmetry_set
from simkit.tasks.examples import Examples

Float = NDArray[np.float64]

EXPORTERS_REMEDY = "; or export with models=false"
"""... which is of no use here."""

TRAINED_STEP = 0.2
"""Of a continuous symmetry in training, in diameters: 16 turns are enough to choose among."""


@dataclass(frozen=True, eq=False)
class PoseModel:
    """A rigid model as pose estimation and its scores need it.

    Attributes:
        vertices: (V, 3) [m], in the model's frame.
        faces: (F, 3).
        diameter: [m].
        discrete: transforms (4, 4) [m] that leave it as it is, without the identity.
        continuous: (axis, offset [m]) about which it may be turned freely.
    """

    name: str
    category: str
    vertices: Float
    faces: NDArray[np.int32]
    diameter: float
    discrete: tuple[Any, ...] = ()
    continuous: tuple[tuple[Any, Any], ...] = ()

    @cached_property
    def centre(self) -> Float:
        """Middle (3,) of its bounds [m]."""
        middle: Float = (self.vertices.min(axis=0) + self.vertices.max(axis=0)) / 2
        return middle

    @cached_property
    def symmetries(self) -> Float:
        """All transforms (K, 4, 4) of BOP's scores."""
        return symmetry_set(self.discrete, self.continuous)

    @cached_property
    def trained_symmetries(self) -> Float:
        """Some transforms (K, 4, 4) among which a loss chooses the kindest."""
        return symmetry_set(self.discrete, self.continuous, TRAINED_STEP)

    @property
    def symmetric(self) -> bool:
        """Whether ADD-S stands in for ADD."""
        return bool(self.discrete or self.continuous)

    @cached_property
    def corners(self) -> Float:
        """Corners (M, 3) of its convex hull [m]."""
        return hull_corners(self.vertices)

    @cached_property
    def rays(self) -> rtcore_scene.EmbreeScene:
        """What rays in the model's frame are cast at."""
        scene = rtcore_scene.EmbreeScene(robust=True)
        TriangleMesh(scene, self.vertices.astype(np.float32), self.faces.astype(np.int32))
        return scene


def models_of_examples(examples: Examples, folder: str = "") -> tuple[PoseModel, ...]:
    """Return the models of the examples' categories, by name.

    Args:
        examples: their data sets say which models they are of, and where these lie.
        folder: a BOP models folder that is read instead.

    Raises:
        DatasetError: a data set names no models, or they cannot be read.
    """
    names = _wanted(examples)
    library = _library_of_folder(folder) if folder else _library_of(_datasets(examples))
    unknown = [name for name in names if name not in library]
    if unknown:
        raise DatasetError(
            f"pose: no model of '{unknown[0]}'; {did_you_mean(unknown[0], library.names())}"
        )
    return tuple(pose_model(library[name]) for name in names)


def pose_model(model: Model) -> PoseModel:
    """Return a library's model."""
    return PoseModel(
        name=model.name,
        category=model.category,
        vertices=model.mesh.vertices.astype(np.float64),
        faces=model.mesh.faces,
        diameter=model.diameter,
        discrete=model.symmetries_discrete,
        continuous=model.symmetries_continuous,
    )


def by_category(models: Iterable[PoseModel], categories: Sequence[str]) -> dict[int, PoseModel]:
    """Return the model of each label.

    Raises:
        DatasetError: a category has several models, so that a box does not say which one it shows.
    """
    found: dict[int, PoseModel] = {}
    for model in models:
        label = categories.index(model.category)
        if label in found:
            raise DatasetError(
                f"pose: '{model.category}' is the category of several models ({found[label].name}, "
                f"{model.name}), so a detector's box does not say which one it shows; give each "
                "model a category of its own, or score in true boxes (task pose_true_boxes)"
            )
        found[label] = model
    return found


def _datasets(examples: Examples) -> list[Dataset]:
    """Return the data sets that the images are of, each once."""
    return list({id(data): data for data, _ in examples.sources}.values())


def _wanted(examples: Examples) -> list[str]:
    names = {
        one["name"]
        for data in _datasets(examples)
        for one in data.description.get("models", ())
        if one.get("obj_id", 0) > 0 and one["category"] in examples.categories
    }
    if not names:
        urls = ", ".join(data.url for data in _datasets(examples))
        raise DatasetError(
            f"{urls}: names no models of its categories, so there are no poses to learn; make it "
            "with simkit generate, or import a BOP set with its models folder"
        )
    return sorted(names)


def _library_of_folder(folder: str) -> Library:
    try:
        return load_furnished(ModelOptions(source=folder, kind="bop"))
    except AssetError as error:
        raise DatasetError(f"models: {error}; give a BOP models folder") from None


def _library_of(datasets: Iterable[Dataset]) -> Library:
    """Return the models of the first data set whose models can be read, which stand for all."""
    reasons = []
    for data in datasets:
        try:
            return library_of(data.description)
        except SimkitError as error:
            reasons.append(f"{data.url}: {str(error).removesuffix(EXPORTERS_REMEDY)}")
    raise DatasetError(f"{reasons[0]}; give models=FOLDER, a BOP models folder")
