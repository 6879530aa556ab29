"""``models_info.json`` of a BOP models folder: diameters and symmetries."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simkit.errors import AssetError
from simkit.scene import Vec3, vec3


@dataclass(frozen=True)
class BopInfo:
    """One entry, in metres."""

    obj_id: int
    diameter: float
    symmetries_discrete: tuple[tuple[tuple[float, ...], ...], ...]
    symmetries_continuous: tuple[tuple[Vec3, Vec3], ...]


def read_models_info(path: Path, scale: float) -> dict[str, BopInfo]:
    """Return the entries by model name (``obj_000001``), in the order of their ids.

    Args:
        path: the file.
        scale: metres in the file's unit.

    Raises:
        AssetError: the file is no JSON, or entries are not as BOP's format has them.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        entries = sorted((int(key), entry) for key, entry in data.items())
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise AssetError(
            f"{path}: cannot be read as BOP's models_info ({error}); "
            "it is a JSON object with the models' ids as keys"
        ) from None
    if not entries:
        raise AssetError(f"{path}: has no entries; it needs one for each obj_XXXXXX.ply")
    return {f"obj_{obj_id:06d}": _info(path, obj_id, e, scale) for obj_id, e in entries}


def _info(path: Path, obj_id: int, entry: Any, scale: float) -> BopInfo:
    try:
        discrete = tuple(_matrix(m, scale) for m in entry.get("symmetries_discrete", []))
        continuous = tuple(_axis(s, scale) for s in entry.get("symmetries_continuous", []))
        diameter = float(entry["diameter"]) * scale
        if obj_id < 1 or not 0 < diameter < math.inf:
            raise ValueError("ids start at 1 and diameters are above 0")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AssetError(
            f"{path}: the entry '{obj_id}' is not as BOP has it ({type(error).__name__}: {error}); "
            "it needs 'diameter', and may have 'symmetries_discrete' (16 numbers each) and "
            "'symmetries_continuous' ('axis' and 'offset')"
        ) from None
    return BopInfo(obj_id, diameter, discrete, continuous)


def _matrix(values: list[float], scale: float) -> tuple[tuple[float, ...], ...]:
    if len(values) != 16:
        raise ValueError(f"a symmetry has {len(values)} numbers, not 16")
    rows = [[float(v) for v in values[4 * row : 4 * row + 4]] for row in range(4)]
    return tuple((*row[:3], row[3] * scale if i < 3 else row[3]) for i, row in enumerate(rows))


def _axis(symmetry: dict[str, list[float]], scale: float) -> tuple[Vec3, Vec3]:
    offset = [float(v) * scale for v in symmetry["offset"]]
    return vec3(symmetry["axis"]), vec3(offset)
