"""What shaders read from uniform blocks: the layouts of ``shaders/blocks.glsl`` and ``shading.glsl``.

All fields are vec4, ivec4 or mat4, so std140 adds no padding. Matrices go out transposed: GLSL
stores them by columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MAX_VIEWS = 64
MAX_LIGHTS = 16
MAX_MAPS = 32
SKY_MAPS = 24
SKY_TILE = 256
"""Side of a map of the sky's light [texels]."""

SKY_COLUMNS = 5

BODY_BLOCK, VIEW_BLOCK, LIGHT_BLOCK, SKY_BLOCK = range(4)
"""Binding points."""

BODY_STRIDE = 256
"""Offsets into a uniform buffer must be multiples of an alignment that is 256 bytes at most."""

_vec4 = ("<f4", (4,))
_ivec4 = ("<i4", (4,))
_mat4 = ("<f4", (4, 4))


def _layout(fields: dict[str, tuple[str, tuple[int, ...]]], size: int | None = None) -> np.dtype:
    layout: Any = {
        "names": list(fields),
        "formats": list(fields.values()),
        "offsets": _offsets(fields),
        **({"itemsize": size} if size else {}),
    }
    return np.dtype(layout)


def _offsets(fields: dict[str, tuple[str, tuple[int, ...]]]) -> list[int]:
    sizes = [np.dtype(one).itemsize for one in fields.values()]
    return [0, *np.cumsum(sizes)[:-1].tolist()]


BODY = _layout(
    {
        "world_from_model": _mat4,
        "world_from_normal": _mat4,
        "scale": _vec4,
        "surface": _vec4,
        "tiling": _vec4,
        "ids": _ivec4,
    },
    BODY_STRIDE,
)
VIEW = _layout(
    {
        "camera_from_world": _mat4,
        "clip_from_camera": _mat4,
        "tile": _vec4,
        "eye": _vec4,
        "origin": _vec4,
    }
)
LIGHT = _layout(
    {
        "position": _vec4,
        "direction": _vec4,
        "radiance": _vec4,
        "right": _vec4,
        "up": _vec4,
        "shadow": _ivec4,
    }
)
SHADOW_MAP = _layout(
    {
        "texel_from_world": _mat4,
        "plane": _mat4,
        "tile": _vec4,
        "range": _vec4,
        "right": _vec4,
        "up": _vec4,
    }
)
LIGHTS = np.dtype(
    [
        ("counts", "<i4", (4,)),
        ("ambient", "<f4", (4,)),
        ("bounce", "<f4", (4,)),
        ("irradiance", "<f4", (9, 4)),
        ("lights", LIGHT, (MAX_LIGHTS,)),
        ("maps", SHADOW_MAP, (MAX_MAPS,)),
    ]
)
SKY = _layout({"x": _vec4, "y": _vec4, "z": _vec4, "direction": _vec4, "light": _vec4})
