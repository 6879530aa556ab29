"""Embree 4 by its C interface: cached meshes, scenes of instances, and ray packets for Numba code.

The library is the one that the `embreex` wheel brings. embreex itself casts single rays at one
scene of triangles; the C interface also has instances (a new scene of old meshes takes
microseconds, not a rebuild) and packets of 16 rays (two to three times as many rays a second), and
compiled code calls it without going back to Python.

Ray packets lie in memory as Embree has them (``rtcore_ray.h``): `PACKET` lanes a field, one field
after the other, 64-byte aligned. The constants below are fields' numbers.
"""

from __future__ import annotations

import ctypes
import sys
import weakref
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from simkit.errors import RenderError

PACKET = 16

ORIGIN, NEAR, DIRECTION, TIME, FAR, MASK, RAY_ID, FLAGS = 0, 3, 4, 7, 8, 9, 10, 11
NORMAL, U, V, TRIANGLE, GEOMETRY, INSTANCE = 12, 15, 16, 17, 18, 19
FIELDS = 21
"""Fields of an ``RTCRayHit``; the first 12 are those of an ``RTCRay``."""

NOTHING = 0xFFFFFFFF
"""``RTC_INVALID_GEOMETRY_ID``."""

# rtcore_common.h, rtcore_buffer.h, rtcore_geometry.h, rtcore_scene.h
_FORMAT_UINT3, _FORMAT_FLOAT3, _FORMAT_FLOAT3X4_ROW_MAJOR = 0x5003, 0x9003, 0x9134
_BUFFER_INDEX, _BUFFER_VERTEX = 0, 1
_TYPE_TRIANGLE, _TYPE_INSTANCE = 0, 121
_FLAG_ROBUST = 1 << 2
_QUALITY_LOW, _QUALITY_HIGH = 0, 2
_COHERENT = 1 << 16
_ALL_FEATURES = 0xFFFFFFFF

_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "rtcNewDevice": (ctypes.c_void_p, (ctypes.c_char_p,)),
    "rtcGetDeviceError": (ctypes.c_int, (ctypes.c_void_p,)),
    "rtcGetDeviceProperty": (ctypes.c_ssize_t, (ctypes.c_void_p, ctypes.c_int)),
    "rtcNewScene": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "rtcSetSceneFlags": (None, (ctypes.c_void_p, ctypes.c_int)),
    "rtcSetSceneBuildQuality": (None, (ctypes.c_void_p, ctypes.c_int)),
    "rtcCommitScene": (None, (ctypes.c_void_p,)),
    "rtcReleaseScene": (None, (ctypes.c_void_p,)),
    "rtcNewGeometry": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int)),
    "rtcSetNewGeometryBuffer": (
        ctypes.c_void_p,
        (
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_size_t,
            ctypes.c_size_t,
        ),
    ),
    "rtcSetGeometryInstancedScene": (None, (ctypes.c_void_p, ctypes.c_void_p)),
    "rtcSetGeometryTransform": (
        None,
        (ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p),
    ),
    "rtcCommitGeometry": (None, (ctypes.c_void_p,)),
    "rtcAttachGeometryByID": (None, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint)),
    "rtcReleaseGeometry": (None, (ctypes.c_void_p,)),
}
_CAST = ("rtcIntersect16", "rtcOccluded16", "rtcIntersect1", "rtcOccluded1")

_word = types.intp
intersect16 = types.ExternalFunction("rtcIntersect16", types.void(_word, _word, _word, _word))
occluded16 = types.ExternalFunction("rtcOccluded16", types.void(_word, _word, _word, _word))
intersect1 = types.ExternalFunction("rtcIntersect1", types.void(_word, _word, _word))
occluded1 = types.ExternalFunction("rtcOccluded1", types.void(_word, _word, _word))
"""For Numba code: ``rtcIntersect16(valid, scene, packet, arguments)`` and its kin, addresses as ints."""


class MeshScene:
    """One mesh's triangles in an acceleration structure, in the mesh's own frame.

    Args:
        vertices: (V, 3) [m].
        faces: (F, 3).
    """

    def __init__(self, vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> None:
        library, device = engine()
        points = np.ascontiguousarray(vertices, dtype=np.float32)
        corners = np.ascontiguousarray(faces, dtype=np.uint32)
        self.handle: int = library.rtcNewScene(device)
        weakref.finalize(self, library.rtcReleaseScene, self.handle)
        library.rtcSetSceneFlags(self.handle, _FLAG_ROBUST)
        library.rtcSetSceneBuildQuality(self.handle, _QUALITY_HIGH)
        geometry = library.rtcNewGeometry(device, _TYPE_TRIANGLE)
        for kind, form, data in (
            (_BUFFER_VERTEX, _FORMAT_FLOAT3, points),
            (_BUFFER_INDEX, _FORMAT_UINT3, corners),
        ):
            to = library.rtcSetNewGeometryBuffer(geometry, kind, 0, form, 12, len(data))
            if not to:
                raise RenderError(f"Embree has no memory for a mesh of {len(corners)} faces")
            ctypes.memmove(to, data.ctypes.data, data.nbytes)
        library.rtcCommitGeometry(geometry)
        library.rtcAttachGeometryByID(self.handle, geometry, 0)
        library.rtcReleaseGeometry(geometry)
        library.rtcCommitScene(self.handle)
        _check()


class InstanceScene:
    """Meshes placed in the world; a hit's `INSTANCE` is the place in the list.

    Args:
        meshes: they are kept alive by this object.
        placements: (N, 3, 4), each maps mesh to world coordinates, scale included.
    """

    def __init__(self, meshes: list[MeshScene], placements: NDArray[np.floating]) -> None:
        library, device = engine()
        self._meshes = list(meshes)
        matrices = np.ascontiguousarray(placements, dtype=np.float32).reshape(-1, 12)
        self.handle: int = library.rtcNewScene(device)
        weakref.finalize(self, library.rtcReleaseScene, self.handle)
        library.rtcSetSceneFlags(self.handle, _FLAG_ROBUST)
        for number, mesh in enumerate(meshes):
            geometry = library.rtcNewGeometry(device, _TYPE_INSTANCE)
            library.rtcSetGeometryInstancedScene(geometry, mesh.handle)
            library.rtcSetGeometryTransform(
                geometry, 0, _FORMAT_FLOAT3X4_ROW_MAJOR, matrices[number].ctypes.data
            )
            library.rtcCommitGeometry(geometry)
            library.rtcAttachGeometryByID(self.handle, geometry, number)
            library.rtcReleaseGeometry(geometry)
        library.rtcCommitScene(self.handle)
        _check()


def packet_memory() -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Return memory of one packet, (FIELDS, PACKET), 64-byte aligned, as floats and as integers."""
    raw = np.zeros(FIELDS * PACKET * 4 + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    memory = raw[start : start + FIELDS * PACKET * 4]
    shape = (FIELDS, PACKET)
    return memory.view(np.float32).reshape(shape), memory.view(np.uint32).reshape(shape)


def lane_mask() -> NDArray[np.int32]:
    """Return memory (PACKET,) int32, 64-byte aligned, for which lanes are valid (-1) or not (0)."""
    raw = np.zeros(PACKET * 4 + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + PACKET * 4].view(np.int32)


@lru_cache(maxsize=1)
def coherent_arguments() -> NDArray[np.uint32]:
    """Return ``RTCIntersectArguments`` (also good as ``RTCOccludedArguments``) for coherent rays."""
    arguments = np.zeros(32, dtype=np.uint32)
    arguments[:2] = _COHERENT, _ALL_FEATURES
    return arguments


@lru_cache(maxsize=1)
def engine() -> tuple[ctypes.CDLL, int]:
    """Return Embree and its device, of one thread, so that builds are the same every time.

    Raises:
        RenderError: Embree is not there, is too old, or does not start.
    """
    library = _library()
    try:
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        _register(library)
    except AttributeError as error:
        raise RenderError(
            f"embreex brings no Embree 4 ({error}); pip install 'embreex>=4.4'"
        ) from None
    device = library.rtcNewDevice(b"threads=1,set_affinity=0")
    if not device:
        raise RenderError("Embree does not start on this processor; it needs SSE2 or NEON")
    return library, device


def version() -> str:
    """Return Embree's version, such as ``4.4.0``."""
    library, device = engine()
    number = library.rtcGetDeviceProperty(device, 0)  # RTC_DEVICE_PROPERTY_VERSION
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def _library() -> ctypes.CDLL:
    """Return the library that embreex links: symbols are looked up through its own module."""
    try:
        from embreex import rtcore_scene
    except ImportError as error:
        raise RenderError(f"embreex does not load ({error}); pip install 'embreex>=4.4'") from None
    module = Path(rtcore_scene.__file__)
    if sys.platform != "win32":
        return ctypes.CDLL(str(module))
    found = sorted((module.parents[1] / "embreex.libs").glob("*embree*.dll"))
    if not found:
        raise RenderError("embreex' wheel holds no Embree; pip install --force-reinstall embreex")
    return ctypes.CDLL(str(found[0]))


def _register(library: ctypes.CDLL) -> None:
    """Make the casting functions known to Numba's linker."""
    from llvmlite import binding

    for name in _CAST:
        address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        binding.add_symbol(name, address)


def _check() -> None:
    library, device = engine()
    code = library.rtcGetDeviceError(device)
    if code:
        raise RenderError(f"Embree reports error {code} (see RTCError in its rtcore_device.h)")
