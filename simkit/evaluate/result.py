"""What an evaluation found, as plain data: written as JSON, and drawn by the report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from simkit.errors import DatasetError
from simkit.metrics.estimate import Estimate

LEVELS = ("good", "fair", "poor")


@dataclass(frozen=True)
class Verdict:
    """A sentence that decides. `level` is one of `LEVELS`; `name` is of the set, or "" of all."""

    level: str
    text: str
    name: str = ""


@dataclass(frozen=True)
class SetSummary:
    """A data set that was looked at. `role` is ``real`` or ``synthetic``."""

    name: str
    role: str
    url: str
    images: int
    instances: int
    categories: dict[str, int]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measure:
    """A distance or coverage of a synthetic set from the real one."""

    name: str
    """Of the synthetic set."""
    estimate: Estimate


@dataclass(frozen=True)
class Finding:
    """A difference that a statistical test found, or did not find.

    Attributes:
        name: of the synthetic set.
        kind: what differs: ``blur``, ``noise``, ``colour``, ``exposure``, ``contrast``,
            ``power_spectrum``, ``object_size``, ``aspect``, ``count``, ``position``,
            ``occlusion``, ``class_balance``, ``missing_class``, ``copies``, ``background``, ...
        text: in plain words, with numbers and what to do about it.
        real, synthetic: the medians (or shares) that are compared.
        effect: size of the difference, of the real set's own spread (or as the text says).
        p: after correction for the number of tests.
        significant: whether it is a difference at all.
        matters: whether it is significant and also large enough to act on.
    """

    name: str
    kind: str
    text: str
    real: float
    synthetic: float
    effect: float
    p: float
    significant: bool
    matters: bool


@dataclass(frozen=True)
class Distribution:
    """A plain statistic of both sides, laid over each other. `of` is ``image`` or ``label``."""

    name: str
    statistic: str
    unit: str
    of: str
    real: list[float]
    synthetic: list[float]


@dataclass(frozen=True)
class Score:
    """A real-task score: one protocol, one training set, one test set.

    Attributes:
        name: of the training set.
        protocol: ``TSTR``, ``TRTR``, ``TRTS``, ``TSTR+k`` ...
        value: mean over seeds; low, high: 95 % over test images and seeds.
        seeds: the value of each seed.
        per_class: [value, low, high] by category.
        seconds: of training, all seeds together.
    """

    name: str
    protocol: str
    task: str
    metric: str
    value: float
    low: float
    high: float
    seeds: list[float]
    trained_on: int
    tested_on: int
    per_class: dict[str, list[float]] = field(default_factory=dict)
    others: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Comparison:
    """Two training sets on the same test images: difference first - second with its interval."""

    first: str
    second: str
    metric: str
    difference: float
    low: float
    high: float
    p: float
    text: str


@dataclass(frozen=True)
class Curve:
    """A score over something that was turned: images trained on, share of synthetic ones."""

    name: str
    title: str
    x_label: str
    metric: str
    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class Pair:
    """A synthetic image and its nearest real one; pictures are names in the folder ``pictures``."""

    name: str
    synthetic: str
    real: str
    distance: float
    caption: str


@dataclass(frozen=True)
class Failure:
    """An image on which a model that was trained on `name` fails worst."""

    name: str
    picture: str
    cost: float
    text: str


@dataclass(frozen=True)
class Evaluation:
    """All that was found; kept in a folder, as ``evaluation.json`` and ``pictures/``."""

    title: str
    verdicts: list[Verdict] = field(default_factory=list)
    sets: list[SetSummary] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    distributions: list[Distribution] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    def write(self, folder: str | Path) -> Path:
        """Write ``evaluation.json`` and return its path; pictures are their makers' to write."""
        path = Path(folder) / "evaluation.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
        return path

    @staticmethod
    def read(folder: str | Path) -> Evaluation:
        """Return what `write` wrote.

        Raises:
            DatasetError: there is none, or it is damaged.
        """
        path = Path(folder) / "evaluation.json"
        try:
            data = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path}: is no evaluation: {error}; run simkit evaluate") from None
        parts: dict[str, Any] = {
            key: [kind(**one) for one in data.pop(key, ())] for key, kind in _PARTS.items()
        }
        parts["measures"] = [
            Measure(one["name"], Estimate(**one["estimate"])) for one in data.pop("measures", ())
        ]
        return Evaluation(**data, **parts)


_PARTS: dict[str, Any] = {
    "verdicts": Verdict,
    "sets": SetSummary,
    "findings": Finding,
    "distributions": Distribution,
    "scores": Score,
    "comparisons": Comparison,
    "curves": Curve,
    "pairs": Pair,
    "failures": Failure,
}
