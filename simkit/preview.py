"""Contact sheets of a config or a data set, with all labels drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import cv2

from simkit.config import Config
from simkit.dataset.reader import open_dataset
from simkit.dataset.shards import Folder
from simkit.draw import Pixels, contact_sheet, draw_picture, picture_of_record, picture_of_sample
from simkit.errors import DatasetError
from simkit.pipeline import Pipeline


def is_dataset(url: str) -> bool:
    """Return whether a folder or URL holds a data set."""
    return Folder(url).exists("dataset.json")


def sheet_of_config(
    config: str | Path | Mapping[str, Any] | Config | None,
    overrides: Iterable[str] = (),
    n: int = 6,
    columns: int = 3,
) -> Pixels:
    """Return a sheet of the first `n` images that a config gives; nothing is stored."""
    images, captions = [], []
    with Pipeline(config, overrides) as pipeline:
        for index in range(n):
            sample = pipeline(index)
            images.append(draw_picture(picture_of_sample(sample, pipeline.library)))
            captions.append(f"image {index}, seed {pipeline.config.run.seed}")
    return contact_sheet(images, columns, captions)


def sheet_of_dataset(url: str, n: int = 6, columns: int = 3) -> Pixels:
    """Return a sheet of the first `n` images that a data set holds."""
    dataset = open_dataset(url)
    images, captions = [], []
    for record in islice(dataset, n):
        images.append(draw_picture(picture_of_record(record, dataset.description)))
        captions.append(f"image {record.index}, {record.key}")
    if not images:
        raise DatasetError(f"{url}: holds no image that was not skipped")
    return contact_sheet(images, columns, captions)


def write_image(path: Path, image: Pixels) -> None:
    """Write an sRGB image (H, W, 3) uint8; the format is that of the file's ending.

    Raises:
        DatasetError: the format is unknown, or the file cannot be written.
    """
    try:
        ok, data = cv2.imencode(path.suffix or ".", image[..., ::-1])
    except cv2.error:
        ok = False
    if not ok:
        raise DatasetError(f"{path}: is no image format that can be written; use .png or .jpg")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written: {error.strerror or error}") from None
