"""Checks of feature extractors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.checker.contract import (
    Check,
    loaded,
    no_global_randomness,
    require,
    run,
    run_all,
)
from simkit.errors import PluginError
from simkit.features.contract import Extractor, Image
from simkit.features.opening import FILE, open_features
from simkit.randomness import stream

SIZES = ((40, 64), (64, 40), (33, 33), (96, 128), (8, 8), (64, 40), (50, 31))
"""Height and width of the pictures that are tried [px]."""

ROUNDING = 1e-4
"""Of the features' own size: how much they may depend on what else is in a batch."""


@dataclass(frozen=True, eq=False)
class Case:
    """An extractor, pictures, and their features."""

    extractor: Extractor
    images: tuple[Image, ...]
    features: NDArray[np.float32]


def check_features(name: str) -> list[Check]:
    """Return what was checked of an extractor: its name, or name and options, ``onnx:model.onnx``.

    Raises:
        PluginError: it needs a file, and none is named.
    """
    plain = name.partition("?")[0].partition(":")[0]
    load, plugin = loaded("features", plain, Extractor)
    if plugin is None:
        return [load]
    if FILE in {one.name for one in fields(plugin.Options)} and ":" not in name:
        raise PluginError(f"{plain}: needs a file to be tried; write features:{plain}:FILE")
    cases: list[Case] = []
    tried = run("runs on pictures of several sizes", lambda: cases.append(_case(name)))
    if not cases:
        return [load, tried]
    checks = {
        "has a title": _has_title,
        "features are (N, dimensions) float32 and finite": _layout,
        "features do not depend on the batch": _independent_of_batch,
        "features are deterministic": _deterministic,
        "no images give no features": _empty,
        "different pictures differ": _distinguishes,
        "probabilities sum to 1": _probabilities,
        "uses no global randomness": _no_global_randomness,
        "images stay as they were": _leaves_images,
    }
    return [load, tried, *run_all(checks, cases[0])]


def _case(name: str) -> Case:
    extractor, images = open_features(name), tuple(_pictures())
    return Case(extractor, images, extractor.extract(images))


def _pictures() -> Iterator[Image]:
    rng = stream(0, 0, "check_features")
    for height, width in SIZES:
        rough = rng.integers(0, 256, (4, 4, 3))
        rows, columns = (np.arange(side) * 4 // side for side in (height, width))
        grain = rng.integers(-20, 21, (height, width, 3))
        yield np.clip(rough[rows][:, columns] + grain, 0, 255).astype(np.uint8)


def _has_title(case: Case) -> str:
    title: Any = getattr(case.extractor, "title", None)
    require(isinstance(title, str) and bool(title), f"title is {title!r}, no text")
    return f"FD-{title}"


def _layout(case: Case) -> str:
    features, wanted = case.features, (len(case.images), case.extractor.dimensions)
    require(isinstance(features, np.ndarray), f"gives {type(features).__name__}, no array")
    require(features.dtype == np.float32, f"gives {features.dtype}, not float32")
    require(features.shape == wanted, f"gives {features.shape}, not {wanted}")
    require(bool(np.isfinite(features).all()), "some are not finite")
    return f"{wanted[1]} dimensions"


def _independent_of_batch(case: Case) -> str:
    single = np.concatenate([case.extractor.extract([image]) for image in case.images])
    backwards = case.extractor.extract(case.images[::-1])[::-1]
    size = float(np.abs(case.features).max()) or 1.0
    worst = max(float(np.abs(other - case.features).max()) for other in (single, backwards)) / size
    require(worst <= ROUNDING, f"they change by {worst:.2g} of their size, over {ROUNDING}")
    return f"to {worst:.1g}"


def _deterministic(case: Case) -> None:
    again = case.extractor.extract(case.images)
    require(again.tobytes() == case.features.tobytes(), "the same images give other features")
    stream_of = case.extractor.extract(iter(case.images))
    require(stream_of.tobytes() == case.features.tobytes(), "a generator gives other features")


def _empty(case: Case) -> None:
    shape, wanted = case.extractor.extract([]).shape, (0, case.extractor.dimensions)
    require(shape == wanted, f"gives {shape}, not {wanted}")


def _distinguishes(case: Case) -> None:
    distinct = len(np.unique(case.features, axis=0))
    require(distinct == len(case.images), f"{len(case.images)} pictures give {distinct} features")


def _probabilities(case: Case) -> str:
    found = case.extractor.probabilities(case.images)
    if found is None:
        return "it has none"
    fits = found.ndim == 2 and len(found) == len(case.images) and bool((found >= 0).all())
    require(fits, f"gives {found.shape}, not ({len(case.images)}, classes), or negative ones")
    worst = float(np.abs(found.sum(axis=1) - 1).max())
    require(worst < 1e-4, f"they sum to 1 only within {worst:.2g}")
    return f"{found.shape[1]} classes"


def _no_global_randomness(case: Case) -> None:
    with no_global_randomness():
        case.extractor.extract(case.images)


def _leaves_images(case: Case) -> None:
    copies = [image.copy() for image in case.images]
    case.extractor.extract(copies)
    same = all(map(np.array_equal, copies, case.images))
    require(same, "it changes the images it is given; copy them")
