"""What each plug-in costs: milliseconds of every randomizer, sensor and annotator beside the render.

python -m benchmarks.stages --json out/stages.json [-n 20] [--backend embree]

All randomizers and colour sensors are on, over settled LM-O objects at 640x480 (embedded parts where
there is no LM-O). The claim: the randomizers together cost at most what the render does; and all
annotators together less than one render.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import record
from simkit import Pipeline, registry
from simkit.timing import now

NOT_HERE = ("joints",)
"""Randomizers that need another family."""

COLOUR_SENSORS = (
    "lens", "chromatic_aberration", "motion_blur", "vignetting", "exposure", "noise",
    "white_balance", "tone", "denoising", "sharpening", "jpeg",
)  # fmt: skip

NEED_MORE = ("disparity", "disparity_state", "stereo_motion")
"""Annotators that need a second eye."""


def main() -> None:
    """Run it; print the table, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("-n", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", default="embree")
    arguments = parser.parse_args()
    spent: dict[str, list[float]] = defaultdict(list)
    with Pipeline(config(arguments.backend, arguments.seed)) as pipeline:
        pipeline(0)  # compiled, loaded
        for place, one in {**pipeline._randomizers, **pipeline._sensors.in_order}.items():
            kind = "randomizer" if place in pipeline._randomizers else "sensor"
            for method in ("sample", "apply", "mount", "process", "measure"):
                if hasattr(one, method):
                    watch(one, method, spent[f"{kind} {place}"])
        for name, annotator in pipeline._annotators._in_order.items():
            watch(annotator, "annotate", spent[f"annotator {name}"])
        pipeline.stopwatch.take()
        stages: dict[str, list[float]] = defaultdict(list)
        totals: dict[str, list[float]] = defaultdict(list)
        for index in range(2, 2 + 2 * arguments.n, 2):  # the first frame of each two
            for values in spent.values():
                values.clear()
            pipeline(index)
            for stage, seconds in pipeline.stopwatch.take().items():
                stages[stage].append(1000 * seconds)
            for name, values in spent.items():
                totals[name].append(1000 * sum(values))
    table = {name: round(median(values), 2) for name, values in {**stages, **totals}.items()}
    sums = {
        kind: round(sum(ms for name, ms in table.items() if name.startswith(kind)), 1)
        for kind in ("randomizer", "sensor", "annotator")
    }
    show(table)
    render = table["render"]
    record.write(
        {
            "benchmark": "stages",
            "backend": arguments.backend,
            "images": arguments.n,
            "seed": arguments.seed,
            "milliseconds": table,
            "sums": sums,
            "randomizers_over_render": round(sums["randomizer"] / render, 3),
            "annotators_over_render": round(sums["annotator"] / render, 3),
        },
        arguments.json,
    )


def config(backend: str, seed: int) -> dict[str, Any]:
    """Return a config with all randomizers, colour sensors and annotators on."""
    lmo = record.real_data() / "lmo" / "models"
    randomizers = {n: {} for n in registry.names("randomizers") if n not in NOT_HERE}
    return {
        "seed": seed,
        "frames_per_view": 2,
        "models": {"source": str(lmo)} if lmo.is_dir() else {},
        "scene": {"family": "tabletop", "objects": 12},
        "randomizers": randomizers,
        "sensors": {name: {} for name in COLOUR_SENSORS},
        "labels": [n for n in registry.names("annotators") if n not in NEED_MORE],
        "render": {"backend": backend},
    }


def watch(plugin: Any, method: str, seconds: list[float]) -> None:
    """Have a plug-in's method note how long it takes."""
    original: Callable[..., Any] = getattr(plugin, method)

    def timed(*arguments: Any, **named: Any) -> Any:
        start = now()
        try:
            return original(*arguments, **named)
        finally:
            seconds.append(now() - start)

    setattr(plugin, method, timed)


def show(table: dict[str, float]) -> None:
    """Print the milliseconds, the dearest first within each kind."""
    shown = Table("what", "ms an image")
    kinds = ("randomizer ", "sensor ", "annotator ")
    rows = sorted(
        table.items(),
        key=lambda one: (one[0].partition(" ")[0] + " " in kinds, one[0][:4], -one[1]),
    )
    for name, milliseconds in rows:
        shown.add_row(name, f"{milliseconds:.2f}")
    Console(stderr=True).print(shown)


if __name__ == "__main__":
    main()
