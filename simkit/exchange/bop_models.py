"""The models of a data set as BOP's PLY files: millimetres, with vertex colours or a texture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit import registry
from simkit.assets.color import srgb_bytes, srgb_to_linear
from simkit.assets.library import Library
from simkit.assets.mesh import Mesh
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import load_furnished
from simkit.config import load_config
from simkit.dataset.bop import MM
from simkit.errors import AssetError, DatasetError
from simkit.exchange.pictures import write_png

KINDS = {"float": "<f4", "uchar": "u1"}
"""Types of PLY's properties."""


def library_of(description: Mapping[str, Any]) -> Library:
    """Return the models that a data set was made with, read from where they were.

    Raises:
        DatasetError: they are not there any more, or the data set has none.
    """
    config = description["config"]
    try:
        if "scene" in config:
            made = load_config(config)
            family = registry.load("scenes", made.family)
            own = load_furnished(made.run.models)
            more = family.furnish(made.family_options, made.run.distractors)
            return own.merged(more) if len(more) else own
        models = config.get("import", config.get("rerender", {})).get("models")
        if models:
            return load_furnished(ModelOptions(source=str(models), kind="bop"))
    except AssetError as error:
        raise DatasetError(
            f"the models cannot be read: {error}; or export with models=false"
        ) from None
    raise DatasetError("the data set does not say where its models are; export with models=false")


def write_mesh(path: Path, mesh: Mesh) -> None:
    """Write a mesh as binary PLY in mm, as BOP's models are; its texture beside it as PNG."""
    columns: list[tuple[str, str, NDArray[Any]]] = [
        ("x y z", "float", mesh.vertices.astype(np.float64) * MM),
        ("nx ny nz", "float", mesh.normals),
    ]
    comments = []
    if mesh.uv is not None and mesh.texture is not None:
        texture = path.with_suffix(".png")
        write_png(texture, _tinted(mesh.texture, mesh))
        comments = [f"comment TextureFile {texture.name}"]
        columns.append(("texture_u texture_v", "float", mesh.uv))
    else:
        white = np.full((len(mesh.vertices), 3), 255, dtype=np.uint8)
        colors = white if mesh.vertex_colors is None else mesh.vertex_colors
        columns.append(("red green blue", "uchar", _tinted(colors, mesh)))
    fields = [(name, kind) for names, kind, _ in columns for name in names.split()]
    vertices = np.empty(len(mesh.vertices), dtype=[(name, KINDS[kind]) for name, kind in fields])
    for names, _, values in columns:
        for place, name in enumerate(names.split()):
            vertices[name] = values[:, place]
    faces = np.empty(len(mesh.faces), dtype=[("count", "u1"), ("vertices", "<i4", 3)])
    faces["count"], faces["vertices"] = 3, mesh.faces
    head = [
        "ply",
        "format binary_little_endian 1.0",
        *comments,
        f"element vertex {len(vertices)}",
        *(f"property {kind} {name}" for name, kind in fields),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    path.write_bytes("\n".join(head).encode() + b"\n" + vertices.tobytes() + faces.tobytes())


def _tinted(colors: NDArray[np.uint8], mesh: Mesh) -> NDArray[np.uint8]:
    """Return sRGB colours (..., 3) multiplied by the mesh's base colour, which PLY has not."""
    if mesh.base_color == (1.0, 1.0, 1.0):
        return colors
    return srgb_bytes(srgb_to_linear(colors / 255.0) * np.array(mesh.base_color))
