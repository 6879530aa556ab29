"""A measured figure with what is needed to believe it: interval, floor, number of samples."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """One figure.

    Attributes:
        name: of the measure; a distance is named after its features: ``FD-EffLite0``.
        value: the figure.
        low, high: its 95 % interval (how it was taken: docs/metrics.md); None where there is none.
        floor: the same measure between two halves of the real set, each as large as the sets that
            `value` was taken of: what no synthetic set can be expected to beat.
        floor_low, floor_high: 95 % of the floors of random halves.
        n: images of each side (they are equal in number).
        higher_is_better: None where neither is.
        note: what a reader has to know.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    floor_low: float | None = None
    floor_high: float | None = None
    n: int = 0
    higher_is_better: bool | None = False
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)
