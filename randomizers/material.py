"""What surfaces look like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simkit.assets.folders import images_in
from simkit.assets.library import Library
from simkit.assets.primitives import BACKGROUND
from simkit.contracts import Params, Randomizer, how_often
from simkit.distributions import Choice, Constant, Distribution, LogUniform, Uniform
from simkit.looks import PATTERNS, SurfaceOptions, draw_surface, filtered, surfaced
from simkit.options import setting, varied
from simkit.population import DISTRACTOR
from simkit.scene import Body, Material, Scene, vec3

BACKGROUNDS = (*PATTERNS, "plain")


@dataclass
class MaterialOptions(SurfaceOptions):
    """The looks of objects and distractors, and of the background: what is around them."""

    every: str = how_often("scene")
    keep_look: float = setting(
        0.7, low=0.0, high=1.0, help="probability that an object keeps its model's own look"
    )
    kept_brightness: Distribution = varied(
        Uniform(0.85, 1.0), low=0.0, high=1.0, help="factor on the colours of a kept look"
    )
    kept_cast: Distribution = varied(
        Uniform(0.0, 0.08), low=0.0, high=1.0, help="its shift to a random hue; 0: none"
    )
    kept_metallic: Distribution = varied(Constant(0.0), low=0.0, high=1.0, help="see metallic")
    roughness: Distribution = varied(Uniform(0.2, 0.9), low=0.0, high=1.0, help="0 mirror, 1 chalk")
    metallic: Distribution = varied(Choice((0.0, 0.0, 1.0)), low=0.0, high=1.0, help="1 is metal")
    textured: float = setting(
        0.3, low=0.0, high=1.0, help="probability that a new look has a pattern"
    )
    texture: Distribution = varied(Choice(PATTERNS), allowed=PATTERNS, help="kind of the pattern")
    texture_folder: str = setting("", help="images that are the patterns, in place of `texture`")
    tile: Distribution = varied(
        LogUniform(0.3, 1.5), low=0.001, high=50.0, help="length of the pattern's tile, see tile_in"
    )
    tile_in: str = setting("diameter", allowed=("diameter", "m"), help="of the body, or metres")
    background: Distribution = varied(
        Choice(BACKGROUNDS), allowed=BACKGROUNDS, help="pattern of tables, floors and walls"
    )
    background_folder: str = setting("", help="images that are those patterns")
    background_tile: Distribution = varied(
        Uniform(0.2, 0.8), unit="m", low=0.005, high=50.0, help="length of one tile of the pattern"
    )
    background_roughness: Distribution = varied(
        Uniform(0.6, 0.95), low=0.0, high=1.0, help="see roughness"
    )
    background_metallic: Distribution = varied(
        Constant(0.0), low=0.0, high=1.0, help="see metallic"
    )


class MaterialLook(Randomizer):
    """New looks for objects (unless they keep their own), and patterns for the background.

    Background is what is fixed, unlabelled and made of primitives; all else is an object. Parts of
    one thing, whose names agree up to a slash, look alike.
    """

    Options = MaterialOptions

    def __init__(self, options: Any, library: Library) -> None:
        super().__init__(options, library)
        self.images = images_in(options.texture_folder) if options.texture_folder else ()
        folder = options.background_folder
        self.background_images = images_in(folder) if folder else ()

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        looks: Params = {}
        wholes: dict[str, Params] = {}
        for body in scene.bodies:
            if not self._is_background(body):
                looks[body.name] = self._look(body, rng)
                continue
            whole = body.name.partition("/")[0]  # the walls of a tote are of one make
            if whole not in wholes:
                wholes[whole] = self._background_look(rng)
            looks[body.name] = dict(wholes[whole])
        return looks

    def apply(self, scene: Scene, params: Params) -> Scene:
        bodies = [
            replace(body, material=self._material(body, params[body.name])) for body in scene.bodies
        ]
        return scene.with_bodies(bodies)

    def _is_background(self, body: Body) -> bool:
        primitive = self.library[body.model].category == BACKGROUND
        distracts = body.name.startswith(DISTRACTOR)
        return primitive and body.fixed and not body.labelled and not distracts

    def _background_look(self, rng: np.random.Generator) -> Params:
        look = self._drawn(rng, "background_roughness", "background_metallic", "background_tile")
        kind = self.options.background.sample(rng)
        return {**look, **draw_surface(self.options, kind, self.background_images, rng)}

    def _look(self, body: Body, rng: np.random.Generator) -> Params:
        primitive = self.library[body.model].category == BACKGROUND
        keeps = rng.random() < self.options.keep_look
        if keeps and (body.labelled or not primitive):  # else it has no look to keep
            look = self._drawn(rng, "roughness", "kept_metallic", "kept_brightness", "kept_cast")
            return {**look, "kept_hue": float(rng.random())}
        look = self._drawn(rng, "roughness", "metallic", "tile")
        textured = rng.random() < self.options.textured
        kind = self.options.texture.sample(rng) if textured else "plain"
        return {**look, **draw_surface(self.options, kind, self.images, rng)}

    def _drawn(self, rng: np.random.Generator, *keys: str) -> Params:
        return {key: getattr(self.options, key).sample(rng) for key in keys}

    def _material(self, body: Body, look: Params) -> Material:
        if "kept_hue" in look:
            color = filtered(look["kept_brightness"], look["kept_cast"], look["kept_hue"])
            return replace(
                body.material,
                base_color=vec3(np.multiply(color, body.material.base_color)),
                roughness=look["roughness"],
                metallic=look["kept_metallic"],
            )
        if "background_tile" in look:
            roughness, metallic = look["background_roughness"], look["background_metallic"]
            return surfaced(look, roughness, metallic, look["background_tile"])
        unit = 1.0
        if self.options.tile_in == "diameter":
            unit = self.library[body.model].diameter * max(body.scale)
        return surfaced(look, look["roughness"], look["metallic"], look["tile"] * unit)
