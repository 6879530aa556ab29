"""Features drawn for tests: correlated, of a seed."""

from __future__ import annotations

from functools import cache

import numpy as np


def correlated(n: int, d: int, seed: int, decay: float = 0.5) -> np.ndarray:
    """(n, d) normal features with falling spectrum, turned the same way for each seed."""
    scales = np.arange(1, d + 1) ** -decay
    return np.random.default_rng(seed).standard_normal((n, d)) * scales @ rotation(d, 12345)


@cache
def rotation(d: int, seed: int) -> np.ndarray:
    """(d, d) random orthonormal matrix."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]
