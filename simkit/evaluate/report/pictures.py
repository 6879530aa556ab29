"""The pictures' part of the page: nearest pairs and worst failures, made small and put into it."""

from __future__ import annotations

import base64
import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2

from simkit.evaluate.report import numbers
from simkit.evaluate.report.palette import Look, Looks
from simkit.evaluate.result import Evaluation, Failure, Pair

SIDE = 480
"""Longest side of a picture on the page [px]."""
QUALITY = 80
A_PAGE = 36
"""Pairs, and failures, on a page; each set has an equal part of them, and at least `A_SET`."""
A_SET = 4

log = logging.getLogger(__name__)
T = TypeVar("T", Pair, Failure)


@dataclass(frozen=True)
class Picture:
    """A data URI with its size on the page [px]; `uri` is empty where there is no such picture."""

    name: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class PairView:
    """A synthetic image beside its nearest real one."""

    synthetic: Picture
    real: Picture
    distance: str
    caption: str


@dataclass(frozen=True)
class FailureView:
    """An image on which a model fails."""

    picture: Picture
    cost: str
    text: str


@dataclass(frozen=True)
class Shelf:
    """What is shown of one set; `count` is how many there were."""

    look: Look
    shown: Sequence[PairView | FailureView]
    count: int


def pair_shelves(evaluation: Evaluation, looks: Looks, folder: Path) -> list[Shelf]:
    """Return the pairs by set, the nearest first."""
    load = functools.lru_cache(maxsize=None)(functools.partial(picture, folder))

    def view(one: Pair) -> PairView:
        near = numbers.number(one.distance)
        return PairView(load(one.synthetic), load(one.real), near, one.caption)

    return _shelves(evaluation.pairs, looks, lambda one: one.distance, view)


def failure_shelves(evaluation: Evaluation, looks: Looks, folder: Path) -> list[Shelf]:
    """Return the failures by training set, the worst first."""

    def view(one: Failure) -> FailureView:
        return FailureView(picture(folder, one.picture), numbers.number(one.cost), one.text)

    return _shelves(evaluation.failures, looks, lambda one: -one.cost, view)


def picture(folder: Path, name: str) -> Picture:
    """Return a picture of `folder` as a JPEG of at most `SIDE`; one that is missing is logged."""
    path = folder / name
    inside = path.resolve().is_relative_to(folder.resolve())
    image = cv2.imread(str(path), cv2.IMREAD_COLOR) if inside and path.is_file() else None
    if image is None:
        log.warning("%s: no such picture; the report says so in its place", path)
        return Picture(name, "", 0, 0)
    factor = min(1.0, SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    if factor < 1:
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    uri = f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
    return Picture(name, uri, *size)


def _shelves(
    every: Sequence[T],
    looks: Looks,
    order: Callable[[T], float],
    view: Callable[[T], PairView | FailureView],
) -> list[Shelf]:
    names = [name for name in looks if any(one.name == name for one in every)]
    room = max(A_SET, A_PAGE // max(len(names), 1))
    shelves = []
    for name in names:
        mine = sorted((one for one in every if one.name == name), key=order)
        shelves.append(Shelf(looks[name], [view(one) for one in mine[:room]], len(mine)))
    return shelves
