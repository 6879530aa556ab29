"""Contact sheets of a config or a data set, with all labels drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import cv2

from simkit import registry
from simkit.config import Config, load_config
from simkit.dataset.reader import open_dataset
from simkit.dataset.shards import Folder
from simkit.draw import Pixels, contact_sheet, draw_picture, picture_of_record, picture_of_sample
from simkit.errors import DatasetError
from simkit.labels import Annotators
from simkit.panels import PANELS, draw_panels, drawable, labelled_record, labelled_sample
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


def label_sheets(
    source: str,
    channels: Iterable[str],
    overrides: Iterable[str] = (),
    n: int = 1,
    columns: int = 4,
) -> dict[int, Pixels]:
    """Return a sheet of each of the first `n` images, with a panel for each label, by index.

    Args:
        source: a YAML file, or a data set's folder.
        channels: names of annotators; ``all``: whatever is stored, or can be made of the config.
        overrides: of a config.
        n: number of images.
        columns: of a sheet.

    Raises:
        ConfigError: a channel cannot be drawn.
        DatasetError: the data set holds no image.
    """
    wanted = list(channels)
    names = list(PANELS) if wanted == ["all"] else drawable(wanted)
    if is_dataset(source):
        dataset = open_dataset(source)
        pictures = {one.index: labelled_record(one) for one in islice(dataset, n)}
        if not pictures:
            raise DatasetError(f"{source}: holds no image that was not skipped")
    else:
        config = load_config(Path(source), overrides)
        config.run.labels = possible_labels(config) if wanted == ["all"] else _with_help(names)
        with Pipeline(config) as pipeline:
            pictures = {index: labelled_sample(pipeline(index)) for index in range(n)}
    return {
        index: contact_sheet(images, columns, captions)
        for index, one in pictures.items()
        for images, captions in [draw_panels(one, names)]
    }


def possible_labels(config: Config) -> list[str]:
    """Return the annotators that are stored and that a config gives what they need.

    Flow needs a sequence, disparity a second eye, and all of them channels of the renderer.
    """
    offered = registry.load("renderers", config.backend).channels
    found = []
    for name in registry.names("annotators"):
        one = Annotators([name])
        moves = "flow" in name and config.run.frames_per_view < 2
        one_eyed = name.startswith("disparity") and "stereo" not in config.sensors
        if one.kind(name) != "internal" and one.channels <= offered and not (moves or one_eyed):
            found.append(name)
    return found


def _with_help(names: list[str]) -> list[str]:
    """Return annotators with those that help to draw them."""
    more = ["identity", "depth"]
    states = [f"{name}_state" for name in names]
    more += [name for name in states if name in registry.names("annotators")]
    more += ["parts", "instance_map"] if "part_map" in names else []
    return list(dict.fromkeys([*names, *more]))


def write_image(path: Path, image: Pixels) -> None:
    """Write an sRGB image (H, W, 3) uint8; the format is that of the file's ending.

    Raises:
        DatasetError: the format is unknown, or the file cannot be written.
    """
    try:
        jpeg = path.suffix.lower() in (".jpg", ".jpeg")
        quality = [cv2.IMWRITE_JPEG_QUALITY, 85] if jpeg else []
        ok, data = cv2.imencode(path.suffix or ".", image[..., ::-1], quality)
    except cv2.error:
        ok = False
    if not ok:
        raise DatasetError(f"{path}: is no image format that can be written; use .png or .jpg")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written: {error.strerror or error}") from None
