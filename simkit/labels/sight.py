"""Whether anything stands between the camera and a point, by rays against each body's mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.compiled import compiled
from simkit.embree import (
    DIRECTION,
    FAR,
    FLAGS,
    MASK,
    NEAR,
    ORIGIN,
    PACKET,
    TIME,
    coherent_arguments,
    lane_mask,
    occluded16,
    packet_memory,
)
from simkit.geometry import Array, apply_transform, invert
from simkit.labels import View


def blocked(view: View, points: Array, slack: float) -> NDArray[np.bool_]:
    """Return whether a surface stands more than `slack` before each point, as the camera sees it.

    Args:
        view: any bodies of its scene may stand in the way, a point's own as well.
        points: (N, 3) [m, world].
        slack: [m].

    Returns:
        (N,) bool.
    """
    hidden = np.zeros(len(points), dtype=np.bool_)
    if not len(points):
        return hidden
    eye = np.array(view.camera.position)
    ways = points - eye
    lengths = np.maximum(np.linalg.norm(ways, axis=1), 1e-9)
    ends = np.maximum(1.0 - slack / lengths, 0.0)
    packet, words = packet_memory()
    for body in view.scene.bodies:
        T_body_world, scale = invert(body.T_world_body), np.array(body.scale)
        _block(
            view.caster.mesh_scene(body.model).handle,
            apply_transform(T_body_world, eye[None])[0] / scale,
            ways @ T_body_world[:3, :3].T / scale,
            ends, packet, words, lane_mask(), coherent_arguments(), hidden,
        )  # fmt: skip
    return hidden


@compiled
def _block(handle, origin, ways, ends, f, i, lanes, arguments, hidden):  # type: ignore[no-untyped-def]
    """Set `hidden` where the segment from `origin` along a way, up to its end (1: all of it), is cut."""
    for first in range(0, len(ways), PACKET):
        for lane in range(PACKET):
            place = first + lane
            lanes[lane] = 0
            if place >= len(ways) or hidden[place]:
                continue
            lanes[lane] = -1
            for axis in range(3):
                f[ORIGIN + axis, lane] = origin[axis]
                f[DIRECTION + axis, lane] = ways[place, axis]
            f[NEAR, lane], f[FAR, lane], f[TIME, lane] = 0.0, ends[place], 0.0
            i[MASK, lane], i[FLAGS, lane] = 0xFFFFFFFF, 0
        occluded16(lanes.ctypes.data, handle, f.ctypes.data, arguments.ctypes.data)
        for lane in range(PACKET):
            if lanes[lane] != 0 and f[FAR, lane] < 0.0:
                hidden[first + lane] = True
