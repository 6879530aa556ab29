"""Memorization: synthetic images that lie too near to real ones, and copies by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from simkit.errors import MetricError
from simkit.metrics.checking import Float, check_features, check_pair
from simkit.metrics.neighbours import nearest

SAME = 1e-5
"""Distance of what counts as an exact copy, over the median distance of a real image to its nearest
other one: float32 features of one image come out this much apart in batches of different sizes."""

RARE = 0.01
"""Share of the real images whose ratio may be lower than that of no copy ..."""

MARGIN = 0.5
"""... and by how much a near copy's ratio is lower still."""

LOW = 0.05
ALPHA = 1e-3
"""Of `holds_copies`. Twice `LOW` is allowed: ranks are of a real set that is itself a sample."""

NEIGHBOURS = 32
"""Real neighbours of a synthetic image that a split is tested on: all lie on one side of an equal
split once in 2^31."""


@dataclass(frozen=True)
class NearPair:
    """A synthetic image and the real one nearest to it.

    Attributes:
        synthetic, real: rows.
        distance: between them.
        ratio: that distance over the one from the real image to its nearest other real one; about 1
            for a fresh image, 0 for a copy.
        kind: ``exact`` (the features are the same), ``near`` (a copy that was altered), or ``""``.
        rank: share of the real images whose own ratio is as low, each held against the others.
    """

    synthetic: int
    real: int
    distance: float
    ratio: float
    kind: str
    rank: float


@dataclass(frozen=True)
class Memorization:
    """How a generator's images lie to those it was trained on, against a held-out split.

    Attributes:
        ratio: median over synthetic images of the distance to the nearest training image over that
            to the nearest held-out one; 1 where nothing is memorized.
        nearer: share of synthetic images that are nearer to the training set; 0.5 then.
        p: probability of so low a mean log ratio, or a lower one, if the split were any other.
        copies: pairs (with training images) that are copies, nearest first.
        pairs: the nearest pairs, copies or not.
        copied: whether the set has copies, see `holds_copies`.
    """

    ratio: float
    nearer: float
    p: float
    copies: tuple[NearPair, ...]
    pairs: tuple[NearPair, ...]
    copied: bool


def nearest_pairs(synthetic: Any, real: Any) -> list[NearPair]:
    """Return for each synthetic image the nearest real one, lowest ratio first.

    A pair is a near copy where its ratio is below `MARGIN` times that of all but `RARE` of the real
    images themselves, each held against the others in the same way. So a real set with near
    duplicates (bursts, video) does not make everything a copy, and in expectation fewer than `RARE` of
    honest images are named.

    Args:
        synthetic: (M, d).
        real: (N, d), 3 or more.

    Raises:
        MetricError: see `check_pair`.
    """
    x, y = check_pair(real, synthetic, rows=1)
    check_features(x, "real", rows=3)
    own, neighbour = nearest(x, count=2)
    scale = float(np.median(own[:, 0]))
    found, indices = nearest(y, x)
    distances, places = found[:, 0], indices[:, 0]
    ratios = _ratio(distances, own[places, 0], scale)
    # A real image's neighbour is held against its own nearest one other than that image.
    other = neighbour[:, 0]
    among_rest = np.where(neighbour[other, 0] == np.arange(len(x)), own[other, 1], own[other, 0])
    usual = _ratio(own[:, 0], among_rest, scale)
    limit = MARGIN * float(np.quantile(usual, RARE))
    order = np.lexsort((distances, ratios))
    return [
        NearPair(
            int(row),
            int(places[row]),
            float(distances[row]),
            float(ratios[row]),
            _kind(distances[row], ratios[row], scale, limit),
            float(np.mean(usual <= ratios[row])),
        )
        for row in order
    ]


def holds_copies(pairs: Sequence[NearPair]) -> bool:
    """Return whether a set has copies: any exact one, or more near pairs than chance explains.

    Near are pairs of a `rank` of at most `LOW`. Where real images have near duplicates among themselves,
    altered copies (cropped, brightened) lie no nearer than those, and cannot be named one by one; but
    there are too many of them: more than 2 `LOW` by a binomial test at `ALPHA`.

    Args:
        pairs: all of `nearest_pairs`.
    """
    if any(pair.kind == "exact" for pair in pairs):
        return True
    near = sum(pair.rank <= LOW for pair in pairs)
    return bool(pairs) and float(binom.sf(near - 1, len(pairs), 2 * LOW)) < ALPHA


def memorization(
    synthetic: Any,
    training: Any,
    held_out: Any,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
    listed: int = 20,
) -> Memorization:
    """Return whether synthetic images are nearer to the training set than to a held-out split.

    Both splits must be random halves of one set; of the larger one a random subset is taken. The test
    draws other splits of the same real images, so that their being near to each other, or to many
    synthetic images, makes no false alarm: ``p = (1 + #{as low}) / (1 + permutations)``.

    Args:
        synthetic: (M, d).
        training: (N, d), what the generator was trained on.
        held_out: (N', d), of the same origin, not trained on.
        rng: draws the subset and the splits.
        permutations: splits to compare with.
        listed: pairs to return.

    Raises:
        MetricError: see `check_pair`; or a split has fewer than 3 rows.
    """
    train, made = check_pair(training, synthetic, rows=1)
    check_features(train, "training", rows=3)
    held, _ = check_pair(check_features(held_out, "held_out", rows=3), made, rows=1)
    if permutations < 1:
        raise MetricError(f"permutations: {permutations} allow no test; give 99 or more")
    n = min(len(train), len(held))
    first, second = (one[np.sort(rng.permutation(len(one))[:n])] for one in (train, held))
    real = np.concatenate([first, second])
    distances, places = nearest(made, real, min(NEIGHBOURS, 2 * n))
    floor = SAME * float(np.median(nearest(real)[0])) or np.finfo(np.float64).tiny
    logs = np.log(np.maximum(distances, floor))
    sides = np.arange(2 * n) < n
    ratios = _log_ratios(logs, sides[places])
    drawn = [
        float(_log_ratios(logs, rng.permutation(sides)[places]).mean()) for _ in range(permutations)
    ]
    p = (1 + int(np.sum(np.array(drawn) <= ratios.mean() + 1e-12))) / (1 + permutations)
    pairs = nearest_pairs(made, train)
    copies = tuple(pair for pair in pairs if pair.kind)
    return Memorization(
        ratio=float(np.exp(np.median(ratios))),
        nearer=float(np.mean((ratios < 0) + 0.5 * (ratios == 0))),
        p=p,
        copies=copies,
        pairs=tuple(pairs[:listed]),
        copied=holds_copies(pairs),
    )


def _log_ratios(logs: Float, trained: NDArray[np.bool_]) -> Float:
    """Return log of nearest training over nearest held-out distance, of sorted neighbours (M, K).

    Where all neighbours are of one side, the last one's distance stands for the other side.
    """
    last = logs.shape[1] - 1
    rows = np.arange(len(logs))
    first, second = (
        np.where(side.any(axis=1), side.argmax(axis=1), last) for side in (trained, ~trained)
    )
    return np.asarray(logs[rows, first] - logs[rows, second])


def _ratio(distances: Float, own: Float, scale: float) -> Float:
    """Return ratios; a real image that has a duplicate is held against `scale`."""
    base = np.where(own > SAME * scale, own, scale or 1.0)
    return np.asarray(distances / base)


def _kind(distance: float, ratio: float, scale: float, limit: float) -> str:
    if distance <= SAME * scale:
        return "exact"
    return "near" if ratio < limit else ""
