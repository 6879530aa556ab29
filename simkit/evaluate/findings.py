"""In what do synthetic images differ from real ones? Tests of plain numbers, with words for people.

An image is the unit of each test. All tests of one comparison are corrected together (Holm), so that
real against real gives any significant finding at all in at most one run of twenty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simkit.evaluate.copies import copy_findings
from simkit.evaluate.observing import OF_LABELS, STATISTICS, Observations, observe
from simkit.evaluate.result import Distribution, Finding
from simkit.metrics.two_sample import (
    absence_test,
    composition_test,
    holm,
    memberships,
    permutation_test,
    standardized_distance,
    total_variation,
)
from simkit.tasks.examples import Examples

LEVEL = 0.05
"""Family-wise: of any false finding in a comparison."""

MATTERS = 0.5
"""Effect from which a significant difference is worth acting on, in spreads of the real set."""

SHARE = 0.2
"""Difference of shares that counts as an effect of 1: half of it, 10 %, matters."""

PERMUTATIONS = 1999
"""Holm over some thirty tests leaves a p of 0.05 / 30 to be reached; this reaches 0.0005."""

LIMIT = 400
"""Images of each side that are looked at."""

FEWEST = 8
"""Images of a side that must say something about a statistic for it to be tested."""

CAUSES = {
    # kind: (share of its effect that a reason must have, reasons)
    "power_spectrum": (0.0, ("blur", "noise", "contrast", "background", "exposure", "object_size")),
    "background": (0.5, ("exposure", "contrast", "colour", "blur", "noise")),
    "contrast": (1.0, ("exposure", "noise")),
    "noise": (1.0, ("blur", "exposure")),
    "blur": (1.0, ("noise",)),
    "position": (1.0, ("object_size", "count")),
    "truncation": (1.0, ("object_size", "position", "count")),
    "occlusion": (1.0, ("count", "object_size")),
}
"""What a kind of finding may follow from, if that matters, too. The spectrum sees everything."""

SHOWN = 2000
"""Values of a distribution that are kept for plots."""


@dataclass(frozen=True)
class Findings:
    """All that was tested, largest effect first, and the numbers laid over each other."""

    findings: list[Finding]
    distributions: list[Distribution]


def find_gaps(
    real: Examples,
    synthetic: Examples,
    *,
    name: str = "synthetic",
    rng: np.random.Generator,
    limit: int = LIMIT,
) -> tuple[list[Finding], list[Distribution]]:
    """Return in what a synthetic set differs from a real one, and the numbers of both.

    Args:
        real, synthetic: labelled images with the same categories.
        name: of the synthetic set, as the findings carry it.
        rng: chooses images and permutes.
        limit: images of each side that are looked at.

    Returns:
        findings, those that matter first, then by effect; a distribution for each statistic.
    """
    seen = observe(real, limit=limit, rng=rng), observe(synthetic, limit=limit, rng=rng)
    found = compare_observations(*seen, name=name, rng=rng)
    return found, distributions_of(*seen, name=name)


def compare_observations(
    real: Observations,
    synthetic: Observations,
    *,
    name: str,
    rng: np.random.Generator,
    permutations: int = PERMUTATIONS,
) -> list[Finding]:
    """Return the findings of two sets of images that have been looked at.

    Raises:
        ValueError: they were averaged down to different sizes, or have other categories.
    """
    if real.side != synthetic.side or real.categories != synthetic.categories:
        raise ValueError("observations are of different sizes or categories; observe both alike")
    permuted = memberships(len(real), len(synthetic), permutations, rng)
    raw = [
        *_scalar_findings(real, synthetic, name, permuted, rng),
        *_class_findings(real, synthetic, name, permuted),
        *copy_findings(real, synthetic, name, permuted),
    ]
    judged = [
        replace(
            one,
            p=p,
            significant=p <= LEVEL,
            matters=p <= LEVEL and one.effect >= MATTERS,
        )
        for one, p in zip(raw, holm([one.p for one in raw]), strict=True)
    ]
    explained = [_explained(one, judged) for one in judged]
    return sorted(explained, key=lambda one: (not one.matters, not one.significant, -one.effect))


def distributions_of(
    real: Observations, synthetic: Observations, *, name: str
) -> list[Distribution]:
    """Return the numbers of both sides, for plots."""
    return [
        Distribution(
            name=name,
            statistic=about.name,
            unit=about.unit,
            of="label" if about.name in OF_LABELS else "image",
            real=_listed(real.statistics[about.name]),
            synthetic=_listed(synthetic.statistics[about.name]),
        )
        for about in STATISTICS.values()
    ]


def _scalar_findings(
    real: Observations,
    synthetic: Observations,
    name: str,
    permuted: NDArray[np.bool_],
    rng: np.random.Generator,
) -> list[Finding]:
    found = []
    for about in STATISTICS.values():
        sides = real.statistics[about.name], synthetic.statistics[about.name]
        known = [np.isfinite(values) for values in sides]
        a, b = (values[kept] for values, kept in zip(sides, known, strict=True))
        if min(len(a), len(b)) < FEWEST:
            continue
        whole = len(a) == len(real) and len(b) == len(synthetic)
        table = permuted if whole else memberships(len(a), len(b), len(permuted), rng)
        test = permutation_test(a, b, table)
        effect = standardized_distance(a, b, about.grain)
        middle = float(np.median(a)), float(np.median(b))
        found.append(
            Finding(
                name=name,
                kind=about.kind,
                text=_scalar_text(about.name, *middle, a, b, effect),
                real=middle[0],
                synthetic=middle[1],
                effect=effect,
                p=test.p,
                significant=False,
                matters=False,
            )
        )
    return found


def _scalar_text(
    statistic: str,
    real: float,
    synthetic: float,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    effect: float,
) -> str:
    """Return what differs, in words, by how much, and where to turn."""
    about = STATISTICS[statistic]
    spreads = [float(np.subtract(*np.quantile(values, [0.9, 0.1]))) for values in (a, b)]
    shift = abs(float(np.mean(b) - np.mean(a)))
    if shift < 0.3 * effect * max(spreads[0] / 2.563, about.grain):
        word = "varied" if spreads[1] > spreads[0] else "uniform"
        what = f"synthetic images are more {word} in {statistic}"
    else:
        verb = "have" if about.name in OF_LABELS else "are"
        what = f"synthetic images {verb} {about.more if b.mean() > a.mean() else about.less}"
    numbers = (
        f"{statistic} {_range(synthetic, b)} against {_range(real, a)} {about.unit} "
        f"(median, 10 % to 90 %)"
    )
    return f"{what}: {numbers}, {effect:.1f} spreads of the real set apart; {REMEDIES[about.kind]}"


REMEDIES = {
    "exposure": "widen sensors.exposure or randomizers.light.intensity",
    "contrast": "look at lights, ambient share and sensors.tone",
    "colour": "look at sensors.white_balance and randomizers.light.temperature",
    "noise": "set sensors.noise; simkit fit-randomization measures it",
    "blur": "set sensors.focus, motion_blur or sharpening; simkit fit-randomization measures it",
    "power_spectrum": "look at textures, sharpening, JPEG and resolution",
    "background": "look at backdrop, environment and distractors",
    "resolution": "render at the real camera's resolution: randomizers.camera.width, height",
    "object_size": "change randomizers.camera.distance or fov_deg",
    "aspect": "look at the models' shapes and the camera's elevation and roll",
    "count": "change scene.objects",
    "position": "change randomizers.camera's aim and jitter, or where objects are placed",
    "occlusion": "change clutter, stacking and distractors",
    "truncation": "change randomizers.camera's aim, jitter and rules.uncut",
    "class_balance": "weight the models, or mix in images of the rare classes",
}
"""What to do about each kind."""


def _class_findings(
    real: Observations, synthetic: Observations, name: str, permuted: NDArray[np.bool_]
) -> list[Finding]:
    """Return findings about classes that one side lacks, and about the balance of the others."""
    found, kept = [], []
    for number, category in enumerate(real.categories):
        having = [int((one.counts[:, number] > 0).sum()) for one in (real, synthetic)]
        if all(having) or not any(having):
            kept.append(number)
            continue
        lacking = having.index(0)
        sides = (real, synthetic)
        n, m = len(sides[1 - lacking]), len(sides[lacking])
        share = having[1 - lacking] / n
        kind = "missing_class" if lacking else "extra_class"
        who, other = ("synthetic", "real") if lacking else ("real", "synthetic")
        found.append(
            Finding(
                name=name,
                kind=kind,
                text=f"no {who} image shows '{category}', which {share:.0%} of the {other} images "
                f"do: {'add models of it' if lacking else 'real images of it are needed to judge'}",
                real=having[0] / len(real),
                synthetic=having[1] / len(synthetic),
                effect=share / SHARE,
                p=absence_test(having[1 - lacking], n, m).p,
                significant=False,
                matters=False,
            )
        )
    if len(kept) > 1:
        found.append(_balance(real, synthetic, name, permuted, kept))
    return found


def _balance(
    real: Observations,
    synthetic: Observations,
    name: str,
    permuted: NDArray[np.bool_],
    kept: Sequence[int],
) -> Finding:
    a, b = (one.counts[:, list(kept)] for one in (real, synthetic))
    shares = [side.sum(axis=0) / max(side.sum(), 1) for side in (a, b)]
    worst = int(np.abs(shares[1] - shares[0]).argmax())
    distance = total_variation(a.sum(axis=0), b.sum(axis=0))
    category = real.categories[kept[worst]]
    return Finding(
        name=name,
        kind="class_balance",
        text=f"'{category}' is {shares[1][worst]:.0%} of the synthetic objects and "
        f"{shares[0][worst]:.0%} of the real ones; {distance:.0%} of all would have to be of "
        f"another class; {REMEDIES['class_balance']}",
        real=float(shares[0][worst]),
        synthetic=float(shares[1][worst]),
        effect=distance / SHARE,
        p=composition_test(a, b, permuted).p,
        significant=False,
        matters=False,
    )


def _explained(one: Finding, others: Sequence[Finding]) -> Finding:
    """Return a finding that says what it follows from, where a likely reason has a larger effect."""
    share, kinds = CAUSES.get(one.kind, (0.0, ()))
    reasons = [
        other
        for other in others
        if other.matters and other.kind in kinds and other.effect >= share * one.effect
    ]
    if not one.matters or not reasons:
        return one
    reason = max(reasons, key=lambda other: other.effect)
    return replace(one, matters=False, text=f"{one.text}; likely follows from {reason.kind}")


def _range(middle: float, values: NDArray[np.float64]) -> str:
    low, high = np.quantile(values, [0.1, 0.9])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _listed(values: NDArray[np.float64]) -> list[float]:
    known = values[np.isfinite(values)]
    step = -(-len(known) // SHOWN) or 1
    return [float(one) for one in known[::step]]
