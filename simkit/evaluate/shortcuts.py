"""Spurious correlations: can what should not matter tell the label in a synthetic set?

A model may learn the background in place of the object. Two tests look for it, image by image, with
the label of the largest object, one image a scene:

* the context outside all objects: a ridge classifier on colours and textures of the context alone,
  cross-validated, its balanced accuracy held against those of permuted labels;
* the params that were drawn (light, camera, looks of the surroundings): Kruskal-Wallis' H for numbers,
  Cramer's V for words, corrected for their number (Holm).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, kruskal

from simkit.evaluate.attributes import contexts_of, main_label, one_of_each_scene
from simkit.evaluate.folds import folds_of
from simkit.evaluate.result import Finding
from simkit.metrics.two_sample import holm
from simkit.randomness import stream
from simkit.tasks.examples import Examples

Float = NDArray[np.float64]

KIND = "shortcut"

ALPHA = 0.05
FOLDS = 5
PERMUTATIONS = 499
MOST_IMAGES = 1000
"""Images of a set that are looked at, evenly spread."""

RIDGE = 1.0
"""Weight of the squared coefficients, in images."""

LARGE_CONTEXT = 0.25
"""A context matters if it closes this share of the way from chance to certainty."""

LARGE_ETA = 0.06
"""Share of a rank variance that a label explains: medium (Cohen, Statistical Power Analysis, 1988)."""

LARGE_V = 0.3
"""Cramer's V: medium (Cohen, 1988)."""

CONTENT = ("scene.models", "scene.densities", "scene.distractor_bodies", "scene.plates", "physics",
           "placement", "given", "joints", "scale", "dynamics")  # fmt: skip
"""Params that say what is in the image and where it lies, or follow from it."""


def shortcuts(
    name: str, synthetic: Examples, real: Examples | None = None, seed: int = 0
) -> list[Finding]:
    """Return what tells the label though it should not, strongest first.

    Args:
        name: of the synthetic set.
        synthetic: its images.
        real: photos, to say whether their context tells the label just as well.
        seed: of folds and permutations.
    """
    found = []
    whole = _fewer(one_of_each_scene(synthetic))
    context = context_finding(name, whole, real, seed)
    if context is not None:
        found.append(context)
    found += params_findings(name, whole)
    return sorted(found, key=lambda one: (not one.matters, one.p, -abs(one.effect)))


def context_finding(
    name: str, synthetic: Examples, real: Examples | None, seed: int = 0
) -> Finding | None:
    """Return how well the context tells the label; None if there are too few images or labels."""
    rows, labels, _ = contexts_of(synthetic)
    taken = label_from_context(rows, labels, seed)
    if taken is None:
        return None
    accuracy, p, chance = taken
    beside = None if real is None else _of_real(real, seed)
    effect = (accuracy - chance) / (1 - chance)
    matters = p < ALPHA and effect >= LARGE_CONTEXT
    photos = "" if beside is None else f"; in real photos {100 * beside:.0f} %"
    text = (
        f"The image without its objects tells the class of the largest one in {100 * accuracy:.0f} % "
        f"(balanced; chance {100 * chance:.0f} %{photos}; p = {p:.2g})"
    )
    if matters:
        text += ": a model may learn the background. Draw looks without regard to the class."
    elif p < ALPHA:
        text += ": a weak tie between background and class."
    else:
        text += ": no tie between background and class was found."
    at = float("nan") if beside is None else beside
    return Finding(
        name,
        KIND,
        text,
        at if beside is not None else chance,
        accuracy,
        effect,
        p,
        p < ALPHA,
        matters,
    )


def label_from_context(
    rows: Float, labels: NDArray[np.int64], seed: int = 0
) -> tuple[float, float, float] | None:
    """Return balanced accuracy of a cross-validated ridge classifier, permutation p, and chance.

    None if fewer than two labels have at least `FOLDS` images each.
    """
    counts = np.bincount(labels) if len(labels) else np.zeros(0, int)
    kept = np.flatnonzero(counts >= FOLDS)
    chosen = np.isin(labels, kept)
    if len(kept) < 2:
        return None
    rows, labels = rows[chosen], np.searchsorted(kept, labels[chosen])
    spread = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0))[:, spread > 1e-9] / spread[spread > 1e-9]
    rows = np.column_stack([rows, np.ones(len(rows))])
    solvers = []
    for trained, tested in folds_of(len(rows), FOLDS, seed):
        x = rows[trained]
        inverse = np.linalg.inv(x.T @ x + RIDGE * np.eye(x.shape[1]))
        solvers.append((trained, tested, rows[tested] @ inverse @ x.T))
    rng = stream(seed, 0, "shortcuts.permutations")
    orders = [np.arange(len(labels)), *(rng.permutation(len(labels)) for _ in range(PERMUTATIONS))]
    values = _balanced(solvers, labels[np.array(orders)], len(kept))
    p = float(np.mean(values >= values[0] - 1e-12))
    return float(values[0]), p, 1 / len(kept)


def params_findings(name: str, synthetic: Examples) -> list[Finding]:
    """Return the params that tell the label, if any; one finding that says so if none does."""
    labels, drawn = [], []
    for example in synthetic:
        label = main_label(example)
        if label is not None and example.record.params:
            labels.append(label)
            drawn.append(dict(_scalars(example.record.params)))
    if len(set(labels)) < 2 or len(labels) < 20:
        return []
    keys = sorted(set(drawn[0]).intersection(*map(set, drawn[1:])))
    tests = []
    for key in keys:
        tested = param_test([one[key] for one in drawn], np.array(labels))
        if tested is not None:
            tests.append((key, *tested))
    corrected = holm([p for _, p, _, _ in tests])
    found = []
    for (key, _, effect, large), p in zip(tests, corrected, strict=True):
        if p < ALPHA:
            matters = effect >= large
            text = (
                f"The param {key} tells the class of the largest object (strength {effect:.2f}, "
                f"p = {p:.2g} corrected for {len(tests)} params)"
            )
            text += ": draw it without regard to the class." if matters else ", though weakly."
            found.append(Finding(name, KIND, text, 0.0, effect, effect, p, True, matters))
    if tests and not found:
        text = f"None of {len(tests)} params tells the class of the largest object."
        found.append(Finding(name, KIND, text, 0.0, 0.0, 0.0, min(corrected), False, False))
    return found


def param_test(values: list[Any], labels: NDArray[np.int64]) -> tuple[float, float, float] | None:
    """Return p-value, effect and what effect is large; None for a param that does not vary.

    The effect is the share of the rank variance that labels explain (numbers), or Cramer's V (words).
    """
    if len(set(values)) < 2:
        return None
    kinds = sorted(set(labels.tolist()))
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        numbers = np.array(values, float)
        groups = [numbers[labels == one] for one in kinds if (labels == one).sum() >= 5]
        if len(groups) < 2 or len(set(np.concatenate(groups).tolist())) < 2:
            return None
        h, p = kruskal(*groups)
        n = sum(map(len, groups))
        return float(p), float(max(h - len(groups) + 1, 0) / (n - len(groups))), LARGE_ETA
    words = [str(one) for one in values]
    columns = sorted(set(words))
    if len(columns) > len(words) / 5:
        return None
    table = np.zeros((len(kinds), len(columns)))
    places = np.array([columns.index(one) for one in words])
    np.add.at(table, (np.searchsorted(kinds, labels), places), 1)
    statistic, p, _, _ = chi2_contingency(table)
    v = np.sqrt(statistic / (len(words) * max(min(table.shape) - 1, 1)))
    return float(p), float(v), LARGE_V


def _balanced(solvers: list[Any], labels: NDArray[np.int64], kinds: int) -> Float:
    """Return the balanced accuracy under each row of labels (rows, images)."""
    targets = np.eye(kinds)[labels.T]
    targets = targets / targets.sum(axis=0)
    right = np.empty(labels.T.shape, bool)
    for trained, tested, solver in solvers:
        said = np.argmax(np.einsum("tn,nrk->trk", solver, targets[trained], optimize=True), axis=2)
        right[tested] = said == labels.T[tested]
    members = [np.equal(labels.T, one) for one in range(kinds)]
    each = [(right & one).sum(axis=0) / one.sum(axis=0) for one in members]
    return np.asarray(np.mean(each, axis=0), np.float64)


def _of_real(real: Examples, seed: int) -> float | None:
    rows, labels, _ = contexts_of(_fewer(real))
    taken = label_from_context(rows, labels, seed)
    return None if taken is None else taken[0]


def _fewer(examples: Examples) -> Examples:
    if len(examples) <= MOST_IMAGES:
        return examples
    return examples.subset(np.linspace(0, len(examples) - 1, MOST_IMAGES).astype(int).tolist())


def _scalars(params: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the numbers and words among params by dotted key; of short lists, each item."""
    for key, value in params.items():
        where = f"{path}.{key}" if path else str(key)
        if where in CONTENT or key == "seed":
            continue
        if isinstance(value, Mapping):
            yield from _scalars(value, where)
        elif isinstance(value, list) and len(value) <= 4:
            items = {str(place): one for place, one in enumerate(value)}
            yield from _scalars(items, where)
        elif isinstance(value, bool | int | float | str):
            yield where, value
