"""Looks of surfaces: the options they are drawn by, params as plain data, and the materials of those.

A randomizer of looks inherits its options from `SurfaceOptions`.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simkit.assets.color import srgb_to_linear
from simkit.contracts import Params
from simkit.distributions import Distribution, Integer, LogUniform, Uniform
from simkit.errors import ConfigError
from simkit.options import setting, varied
from simkit.scene import TEXTURE_KINDS, Material, Texture, Vec3, vec3

Rgb = list[float]
"""Linear RGB, three floats in [0, 1]."""

PATTERNS = tuple(kind for kind in TEXTURE_KINDS if kind != "image")


@dataclass
class SurfaceOptions:
    """Colours, patterns and bumps of surfaces that do not keep their own look."""

    hue: Distribution = varied(Uniform(0.0, 1.0), low=0.0, high=1.0, help="of new colours (HSV)")
    saturation: Distribution = varied(Uniform(0.0, 0.9), low=0.0, high=1.0, help="HSV, see hue")
    value: Distribution = varied(Uniform(0.2, 0.95), low=0.0, high=1.0, help="HSV, see hue")
    palette: list[str] = setting(
        [], help="new colours are of these, '#rrggbb', in place of hue, saturation and value"
    )
    octaves: Distribution = varied(
        Integer(3, 6), low=1, high=8, whole=True, help="of noise and marble; 1 is smooth"
    )
    bumpy: float = setting(
        0.1, low=0.0, high=1.0, help="probability of bumps on new looks and on the background"
    )
    relief: Distribution = varied(
        LogUniform(0.005, 0.03), low=1e-4, high=1.0, help="height of the bumps, in tiles"
    )

    def __post_init__(self) -> None:
        palette(self.palette)


def draw_color(options: SurfaceOptions, rng: np.random.Generator) -> Rgb:
    """Draw a colour of the palette, or by hue, saturation and value."""
    if options.palette:
        return palette(options.palette)[int(rng.integers(len(options.palette)))]
    keys = (options.hue, options.saturation, options.value)
    return _linear(colorsys.hsv_to_rgb(*(one.sample(rng) for one in keys)))


def draw_surface(
    options: SurfaceOptions, kind: str, images: Sequence[str], rng: np.random.Generator
) -> Params:
    """Draw a colour or a pattern, and bumps: the pattern's own, or noise. See `surfaced`.

    Args:
        kind: one of `PATTERNS`, or ``plain``.
        images: files that take the patterns' place, if any.
    """
    bumpy = rng.random() < options.bumpy
    first, second = draw_color(options, rng), draw_color(options, rng)
    pattern = {
        "kind": "noise" if images or kind == "plain" else kind,
        "octaves": options.octaves.sample(rng),
        "seed": int(rng.integers(2**31)),
    }
    surface: Params = {"base_color": first if kind == "plain" else [1.0, 1.0, 1.0]}
    if kind != "plain" and images:
        surface["texture"] = {"kind": "image", "path": images[int(rng.integers(len(images)))]}
    elif kind != "plain":
        surface["texture"] = {**pattern, "colors": [first, second]}
    if bumpy:
        surface["normal_map"] = {**pattern, "relief": options.relief.sample(rng)}
    return surface


def palette(codes: Sequence[str]) -> list[Rgb]:
    """Return the linear RGB of colours ``#rrggbb`` (sRGB).

    Raises:
        ConfigError: a code is none; the message begins with ``palette``.
    """
    for place, code in enumerate(codes):
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", code):
            raise ConfigError(
                f"palette[{place}]: '{code}' is no colour; write '#rrggbb' in quotes, "
                "such as '#1f77b4'"
            )
    return [_linear(np.frombuffer(bytes.fromhex(code[1:]), np.uint8) / 255.0) for code in codes]


def filtered(brightness: float, cast: float, hue: float) -> Vec3:
    """Return the factors on linear RGB that dim a look and shift its colours towards a hue.

    Args:
        brightness: of the channels that the hue leaves alone.
        cast: by what part the complementary channels lose more, 0 to 1.
        hue: of HSV, 0 to 1.
    """
    return vec3([brightness * (1 - cast * (1 - c)) for c in colorsys.hsv_to_rgb(hue, 1.0, 1.0)])


def texture_of(fields: Params | None, size: float) -> Texture | None:
    """Return the `Texture` of its fields as plain data, with tiles of `size` [m]; None of None."""
    if fields is None:
        return None
    colors = {"colors": tuple(map(vec3, fields["colors"]))} if "colors" in fields else {}
    return Texture(**{**fields, **colors, "size": size})


def surfaced(look: Params, roughness: float, metallic: float, size: float) -> Material:
    """Return the material of a body that does not keep its own look.

    Args:
        look: ``base_color`` (linear RGB), and the fields of ``texture`` and ``normal_map``, if any,
            as `texture_of` takes them.
        roughness, metallic: see `Material`.
        size: of tiles [m].
    """
    return Material(
        base_color=vec3(look["base_color"]),
        roughness=roughness,
        metallic=metallic,
        texture=texture_of(look.get("texture"), size),
        own_look=False,
        normal_map=texture_of(look.get("normal_map"), size),
    )


def _linear(srgb: Sequence[float] | np.ndarray) -> Rgb:
    return [float(c) for c in srgb_to_linear(srgb)]
