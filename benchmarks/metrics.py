"""Fréchet distance and precision/recall of large feature sets, beside torchmetrics and prdc.

    python -m benchmarks.metrics --json out/metrics.json [-n 10000] [-d 1280] [--skip-prdc]

Features are positive with a falling spectrum, drawn from a stated seed. Each pair is timed one after the
other in this process, on the same arrays and with the same threads; a ratio is theirs over ours.
torchmetrics gets float64 and the features as they are (its own network is replaced by one that passes
them through); its update is timed with its result. `compare_features` is timed at the size of a small
real set, and peak memory is of the whole process.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from prdc import compute_prdc
from torchmetrics.image.fid import FrechetInceptionDistance

from benchmarks import record
from simkit.metrics import compare_features, frechet_distance, kid, precision_recall
from simkit.randomness import stream
from simkit.timing import now

SEED = 0
FEW = [(1000, 2048), (296, 1280)]
SMALL = (296, 1280)


class PassedThrough(torch.nn.Module):
    """Features instead of a network."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.num_features = d

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, d) of (N, 1, 1, d)."""
        return features.flatten(1)


def main() -> None:
    """Time all of it; print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("-n", type=int, default=10000)
    parser.add_argument("-d", type=int, default=1280)
    parser.add_argument("--skip-prdc", action="store_true", help="it needs 3 n^2 float64")
    arguments = parser.parse_args()
    n, d = arguments.n, arguments.d
    x, y = drawn(n, d)
    result: dict[str, Any] = {"benchmark": "metrics", "seed": SEED, "n": n, "d": d}
    result["threads"] = {"torch": torch.get_num_threads(), "numpy": usable_cores()}
    ours, balls = timed(lambda: precision_recall(x, y))
    result["precision, recall, density, coverage"] = {"simkit s": ours, **vars(balls)}
    result["KID"] = {"simkit s": timed(lambda: kid(x, y))[0]}
    result["peak memory of simkit's part [GiB]"] = peak_memory()
    result["FD"] = distances(x, y)
    for rows, columns in FEW:
        result[f"FD, {rows} x {columns}"] = distances(*drawn(rows, columns))
    small = drawn(*SMALL)
    seconds, _ = timed(
        lambda: compare_features(*small, title="drawn", rng=stream(SEED, 0, "compare"))
    )
    result["all measures with intervals and floors, 296 x 1280 each"] = {"simkit s": seconds}
    if not arguments.skip_prdc:
        theirs, expected = timed(lambda: quiet_prdc(x, y))
        result["precision, recall, density, coverage"] |= {
            "prdc s": theirs,
            "ratio": round(theirs / ours, 2),
            "largest difference": max(
                abs(expected[name] - getattr(balls, name)) for name in expected
            ),
        }
    record.write(result, arguments.json)


def drawn(n: int, d: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two sets (n, d) of almost the same distribution."""
    rng = stream(SEED, n, "metrics")
    spectrum = np.arange(1, d + 1) ** -0.3
    real, synthetic = np.abs(rng.standard_normal((2, n, d))) * spectrum
    return real, 1.02 * synthetic


def distances(x: NDArray[np.float64], y: NDArray[np.float64]) -> dict[str, Any]:
    """Return seconds of both Fréchet distances, and how far they are apart."""
    ours, value = timed(lambda: frechet_distance(x, y))
    theirs, expected = timed(lambda: of_torchmetrics(x, y))
    return {
        "simkit s": ours,
        "torchmetrics s": theirs,
        "ratio": round(theirs / ours, 2),
        "value": value,
        "relative difference": abs(value - expected) / expected,
    }


def of_torchmetrics(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return torchmetrics' Fréchet distance in float64."""
    d = x.shape[1]
    metric = FrechetInceptionDistance(PassedThrough(d), normalize=True, input_img_size=(1, 1, d))
    metric.set_dtype(torch.float64)
    for rows, real in ((x, True), (y, False)):
        metric.update(torch.from_numpy(rows)[:, None, None], real=real)
    return float(metric.compute())


def quiet_prdc(x: NDArray[np.float64], y: NDArray[np.float64]) -> dict[str, float]:
    """Return what prdc gives, without what it prints."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        return {name: float(value) for name, value in compute_prdc(x, y, 5).items()}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return seconds and result."""
    start = now()
    result = work()
    return round(now() - start, 3), result


def peak_memory() -> float:
    """Return the most memory that this process has held so far [GiB]."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def usable_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    main()
