"""Index to sample: the whole left half of simkit on one page.

Sample i is a pure function of (config, seed, i). Image i is view ``i % views_per_scene`` of scene
``i // views_per_scene``; what happens once a scene draws from streams of the scene's number, what
happens once a view from streams of the image's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simkit import registry
from simkit.assets.library import Library
from simkit.assets.primitives import load_furnished
from simkit.config import Config, load_config
from simkit.contracts import STAGES, Params, Randomizer, SceneFamily
from simkit.errors import PluginError
from simkit.labels import Annotators, View
from simkit.physics import Physics
from simkit.randomness import stream
from simkit.raycast import RayCaster
from simkit.render import Frame, Renderer
from simkit.scene import Camera, Scene
from simkit.timing import Stopwatch


@dataclass(frozen=True, eq=False)
class Sample:
    """One image and all that is known of it.

    Attributes:
        index, scene_index, view_index: image `index` is view `view_index` of scene `scene_index`.
        scene: what was rendered, its camera included.
        frame: the channels that were rendered.
        labels: values of the annotators by name, see ``simkit.labels``.
        params: what was decided, by plug-in; ``physics`` has the settling's report.
    """

    index: int
    scene_index: int
    view_index: int
    scene: Scene
    frame: Frame
    labels: dict[str, Any]
    params: dict[str, Params]

    @property
    def camera(self) -> Camera:
        """The camera that the image is from."""
        assert self.scene.camera is not None
        return self.scene.camera

    @property
    def key(self) -> str:
        """Name of the sample's files, as BOP has it: ``SCENE_VIEW``, six digits each."""
        return f"{self.scene_index:06d}_{self.view_index:06d}"


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
        self.library = library or load_furnished(self.config.run.models)
        self.stopwatch = Stopwatch()
        self._family = self._load_family()
        self._randomizers = self._load_randomizers()
        self._annotators = Annotators(self.config.run.labels)
        self._physics = Physics(self.config.run.physics, self.library)
        self._caster = RayCaster(self.library)
        self.renderer = self._load_renderer()
        self._last_scene: tuple[int, Scene, dict[str, Params]] | None = None

    def __call__(self, index: int, given: Mapping[str, Params] | None = None) -> Sample:
        """Return sample `index` (0, 1, ...).

        Args:
            index: number of the image.
            given: params by plug-in, to be used in place of drawn ones: replay an image with one
                factor changed.

        Raises:
            SimkitError: the scene cannot be made as the config asks.
        """
        views = self.config.run.views_per_scene
        scene_index, view_index = divmod(index, views)
        scene, params = self._scene(scene_index, given or {})
        with self.stopwatch.stage("randomize"):
            scene, params = self._randomize("view", index, scene, params, given or {})
        if scene.camera is None:
            raise PluginError("no camera was placed, though a randomizer's places_camera says so")
        frame, labels = self.label(scene)
        return Sample(index, scene_index, view_index, scene, frame, labels, params)

    @property
    def plugins(self) -> list[type[Any]]:
        """Classes that take part in making a sample."""
        engines = (self._family, self.renderer, *self._randomizers.values())
        return [*(type(one) for one in engines), *self._annotators.classes]

    def label(self, scene: Scene) -> tuple[Frame, dict[str, Any]]:
        """Render and label a scene, which may be made elsewhere; it needs a camera."""
        assert scene.camera is not None
        with self.stopwatch.stage("render"):
            channels = self._annotators.channels | {"rgb"}
            frame = self.renderer.render(scene, scene.camera, channels)
        with self.stopwatch.stage("label"):
            view = View(scene, scene.camera, frame, self.library, self._caster)
            return frame, self._annotators.annotate(view)

    def close(self) -> None:
        """Free the engines."""
        self._physics.close()
        self.renderer.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _scene(
        self, scene_index: int, given: Mapping[str, Params]
    ) -> tuple[Scene, dict[str, Params]]:
        """Return a settled scene; that of the last call is kept, for its further views."""
        if self._last_scene and self._last_scene[0] == scene_index and not given:
            return self._last_scene[1], self._last_scene[2]
        with self.stopwatch.stage("randomize"):
            rng = stream(self.config.run.seed, scene_index, "scene/family")
            params = {"scene": given["scene"] if "scene" in given else self._family.sample(rng)}
            scene = self._family.build(params["scene"])
            scene, params = self._randomize("setup", scene_index, scene, params, given)
        with self.stopwatch.stage("settle"):
            scene, params["physics"] = self._physics.settle(scene)
        with self.stopwatch.stage("randomize"):
            scene, params = self._randomize("scene", scene_index, scene, params, given)
        if not given:
            self._last_scene = scene_index, scene, params
        return scene, params

    def _randomize(
        self,
        stage: str,
        number: int,
        scene: Scene,
        params: dict[str, Params],
        given: Mapping[str, Params],
    ) -> tuple[Scene, dict[str, Params]]:
        """Run the randomizers of one stage; `number` is the scene's, or in stage "view" the image's."""
        decided = dict(params)
        scope = "view" if stage == "view" else "scene"
        for name, randomizer in self._randomizers.items():
            if randomizer.stage != stage:
                continue
            rng = stream(self.config.run.seed, number, f"{scope}/{name}")
            decided[name] = given[name] if name in given else randomizer.sample(scene, rng)
            scene = randomizer.apply(scene, decided[name])
        return scene, decided

    def _load_family(self) -> SceneFamily:
        family: type[SceneFamily] = registry.load("scenes", self.config.family)
        return family(self.config.family_options, self.library)

    def _load_randomizers(self) -> dict[str, Randomizer]:
        loaded: dict[str, Randomizer] = {}
        for name, options in self.config.randomizers.items():
            loaded[name] = registry.load("randomizers", name)(options, self.library)
            if loaded[name].stage not in STAGES:
                raise PluginError(
                    f"randomizer '{name}': stage '{loaded[name].stage}' not in {STAGES}"
                )
        return loaded

    def _load_renderer(self) -> Renderer:
        renderer: type[Renderer] = registry.load("renderers", self.config.backend)
        return renderer(self.config.backend_options, self.library)
