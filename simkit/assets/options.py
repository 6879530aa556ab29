"""What a config may say about the models."""

from __future__ import annotations

from dataclasses import dataclass

from simkit.options import setting

KINDS = ("auto", "embedded", "folder", "bop", "urdf")
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254}
COLLISION_KINDS = ("convex_decomposition", "convex_hull")


@dataclass
class ModelOptions:
    """Where the models come from, and how they are read. Keys stand under ``models``."""

    source: str = setting(
        "embedded", help="'embedded', a folder, a BOP models folder, a mesh file or a .urdf file"
    )
    kind: str = setting("auto", allowed=KINDS, help="what the source is; auto looks at it")
    unit: str = setting(
        "auto",
        allowed=("auto", *UNITS),
        help="unit of length in the files; auto: BOP mm, all others m",
    )
    include: list[str] = setting([], help="glob patterns on model names; empty takes all models")
    min_size: float = setting(
        0.002, unit="m", low=0.0, help="a model whose largest extent is below this is refused"
    )
    max_size: float = setting(
        3.0, unit="m", low=0.0, help="a model whose largest extent is above this is refused"
    )
    require_watertight: bool = setting(
        False, help="refuse models that are not watertight, in place of a warning"
    )
    collision: str = setting(
        "convex_decomposition", allowed=COLLISION_KINDS, help="collision shape of a model"
    )
    max_convex_hulls: int = setting(
        10, low=1, high=256, help="most convex hulls of a decomposed model; physics slows with them"
    )
    collision_threshold: float = setting(
        0.06,
        low=0.01,
        high=1.0,
        help="concavity that a convex decomposition may leave (CoACD), relative to size",
    )
    licence: str = setting("", help="licence of the models, as recorded with the data set")
