"""What objects a scene holds: how many, of which models, how heavy, and what hides them.

A scene family inherits its options from `ObjectOptions`, itself from `PopulatedFamily`, and asks
its `population` for params and bodies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from simkit.assets.collision import CollisionSettings
from simkit.assets.library import Library, load_library
from simkit.assets.options import ModelOptions
from simkit.contracts import Params, SceneFamily
from simkit.distributions import Choice, Constant, Distribution, Integer, LogUniform
from simkit.errors import ConfigError, SceneError, did_you_mean
from simkit.options import setting, varied
from simkit.scene import Body, vec3

DISTRACTOR = "distractor:"
"""What the names of distractors, and of the models of their pool, begin with."""

SHAPES = ("simkit:box", "simkit:cylinder", "simkit:sphere")
LEAST_MASS = 1e-3
"""No body is lighter [kg]."""


@dataclass
class ObjectOptions:
    """What objects a scene holds."""

    objects: Distribution = varied(
        Integer(3, 8), low=0, high=200, whole=True, help="number of objects"
    )
    repeat: bool = setting(True, help="whether one model may come several times in a scene")
    balance: str = setting(
        "models",
        allowed=("models", "categories", "weights"),
        help="what is equally likely: each model, each category (for long tails), or see weights",
    )
    weights: dict[str, float] = setting(
        {}, help="for balance=weights, by category or model; 1 for a category that is not named"
    )
    quotas: dict[str, int] = setting(
        {}, help="exact number of a category's objects in each scene; the balance draws the others"
    )
    density: Distribution = varied(
        Choice((300.0, 700.0, 1200.0)), unit="kg/m^3", low=1.0, high=30000.0, help="of each object"
    )
    distractors: Distribution = varied(
        Constant(0), low=0, high=200, whole=True, help="number of bodies that hide the objects"
    )
    distractor_shapes: float = setting(
        0.0, low=0.0, high=1.0, help="share of plain shapes among them; others are of their pool"
    )
    shape_size: Distribution = varied(
        LogUniform(0.03, 0.12), unit="m", low=0.001, high=10.0, help="sides of those plain shapes"
    )

    def __post_init__(self) -> None:
        if (self.balance == "weights") != bool(self.weights):
            raise ConfigError("weights: go with balance=weights; give both or neither")
        for name, weight in self.weights.items():
            if not 0 <= weight < np.inf:
                raise ConfigError(f"weights.{name}: {weight} is no weight; give 0 or more")
        for name, quota in self.quotas.items():
            if quota < 0:
                raise ConfigError(f"quotas.{name}: {quota} is negative")
        fewest, wanted = min(self.objects.support), sum(self.quotas.values())
        if wanted > fewest:
            raise ConfigError(
                f"quotas: sum to {wanted}, but a scene may hold only {fewest} objects; raise objects"
            )


class Population:
    """Draws the objects and the distractors of scenes, and makes bodies of them.

    Args:
        options: how many, and which.
        library: the objects' models, and those of the pool ``distractors``.

    Raises:
        ConfigError: weights or quotas name no category or model, or leave nothing to draw.
    """

    def __init__(self, options: ObjectOptions, library: Library) -> None:
        self.options = options
        self.library = library
        self._names = library.labelled_names()
        self._category = np.array([library[name].category for name in self._names], dtype=object)
        self._weights = self._model_weights()
        self._pool = self._distractor_names()
        self._check_quotas()

    def sample(self, rng: np.random.Generator) -> Params:
        """Draw ``models`` and ``densities`` [kg/m^3] of the objects, and the ``distractor_bodies``."""
        options = self.options
        count = options.objects.sample(rng)
        if count and not self._names:
            raise SceneError("objects: the library has no model to make them of; see models.source")
        chosen = self._chosen(count, rng)
        densities = [options.density.sample(rng) for _ in chosen]
        hidden_by = [self._distractor(rng) for _ in range(options.distractors.sample(rng))]
        return {
            "models": [self._names[i] for i in chosen],
            "densities": densities,
            "distractor_bodies": hidden_by,
        }

    def bodies(self, params: Params) -> list[Body]:
        """Return the bodies that `sample` decided on, ``NAME#k``; where they are is not said yet."""
        pairs = zip(params["models"], params["densities"], strict=True)
        made = [
            Body(name=f"{name}#{number}", model=name, mass=self._mass(name, density))
            for number, (name, density) in enumerate(pairs)
        ]
        for number, one in enumerate(params["distractor_bodies"]):
            name = one["model"].removeprefix(DISTRACTOR).removeprefix("simkit:")
            scale = vec3(one["scale"])
            body = Body(
                name=f"{DISTRACTOR}{name}#{number}",
                model=one["model"],
                scale=scale,
                mass=self._mass(one["model"], one["density"] * float(np.prod(scale))),
                labelled=False,
            )
            made.append(body)
        return made

    def _mass(self, name: str, density: float) -> float:
        return max(self.library[name].volume * density, LEAST_MASS)

    def _chosen(self, count: int, rng: np.random.Generator) -> list[int]:
        """Draw places in `_names`; fewer than `count` where models may not repeat and run out."""
        if not self.options.quotas:
            return self._drawn(count, self._weights, rng)
        alike = np.ones(len(self._names)) if self._weights is None else self._weights
        chosen: list[int] = []
        for category, quota in sorted(self.options.quotas.items()):
            own = self._category == category
            inside = np.where(own, alike, 0.0)
            chosen += self._drawn(quota, inside if inside.any() else own.astype(float), rng)
        others = np.where(np.isin(self._category, list(self.options.quotas)), 0.0, alike)
        chosen += self._drawn(count - len(chosen), others, rng)
        return [chosen[i] for i in rng.permutation(len(chosen))]

    def _drawn(
        self, count: int, weights: NDArray[np.float64] | None, rng: np.random.Generator
    ) -> list[int]:
        repeat = self.options.repeat
        if not repeat:
            left = len(self._names) if weights is None else int(np.count_nonzero(weights))
            count = min(count, left)
        if count == 0:
            return []
        p = None if weights is None else weights / weights.sum()
        return [int(i) for i in rng.choice(len(self._names), size=count, replace=repeat, p=p)]

    def _distractor(self, rng: np.random.Generator) -> Params:
        density = self.options.density.sample(rng)
        if rng.random() >= self.options.distractor_shapes:
            model, scale = self._pool[int(rng.integers(len(self._pool)))], [1.0, 1.0, 1.0]
        else:
            model = SHAPES[int(rng.integers(len(SHAPES)))]
            scale = [self.options.shape_size.sample(rng) for _ in range(3)]
        return {"model": model, "density": density, "scale": scale}

    def _model_weights(self) -> NDArray[np.float64] | None:
        """Return a weight of each of `_names` (N,); None if all are alike."""
        if self.options.balance == "models" or not self._names:
            return None
        given = self.options.weights
        _check_known("weights", given, [*self._names, *self._category])
        categories, inverse = np.unique(self._category.astype(str), return_inverse=True)
        own = np.array([name in given and name not in categories for name in self._names])
        members = np.bincount(inverse[~own], minlength=len(categories))
        weights = np.array(
            [
                given[name] if own[i] else given.get(str(categories[k]), 1.0) / members[k]
                for i, (name, k) in enumerate(zip(self._names, inverse, strict=True))
            ]
        )
        if not weights.any():
            raise ConfigError("scene.weights: every model weighs 0; give one of them more")
        return weights

    def _distractor_names(self) -> list[str]:
        """Return the pool's models, but for those that are objects, too: they would be false labels."""
        options = self.options
        if not needs_pool(options):
            return []
        some = max(options.objects.support) > 0
        objects = {(self.library[name].source, name) for name in self._names if some}
        pool = [
            name
            for name in self.library.names_of("distractors")
            if (self.library[name].source, name.removeprefix(DISTRACTOR)) not in objects
        ]
        if not pool:
            raise ConfigError(
                "distractors: their pool has no model that is not an object, too; set "
                "distractors.source (or models.include), or scene.distractor_shapes=1"
            )
        return pool

    def _check_quotas(self) -> None:
        quotas = self.options.quotas
        if not quotas:
            return
        _check_known("quotas", quotas, self._category)
        for category, quota in quotas.items():
            models = int((self._category == category).sum())
            if quota > models and not self.options.repeat:
                raise ConfigError(
                    f"scene.quotas.{category}: {quota} is more than its {models} model(s); set "
                    "scene.repeat=true"
                )
        rest = ~np.isin(self._category, list(quotas))
        if self._weights is not None:
            rest &= self._weights > 0
        if not rest.any() and max(self.options.objects.support) > sum(quotas.values()):
            raise ConfigError(
                "scene.quotas: all categories have one, so nothing is left for the other objects; "
                f"set scene.objects={sum(quotas.values())}"
            )


class PopulatedFamily(SceneFamily):
    """A scene family whose scenes hold the objects and distractors of its `population`."""

    Options: ClassVar[type[Any]] = ObjectOptions

    def __init__(self, options: Any, library: Library) -> None:
        super().__init__(options, library)
        self.population = Population(options, library)

    @classmethod
    def furnish(cls, options: Any, distractors: ModelOptions) -> Library:
        """Return the distractors' pool, ``distractor:NAME``, if the scenes may hold any of it."""
        return distractor_pool(distractors) if needs_pool(options) else Library(())


def needs_pool(options: ObjectOptions) -> bool:
    """Return whether a scene may hold distractors that are no plain shapes."""
    return max(options.distractors.support) > 0 and options.distractor_shapes < 1


def distractor_pool(options: ModelOptions) -> Library:
    """Return the models that the options name, as ``distractor:NAME`` and never labelled.

    Raises:
        AssetError: as `load_library` does.
    """
    loaded = load_library(options)
    models = [
        replace(model, name=f"{DISTRACTOR}{name}", obj_id=0, category_id=0, pool="distractors")
        for name, model in loaded.items()
    ]
    collision = CollisionSettings(
        options.collision, options.max_convex_hulls, options.collision_threshold
    )
    return Library(models, [f"distractors: {line}" for line in loaded.warnings], collision)


def _check_known(key: str, given: Iterable[str], known: Iterable[str]) -> None:
    names = sorted(set(known))
    for name in given:
        if name not in names:
            hint = did_you_mean(name, names)
            raise ConfigError(f"scene.{key}.{name}: no such category or model; {hint}")
