"""Reading BOP data sets in the scenewise layout.

The format is bop_toolkit's ``docs/bop_datasets_format.md``: a folder a scene with
``scene_camera.json``, ``scene_gt.json``, maybe ``scene_gt_info.json``, and ``rgb/`` or ``gray/``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from simkit.errors import DatasetError

IMAGE_FOLDERS = ("rgb", "gray")
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")

MM = 1000.0
"""Millimetres, BOP's unit, in a metre."""


@dataclass(frozen=True)
class BopImage:
    """One image of a BOP data set.

    Attributes:
        scene_id, im_id: BOP's ids.
        path: the image file.
        camera: its record of ``scene_camera.json``.
        gt: its records of ``scene_gt.json``, one an instance.
        gt_info: those of ``scene_gt_info.json``, or None.
        pixels: width and height of an image that has no file.
    """

    scene_id: int
    im_id: int
    path: Path
    camera: dict[str, Any]
    gt: list[dict[str, Any]]
    gt_info: list[dict[str, Any]] | None
    pixels: tuple[int, int] | None = None

    def size(self) -> tuple[int, int]:
        """Return width and height [px], read from the file's header."""
        if self.pixels is not None:
            return self.pixels
        with Image.open(self.path) as image:
            return image.size


def read_images(folder: str | Path) -> list[BopImage]:
    """Return the images with poses under `folder`, by scene and image id.

    Args:
        folder: a scene (``test/000002``), a split (``test``), or a data set with one such split.

    Raises:
        DatasetError: no scene is found, or its files are damaged; the message names the file.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DatasetError(f"{root}: is no folder; give a BOP scene, split or data set")
    scenes = sorted(path.parent for path in root.rglob("scene_gt.json"))
    if not scenes:
        raise DatasetError(f"{root}: has no scene_gt.json below it; is it a BOP data set?")
    splits = sorted({scene.parent for scene in scenes})
    if len(splits) > 1:
        names = ", ".join(str(split.relative_to(root)) for split in splits)
        raise DatasetError(f"{root}: has several splits ({names}); give one of them")
    return [image for scene in scenes for image in _scene(scene)]


def find_models(folder: str | Path) -> Path:
    """Return the ``models`` folder of the BOP data set that `folder` lies in.

    Raises:
        DatasetError: there is none.
    """
    for parent in (Path(folder).resolve(), *Path(folder).resolve().parents[:3]):
        if (parent / "models" / "models_info.json").is_file():
            return parent / "models"
    raise DatasetError(
        f"{folder}: no folder 'models' with models_info.json beside it; give --models"
    )


def _scene(folder: Path) -> Iterator[BopImage]:
    if not folder.name.isdigit():
        raise DatasetError(f"{folder}: a BOP scene's folder is named by its number, e.g. 000002")
    cameras, gt = _read(folder / "scene_camera.json"), _read(folder / "scene_gt.json")
    info_file = folder / "scene_gt_info.json"
    info = _read(info_file) if info_file.is_file() else {}
    files = {
        int(path.stem): path
        for name in IMAGE_FOLDERS
        for path in sorted((folder / name).glob("*"))
        if path.suffix.lower() in IMAGE_ENDINGS and path.stem.isdigit()
    }
    for key in sorted(gt, key=int):
        if key not in cameras:
            raise DatasetError(f"{folder}/scene_camera.json: has no image {key}, scene_gt.json has")
        if int(key) not in files:
            raise DatasetError(f"{folder}: has no picture of image {key} in rgb/ or gray/")
        path = files[int(key)]
        yield BopImage(int(folder.name), int(key), path, cameras[key], gt[key], info.get(key))


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from None
    if not isinstance(data, dict):
        raise DatasetError(f"{path}: is no mapping of image ids")
    return data
