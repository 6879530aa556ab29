"""Image files: the size of others' as people see them, their bytes for a shard, and PNG."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from simkit.errors import DatasetError

KEPT_AS_THEY_ARE = {"JPEG": "jpg", "PNG": "png"}
"""Files whose bytes are kept, by Pillow's name; others become PNG."""

_ORIENTATION = 0x0112
_UPRIGHT = 1
_FIRST_ON_ITS_SIDE = 5
"""EXIF orientations from here on swap width and height."""


def size_of(
    path: Path, annotated: tuple[int, int] | None = None, whole: bool = False
) -> tuple[int, int]:
    """Return the width and height [px] that an image will have in a data set of ours.

    Args:
        path: the file.
        annotated: the size that its annotations were made for.
        whole: decode all of it, to be sure that it can be.

    Raises:
        DatasetError: the file is no image, or damaged, or not of the size that was annotated.
    """
    try:
        with Image.open(path) as image:
            stored = image.size
            if whole:
                image.load()
            turned = image.getexif().get(_ORIENTATION, _UPRIGHT) >= _FIRST_ON_ITS_SIDE
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise DatasetError(f"{path}: is no image that can be read: {error}") from None
    upright = (stored[1], stored[0]) if turned else stored
    if annotated is None:
        return upright
    if annotated not in (stored, upright):
        raise DatasetError(
            f"{path}: is {stored[0]}x{stored[1]} px, its annotations are for "
            f"{annotated[0]}x{annotated[1]}"
        )
    return annotated


def encode_picture(path: Path, size: tuple[int, int]) -> tuple[str, bytes]:
    """Return an image file's ending and bytes, with no turn left to whoever shows it.

    JPEG and PNG are kept byte by byte, unless their EXIF says that they are to be turned: then the
    pixels are stored as PNG, turned, or as they are if that is the `size` that was annotated.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            orientation = image.getexif().get(_ORIENTATION, _UPRIGHT)
            if image.format in KEPT_AS_THEY_ARE and orientation == _UPRIGHT:
                return KEPT_AS_THEY_ARE[image.format], data
            shown = ImageOps.exif_transpose(image)
            pixels = (shown if shown.size == size else image).convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from None
    buffer = io.BytesIO()
    pixels.save(buffer, "PNG")
    return "png", buffer.getvalue()


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write an image (H, W), or (H, W, 3) in RGB, as PNG.

    Raises:
        OSError: it cannot be written.
    """
    stored = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    _, data = cv2.imencode(".png", np.ascontiguousarray(stored))
    path.write_bytes(data.tobytes())
