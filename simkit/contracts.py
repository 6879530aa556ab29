"""What a scene family and a randomizer are.

Renderers: `simkit.render`; annotators: `simkit.labels`; sensors: `simkit.sensors`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from simkit.assets.library import Library
from simkit.assets.options import ModelOptions
from simkit.options import setting
from simkit.scene import Scene

Params = dict[str, Any]
"""What a plug-in decided, as plain data (JSON). It is logged with the sample."""

STAGES = ("setup", "scene", "view", "frame")
"""When a randomizer decides: once a scene before the physics, once a scene after it, once a view,
or for each frame of a view's sequence. What is decided once a view is applied to all its frames."""


@dataclass
class NoOptions:
    """The options of a plug-in that has none."""


def how_often(default: str) -> Any:
    """Declare the option with which a user says how often a randomizer or a sensor decides anew."""
    return setting(
        default, allowed=("scene", "view", "frame"), help="when it decides anew: once for each"
    )


class SceneFamily(ABC):
    """Decides what is in a scene. Poses, looks, lights and cameras are the randomizers' part.

    Attributes:
        Options: options class (see `simkit.options`); its object is `self.options`.
        randomizers: those that run by default, or a mapping that gives each some options other than
            its own defaults; a config changes or adds to them.
        places_camera: whether it gives the scene its camera.
    """

    Options: ClassVar[type[Any]] = NoOptions
    places_camera: ClassVar[bool] = False
    randomizers: ClassVar[tuple[str, ...] | Mapping[str, Mapping[str, Any]]] = ()

    def __init__(self, options: Any, library: Library) -> None:
        self.options = options
        self.library = library

    @classmethod
    def furnish(cls, options: Any, distractors: ModelOptions) -> Library:
        """Return models that it needs beside the config's own, in a pool of their own.

        Args:
            options: the family's.
            distractors: where the config says that distractors come from.
        """
        return Library(())

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Params:
        """Decide what the scene holds."""

    @abstractmethod
    def build(self, params: Params) -> Scene:
        """Return the scene that `params` describe; no randomness here."""


class Randomizer(ABC):
    """Varies one aspect of a scene.

    Attributes:
        Options: options class; what varies is declared in it with `simkit.options.varied`.
        stage: one of `STAGES`. An option named ``every`` (see `how_often`) takes its place.
        places_camera: whether it gives the scene its camera.
        after: names of randomizers of the same stage whose result it reads, if they take part.
            Nothing else decides the order; by name where nothing is declared.
    """

    Options: ClassVar[type[Any]] = NoOptions
    stage: str = "scene"
    places_camera: ClassVar[bool] = False
    after: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: Any, library: Library) -> None:
        self.options = options
        self.library = library
        self.stage = getattr(options, "every", self.stage)

    @abstractmethod
    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        """Decide what to do with this scene."""

    @abstractmethod
    def apply(self, scene: Scene, params: Params) -> Scene:
        """Return the scene with `params` applied; no randomness here."""
