"""What `simkit.tasks.contract.Task.failures` returns, of costs and texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWN = 12
"""As many of the worst are drawn."""

NOTHING = "nothing is wrong"


def worst_first(
    judged: Sequence[tuple[float, str]], draw: Callable[[int], NDArray[np.uint8]]
) -> list[dict[str, Any]]:
    """Return failures, worst first; of equal ones the first image comes first.

    Args:
        judged: cost and text of each image.
        draw: gives the drawn image at a place.
    """
    order = sorted(range(len(judged)), key=lambda place: (-judged[place][0], place))
    failures: list[dict[str, Any]] = []
    for rank, place in enumerate(order):
        cost, text = judged[place]
        failures.append({"place": place, "cost": cost, "text": text or NOTHING})
        if rank < DRAWN:
            failures[-1]["drawn"] = draw(place)
    return failures
