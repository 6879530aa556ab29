"""Settled LM-O objects at 640x480: images a second, and milliseconds by stage.

python -m benchmarks.generate --json out/generate.json [-n 200] [--workers 2]
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

STAGES = ("randomize", "settle", "render", "label", "encode", "write")


def main() -> None:
    """Run it; print the table, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", default="embree")
    parser.add_argument("--views", type=int, default=1, help="views of each scene")
    arguments = parser.parse_args()
    config = {
        "views_per_scene": arguments.views,
        "models": {"source": str(record.real_data() / "lmo" / "models")},
        "scene": {"family": "tabletop", "objects": 12},
        "render": {"backend": arguments.backend},
    }
    with tempfile.TemporaryDirectory() as folder:
        start = now()
        report = generate(
            config, folder, arguments.n, arguments.seed, [f"workers={arguments.workers}"]
        )
        seconds = now() - start
        damaged = open_dataset(folder).verify()
    prepare = report.seconds.get("prepare", 0.0)
    milliseconds = {
        stage: round(1000 * report.seconds.get(stage, 0.0) / report.images, 1) for stage in STAGES
    }
    result = {
        "benchmark": "generate",
        "images": report.images,
        "workers": arguments.workers,
        "seed": arguments.seed,
        "backend": arguments.backend,
        "views_per_scene": arguments.views,
        "objects": 12,
        "seconds": round(seconds, 2),
        "prepare_seconds": round(prepare, 2),
        "images_per_second": round(report.images / (seconds - prepare), 2),
        "milliseconds_an_image_and_worker": milliseconds,
        "damaged": damaged,
    }
    _show(milliseconds, arguments.workers)
    record.write(result, arguments.json)


def _show(milliseconds: dict[str, float], workers: int) -> None:
    table = Table("stage", "ms an image", "images/s of one process")
    for stage, spent in [*milliseconds.items(), ("all", sum(milliseconds.values()))]:
        table.add_row(stage, f"{spent:.1f}", f"{1000 / spent:.1f}" if spent else "-")
    Console(stderr=True).print(table, f"{workers} workers")


if __name__ == "__main__":
    main()
