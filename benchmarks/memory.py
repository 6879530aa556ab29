"""Memory over many scene rebuilds, and what starting a renderer costs, for each backend.

    python -m benchmarks.memory --json out/memory.json [-n 500]

A start is what making a renderer takes: the first one of a process, which loads the driver, and the
median of some further ones. Imports count in neither.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record
from simkit import Pipeline, registry
from simkit.assets.primitives import primitives
from simkit.options import build
from simkit.render.probe import probe
from simkit.timing import now

SETTLED = 0.6
"""Share of the rebuilds after which caches are full."""

FURTHER_STARTS = 5


def main() -> None:
    """Run each renderer in a process of its own; print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("-n", type=int, default=500)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"benchmark": "memory", "rebuilds": arguments.n, "seed": 0}
    for backend in registry.names("renderers"):
        found = probe(backend)
        if not found.works:
            result[backend] = {"skipped": found.reason}
            continue
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            result[backend] = pool.apply(measure, (backend, arguments.n))
    record.write(result, arguments.json)


def measure(backend: str, count: int) -> dict[str, Any]:
    """Return resident memory [MB] over `count` new scenes, and the renderer's starts [ms]."""
    kind = registry.load("renderers", backend)
    starts = [_start_ms(kind) for _ in range(1 + FURTHER_STARTS)]
    config = {
        "render": {"backend": backend},
        "physics": {"enabled": False},
        "scene": {"objects": 6},
        "randomizers": {"camera": {"width": 96, "height": 72}},
        "labels": ["depth", "mask_visib"],
    }
    with Pipeline(config) as pipeline:
        memory = []
        for index in range(count):
            pipeline(index)
            memory.append(resident())
    settled = memory[int(SETTLED * count) :]
    slope = float(np.polyfit(np.arange(len(settled)), settled, 1)[0])
    return {
        "first_start_ms": round(starts[0], 1),
        "start_ms": round(statistics.median(starts[1:]), 1),
        "first_mb": round(memory[0], 1),
        "settled_mb": round(settled[0], 1),
        "last_mb": round(memory[-1], 1),
        "mb_per_100_rebuilds": round(100 * slope, 2),
    }


def _start_ms(kind: type[Any]) -> float:
    options, library = build(kind.Options, {}), primitives()
    start = now()
    renderer = kind(options, library)
    took = now() - start
    renderer.close()
    return 1000 * took


def resident() -> float:
    """Return this process' resident memory [MB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    main()
