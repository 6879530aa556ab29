"""Pictures beside an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

PICTURES = "pictures"
"""Folder beside ``evaluation.json``."""


def write_picture(folder: Path, name: str, image: NDArray[np.uint8]) -> None:
    """Write an sRGB image (H, W, 3) uint8 to the folder of pictures of an evaluation, as JPEG."""
    path = folder / PICTURES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data: Any = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]))[1]
    path.write_bytes(data.tobytes())
