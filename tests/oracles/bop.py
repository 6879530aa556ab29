"""BOP's ``calc_gt_info``, written anew from its definitions.

Boxes are ``[x_min, y_min, x_max - x_min, y_max - y_min]``, four -1 for what is not visible;
``px_count_all`` is counted on a canvas of three by three images, ``px_count_valid`` over the
amodal mask inside the image where there is a depth.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def gt_info(amodal_on_canvas: Mask, visible: Mask, depth: NDArray[Any]) -> dict[str, Any]:
    """Return one instance's entry; the canvas has one image size on each side."""
    height, width = visible.shape
    inside = amodal_on_canvas[height : 2 * height, width : 2 * width]
    count, whole = int(visible.sum()), int(amodal_on_canvas.sum())
    return {
        "bbox_obj": box(amodal_on_canvas, width, height) if count else [-1, -1, -1, -1],
        "bbox_visib": box(visible) if count else [-1, -1, -1, -1],
        "px_count_all": whole,
        "px_count_valid": int((inside & (depth > 0)).sum()),
        "px_count_visib": count,
        "visib_fract": count / whole if whole else 0.0,
    }


def box(mask: Mask, offset_x: int = 0, offset_y: int = 0) -> list[int]:
    """Return BOP's box of a mask that has pixels."""
    rows, columns = np.nonzero(mask)
    x, y = columns.min() - offset_x, rows.min() - offset_y
    return [int(x), int(y), int(np.ptp(columns)), int(np.ptp(rows))]
