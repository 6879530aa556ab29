"""The gap metrics of an evaluation: measures, findings, pairs with their pictures, shortcuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from simkit.evaluate.gap import Gap, gap_between, look
from simkit.evaluate.opening import Opened
from simkit.evaluate.picturing import write_picture
from simkit.evaluate.result import Evaluation, Measure, Pair
from simkit.evaluate.shortcuts import shortcuts
from simkit.evaluate.storing import digest
from simkit.features.opening import open_features
from simkit.metrics.estimate import Estimate
from simkit.randomness import stream

GAP_SCORE = "gap score"

Watch = Callable[[str, int, int], None]


def add_gaps(
    found: Evaluation,
    real: Opened,
    synthetic: Sequence[Opened],
    features: str,
    folder: Path,
    watch: Watch | None = None,
) -> None:
    """Add to an evaluation what lies between each synthetic set and the real one.

    Args:
        features: name of the extractor, see `simkit.features.opening.open_features`.
        folder: of the evaluation; pictures of the nearest pairs are written to it.
        watch: told what is done.
    """
    told: Watch = watch or (lambda what, done, total: None)
    extractors = [open_features(features)]
    photos = look(real.examples, extractors, rng=stream(0, 0, "evaluate.real"), progress=told)
    for one in synthetic:
        rng = stream(0, 0, f"evaluate.gap {one.name}")
        seen = look(one.examples, extractors, rng=rng, progress=told)
        gap = gap_between(photos, seen, rng=rng, name=one.name)
        found.measures.append(Measure(one.name, _score(gap)))
        found.measures.extend(Measure(one.name, estimate) for estimate in gap.measures)
        found.findings.extend(gap.findings)
        found.distributions.extend(gap.distributions)
        found.pairs.extend(_pairs(gap, one, real, folder))
        told(f"{one.name}: shortcuts", 0, 1)
        found.findings.extend(shortcuts(one.name, one.examples, real.examples))


def _score(gap: Gap) -> Estimate:
    parts = ", ".join(f"{name} {value:.2g}" for name, value in gap.parts.items())
    note = f"made to rank synthetic sets ({gap.formula}); 0: nothing tells them apart. Of {parts}"
    return Estimate(GAP_SCORE, gap.score, floor=gap.floor, note=note)


def _pairs(gap: Gap, made: Opened, real: Opened, folder: Path) -> list[Pair]:
    pairs = []
    for number, one in enumerate(gap.pairs):
        names = [f"pair-{digest(made.name)[:8]}-{number}-{side}.jpg" for side in ("made", "real")]
        sides = ((made.examples, one.synthetic), (real.examples, one.real))
        for name, (examples, place) in zip(names, sides, strict=True):
            write_picture(folder, name, examples.record(place).rgb)
        said = {"exact": "the same picture", "near": "a near copy"}.get(one.kind, "")
        caption = f"{one.ratio:.2f} times as far as the real image is from its nearest real one"
        caption = f"{said}; {caption}" if said else caption
        pairs.append(Pair(made.name, names[0], names[1], one.distance, caption))
    return pairs
