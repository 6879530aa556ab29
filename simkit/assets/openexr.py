"""Reading OpenEXR images, as much of the format as environment maps need.

Single-part scan-line files, not compressed or by zlib (ZIP, ZIPS), with channels R, G and B of 16 or
32 bits (openexr.com, "OpenEXR File Layout"). Not all OpenCV wheels can read OpenEXR.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simkit.errors import AssetError

MAGIC = 20000630
COMPRESSIONS = ("NONE", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
LINES = {"NONE": 1, "ZIPS": 1, "ZIP": 16}
"""Rows of a block, by compression that can be read."""

_TYPES: tuple[np.dtype[np.generic], ...] = (np.dtype("<u4"), np.dtype("<f2"), np.dtype("<f4"))
_SINGLE_PART_LONG_NAMES = 2 | 0x400


def read_exr(path: Path) -> NDArray[np.float32]:
    """Return the image's data window (H, W, 3) float32, linear RGB.

    Raises:
        AssetError: the file is damaged, or of a kind that this does not read.
    """
    data = path.read_bytes()
    try:
        return _image(data, path)
    except (struct.error, zlib.error, ValueError, LookupError, MemoryError) as error:
        raise AssetError(
            f"{path}: the OpenEXR image is damaged ({error}); export it again"
        ) from None


def _image(data: bytes, path: Path) -> NDArray[np.float32]:
    magic, version = struct.unpack_from("<2I", data)
    if magic != MAGIC:
        raise ValueError("it does not begin as one")
    header, at = _header(data)
    compression = COMPRESSIONS[header["compression"][0]]
    kind = f"compressed by {compression}" if compression not in LINES else ""
    kind = "tiled, deep or of several parts" if version & ~_SINGLE_PART_LONG_NAMES else kind
    channels = _channels(header["channels"])
    if kind or not {"R", "G", "B"} <= {name for name, _ in channels}:
        raise AssetError(
            f"{path}: an OpenEXR image that is {kind or 'without channels R, G and B'} cannot be "
            "read; export it as scan lines with ZIP compression, or as .hdr"
        )
    left, top, right, bottom = struct.unpack("<4i", header["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    row = np.dtype([(name, one, (width,)) for name, one in channels])
    image = np.empty((height, width, 3), dtype=np.float32)
    blocks = -(-height // LINES[compression])
    for start in struct.unpack_from(f"<{blocks}Q", data, at):
        y, size = struct.unpack_from("<2i", data, start)
        count = min(LINES[compression], bottom + 1 - y)
        block = data[start + 8 : start + 8 + size]
        if size < count * row.itemsize:  # else it is stored as it is
            block = _inflated(block)
        rows = np.frombuffer(block, dtype=row, count=count)
        for k, name in enumerate("RGB"):
            image[y - top : y - top + count, :, k] = rows[name]
    return image


def _header(data: bytes) -> tuple[dict[str, bytes], int]:
    """Return the values of the header's attributes, and where it ends."""
    at, found = 8, {}
    while data[at]:
        name, _, rest = data[at : at + 600].split(b"\0", 2)
        kind_end = at + len(data[at : at + 600]) - len(rest)
        (size,) = struct.unpack_from("<i", data, kind_end)
        at = kind_end + 4 + size
        found[name.decode()] = data[kind_end + 4 : at]
    return found, at + 1


def _channels(listed: bytes) -> list[tuple[str, np.dtype[np.generic]]]:
    """Return the channels' names and types, in the file's order."""
    at = 0
    found: list[tuple[str, np.dtype[np.generic]]] = []
    while listed[at]:
        end = listed.index(b"\0", at)
        kind, _, across, down = struct.unpack_from("<4i", listed, end + 1)
        if (across, down) != (1, 1):
            raise ValueError("a channel has fewer pixels than the image")
        found.append((listed[at:end].decode(), _TYPES[kind]))
        at = end + 17
    return found


def _inflated(block: bytes) -> bytes:
    """Undo zlib, then the differences between neighbours, then the split in even and odd bytes."""
    differences = np.frombuffer(zlib.decompress(block), dtype=np.uint8).copy()
    differences[1:] -= 128
    split = np.cumsum(differences, dtype=np.uint8)
    joined = np.empty_like(split)
    half = (len(split) + 1) // 2
    joined[0::2], joined[1::2] = split[:half], split[half:]
    return joined.tobytes()
