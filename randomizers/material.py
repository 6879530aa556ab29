"""What surfaces look like."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace

import numpy as np

from simkit.assets.color import srgb_to_linear
from simkit.contracts import Params, Randomizer, how_often
from simkit.distributions import Choice, Distribution, Uniform
from simkit.options import setting, varied
from simkit.scene import Body, Material, Scene, Texture, Vec3, vec3


@dataclass
class MaterialOptions:
    """The looks of objects, and of what is around them."""

    every: str = how_often("scene")
    keep_look: float = setting(
        0.7, low=0.0, high=1.0, help="probability that an object keeps its model's own look"
    )
    hue: Distribution = varied(Uniform(0.0, 1.0), low=0.0, high=1.0, help="of new colours (HSV)")
    saturation: Distribution = varied(Uniform(0.0, 0.9), low=0.0, high=1.0, help="HSV, see hue")
    value: Distribution = varied(Uniform(0.2, 0.95), low=0.0, high=1.0, help="HSV, see hue")
    roughness: Distribution = varied(Uniform(0.2, 0.9), low=0.0, high=1.0, help="0 mirror, 1 chalk")
    metallic: Distribution = varied(Choice((0.0, 0.0, 1.0)), low=0.0, high=1.0, help="1 is metal")
    background: Distribution = varied(
        Choice(("noise", "wood", "checker", "stripes", "plain")),
        allowed=("noise", "wood", "checker", "stripes", "plain"),
        help="pattern of tables, floors and walls",
    )
    background_tile: Distribution = varied(
        Uniform(0.2, 0.8), unit="m", low=0.005, high=50.0, help="length of one tile of the pattern"
    )


class MaterialLook(Randomizer):
    """New looks for objects (unless they keep their own), and patterns for unlabelled bodies."""

    Options = MaterialOptions

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return {
            body.name: self._object(rng) if body.labelled else self._background(rng)
            for body in scene.bodies
        }

    def apply(self, scene: Scene, params: Params) -> Scene:
        return scene.with_bodies([_with_look(body, params[body.name]) for body in scene.bodies])

    def _object(self, rng: np.random.Generator) -> Params:
        keep = bool(rng.random() < self.options.keep_look)
        color = self._color(rng)
        return {
            "own_look": keep,
            "base_color": [1.0, 1.0, 1.0] if keep else color,
            "roughness": self.options.roughness.sample(rng),
            "metallic": self.options.metallic.sample(rng),
        }

    def _background(self, rng: np.random.Generator) -> Params:
        kind = self.options.background.sample(rng)
        first, second = self._color(rng), self._color(rng)
        look = {"own_look": False, "roughness": 0.8, "metallic": 0.0}
        if kind == "plain":
            return {**look, "base_color": first}
        texture = {
            "kind": kind,
            "colors": [first, second],
            "size": self.options.background_tile.sample(rng),
            "seed": int(rng.integers(2**31)),
        }
        return {**look, "base_color": [1.0, 1.0, 1.0], "texture": texture}

    def _color(self, rng: np.random.Generator) -> list[float]:
        """Draw a linear RGB colour."""
        options = self.options
        hsv = [one.sample(rng) for one in (options.hue, options.saturation, options.value)]
        return [float(c) for c in srgb_to_linear(colorsys.hsv_to_rgb(*hsv))]


def _with_look(body: Body, look: Params) -> Body:
    texture = look.get("texture")
    material = Material(
        base_color=vec3(look["base_color"]),
        roughness=look["roughness"],
        metallic=look["metallic"],
        texture=_texture(texture) if texture else None,
        own_look=look["own_look"],
    )
    return replace(body, material=material)


def _texture(data: Params) -> Texture:
    colors: tuple[Vec3, ...] = tuple(vec3(color) for color in data["colors"])
    return Texture(kind=data["kind"], colors=colors, size=data["size"], seed=data["seed"])
