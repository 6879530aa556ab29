"""Images a second that a training loop gets: from disk in random order, and rendered while it waits.

    python -m benchmarks.loading --json out/loading.json [-n 200] [--workers 2] [render.backend=gl]

12 objects, 5 views a scene, 640x480. The first batches, while workers start, do not count.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from benchmarks import record
from simkit.generation import generate
from simkit.timing import now
from simkit.torch import Dataset, StreamingDataset, collate

CONFIG: dict[str, Any] = {
    "seed": 0,
    "views_per_scene": 5,
    "scene": {"objects": 12},
    "output": {"shard_size": 20},
}
BATCH = 5
ASKED = {
    "boxes": ("boxes", "labels"),
    "boxes and masks": ("boxes", "labels", "masks"),
    "all": ("boxes", "labels", "masks", "masks_obj", "visib_fract", "poses", "cam_K", "depth"),
}


def main() -> None:
    """Make a data set, load it, and stream the same; print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--json", type=Path)
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    result: dict[str, Any] = {
        "benchmark": "loading",
        "workers": arguments.workers,
        "n": arguments.n,
    }
    overrides, workers = arguments.overrides, arguments.workers
    with tempfile.TemporaryDirectory() as folder:
        start = now()
        generate(CONFIG, folder, arguments.n, overrides=[*overrides, f"workers={workers}"])
        result["generate images/s"] = round(arguments.n / (now() - start), 1)
        for name, labels in ASKED.items():
            on_disk = DataLoader(
                Dataset(folder, labels), BATCH, True, num_workers=workers, collate_fn=collate
            )
            stream = DataLoader(
                StreamingDataset(CONFIG, labels=labels, overrides=overrides, stop=arguments.n),
                BATCH,
                num_workers=workers,
                collate_fn=collate,
                multiprocessing_context="spawn",
            )
            result[name] = {"disk images/s": rate(on_disk, 1), "stream images/s": rate(stream, 4)}
    record.write(result, arguments.json)


def rate(loader: DataLoader[Any], first: int) -> float:
    """Return images a second, after so many batches."""
    batches = iter(loader)
    for _ in islice(batches, first):
        pass
    start = now()
    images = sum(len(batch["index"]) for batch in batches)
    return round(images / (now() - start), 1)


if __name__ == "__main__":
    main()
