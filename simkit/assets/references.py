"""The files that a mesh file refers to: materials, textures, buffers. Are they all there?

trimesh leaves a missing one out in silence, and the model comes out grey.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from PIL import Image, UnidentifiedImageError

from simkit.errors import AssetError

_GLB_MAGIC = b"glTF"
_GLB_HEADER = 12
_UNSIGNED_SHORT = 5123
_HEADER_LINES = 200


def check_references(path: Path, colored: bool = False) -> list[str]:
    """Check the files that the mesh file `path` refers to; return remarks about its materials.

    Args:
        path: the mesh file.
        colored: whether its user has a colour for it, so that a missing material file is a remark.

    Raises:
        AssetError: a file is missing or an image cannot be read.
    """
    ending = path.suffix.lower()
    if ending == ".obj":
        return _check_obj(path, colored)
    if ending == ".ply":
        _check_ply(path)
    if ending in (".glb", ".gltf"):
        _check_gltf(path)
    return []


def check_image(path: Path, image: Path, named_by: str) -> None:
    """Raise `AssetError` unless `image`, which `named_by` in `path` names, can be read."""
    _check_there(path, image, named_by, "texture")
    try:
        with Image.open(image) as opened:
            opened.load()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise AssetError(
            f"{path}: the texture {image} ({named_by}) cannot be read ({error}); "
            "copy or export it again"
        ) from None


def _check_obj(path: Path, colored: bool) -> list[str]:
    known: set[str] = set()
    libraries, used = [], []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("mtllib"):
                libraries.append(line[6:].strip())
            elif line.startswith("usemtl"):
                used.append(line[6:].strip())
    if len(libraries) > 1 and len(set(libraries)) > 1:
        raise AssetError(
            f"{path}: names {len(set(libraries))} material files (mtllib); join them into one"
        )
    for name in libraries[:1]:
        if colored and not (path.parent / name).is_file():
            return [
                f"{path}: its material file {name} is not there; drawn in the colour given for it"
            ]
        _check_there(path, path.parent / name, "mtllib", "material file")
        known |= _check_mtl(path, path.parent / name)
    unknown = sorted(set(used) - known)
    if libraries and unknown:
        return [f"{path}: materials {', '.join(unknown)} are not in {libraries[0]}; drawn in grey"]
    return []


def _check_mtl(path: Path, mtl: Path) -> set[str]:
    """Check a material file and return the names of its materials."""
    names = set()
    for line in mtl.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if len(words) < 2:
            continue
        if words[0].lower() == "newmtl":
            names.add(" ".join(words[1:]))
        if words[0].lower() == "map_kd":
            if words[1].startswith("-"):
                raise AssetError(
                    f"{path}: options of map_Kd ({mtl.name}: '{line.strip()}') are not supported; "
                    "remove them, or bake them into the texture"
                )
            image = line.strip()[len("map_kd") :].strip()
            check_image(path, mtl.parent / image, f"map_Kd in {mtl.name}")
    return names


def _check_ply(path: Path) -> None:
    with path.open("rb") as file:
        for _ in range(_HEADER_LINES):
            line = file.readline().decode("utf-8", errors="replace").strip()
            if line.lower().startswith("comment texturefile"):
                image = line[len("comment texturefile") :].strip()
                check_image(path, path.parent / image, "TextureFile")
            if line == "end_header" or not line:
                return


def _check_gltf(path: Path) -> None:
    content = _gltf_json(path)
    _check_gltf_colors(path, content)
    for kind, entries in (("image", content.get("images")), ("buffer", content.get("buffers"))):
        for entry in entries or []:
            uri = entry.get("uri", "")
            if not uri or uri.startswith("data:"):
                continue
            if kind == "image":
                check_image(path, path.parent / unquote(uri), "images")
            else:
                _check_there(path, path.parent / unquote(uri), "buffers", "buffer")


def _check_gltf_colors(path: Path, content: dict[str, Any]) -> None:
    """Refuse what trimesh reads wrongly: 16-bit vertex colours of a primitive without material."""
    for mesh in content.get("meshes", []):
        for primitive in mesh.get("primitives", []):
            accessor = primitive.get("attributes", {}).get("COLOR_0")
            known = content.get("accessors", [])
            if accessor is None or "material" in primitive or accessor >= len(known):
                continue
            if known[accessor].get("componentType") == _UNSIGNED_SHORT:
                raise AssetError(
                    f"{path}: 16-bit vertex colours without a material cannot be read; "
                    "give the mesh a material, or export the colours with 8 bits"
                )


def _gltf_json(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    try:
        if data[:4] == _GLB_MAGIC:
            declared = struct.unpack_from("<I", data, 8)[0]
            if declared > len(data):
                raise ValueError(f"{len(data)} of {declared} bytes")
            length = struct.unpack_from("<I", data, _GLB_HEADER)[0]
            data = data[_GLB_HEADER + 8 : _GLB_HEADER + 8 + length]
        content = json.loads(data)
        if not isinstance(content, dict):
            raise ValueError("no JSON object")
        return content
    except (ValueError, struct.error) as error:
        raise AssetError(
            f"{path}: cannot be read, damaged or truncated ({error}); copy or export it again"
        ) from None


def _check_there(path: Path, file: Path, named_by: str, what: str) -> None:
    if not file.is_file():
        raise AssetError(
            f"{path}: the {what} {file} ({named_by}) is not there; "
            "put it beside the model, or remove the reference"
        )
