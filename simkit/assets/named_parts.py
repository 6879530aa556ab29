"""Which named part of a model each of its triangles is of: a handle, a lid, a robot's link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simkit.assets.parts import Part

OTHER = "other"
"""Name of what a file gives none, where it names the rest."""


@dataclass(frozen=True, eq=False)
class NamedParts:
    """The parts of a model.

    Attributes:
        names: of all parts, each once; a robot's link has those of all its links.
        faces: (F,) uint16, the place in `names` of each face of the model's mesh.
        whole: what these are parts of; "" is the model's category.
    """

    names: tuple[str, ...]
    faces: NDArray[np.uint16]
    whole: str = ""


def named(part: Part, *names: str, of_face: NDArray[np.integer] | None = None) -> Part:
    """Return the part with names, and for each face (F,) its place in them; None: all the first."""
    places = None if of_face is None else of_face.astype(np.int64)
    return replace(part, names=names, of_face=places)


def named_parts(parts: Sequence[Part]) -> NamedParts | None:
    """Return the names of what was read, faces in its order; None if it has fewer than two."""
    names: list[str] = []
    places = []
    for part in parts:
        own = part.names or ("",)
        names += [name for name in own if name not in names]
        of_own = np.array([names.index(name) for name in own])
        inside = np.zeros(len(part.faces), np.int64) if part.of_face is None else part.of_face
        places.append(of_own[inside])
    faces = np.concatenate(places)
    used = np.unique(faces)
    if len(used) < 2:
        return None
    kept = tuple(names[place] or OTHER for place in used)
    return NamedParts(kept, np.searchsorted(used, faces).astype(np.uint16))
