"""Where time goes. The only place that reads a clock; nothing of it enters a sample."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def now() -> float:
    """Return seconds since some fixed moment of this process."""
    return time.perf_counter()


class Stopwatch:
    """Sums up seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to stage `name`."""
        start = now()
        try:
            yield
        finally:
            self.seconds[name] += now() - start

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add another stopwatch's sums."""
        for name, amount in seconds.items():
            self.seconds[name] += amount

    def take(self) -> dict[str, float]:
        """Return the sums since the last call, and start again from zero."""
        taken, self.seconds = dict(self.seconds), defaultdict(float)
        return taken
