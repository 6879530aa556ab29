"""Shader programs, made for just what a draw needs and kept."""

from __future__ import annotations

from functools import cache
from importlib import resources

import moderngl

from simkit.render.brdf import MIN_ROUGHNESS
from simkit.render.gl import blocks

TARGETS = {
    "rgb": ("COLOR", "vec4", "color_out"),
    "instance": ("LABEL_INSTANCE", "uint", "instance_out"),
    "depth": ("LABEL_DEPTH", "float", "depth_out"),
    "normal": ("LABEL_NORMAL", "vec4", "normal_out"),
    "flat_normal": ("LABEL_FLAT_NORMAL", "vec4", "flat_normal_out"),
    "object_coords": ("LABEL_COORDS", "vec4", "coords_out"),
    "triangle": ("LABEL_TRIANGLE", "int", "triangle_out"),
}
"""What a pass can draw into: its define, type and output variable in the shaders."""

_CONSTANTS = {
    "MAX_VIEWS": blocks.MAX_VIEWS,
    "MAX_LIGHTS": blocks.MAX_LIGHTS,
    "MAX_MAPS": blocks.MAX_MAPS,
    "SKY_MAPS": blocks.SKY_MAPS,
    "MIN_ROUGHNESS": MIN_ROUGHNESS,
    "LIFT": 1.0,  # texels by which a receiver is raised off its surface
    "MAX_SLOPE": 8.0,  # of a receiver against the light's axis; steeper ones get next to no light
    "MAX_SEARCH": 96.0,  # texels in which hiders are looked for
    "SEARCH_TAPS": 16,
    "FILTER_TAPS": 32,
    "MIN_COSINE": 1e-3,
    "SKY_TILE": blocks.SKY_TILE,
    "SKY_COLUMNS": blocks.SKY_COLUMNS,
}
_BLOCKS = {
    "BodyBlock": blocks.BODY_BLOCK,
    "ViewBlock": blocks.VIEW_BLOCK,
    "LightBlock": blocks.LIGHT_BLOCK,
    "SkyBlock": blocks.SKY_BLOCK,
}
UNITS = {
    "base_texture": 0,
    "normal_map": 1,
    "face_axes": 2,
    "shadow_atlas": 3,
    "sky_atlas": 4,
    "environment_image": 5,
    "environment_levels": 6,
    "split_sum": 7,
    "backdrop": 8,
    "instances": 0,
    "depths": 1,
}
"""Texture unit of each sampler."""


_SKY_CALLS = "\n    ".join(
    f"add_sky(sky[{k}], vec2({k % blocks.SKY_COLUMNS}, {k // blocks.SKY_COLUMNS}) * SKY_TILE, s, sums);"
    for k in range(blocks.SKY_MAPS)
)


class Programs:
    """The programs of one context."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._made: dict[tuple[object, ...], moderngl.Program] = {}

    def surface(
        self, targets: tuple[str, ...], features: frozenset[str], light_calls: str
    ) -> moderngl.Program:
        """Return the program that draws bodies into `targets` with the `features` defined.

        `light_calls` is GLSL that adds the lights up. Their numbers stand in it as constants, since
        llvmpipe reads uniforms at a variable place lane by lane.
        """
        light_calls = light_calls if "rgb" in targets else ""
        key = ("surface", targets, features, light_calls)
        if key not in self._made:
            head = _head(targets, features)
            shading = (
                _source("shading.glsl")
                .replace("LIGHT_CALLS", light_calls)
                .replace("SKY_CALLS", _SKY_CALLS)
                if "rgb" in targets
                else ""
            )
            fragment = head + _source("blocks.glsl") + shading + _source("surface.frag")
            fragment = fragment.replace("OUTPUTS", _outputs(targets))
            vertex = head + _source("blocks.glsl") + _source("surface.vert")
            self._made[key] = self._link(vertex, fragment)
        return self._made[key]

    def background(
        self, targets: tuple[str, ...], features: frozenset[str], backdrop: bool
    ) -> moderngl.Program:
        """Return the program that fills what no body covers, with a backdrop if there is one."""
        features = frozenset({"BACKDROP"}) if backdrop else features & {"ENVIRONMENT"}
        key = ("background", targets, features)
        if key not in self._made:
            fragment = _head(targets, features) + _source("background.frag")
            fragment = fragment.replace("OUTPUTS", _outputs(targets))
            self._made[key] = self._link(_head() + _source("screen.vert"), fragment)
        return self._made[key]

    def screen(self, name: str, features: frozenset[str] = frozenset()) -> moderngl.Program:
        """Return the program that runs ``NAME.frag`` over the whole target."""
        key = ("screen", name, features)
        if key not in self._made:
            head = _head((), features)
            self._made[key] = self._link(
                head + _source("screen.vert"), head + _source(f"{name}.frag")
            )
        return self._made[key]

    def depth(self) -> moderngl.Program:
        """Return the program that draws shadow maps."""
        key = ("depth",)
        if key not in self._made:
            head = _head()
            vertex = head + _source("blocks.glsl") + _source("depth.vert")
            self._made[key] = self._link(vertex, head + _source("depth.frag"))
        return self._made[key]

    def _link(self, vertex: str, fragment: str) -> moderngl.Program:
        program = self._context.program(vertex_shader=vertex, fragment_shader=fragment)
        for name in program:
            member = program[name]
            if isinstance(member, moderngl.UniformBlock):
                member.binding = _BLOCKS[name]
            elif name in UNITS:
                uniform(program, name).value = UNITS[name]
        return program


def uniform(program: moderngl.Program, name: str) -> moderngl.Uniform:
    """Return a program's uniform."""
    found = program[name]
    assert isinstance(found, moderngl.Uniform), name
    return found


@cache
def _source(name: str) -> str:
    folder = resources.files("simkit.render.gl") / "shaders"
    return (folder / name).read_text(encoding="utf-8")


def _head(targets: tuple[str, ...] = (), features: frozenset[str] = frozenset()) -> str:
    defines = [f"#define {name} {value}" for name, value in _CONSTANTS.items()]
    defines += [f"#define {TARGETS[target][0]}" for target in targets]
    defines += [f"#define {feature}" for feature in sorted(features)]
    version = ["#version 330", "#extension GL_ARB_texture_gather : enable"]
    return "\n".join([*version, *defines, ""])


def _outputs(targets: tuple[str, ...]) -> str:
    return "\n".join(
        f"layout(location = {place}) out {TARGETS[target][1]} {TARGETS[target][2]};"
        for place, target in enumerate(targets)
    )
