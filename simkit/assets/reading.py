"""Mesh files to parts: OBJ, PLY, STL, glTF, by way of trimesh, which is told to change nothing.

How colours are taken, where formats leave it open: ``Kd`` of an MTL file is sRGB and is ignored
where there is a ``map_Kd`` (as most viewers do); PLY vertex colours and all images are sRGB;
glTF's base colour factor and vertex colours are linear, as its specification has it.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from simkit.assets.color import srgb_bytes, srgb_to_linear
from simkit.assets.named_parts import named
from simkit.assets.obj_parts import read_obj_parts
from simkit.assets.parts import WHITE, Part, moved
from simkit.assets.references import check_references
from simkit.errors import AssetError
from simkit.scene import Vec3, vec3

ENDINGS = (".obj", ".ply", ".stl", ".glb", ".gltf")
"""Endings of the mesh files that can be read."""

GREY: Vec3 = vec3(srgb_to_linear((0.7, 0.7, 0.7)))
"""Colour of a model that has none."""

_GLTF = (".glb", ".gltf")


def read_parts(path: Path, colored: bool = False) -> tuple[list[Part], list[str]]:
    """Return the parts of a mesh file in its own unit and frame, and what was left out of it.

    Args:
        path: the mesh file.
        colored: whether the caller has a colour for it, if its own material file is missing.

    Raises:
        AssetError: the file, or one that it refers to, is missing, cannot be read, or has no faces
            or vertices that are not numbers.
    """
    if path.suffix.lower() not in ENDINGS:
        raise AssetError(
            f"{path}: '{path.suffix}' files cannot be read; "
            f"convert the model to one of {', '.join(ENDINGS)}"
        )
    if not path.is_file():
        raise AssetError(f"{path}: the file is not there; check the path")
    if path.suffix.lower() == ".stl":
        _check_stl(path)
    notes = check_references(path, colored)
    parts: list[Part] = []
    meshes = _meshes(path)
    obj = read_obj_parts(path) if path.suffix.lower() == ".obj" else None
    for T, name, mesh in meshes:
        part, remarks = _part(path, mesh)
        notes += remarks
        if obj is not None:
            of_face = obj.of_faces(part.vertices, part.faces)
            part = named(part, *obj.names, "", of_face=of_face % (len(obj.names) + 1))
        elif path.suffix.lower() != ".obj":
            part = named(part, name)
        if len(part.faces):
            parts.append(moved(part, T))
    if not parts:
        raise AssetError(
            f"{path}: has no faces (a point cloud, or empty); export it as a triangle mesh"
        )
    for part in parts:
        _check_numbers(path, part)
    return parts, notes


def _check_stl(path: Path) -> None:
    """Refuse a binary STL that ends before its last face: trimesh may take it for an empty text one."""
    data = path.read_bytes()[:84]
    is_text = data.lstrip()[:5].lower() == b"solid"
    if is_text or len(data) < 84:
        return
    wanted = 84 + 50 * int.from_bytes(data[80:84], "little")
    if path.stat().st_size < wanted:
        raise AssetError(
            f"{path}: is truncated ({path.stat().st_size} of {wanted} bytes); "
            "copy or export the file again"
        )


def _meshes(path: Path) -> list[tuple[NDArray[np.float64], str, trimesh.Trimesh]]:
    """Return (pose in the file's frame, name, mesh) of all that the file shows, ordered by node."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scene = trimesh.load_scene(path, process=False)
            return [
                (np.asarray(scene.graph[node][0]), name, scene.geometry[geometry])
                for node, name, geometry in _named_nodes(scene)
                if isinstance(scene.geometry[geometry], trimesh.Trimesh)
                and len(scene.geometry[geometry].faces)
            ]
    except AssetError:
        raise
    except Exception as error:  # trimesh's parsers let any kind of error through
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise AssetError(
            f"{path}: cannot be read, damaged or truncated ({reason}); "
            "copy or export the file again"
        ) from None


def _named_nodes(scene: trimesh.Scene) -> list[tuple[str, str, str]]:
    """Return (node, name of what it shows, geometry) of the nodes that show something, sorted.

    The name is the node's; of a glTF mesh of several primitives, for which trimesh makes nodes with
    names by chance, the mesh's node's. Of one mesh alone each primitive has its material's name.
    """
    found = []
    for node in scene.graph.nodes_geometry:
        geometry = scene.graph[node][1]
        is_primitive = scene.geometry[geometry].metadata.get("from_gltf_primitive", False)
        owner = scene.graph.transforms.parents[node] if is_primitive else node
        found.append((str(owner), str(geometry), str(node)))
    found.sort()
    if len({owner for owner, _, _ in found}) > 1:
        return [(node, owner, geometry) for owner, geometry, node in found]
    names = [_material_name(scene.geometry[geometry]) or geometry for _, geometry, _ in found]
    return [(node, name, geo) for (_, geo, node), name in zip(found, names, strict=True)]


def _material_name(mesh: Any) -> str:
    return str(getattr(getattr(mesh.visual, "material", None), "name", None) or "")


def _part(path: Path, mesh: trimesh.Trimesh) -> tuple[Part, list[str]]:
    # trimesh keeps a file's vertex normals only in its cache, where computed ones go later.
    normals = mesh._cache.cache.get("vertex_normals")
    part = Part(
        vertices=np.array(mesh.vertices, dtype=np.float64),
        faces=np.array(mesh.faces, dtype=np.int64),
        normals=None if normals is None else np.array(normals, dtype=np.float64),
        base_color=GREY,
    )
    if len(part.faces) and (part.faces.min() < 0 or part.faces.max() >= len(part.vertices)):
        raise AssetError(
            f"{path}: a face refers to a vertex that is not there; export the file again"
        )
    visual: Any = mesh.visual
    if visual.kind == "texture":
        return _textured(path, part, visual)
    if visual.kind == "face":
        return _face_colored(part, _bytes(visual.face_colors)), []
    if visual.kind == "vertex":
        colors = _file_colors(path, _bytes(visual.vertex_colors))
        return replace(part, vertex_colors=colors, base_color=WHITE), []
    return part, []


def _textured(path: Path, part: Part, visual: Any) -> tuple[Part, list[str]]:
    image, color = _material(visual.material)
    uv = visual.uv
    colors = visual.vertex_attributes.get("color")
    if image is None or uv is None or len(uv) != len(part.vertices):
        notes = [] if image is None else [f"{path}: has a texture but no texture coordinates"]
        if colors is None:
            return replace(part, base_color=color), notes
        mapped = _file_colors(path, _bytes(colors))
        return replace(part, vertex_colors=mapped, base_color=color), notes
    notes = []
    if colors is not None and (_bytes(colors) != 255).any():
        notes.append(f"{path}: has vertex colours and a texture; the vertex colours are left out")
    pixels = np.asarray(image.convert("RGB"), dtype=np.uint8)
    texture = np.ascontiguousarray(pixels)
    coordinates = np.array(uv[:, :2], dtype=np.float64)
    return replace(part, uv=coordinates, texture=texture, base_color=color), notes


def _material(material: Any) -> tuple[Any, Vec3]:
    """Return the image (or None) and the linear base colour of a trimesh material."""
    if hasattr(material, "baseColorTexture"):
        factor = material.baseColorFactor
        color = WHITE if factor is None else _factor(factor)
        return material.baseColorTexture, color
    image = getattr(material, "image", None)
    if image is not None:
        return image, WHITE
    kd = getattr(material, "kwargs", {}).get("kd")
    if isinstance(kd, list) and len(kd) >= 3:
        return None, vec3(srgb_to_linear(np.clip(kd[:3], 0.0, 1.0)))
    return None, GREY


def _factor(factor: Any) -> Vec3:
    values = np.asarray(factor)
    scale = 255.0 if values.dtype.kind in "iu" else 1.0
    return vec3(np.clip(values[:3] / scale, 0.0, 1.0))


def _face_colored(part: Part, colors: NDArray[np.uint8]) -> Part:
    """Return the part with each face's colour on vertices of its own."""
    old = part.faces.reshape(-1)
    faces = np.arange(len(old)).reshape(-1, 3)
    normals = None if part.normals is None else part.normals[old]
    split = part.take(old, faces, normals)
    return replace(split, vertex_colors=np.repeat(colors, 3, axis=0), base_color=WHITE)


def _bytes(colors: Any) -> NDArray[np.uint8]:
    values = np.asarray(colors)[:, :3]
    if values.dtype.kind == "f":
        values = np.rint(np.clip(values, 0.0, 1.0) * 255.0)
    elif values.dtype.itemsize > 1:
        values = np.rint(values / float(np.iinfo(values.dtype).max) * 255.0)
    return values.astype(np.uint8)


def _file_colors(path: Path, colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if path.suffix.lower() not in _GLTF:
        return colors
    return srgb_bytes(colors.astype(np.float64) / 255.0)


def _check_numbers(path: Path, part: Part) -> None:
    bad = int((~np.isfinite(part.vertices[np.unique(part.faces)])).any(axis=1).sum())
    if bad:
        raise AssetError(
            f"{path}: {bad} vertices are not finite numbers (NaN or infinite); "
            "repair or export the model again"
        )
