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

_NUMPY = {"f4": np.float32, "u4": np.uint32, "i4": np.int32}


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
        self._sizes = {
            name: targets.width * targets.height * FORMATS[name][0] * 4 for name in names
        }
        self._buffers = {name: context.buffer(reserve=size) for name, size in self._sizes.items()}

    def start(self) -> None:
        """Ask for the targets' content; returns at once."""
        for name in self._names:
            components, dtype = FORMATS[name]
            self._targets.all.read_into(
                self._buffers[name],
                components=components,
                attachment=self._targets.names.index(name),
                dtype=dtype,
            )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Wait for what `start` asked for; arrays (H, W) or (H, W, 4)."""
        return {
            name: _shaped(self._buffers[name].read(), self._targets, name) for name in self._names
        }

    def release(self) -> None:
        """Free the buffers."""
        for buffer in self._buffers.values():
            buffer.release()


def read(targets: Targets, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Return the targets' content now; arrays (H, W) or (H, W, 4)."""
    found = {}
    for name in names:
        components, dtype = FORMATS[name]
        place = targets.names.index(name)
        data = targets.all.read(components=components, attachment=place, dtype=dtype)
        found[name] = _shaped(data, targets, name)
    return found


def _shaped(data: bytes, targets: Targets, name: str) -> NDArray[Any]:
    components, dtype = FORMATS[name]
    array = np.frombuffer(data, dtype=_NUMPY[dtype])
    shape = (targets.height, targets.width)
    return array.reshape(shape if components == 1 else (*shape, components))
