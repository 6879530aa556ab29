"""A data set's own profile: balance, sizes, occlusion, positions. Only labels are read, no image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.dataset.reader import Dataset
from simkit.errors import DatasetError
from simkit.evaluate.drawn import Coverage, coverage_of
from simkit.metrics.label_statistics import instance_statistics

Float = NDArray[np.float64]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

GRID = 8
"""Cells of the heat map of positions, a side."""

SMALL, LARGE = 32.0**2, 96.0**2
"""Areas between which COCO calls an object medium [px^2]; of boxes here, of masks there."""

TAIL = 0.2
"""A class with less than this share of an even class's objects is in the long tail."""

OCCLUDED, HIDDEN = 0.9, 0.1
"""Visible shares: below the first an object is occluded, below the second hardly visible."""

Progress = Callable[[int, int], None] | None


@dataclass(frozen=True)
class ClassProfile:
    """One class: its objects, the images that show it, its share of all objects."""

    name: str
    instances: int
    images: int
    share: float


@dataclass(frozen=True, eq=False)
class Instances:
    """All labelled objects of a set; `values` by name as `instance_statistics` has them, and ``area``."""

    values: dict[str, Float]
    labels: NDArray[np.int64]
    images: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Profile:
    """What a data set holds.

    Attributes:
        url: of the set.
        images, instances: that are finished; objects with a visible box.
        classes: those with an object, most frequent first.
        unseen: names of the declared classes that no image shows.
        effective_classes: exp of the entropy of their shares; as many as there are if all are even.
        imbalance: most frequent over least frequent class.
        tail: names of classes with less than `TAIL` of an even share.
        resolutions: number of images by ``WIDTHxHEIGHT``.
        quantiles: 5, 25, 50, 75 and 95 % of object size (square root of the box's share of the image),
            aspect (long over short side), objects in an image, and visible share (if it is stored).
        coco_sizes: shares of small, medium and large boxes.
        occlusion: shares of objects that are fully visible (from 0.9), partly, hardly (below 0.1);
            empty if it is not stored.
        truncated: share of objects whose box meets the image's edge.
        empty: share of images without an object.
        positions: GRID x GRID shares of the objects' centres, rows from the top.
        coverage: how much was used of what each randomizer declares; empty for real images.
    """

    url: str
    images: int
    instances: int
    classes: list[ClassProfile]
    unseen: list[str]
    effective_classes: float
    imbalance: float
    tail: list[str]
    resolutions: dict[str, int]
    quantiles: dict[str, list[float]]
    coco_sizes: dict[str, float]
    occlusion: dict[str, float]
    truncated: float
    empty: float
    positions: list[list[float]]
    coverage: list[Coverage]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def profile_of(data: Dataset, progress: Progress = None) -> tuple[Profile, Instances]:
    """Return a data set's profile, and the objects that it was taken of.

    Raises:
        DatasetError: there is no finished image, or none of its objects has a box.
    """
    objects = instances_of(data, progress)
    names = list(data.categories.values())
    totals = np.bincount(objects.labels, minlength=len(names))
    shares = totals / max(totals.sum(), 1)
    showing = [len(np.unique(objects.images[objects.labels == k])) for k in range(len(names))]
    classes = [
        ClassProfile(name, int(total), int(images), float(share))
        for name, total, images, share in zip(names, totals, showing, shares, strict=True)
        if total
    ]
    seen = totals[totals > 0]
    values, visible = objects.values, objects.values["visible"]
    visible = visible[np.isfinite(visible)]
    quantiles = {
        "object size": 2 ** values["object size"],
        "aspect": 2 ** values["aspect"],
        "objects in an image": objects.counts.astype(np.float64),
        "visible share": visible,
    }
    profile = Profile(
        url=data.url,
        images=len(objects.counts),
        instances=len(objects.labels),
        classes=sorted(classes, key=lambda one: (-one.instances, one.name)),
        unseen=[name for name, total in zip(names, totals, strict=True) if not total],
        effective_classes=_effective(shares),
        imbalance=float(seen.max() / seen.min()) if len(seen) else 1.0,
        tail=[one.name for one in classes if one.share < TAIL / len(classes)],
        resolutions=_resolutions(data),
        quantiles={
            name: [float(q) for q in np.quantile(one, QUANTILES)]
            for name, one in quantiles.items()
            if len(one)
        },
        coco_sizes=_shares(values["area"], (SMALL, LARGE), ("small", "medium", "large")),
        occlusion=_shares(visible, (HIDDEN, OCCLUDED), ("hardly visible", "partly", "fully")),
        truncated=float(values["cut off"].mean()) if len(objects.labels) else 0.0,
        empty=float(np.mean(objects.counts == 0)),
        positions=heat_map(values["x"], values["y"]).tolist(),
        coverage=coverage_of(data),
    )
    return profile, objects


def instances_of(data: Dataset, progress: Progress = None) -> Instances:
    """Return all labelled objects with a visible box, whatever their category.

    Raises:
        DatasetError: there is no finished image.
    """
    places = {number: place for place, number in enumerate(data.categories)}
    rows: list[dict[str, Float]] = []
    labels: list[int] = []
    images: list[int] = []
    counts: list[int] = []
    for done, record in enumerate(data):
        kept = [
            one
            for one in record.labels["instances"]
            if one.get("bbox_visib") is not None and one["identity"]["category_id"] in places
        ]
        boxes = np.array([one["bbox_visib"] for one in kept], np.float32).reshape(-1, 4)
        visible = [one.get("visib_fract", {}).get("visib_fract", np.nan) for one in kept]
        height, width = int(record.row["height"]), int(record.row["width"])
        own = instance_statistics(boxes, height, width, np.array(visible, np.float64))
        rows.append(own | {"area": boxes[:, 2].astype(np.float64) * boxes[:, 3]})
        labels.extend(places[one["identity"]["category_id"]] for one in kept)
        images.extend([done] * len(kept))
        counts.append(len(kept))
        if progress is not None:
            progress(done + 1, len(data))
    if not rows:
        raise DatasetError(f"{data.url}: has no finished image")
    return Instances(
        {name: np.concatenate([row[name] for row in rows]) for name in rows[0]},
        np.array(labels, np.int64),
        np.array(images, np.int64),
        np.array(counts, np.int64),
    )


def heat_map(x: Float, y: Float) -> Float:
    """Return (GRID, GRID) shares of objects by the cell of their centre, rows from the top."""
    edges = np.linspace(0, 1, GRID + 1)
    cells, _, _ = np.histogram2d(np.clip(y, 0, 1), np.clip(x, 0, 1), bins=(edges, edges))
    return np.asarray(cells / max(cells.sum(), 1))


def _effective(shares: Float) -> float:
    positive = shares[shares > 0]
    return float(np.exp(-(positive * np.log(positive)).sum())) if len(positive) else 0.0


def _shares(values: Float, edges: tuple[float, ...], names: tuple[str, ...]) -> dict[str, float]:
    if not len(values):
        return {}
    bins = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(names))
    return {name: float(count / len(values)) for name, count in zip(names, bins, strict=True)}


def _resolutions(data: Dataset) -> dict[str, int]:
    ok = [status == "ok" for status in data.index.column("status").to_pylist()]
    sizes = zip(
        data.index.column("width").to_pylist(), data.index.column("height").to_pylist(), strict=True
    )
    found: dict[str, int] = {}
    for (width, height), good in zip(sizes, ok, strict=True):
        if good:
            found[f"{width}x{height}"] = found.get(f"{width}x{height}", 0) + 1
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
