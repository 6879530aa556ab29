"""Keypoints between our labels and COCO's triples.

Our label ``keypoints`` is a list an instance of dicts: ``name``, ``px`` (x, y) [px] with the centre of
the top left pixel at (0, 0) or None behind the camera, and ``state``. COCO's are (x, y, v) with the
same centre and v = 2 visible, 1 labelled but not visible, 0 not labelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simkit.exchange.items import Item, Thing

COCO_FLAGS = {"visible": 2, "occluded": 1, "outside": 0}
"""COCO's v by our state."""

STATES = {flag: state for state, flag in COCO_FLAGS.items()}


@dataclass(frozen=True)
class Keypoint:
    """A named point: pixel and state (`COCO_FLAGS`)."""

    name: str
    x: float
    y: float
    state: str


def keypoints_of(thing: Thing) -> list[Keypoint] | None:
    """Return an instance's keypoints; None if the data set has none, or its model."""
    label = thing.labels.get("keypoints")
    if not label:
        return None
    points = []
    for one in label:
        x, y = one["px"] or (0, 0)
        points.append(Keypoint(one["name"], float(x), float(y), one["state"]))
    return points


def keypoint_names(instances: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names of the keypoints by category, of instances as ``labels.json`` has them."""
    found: dict[str, dict[str, None]] = {}
    for one in instances:
        if one.get("keypoints"):
            names = found.setdefault(one["identity"]["category"], {})
            names.update(dict.fromkeys(point["name"] for point in one["keypoints"]))
    return {category: list(names) for category, names in found.items()}


def names_by_category(item: Item, known: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the names of the keypoints by category: those `known`, and what an image adds.

    Raises:
        DatasetError: instances of one category have different keypoints.
    """
    names = {category: list(points) for category, points in known.items()}
    for thing in item.things:
        points = keypoints_of(thing)
        if points is None:
            continue
        own = [point.name for point in points]
        if names.setdefault(thing.category, own) != own:
            raise item.error(
                f"the keypoints {own} of instance {thing.place} are not those of others of its "
                f"category '{thing.category}': {names[thing.category]}"
            )
    return names


def triples_of(points: Iterable[Keypoint]) -> list[float]:
    """Return COCO's flat triples x, y, v; x = y = 0 where v is 0."""
    values: list[float] = []
    for point in points:
        flag = COCO_FLAGS[point.state]
        values += [point.x, point.y, flag] if flag else [0, 0, 0]
    return values


def label_of_triples(names: Sequence[str], triples: Sequence[float]) -> list[dict[str, Any]]:
    """Return our label of COCO's flat triples x, y, v."""
    return [
        {
            "name": name,
            "px": [triples[3 * place], triples[3 * place + 1]] if triples[3 * place + 2] else None,
            "state": STATES[int(triples[3 * place + 2])],
        }
        for place, name in enumerate(names)
    ]
