"""What a scene holds: frequencies against the stated ones, exact quotas, distractors of their pool."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from simkit import registry
from simkit.assets.library import Library, load_library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import primitives
from simkit.errors import ConfigError, SceneError
from simkit.options import build
from simkit.pipeline import Pipeline
from simkit.population import DISTRACTOR, SHAPES, ObjectOptions, Population, distractor_pool
from simkit.randomness import stream

TAIL = {"cup": 1, "plate": 3, "screw": 12}
"""Models a category: a long tail, the other way round."""


@pytest.fixture(scope="module")
def library() -> Library:
    box = primitives()["simkit:box"]
    models = []
    for category_id, (category, count) in enumerate(sorted(TAIL.items()), start=1):
        for k in range(count):
            models.append(
                replace(
                    box, name=f"{category}/{k}", obj_id=len(models) + 1, category=category,
                    category_id=category_id, volume=1e-3 * (k + 1),
                )
            )  # fmt: skip
    return Library(models).merged(primitives())


def population(library: Library, **options: Any) -> Population:
    return Population(build(ObjectOptions, options, "scene"), library)


def counts(one: Population, scenes: int = 400) -> tuple[Counter[str], Counter[str]]:
    """Return how often each category and each model came."""
    names = [name for seed in range(scenes) for name in one.sample(stream(seed, 0, "o"))["models"]]
    return Counter(name.split("/")[0] for name in names), Counter(names)


def agree(seen: Counter[str], expected: dict[str, float]) -> float:
    """Return the p-value of the counts under the expected shares; nothing else may occur."""
    assert set(seen) <= {name for name, share in expected.items() if share > 0}
    names = [name for name, share in expected.items() if share > 0]
    shares = np.array([expected[name] for name in names])
    observed = np.array([seen[name] for name in names])
    return float(chisquare(observed, shares / shares.sum() * observed.sum()).pvalue)


def test_models_are_alike_by_default(library: Library) -> None:
    categories, models = counts(population(library, objects=10))
    assert agree(models, dict.fromkeys(library.labelled_names(), 1.0)) > 1e-3
    assert agree(categories, {"cup": 1, "plate": 1, "screw": 1}) < 1e-9, "and no category is"


def test_categories_are_alike(library: Library) -> None:
    categories, models = counts(population(library, objects=10, balance="categories"))
    assert agree(categories, {"cup": 1, "plate": 1, "screw": 1}) > 1e-3
    screws = Counter({name: n for name, n in models.items() if name.startswith("screw")})
    assert agree(screws, {f"screw/{k}": 1.0 for k in range(12)}) > 1e-3


def test_stated_weights(library: Library) -> None:
    one = population(library, objects=10, balance="weights", weights={"cup": 6.0, "screw": 3.0})
    assert agree(counts(one)[0], {"cup": 6, "plate": 1, "screw": 3}) > 1e-3


def test_weights_of_models(library: Library) -> None:
    """A named model keeps its weight for itself; the others share their category's."""
    weights = {"plate/0": 5.0, "plate": 2.0, "screw": 0.0}
    models = counts(population(library, objects=10, balance="weights", weights=weights))[1]
    expected = {"cup/0": 1, "plate/0": 5, "plate/1": 1, "plate/2": 1}
    assert agree(models, expected) > 1e-3


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    quotas=st.dictionaries(st.sampled_from(["cup", "plate"]), st.integers(0, 3)),
    balance=st.sampled_from(["models", "categories"]),
)
def test_quotas_are_exact(
    library: Library, seed: int, quotas: dict[str, int], balance: str
) -> None:
    one = population(library, objects={"integer": [6, 9]}, quotas=quotas, balance=balance)
    drawn = one.sample(np.random.default_rng(seed))["models"]
    seen = Counter(name.split("/")[0] for name in drawn)
    assert 6 <= len(drawn) <= 9
    assert {name: seen[name] for name in quotas} == quotas


def test_quotas_stand_anywhere(library: Library) -> None:
    """Not always first, where the placement would put them lowest."""
    one = population(library, objects=6, quotas={"cup": 1})
    places = {
        one.sample(np.random.default_rng(seed))["models"].index("cup/0") for seed in range(60)
    }
    assert places == set(range(6))


def test_no_model_twice(library: Library) -> None:
    for balance, weights in (("models", {}), ("weights", {"screw": 0.0})):
        one = population(library, objects=9, repeat=False, balance=balance, weights=weights)
        drawn = one.sample(np.random.default_rng(0))["models"]
        assert len(set(drawn)) == len(drawn) == (9 if balance == "models" else 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"balance": "weights"}, "scene.weights: go with balance=weights"),
        ({"weights": {"cup": 1.0}}, "scene.weights: go with balance=weights"),
        ({"balance": "weights", "weights": {"cap": 1.0}}, "did you mean 'cup'"),
        ({"balance": "weights", "weights": {"cup": -1.0}}, "scene.weights.cup: -1.0"),
        ({"balance": "weights", "weights": {"cup": 0, "plate": 0, "screw": 0}}, "every model"),
        ({"balance": "weights", "weights": {"cup": "much"}}, r"scene\.weights.* wrong type"),
        ({"quotas": {"cap": 1}}, "did you mean 'cup'"),
        ({"quotas": {"cup": -1}}, "scene.quotas.cup: -1 is negative"),
        ({"quotas": {"cup": 4}}, "sum to 4, but a scene may hold only 3"),
        (
            {"quotas": {"cup": 2}, "repeat": False},
            "scene.quotas.cup: 2 is more .* scene.repeat=true",
        ),
        ({"objects": 4, "quotas": {"cup": 1, "plate": 1, "screw": 1}}, "set scene.objects=3"),
        ({"distractors": 1}, "distractors: their pool has no model"),
    ],
)
def test_errors_name_the_key(library: Library, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        population(library, **options)
    assert "\n" not in str(caught.value)


def test_no_models() -> None:
    with pytest.raises(SceneError, match=r"models\.source"):
        population(primitives()).sample(np.random.default_rng(0))


def test_bodies(library: Library) -> None:
    one = population(library, objects=5, density=700.0)
    params = one.sample(np.random.default_rng(1))
    bodies = one.bodies(json.loads(json.dumps(params)))
    assert [body.model for body in bodies] == params["models"]
    assert [body.name for body in bodies] == [f"{m}#{k}" for k, m in enumerate(params["models"])]
    for body in bodies:
        assert body.mass == pytest.approx(700.0 * 1e-3 * (int(body.model.split("/")[1]) + 1))
        assert body.labelled
        assert not body.fixed


# Distractors


def test_the_second_pool() -> None:
    """Its models are those of the config, under other names, with the same hulls, and no ids."""
    options = ModelOptions(include=["hex_*", "mug"], collision="convex_hull")
    pool, plain = distractor_pool(options), load_library(options)
    assert pool.names() == [f"{DISTRACTOR}{name}" for name in plain]
    both = plain.merged(pool)
    assert both.labelled_names() == plain.names()
    assert both.categories() == plain.categories()
    for name in plain:
        model = both[f"{DISTRACTOR}{name}"]
        assert (model.obj_id, model.category_id, model.pool) == (0, 0, "distractors")
        for a, b in zip(both.collision(model.name), plain.collision(name), strict=True):
            assert np.array_equal(a, b)
    other = distractor_pool(replace(options, collision="convex_decomposition"))
    assert len(other.collision(f"{DISTRACTOR}hex_bolt")) > 1


def test_distractors_are_never_objects() -> None:
    """Of models that are in both pools none hides unlabelled: a detector would learn to miss it."""
    library = load_library(ModelOptions(include=["mug", "bowl"]))
    library = library.merged(distractor_pool(ModelOptions())).merged(primitives())
    one = population(
        library, objects=3, distractors={"integer": [0, 6]}, distractor_shapes=0.5, density=500.0
    )
    seen, numbers = set(), set()
    for seed in range(60):
        params = one.sample(np.random.default_rng(seed))
        hiding = [body for body in one.bodies(params) if not body.labelled]
        numbers.add(len(hiding))
        assert len({body.name for body in hiding}) == len(hiding)
        for body in hiding:
            seen.add(body.model)
            assert body.name.startswith(DISTRACTOR)
            volume = library[body.model].volume * np.prod(body.scale)
            assert body.mass == pytest.approx(max(500.0 * volume, 1e-3))
            sides = np.array(body.scale)
            assert (sides >= 0.03).all() if body.model in SHAPES else (sides == 1).all()
    assert numbers == set(range(7))
    embedded = set(load_library(ModelOptions()).names())
    assert seen == {*SHAPES, *(f"{DISTRACTOR}{n}" for n in embedded - {"mug", "bowl"})}


def test_families_furnish_the_pool() -> None:
    family = registry.load("scenes", "tabletop")
    asked = build(family.Options, {"distractors": {"integer": [0, 2]}})
    assert len(family.furnish(asked, ModelOptions(include=["mug"]))) == 1
    for options in ({}, {"distractors": 2, "distractor_shapes": 1.0}):
        assert len(family.furnish(build(family.Options, options), ModelOptions())) == 0


def test_distractors_hide_and_get_no_label(small: Any) -> None:
    config = small(
        models={"include": ["mug"], "collision": "convex_hull"},
        distractors={"include": ["bowl"], "collision": "convex_hull"},
        scene={"objects": 2, "distractors": 5},
        randomizers={"placement": {"x": [-0.1, 0.1], "y": [-0.1, 0.1]}},
    )
    hidden = 0.0
    with Pipeline(config) as pipeline:
        for index in range(3):
            sample = pipeline(index)
            names = [body.name for _, body in sample.scene.labelled()]
            assert all(name.startswith("mug#") for name in names)
            assert sum(b.model == "distractor:bowl" for b in sample.scene.bodies) == 5
            shown = [one["visib_fract"] for one in sample.labels["visib_fract"]]
            assert len(shown) == len(names)
            hidden += sum(1 - fraction for fraction in shown)
    assert hidden > 0.1
