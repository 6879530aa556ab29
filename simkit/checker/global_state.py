"""Reads, and never draws from, the global random generators: to see whether a plug-in draws.

The only file that may name them; the scan in ``tests/test_determinism.py`` allows it just this.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def global_states() -> Iterator[list[Any]]:
    """Give a list that holds the states before the block, and after it also those at its end."""
    states = [_now()]
    yield states
    states.append(_now())


def _now() -> tuple[Any, ...]:
    name, words, *rest = np.random.get_state()  # noqa: NPY002, read only, to see that it stays
    return random.getstate(), name, np.asarray(words).tobytes(), tuple(rest)
