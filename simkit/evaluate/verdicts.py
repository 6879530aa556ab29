"""Good, fair or poor: what an evaluation comes to, by rules that are stated with it.

The real-task score decides where it was measured, for no distance between images predicts transfer by
itself. The bounds are conventions, not laws: 3 points are about what good published sim-to-real
results lose against real training data (BOP 2022: 1.0; terminal strips, arXiv 2403.04809: 1.0 to 2.7).
"""

from __future__ import annotations

from collections.abc import Sequence

from simkit.evaluate.protocols import REAL
from simkit.evaluate.result import LEVELS, Comparison, Finding, Measure, Score, Verdict

GOOD_GAP, FAIR_GAP = 0.03, 0.10
"""TRTR - TSTR at most."""

FAIR_DISTANCE = 5.0
"""A Fréchet distance is fair up to so many times its floor, and good within the floor's interval."""

POOR_FINDINGS = 3
"""So many differences that matter are poor; one or two are fair."""

GRAVE = ("missing_class", "copies")
"""Differences that are poor by themselves."""

OF_SCORES = ("slice", "class")
"""Findings about scores, not about images and labels."""

RULES = (
    f"Score: good if real training images are worth at most {100 * GOOD_GAP:.0f} points more than "
    f"synthetic ones (TRTR - TSTR), fair up to {100 * FAIR_GAP:.0f}, else poor.",
    "Distance: good if the Fréchet distance lies within what halves of the real set have between "
    f"them, fair up to {FAIR_DISTANCE:g} times that floor, else poor.",
    f"Differences: good if none matters, fair if fewer than {POOR_FINDINGS} do, else poor; a missing "
    "class or copied images are poor by themselves.",
    "Overall: the score decides; without it, the worse of the other two.",
)


def verdicts_of(
    names: Sequence[str],
    scores: Sequence[Score],
    comparisons: Sequence[Comparison],
    measures: Sequence[Measure],
    findings: Sequence[Finding],
) -> list[Verdict]:
    """Return which set is best, if there are several, and each set's verdicts, the decisive one first."""
    found = []
    for name in names:
        gap = _gap(name, comparisons)
        parts = [
            one
            for one in (
                None if gap is None else judged_gap(gap),
                judged_distance(name, measures),
                judged_findings(name, findings, measures),
            )
            if one is not None
        ]
        if gap is None:
            parts += _without_reference(name, scores)
        found += [_overall(name, parts, gap is not None), *parts] if parts else []
    return [*_best(names, scores, comparisons), *found]


def judged_gap(gap: Comparison) -> Verdict:
    """Return what real training images would bring; `gap` is real - synthetic."""
    level = _gap_level(gap.difference)
    worst, best = _gap_level(gap.high), _gap_level(gap.low)
    if gap.difference >= 0:
        text = f"Trained on real photos, the model would score {_points(gap.difference)} more"
    else:
        text = f"It scores {_points(-gap.difference)} more than trained on real photos"
    text += f" of {gap.metric} (95 % interval {100 * gap.low:+.1f} to {100 * gap.high:+.1f})"
    if best != worst:
        text += f"; the interval reaches from {best} to {worst}"
    return Verdict(level, f"{text}.", gap.second)


def judged_distance(name: str, measures: Sequence[Measure]) -> Verdict | None:
    """Return how far the images look from the real ones; None if no Fréchet distance was taken."""
    for measure in measures:
        one = measure.estimate
        if measure.name != name or not one.name.startswith(("FD-", "FID")) or not one.floor:
            continue
        times = one.value / one.floor
        high = one.floor if one.floor_high is None else one.floor_high
        level = "good" if one.value <= high else "fair" if times <= FAIR_DISTANCE else "poor"
        said = {
            "good": "no further from the real ones than these are from each other",
            "fair": f"{times:.1f} times as far from the real ones as these are from each other",
            "poor": f"{times:.1f} times as far from the real ones as these are from each other",
        }[level]
        text = f"The images look {said} ({one.name} {one.value:.3g}, floor {one.floor:.3g})."
        return Verdict(level, text, name)
    return None


def judged_findings(
    name: str, findings: Sequence[Finding], measures: Sequence[Measure] = ()
) -> Verdict | None:
    """Return how many plain differences matter, and which; None if nothing was looked at."""
    own = [one for one in findings if one.name == name and one.kind not in OF_SCORES]
    if not own and not any(one.name == name for one in measures):
        return None
    acting = sorted((one for one in own if one.matters), key=lambda one: -abs(one.effect))
    if not acting:
        return Verdict("good", "No plain difference of images or labels matters.", name)
    grave = any(one.kind in GRAVE for one in acting)
    level = "poor" if grave or len(acting) >= POOR_FINDINGS else "fair"
    kinds = ", ".join(dict.fromkeys(one.kind.replace("_", " ") for one in acting))
    matter = "difference matters" if len(acting) == 1 else "differences matter"
    return Verdict(level, f"{len(acting)} plain {matter}: {kinds}.", name)


def _without_reference(name: str, scores: Sequence[Score]) -> list[Verdict]:
    """Return the score as it is; without TRTR nothing says what could be reached."""
    for one in scores:
        if one.name == name and one.protocol == "TSTR":
            text = (
                f"Trained on it, the model scores {100 * one.value:.1f} {one.metric} on real photos "
                f"(95 % interval {100 * one.low:.1f} to {100 * one.high:.1f}); run trtr, too, to know "
                "what is lost against real training images."
            )
            return [Verdict("fair", text, name)]
    return []


def _overall(name: str, parts: Sequence[Verdict], scored: bool) -> Verdict:
    """Return the decisive verdict of a set."""
    level = parts[0].level if scored else max((one.level for one in parts), key=LEVELS.index)
    said = {
        "good": "will do in place of real training images",
        "fair": "is of use, with a loss",
        "poor": "is not there yet",
    }[level]
    why = "by the score on real photos" if scored else "by its images; no score was compared"
    return Verdict(level, f"{name} {said} ({why}).", name)


def _best(
    names: Sequence[str], scores: Sequence[Score], comparisons: Sequence[Comparison]
) -> list[Verdict]:
    """Return which synthetic set is best, if there are several and a score tells."""
    own = [one for one in scores if one.protocol == "TSTR" and one.name in names]
    if len(own) < 2:
        return []
    best = max(own, key=lambda one: one.value)
    beaten = {
        one.second if one.first == best.name else one.first
        for one in comparisons
        if best.name in (one.first, one.second)
        and (one.difference > 0) == (one.first == best.name)
        and one.p < 0.05
    }
    level_with = [one.name for one in own if one.name != best.name and one.name not in beaten]
    if level_with:
        text = f"{best.name} scores best, but cannot be told from {', '.join(level_with)}."
        return [Verdict("fair", text)]
    return [Verdict("good", f"{best.name} is the best of the {len(own)} sets to train on.")]


def _gap(name: str, comparisons: Sequence[Comparison]) -> Comparison | None:
    for one in comparisons:
        if one.first == REAL and one.second == name:
            return one
    return None


def _gap_level(gap: float) -> str:
    return "good" if gap <= GOOD_GAP else "fair" if gap <= FAIR_GAP else "poor"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
