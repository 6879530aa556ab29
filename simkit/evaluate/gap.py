"""How far a synthetic set is from a real one: distances, findings, and one number meant to rank sets.

`look` is what costs time, once a set; `gap_between` compares two sets that have been looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.errors import ConfigError, did_you_mean
from simkit.evaluate.findings import LIMIT, compare_observations, distributions_of
from simkit.evaluate.gap_parts import Crops, Sample, background_crops, gap_parts
from simkit.evaluate.observing import SIDE, Observations, observe
from simkit.evaluate.result import Distribution, Finding
from simkit.features.contract import Extractor, Image
from simkit.features.streaming import chosen, crops_of, features_of
from simkit.metrics.compare import MEASURES, compare_features
from simkit.metrics.estimate import Estimate
from simkit.metrics.memorization import NearPair, nearest_pairs
from simkit.tasks.examples import Examples

PAIRS = 12
"""Nearest pairs that are kept."""

CROPS = "Crops"
"""What the name of a distance between object crops has before the features' name."""

MOST_CROPS = 800
"""Object crops that are taken of a set; of a set with more, a random choice of its images."""

Progress = Callable[[str, int, int], None]
"""Is given what is done, how far, and of how many."""


@dataclass(frozen=True, eq=False)
class Seen:
    """All that was taken of one set.

    Attributes:
        examples: the images that were looked at, a random choice in order.
        places: (N,) of those among the images that were given.
        observations: plain numbers of each.
        features: (N, d) of whole images, by the extractor's title.
        crops: of objects and of places without any, by the first extractor.
        title: of that extractor.
    """

    examples: Examples
    places: NDArray[np.int64]
    observations: Observations
    features: dict[str, NDArray[np.float32]]
    crops: Crops
    title: str

    def sample(self) -> Sample:
        """Return what a gap score is taken of."""
        return Sample(self.crops, self.features[self.title], self.observations)


@dataclass(frozen=True)
class NearestPair:
    """A synthetic image and its nearest real one, as places in the examples that were given.

    Attributes:
        distance: between their features.
        ratio: that over the real image's distance to its nearest other real one.
        kind: ``exact``, ``near`` or "", see `simkit.metrics.memorization.NearPair`.
    """

    synthetic: int
    real: int
    distance: float
    ratio: float
    kind: str


@dataclass(frozen=True)
class Gap:
    """What was found between two sets.

    Attributes:
        name: of the synthetic set.
        measures: distances and coverages with intervals and floors, of whole images and of crops.
        findings: those that matter first.
        distributions: the plain numbers of both sides.
        pairs: nearest pairs, by the first extractor; copies first.
        parts: what the score is made of, by name, 0 where the sets do not differ.
        score: 0 to 1, lower is nearer; ranks synthetic sets against one real set.
        floor: the same between two random halves of the real set: what no set can be expected to beat.
        formula: name of what made the score of the parts.
    """

    name: str
    measures: list[Estimate]
    findings: list[Finding]
    distributions: list[Distribution]
    pairs: list[NearestPair]
    parts: dict[str, float]
    score: float
    floor: float
    formula: str


Formula = Callable[[Mapping[str, float]], float]


def _product(parts: Mapping[str, float]) -> float:
    """1 - appearance's similarity x geometry's: a set has to be alike in both."""
    appearance = np.exp(-parts["class crops"]) * (1 - parts["probe"])
    geometry = np.exp(-parts["labels"] / 2) * (1 - parts["classes"])
    return float(1 - appearance * geometry)


def _single(part: str) -> Formula:
    """A part by itself, brought to 0 to 1."""
    return lambda parts: float(1 - np.exp(-parts[part]))


FORMULAS: dict[str, Formula] = {
    "product": _product,
    "appearance": lambda parts: float(
        1 - np.exp(-parts["class crops"] - parts["backgrounds"]) * (1 - parts["probe"])
    ),
    "geometry": lambda parts: float(1 - np.exp(-parts["labels"] / 2) * (1 - parts["classes"])),
    **{
        part: _single(part)
        for part in (
            "probe", "crops", "class crops", "uncovered", "backgrounds", "context", "labels",
            "pixels", "classes",
        )
    },
}  # fmt: skip
"""What makes a score of the parts; see `simkit.evaluate.gap_parts.gap_parts`."""


def measure_gap(
    real: Examples,
    synthetic: Examples,
    extractors: Sequence[Extractor],
    *,
    rng: np.random.Generator,
    name: str = "synthetic",
    limit: int = LIMIT,
    formula: str | Formula = "product",
    progress: Progress = lambda what, done, total: None,
) -> Gap:
    """Return what lies between a synthetic set and a real one.

    Args:
        real, synthetic: labelled images with the same categories.
        extractors: of `simkit.features.open_features`; pairs and the score go by the first.
        rng: chooses images, resamples and permutes.
        name: of the synthetic set.
        limit: images of each side.
        formula: one of `FORMULAS`, or a function of the parts.
        progress: is told what is done.

    Raises:
        ConfigError: no extractor is given, or there is no such formula.
        MetricError: there are too few images.
    """
    _formula(formula)
    seen = [
        look(side, extractors, rng=rng, limit=limit, progress=_prefixed(progress, which))
        for which, side in (("real", real), (name, synthetic))
    ]
    return gap_between(seen[0], seen[1], rng=rng, name=name, formula=formula)


def look(
    examples: Examples,
    extractors: Sequence[Extractor],
    *,
    rng: np.random.Generator,
    limit: int = LIMIT,
    side: int = SIDE,
    progress: Progress = lambda what, done, total: None,
) -> Seen:
    """Return all that a comparison needs of one set.

    Args:
        examples: labelled images.
        extractors: of `simkit.features.open_features`.
        rng: chooses images, and places without objects.
        limit: images that are looked at.
        side: longer side to which images are averaged down for plain numbers [px].
        progress: is told what is done.
    """
    if not extractors:
        raise ConfigError("features: no extractor is given; efficientnet_lite0 is the usual one")
    places = chosen(len(examples), limit, rng)
    some = examples.subset(places.tolist())
    observations = observe(
        some, side=side, progress=lambda done, total: progress("plain numbers", done, total)
    )
    features = {}
    for one in extractors:
        images = _told(some, one.title, progress)
        features[one.title] = features_of(images, one)
    first = extractors[0]
    crops = _crops(some, first, rng, progress)
    return Seen(some, places, observations, features, crops, first.title)


def gap_between(
    real: Seen,
    synthetic: Seen,
    *,
    rng: np.random.Generator,
    name: str = "synthetic",
    formula: str | Formula = "product",
    measures: Sequence[str] = MEASURES,
) -> Gap:
    """Return what lies between two sets that were looked at with the same extractors.

    Args:
        real, synthetic: of `look`.
        rng: resamples and permutes.
        name: of the synthetic set.
        formula: one of `FORMULAS`, or a function of the parts.
        measures: some of `simkit.metrics.compare.MEASURES`; none where only score and findings count,
            for they take most of the time.
    """
    sides = {title: (one, synthetic.features[title]) for title, one in real.features.items()}
    sides[f"{CROPS}-{real.title}"] = real.crops.objects, synthetic.crops.objects
    estimates: list[Estimate] = []
    for title, (a, b) in sides.items() if measures else ():
        estimates += compare_features(a, b, title=title, rng=rng, measures=measures)
    parts = gap_parts(real.sample(), synthetic.sample())
    halves = (real.sample().rows(half) for half in _halves(len(real.places), rng))
    first = real.features[real.title], synthetic.features[real.title]
    return Gap(
        name=name,
        measures=estimates,
        findings=compare_observations(
            real.observations, synthetic.observations, name=name, rng=rng
        ),
        distributions=distributions_of(real.observations, synthetic.observations, name=name),
        pairs=[_pair(one, real, synthetic) for one in nearest_pairs(first[1], first[0])[:PAIRS]],
        parts=parts,
        score=_formula(formula)(parts),
        floor=_formula(formula)(gap_parts(*halves)),
        formula=formula if isinstance(formula, str) else getattr(formula, "__name__", "own"),
    )


def _halves(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of two random halves."""
    order = rng.permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])


def _formula(formula: str | Formula) -> Formula:
    if not isinstance(formula, str):
        return formula
    if formula not in FORMULAS:
        raise ConfigError(f"gap score: there is no '{formula}'; {did_you_mean(formula, FORMULAS)}")
    return FORMULAS[formula]


def _crops(
    examples: Examples, extractor: Extractor, rng: np.random.Generator, progress: Progress
) -> Crops:
    """Return features of object crops and of as large crops that hold no object."""
    labels: list[int] = []
    images: list[int] = []
    is_object: list[bool] = []

    def stream() -> Iterator[Image]:
        for done, place in enumerate(rng.permutation(len(examples))):
            if sum(is_object) >= MOST_CROPS:
                break
            example = examples[int(place)]
            objects = crops_of(example)
            nothing = background_crops(example, rng)
            labels.extend(label for _, label in objects)
            is_object.extend([True] * len(objects) + [False] * len(nothing))
            images.extend([int(place)] * (len(objects) + len(nothing)))
            yield from (crop for crop, _ in objects)
            yield from nothing
            progress(f"{extractor.title} of crops", done + 1, len(examples))

    features, kinds = extractor.extract(stream()), np.array(is_object, dtype=bool)
    order = np.array(images, np.int64)
    return Crops(
        features[kinds],
        np.array(labels, np.int64),
        features[~kinds],
        np.concatenate([order[kinds], order[~kinds]]),
    )


def _told(examples: Examples, title: str, progress: Progress) -> Iterator[Image]:
    for place in range(len(examples)):
        yield examples.record(place).rgb
        progress(title, place + 1, len(examples))


def _prefixed(progress: Progress, which: str) -> Progress:
    return lambda what, done, total: progress(f"{which}: {what}", done, total)


def _pair(pair: NearPair, real: Seen, synthetic: Seen) -> NearestPair:
    return NearestPair(
        int(synthetic.places[pair.synthetic]),
        int(real.places[pair.real]),
        pair.distance,
        pair.ratio,
        pair.kind,
    )
