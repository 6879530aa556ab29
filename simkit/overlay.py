"""A real photo with what we drew laid over it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.dataset.bop import BopImage
from simkit.dataset.encode import bop_gt_info
from simkit.errors import DatasetError
from simkit.pipeline import Sample

OURS, THEIRS, OUTLINE = (255, 220, 0), (0, 255, 0), (255, 0, 255)
BLEND = 0.45


def draw_overlay(image: BopImage, sample: Sample) -> NDArray[np.uint8]:
    """Return photo and overlay side by side, (H, 2W, 3) uint8 sRGB.

    On the right our render is blended over the photo, with the outline of each silhouette
    (magenta), our ``bbox_obj`` (yellow) and the annotated one (green).
    """
    photo = cv2.imread(str(image.path), cv2.IMREAD_COLOR)
    if photo is None:
        raise DatasetError(f"{image.path}: cannot be read as an image")
    photo = np.ascontiguousarray(photo[..., ::-1])
    render = sample.picture
    drawn = sample.frame.instance[..., None] > 0
    picture = np.where(drawn, (1 - BLEND) * photo + BLEND * render, photo).astype(np.uint8)
    for mask in sample.labels["mask"]:
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, OUTLINE, 1)
    for record in image.gt_info or []:
        _rectangle(picture, record["bbox_obj"], THEIRS)
    for record in bop_gt_info(sample.labels):
        _rectangle(picture, record["bbox_obj"], OURS)
    return np.hstack([photo, picture])


def _rectangle(picture: NDArray[np.uint8], box: list[int], color: tuple[int, int, int]) -> None:
    x, y, width, height = box
    if width > 0:
        cv2.rectangle(picture, (x, y), (x + width, y + height), color, 1)
