"""Square windows of images, about boxes.

A window is an affine map (2, 3) from the unit square to pixels of the image, whose top left pixel has its
centre at (0, 0).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Affine = NDArray[np.float64]

GREY = (127, 127, 127)
"""Beyond the image: what the backbone takes for 0."""


def crop_of_box(
    box: ArrayLike,
    surround: float,
    angle: float = 0.0,
    zoom: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> Affine:
    """Return the window about a box.

    Args:
        box: x, y, width, height [px], pixel-inclusive.
        surround: its side, of the longer side of the box.
        angle: by which it is turned [rad].
        zoom: factor on its side.
        shift: of its centre, in longer sides of the box.
    """
    x, y, width, height = np.asarray(box, dtype=np.float64)
    side = max(width, height, 1.0)
    centre = np.array([x + (width - 1) / 2, y + (height - 1) / 2]) + side * np.asarray(shift)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = side * surround * zoom * np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([turn, centre - turn @ [0.5, 0.5]])


def grid(crop: Affine, size: int) -> Float:
    """Return the pixels (size * size, 2) of the image at the cells' centres, row by row."""
    steps = (np.arange(size) + 0.5) / size
    columns, rows = np.meshgrid(steps, steps)
    pixels: Float = np.column_stack([columns.ravel(), rows.ravel()]) @ crop[:, :2].T + crop[:, 2]
    return pixels


def cut(image: NDArray[np.uint8], crop: Affine, size: int) -> NDArray[np.uint8]:
    """Return the window (size, size, 3) uint8 of an image; what is shrunk is blurred first."""
    inner = crop[:, :2] / size
    to_source = np.column_stack([inner, crop[:, 2] + inner @ [0.5, 0.5]])
    step = float(np.linalg.norm(inner[:, 0]))
    if step > 1.0:
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) @ crop[:, :2].T + crop[:, 2]
        last = np.array(image.shape[1::-1])
        low = np.clip(np.floor(corners.min(axis=0) - 3 * step).astype(int), 0, last - 1)
        high = np.clip(np.ceil(corners.max(axis=0) + 3 * step).astype(int) + 1, low + 1, last)
        image = cv2.GaussianBlur(  # type: ignore[assignment]
            image[low[1] : high[1], low[0] : high[0]], (0, 0), 0.5 * float(np.sqrt(step**2 - 0.75))
        )
        to_source[:, 2] -= low
    warped = cv2.warpAffine(
        image,
        to_source,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderValue=GREY,
    )
    return np.asarray(warped)
