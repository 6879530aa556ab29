"""What a scene family and a randomizer are. Renderers: `simkit.render`; annotators: `simkit.labels`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from simkit.assets.library import Library
from simkit.scene import Scene

Params = dict[str, Any]
"""What a plug-in decided, as plain data (JSON). It is logged with the sample."""

STAGES = ("setup", "scene", "view")
"""When a randomizer runs: once a scene before the physics, once a scene after it, once a view."""


@dataclass
class NoOptions:
    """The options of a plug-in that has none."""


class SceneFamily(ABC):
    """Decides what is in a scene. Poses, looks, lights and cameras are the randomizers' part.

    Attributes:
        Options: options class (see `simkit.options`); its object is `self.options`.
        randomizers: those that run by default, in this order; a config changes or adds to them.
        places_camera: whether it gives the scene its camera.
    """

    Options: ClassVar[type[Any]] = NoOptions
    places_camera: ClassVar[bool] = False
    randomizers: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: Any, library: Library) -> None:
        self.options = options
        self.library = library

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
        stage: one of `STAGES`. May be set on the object from an option.
        places_camera: whether it gives the scene its camera.
    """

    Options: ClassVar[type[Any]] = NoOptions
    stage: str = "scene"
    places_camera: ClassVar[bool] = False

    def __init__(self, options: Any, library: Library) -> None:
        self.options = options
        self.library = library

    @abstractmethod
    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        """Decide what to do with this scene."""

    @abstractmethod
    def apply(self, scene: Scene, params: Params) -> Scene:
        """Return the scene with `params` applied; no randomness here."""
