"""Where light comes from, and how much."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from simkit.assets.blackbody import temperature_to_rgb
from simkit.contracts import Params, Randomizer, how_often
from simkit.distributions import Constant, Distribution, Uniform
from simkit.geometry import direction
from simkit.lamps import WITHIN, free_distance, lamp, middle_of_objects
from simkit.options import draw_all, varied
from simkit.scene import LIGHT_KINDS, Light, Scene, vec3

SHARED = ("number", "intensity", "ambient")
"""Drawn once for all lights; everything else for each."""


@dataclass
class LightOptions:
    """Lights around the labelled objects, and light from everywhere."""

    every: str = how_often("scene")
    number: Distribution = varied(Constant(1), low=0, high=16, whole=True, help="of lights")
    kind: Distribution = varied(
        Constant("directional"), allowed=LIGHT_KINDS, help="of each light; spot and area face `aim`"
    )
    azimuth_deg: Distribution = varied(
        Uniform(0.0, 360.0), unit="deg", low=-360, high=360, help="about the world's z axis"
    )
    elevation_deg: Distribution = varied(
        Uniform(45.0, 85.0), unit="deg", low=0, high=90, help="90: straight from above"
    )
    temperature: Distribution = varied(
        Uniform(3000.0, 7500.0), unit="K", low=1667, high=25000, help="colour of the light"
    )
    intensity: Distribution = varied(
        Uniform(0.5, 1.0), low=0, high=100, help="of all lights; 1: white where they aim is white"
    )
    ambient: Distribution = varied(Uniform(0.1, 0.35), low=0, high=1, help="from everywhere")
    share: Distribution = varied(
        Uniform(0.3, 1.0), low=0.001, high=1, help="of the intensity, relative to other lights'"
    )
    distance: Distribution = varied(
        Uniform(0.8, 2.0), unit="m", low=0.05, high=1000, help="from `aim`; directional: none"
    )
    softness_deg: Distribution = varied(
        Constant(0.0), unit="deg", low=0, high=45, help="radius as seen from `aim`; area: see size"
    )
    cone_deg: Distribution = varied(
        Uniform(20.0, 40.0), unit="deg", low=1, high=85, help="half the opening angle of a spot"
    )
    aim: Distribution = varied(
        Uniform(-0.1, 0.1), unit="m", low=-10, high=10, help="beside the objects, along each axis"
    )
    size: Distribution = varied(
        Uniform(0.2, 0.8), unit="m", low=0.001, high=100, help="width and height of an area light"
    )


class Lighting(Randomizer):
    """Lights from above, each of a black body's colour, over ambient light.

    A white surface at the point aimed at that faced all lights at once would have the radiance
    `intensity`, whatever their number, kinds and distances. In a room, lamps hang within its walls;
    a directional light that walls or a ceiling keep out becomes a point light before them.
    """

    Options = LightOptions

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        first = self._light(rng)
        more = max(first["number"], 1) - 1
        return {**first, "more": [self._light(rng, SHARED) for _ in range(more)]}

    def apply(self, scene: Scene, params: Params) -> Scene:
        drawn = [params, *params["more"]] if params["number"] else []
        whole = sum(one["share"] for one in drawn)
        lights = [_light(scene, one, params["intensity"] * one["share"] / whole) for one in drawn]
        return replace(scene, lights=tuple(lights), ambient=vec3([params["ambient"]] * 3))

    def _light(self, rng: np.random.Generator, skip: tuple[str, ...] = ()) -> Params:
        drawn = draw_all(self.options, rng, skip=("aim", "size", *skip))
        drawn["aim"] = [self.options.aim.sample(rng) for _ in range(3)]
        return {**drawn, "size": [self.options.size.sample(rng) for _ in range(2)]}


def _light(scene: Scene, params: Params, brightness: float) -> Light:
    aim = middle_of_objects(scene) + params["aim"]
    towards = direction(*np.deg2rad([params["azimuth_deg"], params["elevation_deg"]]))
    kind, distance = params["kind"], params["distance"]
    free = WITHIN * free_distance(scene, aim, towards)
    if kind == "directional" and math.isfinite(free):
        kind, distance = "point", free
    width, height = params["size"]
    return lamp(
        kind, aim, towards, max(min(distance, free), 0.01), brightness,
        temperature_to_rgb(params["temperature"]), math.radians(params["softness_deg"]),
        (width, height), math.radians(params["cone_deg"]),
    )  # fmt: skip
