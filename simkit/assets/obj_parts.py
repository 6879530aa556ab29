"""Named parts in OBJ files: objects (``o``), else groups (``g``), else materials (``usemtl``).

Of these the first that tells two names or more is taken. Faces are found by the places of their
corners, for readers reorder them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

KINDS = ("o", "g", "usemtl")


@dataclass(frozen=True, eq=False)
class ObjParts:
    """The named parts of an OBJ file.

    Attributes:
        names: at least two.
        vertices: (V, 3), each place once, sorted.
        part: place in `names` by a face's corners' places in `vertices`, sorted.
    """

    names: tuple[str, ...]
    vertices: Float
    part: dict[tuple[int, int, int], int]

    def of_faces(self, vertices: Float, faces: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the part (F,) of triangles (F, 3) as a reader has them; -1 where it is not known."""
        both = np.concatenate([self.vertices, vertices])
        _, first, inverse = np.unique(both, axis=0, return_index=True, return_inverse=True)
        own = np.where(first < len(self.vertices), first, -1)
        corners = np.sort(own[inverse.reshape(-1)[len(self.vertices) :]][faces], axis=1)
        return np.array([self.part.get((a, b, c), -1) for a, b, c in corners.tolist()], np.int64)


def read_obj_parts(path: Path) -> ObjParts | None:
    """Return the parts that an OBJ file names; None if it has fewer than two."""
    text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
    if not any(text.count(f"\n{kind} ") for kind in KINDS):
        return None
    vertices: list[list[float]] = []
    polygons: list[tuple[list[int], tuple[str, ...]]] = []
    current = dict.fromkeys(KINDS, "")
    for word, rest in _lines(text):
        if word == "v":
            vertices.append([float(number) for number in rest.split()[:3]])
        elif word == "f":
            corners = [int(corner.partition("/")[0]) for corner in rest.split()]
            at = [corner - 1 if corner > 0 else len(vertices) + corner for corner in corners]
            polygons.append((at, tuple(current.values())))
        else:
            current[word] = rest.strip()
    chosen = next((k for k in range(3) if len({names[k] for _, names in polygons}) > 1), None)
    if chosen is None:
        return None
    names = tuple(dict.fromkeys(owner[chosen] for _, owner in polygons))
    number = {name: place for place, name in enumerate(names)}
    places, inverse = np.unique(np.array(vertices), axis=0, return_inverse=True)
    at_place = inverse.reshape(-1).tolist()
    part = {}
    for polygon, owner in polygons:
        corners = [at_place[corner] for corner in polygon]
        for b, c in pairwise(corners[1:]):
            low, middle, high = sorted((corners[0], b, c))
            part[low, middle, high] = number[owner[chosen]]
    return ObjParts(names, places, part)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield keyword and rest of the lines that matter here."""
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word in ("v", "f", *KINDS):
            yield word, rest
