"""Light from far away, and what is seen there."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from simkit.assets.blackbody import temperature_to_rgb
from simkit.assets.daylight import sky_colors, sun_color
from simkit.assets.environments import LUMINANCE, upward_irradiance
from simkit.assets.folders import MAP_SUFFIXES, files_in
from simkit.assets.library import Library
from simkit.contracts import Params, Randomizer, how_often
from simkit.distributions import Choice, Distribution, Uniform
from simkit.errors import AssetError, ConfigError
from simkit.geometry import direction
from simkit.lamps import free_distance, middle_of_objects
from simkit.options import draw_all, setting, varied
from simkit.scene import ENVIRONMENT_KINDS, Environment, Light, Scene, vec3

UP = np.array([0.0, 0.0, 1.0])


@dataclass
class EnvironmentOptions:
    """What is around the scene, far away."""

    every: str = how_often("scene")
    kind: Distribution = varied(
        Choice(("sky", "studio")),
        allowed=("none", *ENVIRONMENT_KINDS),
        help="none leaves the scene as it is; image: a map of `folder`",
    )
    folder: str = setting("", help="of equirectangular .hdr and .exr maps, sub-folders included")
    keep_lights: bool = setting(False, help="whether the lights of `light` shine beside it")
    intensity: Distribution = varied(
        Uniform(0.5, 1.0), low=0, high=100, help="1: white that faces up in the open is white"
    )
    rotation_deg: Distribution = varied(
        Uniform(0.0, 360.0), unit="deg", low=-360, high=360, help="about the world's z axis"
    )
    sun_elevation_deg: Distribution = varied(
        Uniform(15.0, 75.0), unit="deg", low=3, high=90, help="of a sky's sun"
    )
    sun_share: Distribution = varied(
        Uniform(0.2, 0.7), low=0, high=1, help="of a sky's light, from its sun, with sharp shadows"
    )
    turbidity: Distribution = varied(
        Uniform(2.0, 8.0), low=1, high=20, help="of a sky: 2 a very clear day, 10 haze"
    )
    ground: Distribution = varied(Uniform(0.05, 0.4), low=0, high=1, help="albedo below a sky")
    temperature: Distribution = varied(
        Uniform(3000.0, 7500.0), unit="K", low=1667, high=25000, help="of studio and constant light"
    )
    walls: Distribution = varied(
        Uniform(0.02, 0.3), low=0, high=1, help="radiance of a studio's walls"
    )

    def __post_init__(self) -> None:
        if self.folder and not self.kind.contains("image"):
            raise ConfigError("folder: no map of it comes up; write kind: image, or a choice of it")
        if self.kind.contains("image") and not self.folder:
            raise ConfigError(
                "folder: is empty; name the folder that the maps for kind=image are in"
            )


class Surround(Randomizer):
    """A sky with its sun, a studio's softboxes, a map of a folder, or constant light.

    White that faces up in the open has the luminance `intensity`, from environment and sun together.
    Ambient light is turned off, for the environment is what it stands for; so are the lights, unless
    they are kept. Under a ceiling, where nothing of the environment arrives, both stay as they are.
    For that it has to be decided (`every`) as often as `light`, or more often.
    """

    Options = EnvironmentOptions
    after = ("light",)

    def __init__(self, options: EnvironmentOptions, library: Library) -> None:
        super().__init__(options, library)
        self._maps = files_in(options.folder, MAP_SUFFIXES) if options.folder else ("",)

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        drawn = draw_all(self.options, rng)
        path = self._maps[int(rng.integers(len(self._maps)))]
        return {**drawn, "map": path, "seed": int(rng.integers(2**31))}

    def apply(self, scene: Scene, params: Params) -> Scene:
        if params["kind"] == "none":
            return scene
        sun = _sun(scene, params) if params["kind"] == "sky" else None
        share = params["sun_share"] if sun else 0.0
        plain = _environment(params)
        upward = upward_irradiance(plain)
        if not upward > 0:
            raise AssetError(f"{params['map']}: no light comes from above; take the map away")
        around = replace(
            plain,
            intensity=(1.0 - share) * params["intensity"] / upward,
            rotation=math.radians(params["rotation_deg"]),
        )
        scene = replace(scene, environment=around)
        if math.isfinite(free_distance(scene, middle_of_objects(scene), UP)):
            return scene
        lights = scene.lights if self.options.keep_lights else ()
        return replace(scene, ambient=(0.0, 0.0, 0.0), lights=(*lights, *([sun] if sun else [])))


def _environment(params: Params) -> Environment:
    """Return the environment at intensity 1, unturned; a sky's sun stands over x."""
    kind, light = params["kind"], temperature_to_rgb(params["temperature"])
    elevation, walls = math.radians(params["sun_elevation_deg"]), params["walls"]
    if kind == "image":
        return Environment(kind, path=params["map"])
    if kind == "studio":
        return Environment(kind, colors=((walls,) * 3, light), seed=params["seed"])
    if kind == "constant":
        return Environment(kind, colors=(light,))
    colors = sky_colors(params["turbidity"], elevation, params["ground"])
    return Environment(kind, colors=colors, sun=vec3(direction(0.0, elevation)))


def _sun(scene: Scene, params: Params) -> Light | None:
    """Return the sun's light, None where a room's walls keep it from the objects."""
    elevation = math.radians(params["sun_elevation_deg"])
    towards = direction(math.radians(params["rotation_deg"]), elevation)
    if math.isfinite(free_distance(scene, middle_of_objects(scene), towards)):
        return None
    color = sun_color(params["turbidity"], elevation)
    luminance = float(np.dot(LUMINANCE, color)) * math.sin(elevation)
    strength = params["sun_share"] * params["intensity"] / luminance
    return Light(direction=vec3(-towards), color=color, intensity=strength)
