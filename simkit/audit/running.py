"""Auditing a data set, image by image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from simkit.audit import checks
from simkit.audit.casting import Alone
from simkit.audit.checking import CHECKS, Case, Check
from simkit.audit.models import models_of_dataset, models_of_folder
from simkit.audit.report import (
    FAILED,
    NOT_CHECKED,
    NOT_STORED,
    PASSED,
    ImageReport,
    Outcome,
    Report,
)
from simkit.audit.scenewise import SceneImage
from simkit.audit.stored import Image, NotApplicable, NotStored, StoredImage
from simkit.dataset.bop import find_models, read_images
from simkit.dataset.reader import open_dataset
from simkit.dataset.shards import Folder
from simkit.errors import ConfigError, DatasetError
from simkit.recorded import pixel_centre_of

__all__ = ["DEPTH_TOLERANCE", "audit", "checks"]

DEPTH_TOLERANCE = 1e-4
"""By how much depth may be off, besides its step and a relative part [m]."""

Progress = Callable[[int, int], None]


def audit(
    source: str | Path,
    overrides: Iterable[str] = (),
    models: str = "",
    n: int | None = None,
    pixel_centre: str = "bop",
    depth_tolerance: float = DEPTH_TOLERANCE,
    only: Iterable[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Hold the stored labels of a data set against rays, and against each other.

    Args:
        source: a data set of ours, or a BOP data set, split or scene in the scenewise layout.
        overrides: ``models.KEY=value`` for a data set of ours, where its models have moved.
        models: folder of a BOP data set's models; looked for beside it if left out.
        n: number of images, evenly spread; None: all.
        pixel_centre: of a BOP data set's ``cam_K``, see `simkit.recorded.PIXEL_CENTRES`.
        depth_tolerance: [m]; more for depth that a real camera measured.
        only: names of checks; none: all.
        progress: called with (done, total) after each image.

    Raises:
        DatasetError, ConfigError: there is nothing to audit, or not as asked.
    """
    chosen = _chosen(list(only))
    if Folder(str(source)).exists("dataset.json"):
        if models:
            raise ConfigError("--models is for BOP folders; give models.source=FOLDER")
        count, images = _stored(str(source), overrides, n)
    else:
        if list(overrides):
            raise ConfigError("key=value is for data sets of simkit; give --models FOLDER")
        count, images = _scenewise(str(source), models, pixel_centre, n)
    alone, reports = Alone(), []
    for done, image in enumerate(images, start=1):
        reports.append(audit_image(image, alone, depth_tolerance, chosen))
        if progress is not None:
            progress(done, count)
    if not reports:
        raise DatasetError(f"{source}: holds no image to audit")
    return Report(str(source), {one.name: one.about for one in chosen}, tuple(reports))


def audit_image(
    image: Image, alone: Alone, depth_tolerance: float, chosen: Iterable[Check]
) -> ImageReport:
    """Return what the chosen checks find in one image."""
    case = Case(image, alone, depth_tolerance)
    return ImageReport(image.name, tuple(_outcome(one, case) for one in chosen))


def _outcome(one: Check, case: Case) -> Outcome:
    try:
        found = one.measure(case)
    except NotStored as missing:
        return Outcome(one.name, NOT_STORED, detail=str(missing))
    except NotApplicable as reason:
        return Outcome(one.name, NOT_CHECKED, detail=str(reason))
    except (
        DatasetError, ValueError, KeyError, TypeError, IndexError, AttributeError, cv2.error,
        np.linalg.LinAlgError,
    ) as error:  # fmt: skip
        text = f"cannot be compared: {type(error).__name__}: {str(error).strip()}"
        return Outcome(one.name, FAILED, detail=text)
    state = PASSED if found.passed else FAILED
    return Outcome(one.name, state, float(found.value), float(found.tolerance), found.detail)


def _chosen(names: list[str]) -> list[Check]:
    for name in names:
        if name not in CHECKS:
            raise ConfigError(f"there is no check '{name}'; there are {', '.join(CHECKS)}")
    return [one for name, one in CHECKS.items() if not names or name in names]


def _stored(url: str, overrides: Iterable[str], n: int | None) -> tuple[int, Iterator[Image]]:
    dataset = open_dataset(url)
    shapes = models_of_dataset(dataset.description, overrides)
    rows = dataset.index.select(["index", "status"]).to_pylist()
    indices = _spread([row["index"] for row in rows if row["status"] == "ok"], n)
    return len(indices), (StoredImage(dataset[index], dataset, shapes) for index in indices)


def _scenewise(
    folder: str, models: str, pixel_centre: str, n: int | None
) -> tuple[int, Iterator[Image]]:
    centre = pixel_centre_of(pixel_centre)
    found = _spread(read_images(folder), n)
    shapes = models_of_folder(models or str(find_models(folder)))
    by_id = {one.obj_id: one for one in shapes.values() if one.obj_id > 0}
    return len(found), (SceneImage(image, by_id, centre) for image in found)


def _spread(values: list[Any], n: int | None) -> list[Any]:
    """Return `n` of the values, evenly spread, first and last among them."""
    if n is None or n >= len(values):
        return values
    places = np.linspace(0, len(values) - 1, n).round().astype(int) if n > 1 else [0]
    return [values[place] for place in places]
