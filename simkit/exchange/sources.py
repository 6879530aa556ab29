"""Reading annotation files with care: an error names the file, and the record in it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simkit.errors import DatasetError

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")

BOX_DIGITS = 2
"""Of a box read from fractions or floats [px]: a hundredth of a pixel."""


def read_json(path: Path) -> Any:
    """Return a JSON file's data.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as JSON: {error}") from None


def checked_numbers(values: Any, count: int, where: str, what: str) -> list[float]:
    """Return `count` finite numbers.

    Raises:
        DatasetError: they are not; begins with `where` and says `what` is meant.
    """
    plain = isinstance(values, Sequence) and not isinstance(values, str)
    numbers = [one for one in values if isinstance(one, int | float)] if plain else []
    if not plain or len(numbers) != len(values) or not all(map(math.isfinite, numbers)):
        raise DatasetError(f"{where}: {what} is {values!r}; it must be {count} numbers")
    if len(numbers) != count:
        raise DatasetError(f"{where}: {what} has {len(numbers)} numbers, not {count}")
    return numbers


def checked_box(values: Sequence[float], where: str) -> list[float]:
    """Return a box ``[x, y, width, height]`` rounded to `BOX_DIGITS`, whole numbers as int.

    Raises:
        DatasetError: its width or height is not above 0.
    """
    x, y, width, height = values
    if not (width > 0 and height > 0):
        raise DatasetError(f"{where}: the box {list(values)} has no area; width and height are > 0")
    return [plain_number(round(float(value), BOX_DIGITS)) for value in (x, y, width, height)]


def plain_number(value: float) -> float:
    """Return a number as int where it is whole."""
    return int(value) if value == int(value) else value


def find_image(name: str, folders: Sequence[Path], where: str) -> Path:
    """Return the file `name` in the first of `folders` that has it.

    Raises:
        DatasetError: none has it.
    """
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise DatasetError(
        f"{where}: the image '{name}' is in none of {', '.join(map(str, folders))}; say where they "
        "are with images=FOLDER"
    )


def images_in(folder: Path) -> list[Path]:
    """Return the image files below a folder, sorted by path."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_ENDINGS)
