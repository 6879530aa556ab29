"""One protocol for all renderers: ``render(scene, camera, channels) -> Frame``.

Every renderer gives the same labels for the same scene; only the look differs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from simkit.assets.library import Library
from simkit.contracts import NoOptions
from simkit.errors import RenderError, did_you_mean
from simkit.scene import Camera, Scene

CHANNELS = {
    "rgb": "(H, W, 3) float32, linear RGB radiance; 1 is white, lights may be above",
    "depth": "(H, W) float32, planar z-depth [m] at pixel centres, 0 where nothing was hit",
    "instance": "(H, W) int32, place of the body in scene.bodies plus one, 0 where nothing was hit",
    "normal": "(H, W, 3) float32, unit surface normal in the camera frame, towards the camera; else 0",
    "object_coords": "(H, W, 3) float32, hit in the model's frame, before the body's scale [m]; else 0",
    "triangle": "(H, W) int32, face of the model's mesh, -1 where nothing was hit",
    "barycentric": "(H, W, 2) float32, weights of the face's second and third corner; else 0",
}
"""What a renderer may be asked for."""


@dataclass(frozen=True, eq=False)
class Frame:
    """What one camera saw: the channels that were asked for, see `CHANNELS`."""

    channels: dict[str, NDArray[Any]]

    @property
    def rgb(self) -> NDArray[np.float32]:
        """(H, W, 3) float32, linear RGB."""
        return self.channels["rgb"]

    @property
    def depth(self) -> NDArray[np.float32]:
        """(H, W) float32, planar z-depth [m], 0 where nothing was hit."""
        return self.channels["depth"]

    @property
    def instance(self) -> NDArray[np.int32]:
        """(H, W) int32, place of the body in ``scene.bodies`` plus one; 0 where nothing was hit."""
        return self.channels["instance"]


@dataclass(frozen=True)
class Probe:
    """Whether a renderer works on this machine.

    Attributes:
        works: it drew a test image.
        driver: what draws, e.g. "TinyRenderer, PyBullet 3.2.7".
        remedy: what to do where it does not work; empty if it does.
        reason: why it does not work; empty if it does.
    """

    works: bool
    driver: str
    remedy: str = ""
    reason: str = ""


class Renderer(ABC):
    """Draws scenes. It may keep things loaded between calls, but its output depends on its input alone.

    Attributes:
        Options: options class (see `simkit.options`).
        channels: those of `CHANNELS` that it gives.
        ignores: parts of the scene that do not show in its colours; recorded with the data set.
        remedy: what a user does if the renderer does not work on their machine.
    """

    Options: ClassVar[type[Any]] = NoOptions
    channels: ClassVar[frozenset[str]] = frozenset()
    ignores: ClassVar[tuple[str, ...]] = ()
    remedy: ClassVar[str] = ""

    def __init__(self, options: Any, library: Library) -> None:
        self.options = options
        self.library = library

    @property
    @abstractmethod
    def driver(self) -> str:
        """What draws, with its version; recorded with the data set."""

    @abstractmethod
    def draw(self, scene: Scene, camera: Camera, channels: frozenset[str]) -> Frame:
        """Return the frame with just these channels, all of which the renderer offers."""

    @abstractmethod
    def close(self) -> None:
        """Free what the renderer holds."""

    def render(self, scene: Scene, camera: Camera, channels: Iterable[str]) -> Frame:
        """Return what `camera` sees of `scene`, with just the channels asked for.

        Raises:
            RenderError: a channel is not offered.
        """
        asked = frozenset(channels)
        for channel in sorted(asked - self.channels):
            raise RenderError(
                f"renderer {type(self).__name__}: no channel '{channel}'; "
                f"{did_you_mean(channel, self.channels)}"
            )
        return self.draw(scene, camera, asked)
