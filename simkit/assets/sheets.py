"""What is printed on plates: images of a folder, named and sorted into categories."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from simkit.errors import AssetError, did_you_mean

Bytes = NDArray[np.uint8]

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, eq=False)
class Sheet:
    """What is printed on one plate: a name, its category, and the front image (H, W, 3) sRGB.

    `size` is width, height and thickness [m], `radius` that of the corners [m].
    """

    name: str
    category: str
    front: Bytes
    size: tuple[float, float, float]
    radius: float = 0.0
    source: str = "embedded"


def read_sheets(
    folder: Path,
    size: tuple[float, float, float],
    radius: float = 0.0,
    back: Path | None = None,
    own_aspect: bool = False,
) -> list[Sheet]:
    """Return a sheet for each image below a folder, sorted by name; `back` itself is left out.

    A sheet is named by its path without ending; its category is its sub-folder, else its name.

    Args:
        folder: with PNG or JPEG images.
        size: width, height and thickness [m].
        radius: of the corners [m].
        back: image of the backs, which may lie in the folder.
        own_aspect: the height follows from the width and each image's own aspect.

    Raises:
        AssetError: there is no such folder, no image, two of one name, or one cannot be read.
    """
    if not folder.is_dir():
        raise AssetError(f"{folder}: there is no such folder (scene.images); check the path")
    found = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in IMAGE_ENDINGS]
    files = [p for p in found if back is None or p.resolve() != back.resolve()]
    if not files:
        raise AssetError(f"{folder}: has no images (scene.images); they end in {IMAGE_ENDINGS}")
    sheets: dict[str, Sheet] = {}
    for file in files:
        name = file.relative_to(folder).with_suffix("").as_posix()
        if name in sheets:
            raise AssetError(f"{sheets[name].source} and {file}: have one name; rename one of them")
        front = read_image(file)
        height = size[0] * front.shape[0] / front.shape[1] if own_aspect else size[1]
        category = file.parent.name if "/" in name else name
        sheets[name] = Sheet(
            name, category, front, (size[0], height, size[2]), radius, source=str(file)
        )
    return list(sheets.values())


def read_image(path: Path) -> Bytes:
    """Return an image (H, W, 3) uint8 sRGB, what is transparent over white; else `AssetError`."""
    try:
        with Image.open(path) as image:
            whole = image.convert("RGBA")
            paper = Image.new("RGBA", whole.size, (255, 255, 255, 255))
            flat = Image.alpha_composite(paper, whole).convert("RGB")
            return np.ascontiguousarray(np.asarray(flat, dtype=np.uint8))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise AssetError(
            f"{path}: the image cannot be read ({error}); export it as PNG or JPEG"
        ) from None


def categorized(
    sheets: Iterable[Sheet], pattern: str, names: Mapping[str, str] | None = None
) -> list[Sheet]:
    """Return the sheets with the categories that their names tell.

    Args:
        sheets: any.
        pattern: regular expression with one group, searched for in each sheet's name; "" leaves the
            categories as they are.
        names: what a group's text stands for; empty takes the text itself.

    Raises:
        AssetError: a name does not match, or `names` lacks what it tells.
    """
    changed = []
    for sheet in sheets:
        category = sheet.category
        if pattern:
            match = re.search(pattern, sheet.name)
            if match is None or match.group(1) is None:
                raise AssetError(
                    f"{sheet.source}: its name '{sheet.name}' does not match "
                    f"scene.category_pattern '{pattern}'; mend the pattern, or move the file away"
                )
            category = match.group(1)
        if names:
            if category not in names:
                allowed = did_you_mean(category, names)
                raise AssetError(
                    f"scene.category_names: lacks '{category}' of {sheet.source}; {allowed}"
                )
            category = names[category]
        changed.append(replace(sheet, category=category))
    return changed
