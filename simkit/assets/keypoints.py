"""``keypoints.json`` in a folder of models: named points on them.

The file maps a model's name (as ``simkit inspect`` and `Library` have it) to a mapping of point names to
``[x, y, z]`` in the model's own frame, in the unit of the folder's files::

    {"mug": {"handle": [52.0, 0.0, 45.0], "rim": [40.0, 0.0, 95.0]}}
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simkit.errors import AssetError, did_you_mean
from simkit.scene import Vec3, vec3

KEYPOINTS = "keypoints.json"

Keypoints = tuple[tuple[str, Vec3], ...]


def read_keypoints(source: str, names: Iterable[str], scale: float) -> dict[str, Keypoints]:
    """Return the named points [m] of each model that the file beside the models lists; maybe none.

    Args:
        source: of the models: a folder, or a file in it.
        names: of the models that there are.
        scale: metres in the file's unit.

    Raises:
        AssetError: the file is damaged, or names a model that is not there.
    """
    path = Path(source)
    file = (path if path.is_dir() else path.parent) / KEYPOINTS
    if not file.is_file():
        return {}
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AssetError(f"{file}: cannot be read: {error}") from None
    if not isinstance(data, dict):
        raise AssetError(f"{file}: is no mapping of model names to points")
    known = list(names)
    for name in data:
        if name not in known:
            raise AssetError(f"{file}: there is no model '{name}'; {did_you_mean(name, known)}")
    return {name: _points(file, name, points, scale) for name, points in data.items()}


def _points(file: Path, name: str, points: Any, scale: float) -> Keypoints:
    if not isinstance(points, dict):
        raise AssetError(f"{file}: '{name}' is no mapping of point names to [x, y, z]")
    found = []
    for point, place in points.items():
        numbers = isinstance(place, list) and len(place) == 3 and all(map(_is_finite, place))
        if not numbers:
            raise AssetError(f"{file}: {name}.{point}: {place!r} is not [x, y, z]")
        found.append((str(point), vec3([scale * float(one) for one in place])))
    return tuple(found)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
