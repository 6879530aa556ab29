"""Index to sample: the whole left half of simkit on one page.

Sample i is a pure function of (config, seed, i). Images are counted frame by frame, view by view,
scene by scene (`Place`); what is decided once a scene draws from streams of the scene's number, once
a view from the view's, for each frame from the image's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from simkit import registry
from simkit.assets.library import Library
from simkit.assets.primitives import load_furnished
from simkit.config import Config, RunOptions, load_config
from simkit.contracts import STAGES, Params, Randomizer, SceneFamily
from simkit.dependencies import Dependencies
from simkit.errors import PluginError
from simkit.labels import Annotators, View
from simkit.ordering import Ordered, in_order
from simkit.physics import Physics
from simkit.randomness import stream
from simkit.raycast import RayCaster
from simkit.render import Frame, Renderer
from simkit.scene import Camera, Scene
from simkit.sensors import Sensor, Sensors
from simkit.timing import Stopwatch


class _Plugin(Protocol):
    options: Any

    def __init__(self, options: Any, library: Library) -> None: ...


T = TypeVar("T", bound=_Plugin)
P = TypeVar("P", bound=Ordered)


@dataclass(frozen=True)
class Place:
    """Where an image stands: frame `frame` of view `view` of scene `scene`.

    Attributes:
        index: number of the image in the data set.
        view_number: number of the view in the data set.
    """

    index: int
    scene: int
    view: int
    frame: int
    view_number: int
    in_scene: int

    @classmethod
    def of(cls, index: int, run: RunOptions) -> Place:
        """Return the place of image `index` (0, 1, ...)."""
        view_number, frame = divmod(index, run.frames_per_view)
        scene, view = divmod(view_number, run.views_per_scene)
        return cls(index, scene, view, frame, view_number, view * run.frames_per_view + frame)

    @property
    def key(self) -> str:
        """Name of the sample's files, as BOP has it: ``SCENE_IMAGE``, six digits each."""
        return f"{self.scene:06d}_{self.in_scene:06d}"


@dataclass(frozen=True, eq=False)
class Sample:
    """One image and all that is known of it.

    Attributes:
        place: where in the data set it stands.
        scene: what was rendered, its camera included.
        frame: the channels that were rendered.
        labels: values of the annotators by name, see ``simkit.labels``.
        params: what was decided, by plug-in; ``physics`` has the settling's report.
        picture: (H, W, 3) uint8 sRGB, as the sensors made it of ``frame.rgb``.
        images: what sensors measured beside it, see `simkit.sensors.OUTPUTS`.
    """

    place: Place
    scene: Scene
    frame: Frame
    labels: dict[str, Any]
    params: dict[str, Params]
    picture: NDArray[np.uint8]
    images: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def index(self) -> int:
        """Number of the image."""
        return self.place.index

    @property
    def key(self) -> str:
        """Name of the sample's files, see `Place.key`."""
        return self.place.key

    @property
    def camera(self) -> Camera:
        """The camera that the image is from."""
        assert self.scene.camera is not None
        return self.scene.camera


class Pipeline:
    """Makes samples: ``Pipeline(config)(i)``.

    It owns engines (physics, renderer); use it as a context manager, or call `close`.

    Args:
        config: a YAML file, plain data, a `Config`, or None for all defaults.
        overrides: ``key=value`` strings, see `load_config`.
        library: models in place of those that ``config.models`` names.

    Raises:
        ConfigError, AssetError, PluginError: before any sample is made.
    """

    def __init__(
        self,
        config: str | Path | Mapping[str, Any] | Config | None = None,
        overrides: Iterable[str] = (),
        library: Library | None = None,
    ) -> None:
        self.config = load_config(config, overrides)
        family: type[SceneFamily] = registry.load("scenes", self.config.family)
        own = library or load_furnished(self.config.run.models)
        more = family.furnish(self.config.family_options, self.config.run.distractors)
        self.library = own.merged(more) if len(more) else own
        self.stopwatch = Stopwatch()
        self._family = family(self.config.family_options, self.library)
        self._graph = self._load_graph()
        self._randomizers = self._load_randomizers()
        self._sensors = Sensors(self._load_named("sensors", self.config.sensors))
        self._deciding_sensors = self._as_they_depend(self._sensors.in_order)
        self._graph.check_stages(
            {name: one.stage for name, one in self._randomizers.items()},
            {name: one.stage for name, one in self._sensors.in_order.items()},
        )
        self._annotators = Annotators(self.config.run.labels)
        self._physics = Physics(self.config.run.physics, self.library)
        self._caster = RayCaster(self.library)
        self.renderer = self._load_renderer()
        self._last_scene: tuple[int, list[Scene], dict[str, Params]] | None = None

    def __call__(self, index: int, given: Mapping[str, Params] | None = None) -> Sample:
        """Return sample `index` (0, 1, ...).

        Args:
            index: number of the image.
            given: params by plug-in, to be used in place of drawn ones: replay an image with one
                factor changed.

        Raises:
            SimkitError: the scene cannot be made as the config asks.
        """
        place, given = Place.of(index, self.config.run), given or {}
        scene, params = self._moment(place, given)

        def moment(offset: int) -> Scene | None:
            there = place.frame + offset
            if not 0 <= there < self.config.run.frames_per_view:
                return None
            return self._moment(Place.of(index + offset, self.config.run), given)[0]

        frame, labels = self.label(scene, params, moment)
        with self.stopwatch.stage("sense"):
            picture, images = self._sensors.expose(
                scene, frame, params, self.library, self.renderer.render, self._noise_of(index)
            )
        return Sample(place, scene, frame, labels, params, picture, images)

    @property
    def plugins(self) -> list[type[Any]]:
        """Classes that take part in making a sample."""
        engines = (self._family, self.renderer, *self._randomizers.values())
        sensors = self._sensors.in_order.values()
        return [*(type(one) for one in (*engines, *sensors)), *self._annotators.classes]

    @property
    def images(self) -> dict[str, str]:
        """What the sensors measure beside the picture: kind (`simkit.sensors.OUTPUTS`) by name."""
        return dict(self._sensors.outputs)

    def label(
        self,
        scene: Scene,
        params: Mapping[str, Params] | None = None,
        moment: Callable[[int], Scene | None] = lambda offset: None,
    ) -> tuple[Frame, dict[str, Any]]:
        """Render and label a scene, which may be made elsewhere; it needs a camera.

        Args:
            scene: with its camera.
            params, moment: see `simkit.labels.View`.
        """
        assert scene.camera is not None
        with self.stopwatch.stage("render"):
            channels = self._annotators.channels | self._sensors.channels
            frame = self.renderer.render(scene, scene.camera, channels)
        with self.stopwatch.stage("label"):
            view = View(
                scene, scene.camera, frame, self.library, self._caster, params or {}, moment,
                self.renderer.render,
                self._physics.contacts,
            )  # fmt: skip
            return frame, self._annotators.annotate(view)

    def close(self) -> None:
        """Free the engines."""
        self._physics.close()
        self.renderer.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _moment(self, place: Place, given: Mapping[str, Params]) -> tuple[Scene, dict[str, Params]]:
        """Return the scene of an image as it is rendered, and all params."""
        frames, params = self._scene(place.scene, given)
        with self.stopwatch.stage("randomize"):
            scene, params = self._view(place, frames, params, given)
            scene, params = self._randomize("frame", place.index, scene, params, given)
            params = self._decide_sensors(place, scene, params, given)
            if scene.camera is None:
                raise PluginError("no camera was placed, though a plug-in's places_camera says so")
            return self._sensors.mount(scene, params), params

    def _scene(
        self, number: int, given: Mapping[str, Params]
    ) -> tuple[list[Scene], dict[str, Params]]:
        """Return a settled scene's frames; those of the last call are kept, for its further images."""
        if self._last_scene and self._last_scene[0] == number and not given:
            return self._last_scene[1], self._last_scene[2]
        with self.stopwatch.stage("randomize"):
            scene, params = self._build(number, given)
            scene, params = self._randomize("setup", number, scene, params, given)
        with self.stopwatch.stage("settle"):
            scene, params["physics"] = self._physics.settle(scene)
        with self.stopwatch.stage("randomize"):
            scene, params = self._randomize("scene", number, scene, params, given)
        with self.stopwatch.stage("settle"):
            run = self.config.run
            frames = self._physics.play(scene, run.frames_per_view, run.frame_rate)
        if not given:
            self._last_scene = number, frames, params
        return frames, params

    def _build(self, number: int, given: Mapping[str, Params]) -> tuple[Scene, dict[str, Params]]:
        params = {"given": dict(given["given"])} if "given" in given else {}
        rng = stream(self.config.run.seed, number, "scene/family")
        if "scene" in given:
            params["scene"] = given["scene"]
        else:
            family = self._bound("scene", self._family, number, "scene/family", None, params)
            params["scene"] = family.sample(rng)
        return self._family.build(params["scene"]), params

    def _view(
        self,
        place: Place,
        frames: list[Scene],
        params: dict[str, Params],
        given: Mapping[str, Params],
    ) -> tuple[Scene, dict[str, Params]]:
        """Return the frame's scene as a view has it; what a view decides, it does at its start."""
        first, decided = self._randomize("view", place.view_number, frames[0], params, given)
        if place.frame == 0:
            return first, decided
        return self._randomize("view", place.view_number, frames[place.frame], params, decided)

    def _randomize(
        self,
        stage: str,
        number: int,
        scene: Scene,
        params: dict[str, Params],
        given: Mapping[str, Params],
    ) -> tuple[Scene, dict[str, Params]]:
        """Run the randomizers of one stage; `number` is the scene's, the view's or the image's."""
        decided = dict(params)
        for name, randomizer in self._randomizers.items():
            if randomizer.stage != stage:
                continue
            scope = f"{_SCOPES[stage]}/{name}"
            self._decide(name, randomizer, number, scope, scene, decided, given)
            scene = randomizer.apply(scene, decided[name])
        return scene, decided

    def _decide_sensors(
        self,
        place: Place,
        scene: Scene,
        params: dict[str, Params],
        given: Mapping[str, Params],
    ) -> dict[str, Params]:
        numbers = {"scene": place.scene, "view": place.view_number, "frame": place.index}
        decided = dict(params)
        for name, sensor in self._deciding_sensors.items():
            scope = f"{sensor.stage}/sensor/{name}"
            self._decide(name, sensor, numbers[sensor.stage], scope, scene, decided, given)
        return decided

    def _decide(
        self,
        name: str,
        plugin: Randomizer | Sensor,
        number: int,
        scope: str,
        scene: Scene,
        decided: dict[str, Params],
        given: Mapping[str, Params],
    ) -> None:
        """Add a plug-in's params to `decided`: the given ones, or drawn from its stream."""
        if name in given:
            decided[name] = given[name]
            return
        bound = self._bound(name, plugin, number, scope, scene, decided)
        decided[name] = bound.sample(scene, stream(self.config.run.seed, number, scope))

    def _bound(
        self,
        name: str,
        plugin: T,
        number: int,
        scope: str,
        scene: Scene | None,
        params: dict[str, Params],
    ) -> T:
        """Return a plug-in whose options depend on nothing; what that decides goes to `params`."""

        def rng_of(key: str) -> np.random.Generator:
            return stream(self.config.run.seed, number, f"{scope}/given/{key}")

        options = plugin.options
        bound, values = self._graph.bind(name, options, params.get("given", {}), scene, rng_of)
        if values:
            params["given"] = values
        return plugin if bound is options else type(plugin)(bound, self.library)

    def _noise_of(self, index: int) -> Callable[[str, int], np.random.Generator]:
        seed = self.config.run.seed
        return lambda name, eye: stream(seed, index, f"frame/noise/{name}/{eye}")

    def _load_named(self, kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
        return {name: registry.load(kind, name)(one, self.library) for name, one in options.items()}

    def _load_randomizers(self) -> dict[str, Randomizer]:
        loaded: dict[str, Randomizer] = self._load_named("randomizers", self.config.randomizers)
        for name, one in loaded.items():
            if one.stage not in STAGES:
                raise PluginError(f"randomizer '{name}': stage '{one.stage}' not in {STAGES}")
        return self._as_they_depend(loaded)

    def _as_they_depend(self, plugins: Mapping[str, P]) -> dict[str, P]:
        waits = {name: self._graph.plugins_before(name) for name in plugins}
        return in_order(plugins, waits)

    def _load_graph(self) -> Dependencies:
        config = self.config
        named = {**config.randomizers, **config.sensors}
        return Dependencies({"scene": config.family_options, **named})

    def _load_renderer(self) -> Renderer:
        renderer: type[Renderer] = registry.load("renderers", self.config.backend)
        return renderer(self.config.backend_options, self.library)


_SCOPES = {"setup": "scene", "scene": "scene", "view": "view", "frame": "frame"}
"""Part of a stream's name, by stage."""
