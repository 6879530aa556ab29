"""Labels: one annotator a file, computed only when asked for.

An annotator reads what was rendered (`View`) and the annotators that it requires. Lists over
instances run over the labelled bodies of the scene, in order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from simkit import registry
from simkit.assets.library import Library
from simkit.contracts import Params
from simkit.errors import PluginError
from simkit.physics import Contact
from simkit.raycast import RayCaster
from simkit.render import CHANNELS, Frame
from simkit.scene import Body, Camera, Scene

KINDS = ("instance", "image", "array", "internal")
"""Where an annotator's value is stored.

``instance``: a list with one JSON value an instance, in ``KEY.labels.json``; ``image``: one JSON
value, there too; ``array``: a numpy array, as ``KEY.NAME.npy`` unless BOP has a file for it;
``internal``: nowhere, it only feeds others.
"""

DEFAULT_LABELS = (
    "identity",
    "pose",
    "cam_K",
    "depth",
    "mask",
    "mask_visib",
    "bbox_obj",
    "bbox_visib",
    "visib_fract",
)


@dataclass(frozen=True, eq=False)
class View:
    """What an annotator sees: the scene, the camera, and the frame that was rendered.

    Attributes:
        params: what the plug-ins decided, by name.
        moment: gives the scene, with its camera, so many frames later (or earlier, if negative) in
            the sequence; None beyond its ends.
        touching: gives where the scene's bodies touch.
        draw: renders a scene, for annotators that look from elsewhere or at another time.
    """

    scene: Scene
    camera: Camera
    frame: Frame
    library: Library
    caster: RayCaster
    params: Mapping[str, Params] = field(default_factory=dict)
    moment: Callable[[int], Scene | None] = lambda offset: None
    draw: Callable[[Scene, Camera, Iterable[str]], Frame] | None = None
    touching: Callable[[Scene], list[Contact]] = lambda scene: []

    @property
    def instances(self) -> list[tuple[int, Body]]:
        """(instance id, body) of the labelled bodies, in order."""
        return self.scene.labelled()


class Annotator(ABC):
    """Computes one label.

    Attributes:
        kind: one of `KINDS`.
        channels: channels of the renderer that it reads.
        requires: names of annotators whose values it reads.
    """

    kind: ClassVar[str] = "instance"
    channels: ClassVar[frozenset[str]] = frozenset()
    requires: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def annotate(self, view: View, labels: Mapping[str, Any]) -> Any:
        """Return the label; `labels` holds at least the values of `requires`."""


class Annotators:
    """The annotators that were asked for and all that they require, in an order that works."""

    def __init__(self, names: Iterable[str]) -> None:
        self.asked = tuple(dict.fromkeys(names))
        self._in_order: dict[str, Annotator] = {}
        for name in self.asked:
            self._add(name, ())

    def __contains__(self, name: str) -> bool:
        return name in self._in_order

    @property
    def channels(self) -> frozenset[str]:
        """What the renderer must give."""
        return frozenset().union(*(one.channels for one in self._in_order.values()))

    @property
    def classes(self) -> list[type[Annotator]]:
        """The annotators' classes, in order."""
        return [type(one) for one in self._in_order.values()]

    def kind(self, name: str) -> str:
        """Return where the value of `name` is stored, see `KINDS`."""
        return self._in_order[name].kind

    def annotate(self, view: View) -> dict[str, Any]:
        """Return the values of all annotators, by name."""
        labels: dict[str, Any] = {}
        for name, annotator in self._in_order.items():
            labels[name] = annotator.annotate(view, labels)
        return labels

    def _add(self, name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise PluginError(f"annotators require each other: {' > '.join((*path, name))}")
        if name in self._in_order:
            return
        annotator: Annotator = registry.load("annotators", name)()
        if annotator.kind not in KINDS:
            raise PluginError(f"annotator '{name}': kind '{annotator.kind}' is not in {KINDS}")
        unknown = annotator.channels - set(CHANNELS)
        if unknown:
            raise PluginError(f"annotator '{name}': there are no channels {sorted(unknown)}")
        for required in annotator.requires:
            self._add(required, (*path, name))
        self._in_order[name] = annotator
