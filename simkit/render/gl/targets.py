"""What is drawn into, and how it gets back to the processor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

FORMATS = {
    "rgb": (4, "f4"),
    "instance": (1, "u4"),
    "depth": (1, "f4"),
    "normal": (4, "f4"),
    "flat_normal": (4, "f4"),
    "object_coords": (4, "f4"),
    "triangle": (1, "i4"),
}
"""Components and type of each target; three floats are padded to four, which all drivers draw to."""

_NUMPY = {"f4": np.float32, "u4": np.int32, "i4": np.int32}


@dataclass(eq=False)
class Targets:
    """Textures of one size, framebuffers over all of them, the depth, and the colours.

    Attributes:
        names: of the targets, in the order of the attachments.
    """

    width: int
    height: int
    names: tuple[str, ...]
    textures: dict[str, moderngl.Texture]
    depth: moderngl.Texture
    all: moderngl.Framebuffer
    mask: moderngl.Framebuffer
    color: moderngl.Framebuffer | None

    def release(self) -> None:
        """Free the GPU's memory."""
        for thing in (self.all, self.mask, self.color, self.depth, *self.textures.values()):
            if thing is not None:
                thing.release()


def make_targets(
    context: moderngl.Context, width: int, height: int, names: tuple[str, ...]
) -> Targets:
    """Return targets of width x height [px]."""
    textures = {}
    for name in names:
        components, dtype = FORMATS[name]
        texture = context.texture((width, height), components, dtype=dtype)
        texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        textures[name] = texture
    depth = context.depth_texture((width, height))
    everything = context.framebuffer(list(textures.values()), depth)
    mask = context.framebuffer([], depth)
    color = context.framebuffer([textures["rgb"]], depth) if "rgb" in names else None
    return Targets(width, height, names, textures, depth, everything, mask, color)


class Readback:
    """Pixel-pack buffers that take what was drawn while the next things are drawn."""

    def __init__(self, context: moderngl.Context, targets: Targets, names: tuple[str, ...]) -> None:
        self._targets = targets
        self._names = names
        self._buffers = {
            name: context.buffer(reserve=array.nbytes)
            for name, array in _arrays(targets, names).items()
        }

    def start(self) -> None:
        """Ask for the targets' content; returns at once."""
        for name in self._names:
            _read_into(self._targets, name, self._buffers[name])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Wait for what `start` asked for; arrays (H, W) or (H, W, 3)."""
        arrays = _arrays(self._targets, self._names)
        for name, array in arrays.items():
            self._buffers[name].read_into(array)
        return arrays

    def release(self) -> None:
        """Free the buffers."""
        for buffer in self._buffers.values():
            buffer.release()


def read(targets: Targets, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Return the targets' content now; arrays (H, W) or (H, W, 3)."""
    arrays = _arrays(targets, names)
    for name, array in arrays.items():
        _read_into(targets, name, array)
    return arrays


def _read_into(targets: Targets, name: str, goal: Any) -> None:
    targets.all.read_into(
        goal,
        components=_components(name),
        attachment=targets.names.index(name),
        dtype=FORMATS[name][1],
    )


def _components(name: str) -> int:
    """Return how many components are read: the fourth is padding."""
    return min(FORMATS[name][0], 3)


def _arrays(targets: Targets, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Return empty arrays, all in one piece of memory.

    For 4 MiB or more at once NumPy asks for huge pages; in small ones, the first touch of every
    page of a 640x480 frame takes 7 ms in a virtual machine, as long as drawing its labels.
    """
    count = targets.width * targets.height
    memory = np.empty(4 * count * sum(_components(name) for name in names), dtype=np.uint8)
    arrays, start = {}, 0
    for name in names:
        components = _components(name)
        stop = start + 4 * count * components
        shape = (targets.height, targets.width)
        arrays[name] = (
            memory[start:stop]
            .view(_NUMPY[FORMATS[name][1]])
            .reshape(shape if components == 1 else (*shape, components))
        )
        start = stop
    return arrays
