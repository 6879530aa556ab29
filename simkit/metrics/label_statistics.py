"""Plain statistics of labels: how large, how long, where, how many, how hidden the objects are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.metrics.image_statistics import Statistic

Float = NDArray[np.float64]

LABEL_STATISTICS = (
    Statistic("object size", "object_size", "log2 of sqrt(box / image)", 0.2,
              "larger objects", "smaller objects"),
    Statistic("size spread", "object_size", "octaves", 0.15,
              "objects of more unequal sizes in one image", "objects of more equal sizes in one image"),
    Statistic("aspect", "aspect", "log2 of long / short side", 0.1,
              "longer boxes", "squarer boxes"),
    Statistic("upright", "aspect", "log2 of height / width", 0.15, "taller boxes", "wider boxes"),
    Statistic("count", "count", "objects", 0.5, "more objects", "fewer objects"),
    Statistic("x", "position", "of the width", 0.05, "objects further right", "objects further left"),
    Statistic("y", "position", "of the height", 0.05, "objects further down", "objects further up"),
    Statistic("off centre", "position", "of the half diagonal", 0.05,
              "objects further from the centre", "objects closer to the centre"),
    Statistic("overlap", "occlusion", "share of the box", 0.05,
              "boxes that overlap more", "boxes that overlap less"),
    Statistic("visible", "occlusion", "visib_fract", 0.05,
              "less occluded objects", "more occluded objects"),
    Statistic("cut off", "truncation", "share of objects", 0.1,
              "more objects cut off by the image's edge", "fewer objects cut off by the image's edge"),
)  # fmt: skip

EDGE = 1.0
"""A box that comes this near to the image's edge is cut off [px]."""


def instance_statistics(
    boxes: NDArray[np.float32], height: int, width: int, visible: NDArray[np.float64]
) -> dict[str, Float]:
    """Return numbers of each object, (N,) by name.

    Args:
        boxes: (N, 4) float32, x, y, width, height [px].
        height, width: of the image [px].
        visible: (N,) visib_fract, NaN where it is not known.

    Returns:
        ``object size`` log2 of sqrt(box area / image area), ``aspect`` log2 of long over short side,
        ``upright`` log2 of height over width, ``x`` and ``y`` of the centre in 0 to 1, ``off centre``
        0 in the middle and 1 in a corner, ``overlap`` the largest share of the box that another one
        covers, ``visible``, and ``cut off`` 1 where the box meets the image's edge.
    """
    x, y, w, h = np.maximum(boxes.astype(np.float64), 0).T.reshape(4, -1)
    w, h = np.maximum(w, 1.0), np.maximum(h, 1.0)
    u, v = (x + w / 2) / width, (y + h / 2) / height
    near, far = np.minimum(x, y), np.minimum(width - x - w, height - y - h)
    at_edge = np.minimum(near, far) <= EDGE
    return {
        "object size": np.log2(np.sqrt(w * h / (width * height))),
        "aspect": np.abs(np.log2(w / h)),
        "upright": np.log2(h / w),
        "x": u,
        "y": v,
        "off centre": np.hypot(2 * u - 1, 2 * v - 1) / np.sqrt(2),
        "overlap": _overlaps(x, y, w, h),
        "visible": visible.astype(np.float64),
        "cut off": at_edge.astype(np.float64),
    }


def label_statistics(instances: dict[str, Float]) -> dict[str, float]:
    """Return the numbers of `LABEL_STATISTICS` of one image: medians over its objects, mean shares.

    An image is the unit of all tests, for the objects in one image are not independent of each other.
    What no object says is NaN.
    """
    size = instances["object size"]
    summary = {
        name: _over(values, np.mean if name in ("cut off", "overlap", "visible") else np.median)
        for name, values in instances.items()
    }
    spread = float(size.max() - size.min()) if len(size) > 1 else float("nan")
    return summary | {"count": float(len(size)), "size spread": spread}


def _over(values: Float, function: object) -> float:
    known = values[np.isfinite(values)]
    return float(function(known)) if len(known) else float("nan")  # type: ignore[operator]


def _overlaps(x: Float, y: Float, w: Float, h: Float) -> Float:
    """Return the largest share of each box that one other box covers."""
    if len(x) < 2:
        return np.zeros(len(x))
    right, bottom = x + w, y + h
    across = np.minimum(right[:, None], right) - np.maximum(x[:, None], x)
    down = np.minimum(bottom[:, None], bottom) - np.maximum(y[:, None], y)
    shared = np.maximum(across, 0) * np.maximum(down, 0)
    np.fill_diagonal(shared, 0)
    return np.asarray((shared / (w * h)[:, None]).max(axis=1))
