"""Sensors: what a real camera does to the light that reaches it, and depth cameras.

A renderer gives linear radiance. Sensors first change the camera before anything is drawn
(`Sensor.mount`: distortion, aperture, shutter; so labels are of the distorted image), then take the
light through the phases below to the picture that is stored. A depth camera or a second eye
measures images of its own (`Sensor.measure`). Labels never change here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from simkit.assets.color import tone_mapped_bytes
from simkit.assets.library import Library
from simkit.contracts import NoOptions, Params
from simkit.errors import PluginError
from simkit.ordering import in_order
from simkit.render import Frame
from simkit.scene import Camera, Scene

Image = NDArray[Any]

PHASES = ("lens", "signal", "develop", "picture")
"""What a sensor's `process` takes and gives.

``lens``: linear radiance, before it is caught; ``signal``: the caught signal, still linear, 1 is full
well; ``develop``: linear to sRGB uint8, at most one sensor, else `tone_map`; ``picture``: uint8.
"""

OUTPUTS = ("color", "gray", "depth")
"""What a sensor may measure: (H, W, 3) uint8 sRGB, (H, W) uint8, (H, W) float32 [m], 0 is invalid."""

Render = Callable[[Scene, Camera, Iterable[str]], Frame]


@dataclass(frozen=True, eq=False)
class Shot:
    """What a sensor may look at.

    Attributes:
        scene: what was rendered, camera included.
        frame: the channels that were rendered.
        library: the scene's models.
        draw: renders a scene, for further eyes.
        rng_of: gives a sensor's noise by (name, eye).
        pictures: takes linear light to a picture, as all colour sensors do it, for one eye.
        name: of the sensor that is at work.
        eye: 0 for the camera itself, 1 for a second eye; noise differs.
    """

    scene: Scene
    frame: Frame
    library: Library
    draw: Render
    rng_of: Callable[[str, int], np.random.Generator]
    pictures: Callable[[Frame, int], Image]
    name: str = ""
    eye: int = 0

    @property
    def camera(self) -> Camera:
        """The camera that the frame is from."""
        assert self.scene.camera is not None
        return self.scene.camera

    def render(
        self, camera: Camera, channels: Iterable[str] = ("rgb",), scene: Scene | None = None
    ) -> Frame:
        """Return what another camera sees of this scene, or of a changed one."""
        return self.draw(self.scene if scene is None else scene, camera, channels)

    def noise(self) -> np.random.Generator:
        """Return the sensor's generator for noise in this image; the same at each call."""
        return self.rng_of(self.name, self.eye)

    def picture(self, frame: Frame, eye: int = 1) -> Image:
        """Return another eye's frame as a picture (H, W, 3) uint8, through all colour sensors."""
        return self.pictures(frame, eye)


class Sensor:
    """Models one aspect of a camera.

    Attributes:
        Options: options class; what varies is declared in it with `simkit.options.varied`.
        phase: one of `PHASES`.
        after: names of sensors of the same phase that come before it, if they take part.
        stage: when it decides: ``scene``, ``view`` or ``frame``; an option named ``every``
            (`simkit.contracts.how_often`) takes its place.
        channels: channels of the frame that it reads, beside ``rgb``.
        outputs: names of what `measure` gives, each with its kind (`OUTPUTS`).
    """

    Options: ClassVar[type[Any]] = NoOptions
    phase: ClassVar[str] = "signal"
    after: ClassVar[tuple[str, ...]] = ()
    stage: str = "view"
    channels: ClassVar[frozenset[str]] = frozenset()
    outputs: Mapping[str, str] = {}

    def __init__(self, options: Any, library: Library) -> None:
        self.options = options
        self.library = library
        self.stage = getattr(options, "every", self.stage)

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        """Decide what this camera is like."""
        return {}

    def mount(self, scene: Scene, params: Params) -> Scene:
        """Return the scene with its camera changed, before anything is drawn."""
        return scene

    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        """Return the changed image; randomness comes from ``shot.noise()`` alone."""
        return image

    def measure(self, params: Params, shot: Shot) -> dict[str, Image]:
        """Return the images that `outputs` names."""
        return {}


class Sensors:
    """All sensors of a config, in the order of light's way."""

    def __init__(self, sensors: Mapping[str, Sensor]) -> None:
        for name, one in sensors.items():
            _check(name, one)
        by_phase = {phase: _of_phase(sensors, phase) for phase in PHASES}
        if len(by_phase["develop"]) > 1:
            raise PluginError(
                f"sensors: only one can develop, not {', '.join(by_phase['develop'])}"
            )
        self.in_order = {name: one for phase in by_phase.values() for name, one in phase.items()}
        self.outputs: dict[str, str] = {}
        for name, one in self.in_order.items():
            for output, kind in one.outputs.items():
                if output in self.outputs:
                    raise PluginError(f"sensors: '{name}' gives '{output}', as another does")
                self.outputs[output] = kind

    @property
    def channels(self) -> frozenset[str]:
        """What the renderer must give."""
        return frozenset({"rgb"}).union(*(one.channels for one in self.in_order.values()))

    def mount(self, scene: Scene, params: Mapping[str, Params]) -> Scene:
        """Return the scene with the camera that all sensors make of it."""
        for name, one in self.in_order.items():
            scene = one.mount(scene, params[name])
        return scene

    def expose(
        self,
        scene: Scene,
        frame: Frame,
        params: Mapping[str, Params],
        library: Library,
        draw: Render,
        rng_of: Callable[[str, int], np.random.Generator],
    ) -> tuple[Image, dict[str, Image]]:
        """Return the picture (H, W, 3) uint8 sRGB, and what was measured beside it."""

        def picture(seen: Frame, eye: int) -> Image:
            shot = Shot(scene, seen, library, draw, rng_of, picture, eye=eye)
            return self._picture(shot, params)

        shot = Shot(scene, frame, library, draw, rng_of, picture)
        images: dict[str, Image] = {}
        for name, one in self.in_order.items():
            images.update(one.measure(params[name], _named(shot, name)))
        return picture(frame, 0), images

    def _picture(self, shot: Shot, params: Mapping[str, Params]) -> Image:
        image: Image = shot.frame.rgb
        developed = False
        for name, one in self.in_order.items():
            if not developed and PHASES.index(one.phase) >= PHASES.index("develop"):
                developed = True
                if one.phase != "develop":
                    image = tone_mapped_bytes(image)
            image = one.process(image, params[name], _named(shot, name))
        return image if developed else tone_mapped_bytes(image)


def camera_of(scene: Scene) -> Camera:
    """Return the scene's camera; raise `PluginError` if none was placed."""
    if scene.camera is None:
        raise PluginError("no camera was placed, though a plug-in's places_camera says so")
    return scene.camera


def _named(shot: Shot, name: str) -> Shot:
    return replace(shot, name=name)


def _of_phase(sensors: Mapping[str, Sensor], phase: str) -> dict[str, Sensor]:
    return in_order({name: one for name, one in sensors.items() if one.phase == phase})


def _check(name: str, sensor: Sensor) -> None:
    if sensor.phase not in PHASES:
        raise PluginError(f"sensor '{name}': phase '{sensor.phase}' is not in {PHASES}")
    if sensor.stage not in ("scene", "view", "frame"):
        raise PluginError(f"sensor '{name}': stage '{sensor.stage}' is not scene, view or frame")
    for output, kind in sensor.outputs.items():
        if kind not in OUTPUTS:
            raise PluginError(f"sensor '{name}': output '{output}' is '{kind}', not in {OUTPUTS}")
