"""Where do models trained on synthetic and on real images differ? The gap, slice by slice.

A slice is a third of the real test images by something plain to see (objects small or large, covered or
not, image dark or bright, sharp or blurred ...), or a cluster of backgrounds. Its gap, TRTR - TSTR, is
held against the gap over all images, on the same draws of test images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.evaluate.attributes import attributes_of, context_of
from simkit.evaluate.bootstrap import (
    Interval,
    Places,
    Resampled,
    difference_interval,
    resampled,
    score_interval,
)
from simkit.evaluate.result import Finding
from simkit.evaluate.trying import Tried
from simkit.metrics.two_sample import holm
from simkit.randomness import stream
from simkit.tasks.contract import Outcome
from simkit.tasks.examples import Examples

Float = NDArray[np.float64]

KIND = "slice"
ALPHA = 0.05
DRAWS = 200
"""Draws of test images that slices are scored under; each slice is scored once for each."""

LEAST = 12
"""Test images of a slice."""

CLUSTERS = 4
ITERATIONS = 50

LARGE = 0.05
"""A slice matters if its gap is so much larger than that over all images."""

WORDS = {
    "object_size": ("small objects", "large objects", "px"),
    "visibility": ("covered objects", "visible objects", "visible share"),
    "overlap": ("objects apart", "overlapping objects", "share of a box"),
    "objects": ("few objects", "many objects", "objects"),
    "off_centre": ("objects in the middle", "objects at the border", "of half the diagonal"),
    "brightness": ("dark images", "bright images", "stops"),
    "blur": ("sharp images", "blurred images", "px"),
    "noise": ("clean images", "noisy images", "levels"),
}
"""What the lower and the upper third of an attribute are, and its unit."""


@dataclass(frozen=True, eq=False)
class Slice:
    """Some of the test images. `kind` is the attribute, or ``background``."""

    kind: str
    text: str
    places: Places


@dataclass(frozen=True)
class SliceScore:
    """Scores on a slice: trained on synthetic images, and on real ones.

    Attributes:
        gap: real - synthetic on the slice; `more`: that, less the gap over all images.
        p: of no difference of gaps, corrected for the number of slices (Holm).
    """

    kind: str
    text: str
    images: int
    synthetic: float
    real: float
    gap: float
    gap_low: float
    gap_high: float
    more: float
    p: float


def slices_of(examples: Examples, seed: int = 0) -> list[Slice]:
    """Return the slices of a test set; an attribute that hardly varies gives none."""
    rows, contexts = [], []
    for example in examples:
        rows.append(attributes_of(example))
        contexts.append(context_of(example))
    found: list[Slice] = []
    for kind, (low_text, high_text, unit) in WORDS.items():
        values = np.array([row[kind] for row in rows])
        known = np.isfinite(values)
        if known.sum() < 3 * LEAST:
            continue
        low, high = np.quantile(values[known], (1 / 3, 2 / 3))
        if low == high:
            lower, upper = values < high, values > low
        else:
            lower, upper = values <= low, values >= high
        ends = ((lower, f"{low_text} (up to {low:.3g} {unit})"),
                (upper, f"{high_text} (from {high:.3g} {unit})"))  # fmt: skip
        for chosen, text in ends:
            if chosen.sum() >= LEAST:
                found.append(Slice(kind, text, np.flatnonzero(chosen & known)))
    return found + _backgrounds(contexts, seed)


def slice_scores(
    slices: Sequence[Slice],
    synthetic: Sequence[Outcome],
    real: Sequence[Outcome],
    draws: Sequence[Places],
    metric: str,
) -> list[SliceScore]:
    """Return the scores of each slice, the one where synthetic images lose most first.

    Args:
        synthetic, real: outcomes on the same test images, one a seed, of either training set.
        draws: of all test images; their first `DRAWS` are used.
    """
    draws = draws[:DRAWS]
    whole = [_scored(one, draws, None, metric) for one in (synthetic, real)]
    gaps: list[tuple[Slice, list[Resampled], Interval, Interval]] = []
    for one in slices:
        inside = np.zeros(len(synthetic[0]), bool)
        inside[one.places] = True
        parts = [_scored(outcomes, draws, inside, metric) for outcomes in (synthetic, real)]
        gap = difference_interval(parts[1], parts[0], metric)
        more = [_less(part, all_of) for part, all_of in zip(parts, whole, strict=True)]
        gaps.append((one, parts, gap, difference_interval(more[1], more[0], metric)))
    corrected = holm([more.p for _, _, _, more in gaps])
    found = [
        SliceScore(
            kind=one.kind,
            text=one.text,
            images=len(one.places),
            synthetic=score_interval(parts[0], metric).value,
            real=score_interval(parts[1], metric).value,
            gap=gap.value,
            gap_low=gap.low,
            gap_high=gap.high,
            more=more.value,
            p=p,
        )
        for (one, parts, gap, more), p in zip(gaps, corrected, strict=True)
    ]
    return sorted(found, key=lambda one: -one.more)


def slice_findings(
    synthetic: Tried, real: Tried, draws: Sequence[Places], metric: str
) -> tuple[list[Finding], list[SliceScore]]:
    """Return what slices show: a finding of each on which the gap differs, or one that says none does.

    Args:
        synthetic: trial under TSTR; `real`: under TRTR, on the same test images.
    """
    name = synthetic.trial.name
    scores = slice_scores(
        slices_of(synthetic.trial.tested), synthetic.outcomes, real.outcomes, draws, metric
    )
    found = [_finding(name, one, metric) for one in scores if one.p < ALPHA]
    if scores and not found:
        most = scores[0]
        text = (
            f"None of {len(scores)} slices of the test images has a gap of its own; the largest is "
            f"on {most.text}: {100 * most.gap:+.1f} points of {metric}, {100 * most.more:+.1f} more "
            "than over all images."
        )
        found = [
            Finding(name, KIND, text, most.real, most.synthetic, most.more, most.p, False, False)
        ]
    return found, scores


def class_gaps(
    synthetic: Resampled, real: Resampled, metric: str
) -> dict[str, tuple[Interval, float]]:
    """Return real - synthetic of each class that both have a score of, and its p after Holm."""
    names = [one for one in synthetic.names if one.startswith(f"{metric}/") and one in real.names]
    gaps = [difference_interval(real, synthetic, one) for one in names]
    corrected = holm([one.p for one in gaps])
    return {
        name.partition("/")[2]: (gap, p)
        for name, gap, p in zip(names, gaps, corrected, strict=True)
    }


def class_findings(name: str, synthetic: Resampled, real: Resampled, metric: str) -> list[Finding]:
    """Return the classes on which synthetic training images lose, or win, significantly."""
    found = []
    for category, (gap, p) in class_gaps(synthetic, real, metric).items():
        if p < ALPHA:
            ours, theirs = (
                score_interval(one, f"{metric}/{category}").value for one in (synthetic, real)
            )
            better = "more" if gap.value > 0 else "less"
            text = (
                f"On {category}, real training images bring {100 * abs(gap.value):.1f} points {better} "
                f"({100 * gap.low:+.1f} to {100 * gap.high:+.1f}, p = {p:.2g})."
            )
            matters = gap.value >= LARGE
            found.append(Finding(name, "class", text, theirs, ours, gap.value, p, True, matters))
    return sorted(found, key=lambda one: -one.effect)


def _finding(name: str, one: SliceScore, metric: str) -> Finding:
    worse = "more" if one.more > 0 else "less"
    text = (
        f"On {one.text} ({one.images} images), real training images bring {100 * one.gap:+.1f} "
        f"points of {metric} ({100 * one.gap_low:+.1f} to {100 * one.gap_high:+.1f}), "
        f"{100 * abs(one.more):.1f} {worse} than over all images (p = {one.p:.2g})."
    )
    matters = one.more >= LARGE
    if matters:
        text += " Make more of what such images show."
    return Finding(name, KIND, text, one.real, one.synthetic, one.more, one.p, True, matters)


def _scored(
    outcomes: Sequence[Outcome],
    draws: Sequence[Places],
    inside: NDArray[np.bool_] | None,
    metric: str,
) -> Resampled:
    """Return one score of outcomes, on the images of a slice alone."""
    if inside is None:
        full = resampled(outcomes, draws)
        values, under = full.of(metric)
        return Resampled((metric,), values[:, None], under[..., None])
    places = np.flatnonzero(inside)
    values = np.array([one.scores(places).get(metric, np.nan) for one in outcomes])
    under = np.full((len(outcomes), len(draws)), np.nan)
    for row, draw in enumerate(draws):
        some = draw[inside[draw]]
        if len(some):
            under[:, row] = [one.scores(some).get(metric, np.nan) for one in outcomes]
    return Resampled((metric,), values[:, None], under[..., None])


def _less(part: Resampled, whole: Resampled) -> Resampled:
    return Resampled(part.names, part.values - whole.values, part.draws - whole.draws)


def _backgrounds(contexts: Sequence[Float | None], seed: int) -> list[Slice]:
    """Return clusters of backgrounds, named by what sets them apart."""
    known = [place for place, one in enumerate(contexts) if one is not None]
    if len(known) < CLUSTERS * LEAST:
        return []
    rows = np.array([contexts[place] for place in known])
    scaled = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-9)
    members = clusters(scaled, CLUSTERS, seed)
    found = []
    for number in range(CLUSTERS):
        chosen = np.flatnonzero(members == number)
        if len(chosen) >= LEAST:
            text = f"{_look(scaled[chosen].mean(axis=0))} backgrounds"
            found.append(Slice("background", text, np.array(known)[chosen]))
    return found


def clusters(rows: Float, count: int, seed: int) -> NDArray[np.int64]:
    """Return the cluster of each row: k-means, begun as k-means++ (Arthur, Vassilvitskii 2007)."""
    rng = stream(seed, 0, "slices.clusters")
    centres = rows[[int(rng.integers(len(rows)))]]
    while len(centres) < count:
        away = ((rows[:, None] - centres) ** 2).sum(axis=2).min(axis=1)
        centres = np.vstack([centres, rows[rng.choice(len(rows), p=away / away.sum())]])
    members = np.zeros(len(rows), np.int64)
    for _ in range(ITERATIONS):
        members = ((rows[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        kept = [rows[members == one] for one in range(count)]
        centres = np.array(
            [
                some.mean(axis=0) if len(some) else old
                for some, old in zip(kept, centres, strict=True)
            ]
        )
    return members


def _look(mean: Float) -> str:
    """Return words for a cluster's mean context, in standard deviations: L, a, b, ..., textures."""
    light, red, yellow = mean[0], mean[1], mean[2]
    texture = float(mean[-4:].mean())
    pairs = ((light, "bright", "dark"), (red, "reddish", "greenish"), (yellow, "warm", "cold"),
             (texture, "rough", "smooth"))  # fmt: skip
    words = [high if value > 0 else low for value, high, low in pairs if abs(value) > 0.5]
    return ", ".join(words) or "ordinary"
