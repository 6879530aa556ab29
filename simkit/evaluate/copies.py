"""Are synthetic images near-copies of real ones, or of each other?

Two images are near-copies if their small pictures, freed of brightness and contrast, agree almost
entirely, as they are or mirrored. Real photos come in bursts, too: what counts is how many more
near-copies there are than among the real images themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.evaluate.observing import Observations
from simkit.evaluate.result import Finding

AGREEMENT = 0.985
"""Correlation of small pictures from which two images are near-copies."""

EFFECT_OF_ONE = 0.1
"""Share of near-copies, beyond the real set's own, that counts as an effect of 1."""


def near_copies(
    a: NDArray[np.float32], b: NDArray[np.float32], agreement: float = AGREEMENT
) -> NDArray[np.bool_]:
    """Return (N, M) bool: which images are near-copies.

    Args:
        a, b: (N, 2, d), (M, 2, d) of `Observations.thumbnails`.
        agreement: correlation from which they are.
    """
    return np.asarray(np.maximum(a[:, 0] @ b[:, 0].T, a[:, 0] @ b[:, 1].T) >= agreement)


def copy_findings(
    real: Observations, synthetic: Observations, name: str, permuted: NDArray[np.bool_]
) -> list[Finding]:
    """Return two findings: copies of real images, and copies among the synthetic ones.

    Sides are permuted: where real images have near-copies among themselves, that is no news. The effect
    is what is above the permutations' mean, for a larger side has more chances.
    """
    pooled = np.concatenate([real.thumbnails, synthetic.thumbnails])
    near = near_copies(pooled, pooled)
    np.fill_diagonal(near, False)
    touched = np.flatnonzero(near.any(axis=1))
    graph = near[np.ix_(touched, touched)].astype(np.float32)
    n, m = len(real), len(synthetic)
    own = np.arange(n + m)[None] < n
    first, drawn = own[:, touched], permuted[:, touched]
    found = []
    for kind, statistic in (("copies", _copied), ("repeats", _repeated)):
        observed = statistic(graph, first, n, m)
        null = statistic(graph, drawn, n, m)[2]
        exceeded = np.count_nonzero(null >= observed[2][0] - 1e-12)
        shares = float(observed[0][0]), float(observed[1][0])
        found.append(
            Finding(
                name=name,
                kind=kind,
                text=_text(kind, *shares),
                real=shares[0],
                synthetic=shares[1],
                effect=max(float(observed[2][0] - null.mean()), 0.0) / EFFECT_OF_ONE,
                p=(1 + exceeded) / (1 + len(permuted)),
                significant=False,
                matters=False,
            )
        )
    return found


Shares = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _copied(graph: NDArray[np.float32], first: NDArray[np.bool_], n: int, m: int) -> Shares:
    """Return the share of the first side with a near-copy on it, of the second with one on the first."""
    beside = (first.astype(np.float32) @ graph) > 0
    own = (beside & first).sum(axis=1) / n
    across = (beside & ~first).sum(axis=1) / m
    return own, across, across - own


def _repeated(graph: NDArray[np.float32], first: NDArray[np.bool_], n: int, m: int) -> Shares:
    """Return the share of each side with a near-copy on the same side."""
    own = (((first.astype(np.float32) @ graph) > 0) & first).sum(axis=1) / n
    other = ((((~first).astype(np.float32) @ graph) > 0) & ~first).sum(axis=1) / m
    return own, other, other - own


def _text(kind: str, real: float, synthetic: float) -> str:
    if kind == "copies":
        return (
            f"{synthetic:.0%} of the synthetic images are near-copies of real ones, against "
            f"{real:.0%} of the real images that have another near-copy among the real ones; "
            f"scores on those real images mean nothing: take them out of either side"
        )
    return (
        f"{synthetic:.0%} of the synthetic images are near-copies of each other, against {real:.0%} "
        f"of the real ones; vary more, or generate fewer"
    )
