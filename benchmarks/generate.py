"""Settled objects at 640x480, from config to shards: images a second, and milliseconds by stage.

python -m benchmarks.generate --json out/generate.json [-n 200] [--workers 2] [--models embedded]

The table adds up to the wall time an image: the workers' stages are divided by the number of workers,
which work side by side, and `other` is the rest: queues, waiting, a worker idle at the end, the start
of the workers (imports, models, compiled code) until their first images are there. The parent's
`write` is beside them and not in the sum. `prepare`, before the first image, is left out.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import record
from simkit import generate, open_dataset
from simkit.timing import now

STAGES = ("randomize", "settle", "render", "label", "sense", "encode")
"""What a worker does, in this order; one image after the other."""


def main() -> None:
    """Run it; print the table, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", default="embree")
    parser.add_argument("--views", type=int, default=1, help="views of each scene")
    parser.add_argument("--models", default="lmo", choices=("lmo", "embedded"))
    parser.add_argument("--objects", type=int, default=12, help="in each scene")
    arguments = parser.parse_args()
    config = {
        "views_per_scene": arguments.views,
        "scene": {"family": "tabletop", "objects": arguments.objects},
        "render": {"backend": arguments.backend},
    }
    if arguments.models == "lmo":
        config["models"] = {"source": str(record.real_data() / "lmo" / "models")}
    with tempfile.TemporaryDirectory() as folder:
        start = now()
        report = generate(
            config, folder, arguments.n, arguments.seed, [f"workers={arguments.workers}"]
        )
        seconds = now() - start
        damaged = open_dataset(folder).verify()
    prepare = report.seconds.get("prepare", 0.0)
    wall = 1000 * (seconds - prepare) / report.images
    milliseconds = {
        stage: round(1000 * report.seconds.get(stage, 0.0) / report.images, 1)
        for stage in (*STAGES, "write")
    }
    shared = {stage: milliseconds[stage] / arguments.workers for stage in STAGES}
    shared["other"] = wall - sum(shared.values())
    result = {
        "benchmark": "generate",
        "images": report.images,
        "workers": arguments.workers,
        "seed": arguments.seed,
        "backend": arguments.backend,
        "views_per_scene": arguments.views,
        "models": arguments.models,
        "objects": arguments.objects,
        "seconds": round(seconds, 2),
        "prepare_seconds": round(prepare, 2),
        "images_per_second": round(report.images / (seconds - prepare), 2),
        "milliseconds_an_image_and_worker": milliseconds,
        "wall_milliseconds_an_image": {k: round(v, 1) for k, v in shared.items()},
        "damaged": damaged,
    }
    _show(milliseconds, shared, arguments.workers)
    record.write(result, arguments.json)


def _show(milliseconds: dict[str, float], shared: dict[str, float], workers: int) -> None:
    table = Table("stage", "ms an image, of one process", "ms of wall time an image")
    for stage, wall in shared.items():
        spent = milliseconds.get(stage)
        table.add_row(stage, "-" if spent is None else f"{spent:.1f}", f"{wall:.1f}")
    table.add_row("all", "", f"{sum(shared.values()):.1f}")
    table.add_row("write (beside them)", f"{milliseconds['write']:.1f}", "-")
    Console(stderr=True).print(table, f"{workers} workers")


if __name__ == "__main__":
    main()
