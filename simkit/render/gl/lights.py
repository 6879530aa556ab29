"""Lights as the shaders take them, and the atlas of their shadow maps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import moderngl
import numpy as np

from simkit.errors import RenderError
from simkit.geometry import Array, direction
from simkit.render.gl import blocks
from simkit.render.gl.bodies import Drawn, casts_for
from simkit.render.gl.frusta import seen_points
from simkit.render.gl.nested import Nested, nested_maps
from simkit.render.gl.programs import uniform
from simkit.render.gl.shadows import Map, axes_across, holds, maps_of, parallel_map, shows
from simkit.render.prefilter import irradiance
from simkit.scene import Camera, Light, Scene

_DEEP = 4.0
"""What is seen is split in two where its farthest z-depth is more than so many times the nearest."""

_LARGE_SLAB = 4.0
"""Relative to what else is in the scene."""

_KINDS = {"directional": 0, "point": 1, "spot": 2, "area": 3}


@dataclass(eq=False)
class Lighting:
    """What a scene's lights come to.

    Attributes:
        block: `blocks.LIGHTS`, without the environment's part.
        features: what the shader needs to know.
        calls: GLSL that adds the lights up.
        maps: (map, x, y) of the shadow maps in an atlas of `columns` by `rows` tiles.
        casters: bodies drawn into each map.
        shared: it is the same for all views that these suit; None: it is fitted to what is seen.
    """

    block: np.ndarray
    features: frozenset[str]
    calls: str
    maps: list[tuple[Map, int, int]] = field(default_factory=list)
    casters: list[list[Drawn]] = field(default_factory=list)
    columns: int = 1
    rows: int = 1
    shared: list[Nested] | None = None

    def suits(self, cameras: list[Camera]) -> bool:
        """Return whether it would be the same for these pinholes, and as many texels."""
        return self.shared is not None and all(one.suits(cameras) for one in self.shared)


def lighting_of(
    scene: Scene, bodies: list[Drawn], side: int, cameras: list[Camera] | None = None
) -> Lighting:
    """Return the lights of a scene, with maps of `side` texels for those that cast shadows.

    Args:
        scene: whose lights they are.
        bodies: of the scene.
        side: of a map.
        cameras: pinholes that see it; directional lights' maps are fitted to what they see, where
            those of the whole scene are not fine enough. None fits them to all there is.

    Raises:
        RenderError: there are more lights, or shadow maps, than a draw takes.
    """
    lights = [light for light in scene.lights if light.intensity > 0 and any(light.color)]
    if len(lights) > blocks.MAX_LIGHTS:
        raise RenderError(
            f"gl: takes {blocks.MAX_LIGHTS} lights, not {len(lights)}; use backend 'embree'"
        )
    block = np.zeros((), dtype=blocks.LIGHTS)
    block["counts"][0] = len(lights)
    block["ambient"][:3] = scene.ambient
    features: set[str] = set()
    calls, has_sun = [], False
    found: list[Map] = []
    casters: list[list[Drawn]] = []
    seen: tuple[Array, Array] | None = None
    shared: list[Nested] = []
    fitted = False
    for place, light in enumerate(lights):
        _fill(block["lights"][place], light)
        near = None if light.kind == "directional" else np.asarray(light.position)
        casting = casts_for(np.asarray(light.direction), bodies, near)
        parallel = light.kind == "directional" and light.casts_shadow and bool(casting)
        nested = nested_maps(light, casting, side) if parallel and cameras else None
        if nested is not None and cameras and nested.suits(cameras):
            drawn = nested.maps
            shared.append(nested)
        else:
            nested, fitted = None, fitted or parallel
            if parallel and seen is None:
                seen = _seen(bodies, cameras)
            maps = maps_of(light, [body.box for body in casting], side, seen)
            drawn = [(one, [b for b in casting if shows(one, b.box)]) for one in maps]
        soft = _is_soft(light)
        sun = parallel and not soft and not has_sun and (nested is not None or len(drawn) == 1)
        has_sun |= sun
        calls.append(_call(light, place, len(found), len(drawn), soft, sun))
        if sun:
            features |= {f"SUN_MAP {len(found)}", f"SUN_MAPS {len(drawn)}"}
        if drawn:
            features |= {"SHADOWS"} | ({"SOFT"} if soft else set())
            found += [one for one, _ in drawn]
            casters += [held for _, held in drawn]
    if len(found) > blocks.MAX_MAPS:
        raise RenderError(
            f"gl: {len(found)} shadow maps are more than {blocks.MAX_MAPS}; use fewer point lights "
            "amid the objects, or backend 'embree'"
        )
    columns = max(math.ceil(math.sqrt(len(found))), 1)
    placed = [(m, k % columns * side, k // columns * side) for k, m in enumerate(found)]
    for place, (one, x, y) in enumerate(placed):
        block["maps"][place] = one.block(x, y, side)
    rows = max(-(-len(found) // columns), 1)
    if any(scene.ambient):
        features.add("AMBIENT")
    return Lighting(
        block, frozenset(features), "\n    ".join(calls), placed, casters, columns, rows,
        None if fitted else shared,
    )  # fmt: skip


def _seen(bodies: list[Drawn], cameras: list[Camera] | None) -> tuple[Array, Array] | None:
    """Return points (N, 3) about what of the bodies the cameras see nearby, and in all."""
    if cameras is None:
        return None
    boxes = np.stack([body.box for body in bodies])
    nearby, everything = [], []
    for camera in cameras:
        points = seen_points(camera, boxes)
        everything.append(points)
        depth = (
            points @ camera.T_world_camera[:3, 2] - camera.T_world_camera[:3, 2] @ camera.position
        )
        if len(depth) and depth.max() > _DEEP * max(depth.min(), camera.near):
            first = max(float(depth.min()), float(depth.max()) / _DEEP**2)
            split = math.sqrt(first * float(depth.max()))
            points = seen_points(replace(camera, far=max(split, 1.01 * camera.near)), boxes)
        nearby.append(points)
    return np.concatenate(nearby), np.concatenate(everything)


def sky_maps(bodies: list[Drawn], reach: float) -> list[Map]:
    """Return orthographic maps from directions spread over the sphere (Fibonacci's lattice).

    They are fitted to all but large slabs, such as floors and walls: far out on those, the sky is
    open.
    """
    focus = [body.box for body in bodies if not body.slab]
    if focus:
        size = float(np.linalg.norm(np.ptp(np.concatenate(focus), axis=0)))
        focus += [
            body.box
            for body in bodies
            if body.slab and np.ptp(body.box, axis=0).max() < _LARGE_SLAB * size
        ]
    points = np.concatenate(focus or [body.box for body in bodies])
    maps = []
    for number in range(blocks.SKY_MAPS):
        height = 1 - (2 * number + 1) / blocks.SKY_MAPS
        towards = direction(number * math.pi * (3 - math.sqrt(5)), math.asin(height))
        maps.append(parallel_map(-towards, points, blocks.SKY_TILE, reach))
    return maps


def sky_block(maps: list[Map], coefficients: np.ndarray) -> np.ndarray:
    """Return the uniform block of `sky_maps`; they count by how bright the environment is there."""
    block = np.zeros(len(maps), dtype=blocks.SKY)
    towards = np.stack([-one.forward for one in maps])
    block["light"][:, 0] = irradiance(coefficients, towards)[:, 1] + 1e-6
    for number, one in enumerate(maps):
        x = number % blocks.SKY_COLUMNS * blocks.SKY_TILE
        y = number // blocks.SKY_COLUMNS * blocks.SKY_TILE
        matrix = one.texel_from_world(x, y, blocks.SKY_TILE)
        block[number]["x"], block[number]["y"], block[number]["z"] = matrix[:3]
        block[number]["direction"] = (*towards[number], 2 * one.extent / blocks.SKY_TILE)
    return block


def bounced(scene: Scene, colors: list[Array], coefficients: np.ndarray) -> np.ndarray:
    """Return the radiance (3,) that bodies lend to each other where they hide the environment.

    One colour for all of a scene: the mean one of the bodies' `colors` (3,), under half of the
    environment's light, the ambient light, and the strongest directional light, as they fall on
    level ground.
    """
    up = irradiance(coefficients, np.array([[0.0, 0.0, 1.0]]))[0]
    arriving = np.asarray(scene.ambient) + 0.5 / math.pi * up
    suns = [light for light in scene.lights if light.kind == "directional"]
    if suns:
        sun = max(suns, key=lambda light: light.intensity)
        level = max(-sun.direction[2], 0.0) * sun.intensity
        arriving = arriving + 0.5 * level * np.asarray(sun.color)  # half of the ground is shaded
    return np.asarray(np.mean(colors, axis=0) * arriving)


def draw_depths(
    target: moderngl.Framebuffer,
    program: moderngl.Program,
    buffer: moderngl.Buffer,
    maps: list[tuple[Map, int, int]],
    casters: list[list[Drawn]],
    side: int,
) -> None:
    """Draw the maps into their tiles of an atlas.

    Closed bodies are drawn without the faces that look away, where all of them lies in the map.
    """
    context = target.ctx
    context.front_face, context.cull_face = "ccw", "back"
    target.use()
    target.clear()
    matrix = uniform(program, "clip_from_world")
    for (one, x, y), bodies in zip(maps, casters, strict=True):
        target.viewport = (x, y, side, side)
        matrix.write(one.clip_from_world().T.astype("<f4").tobytes())
        for body in bodies:
            cull = body.buffers.closed and holds(one, body.box)
            (context.enable if cull else context.disable)(moderngl.CULL_FACE)
            buffer.bind_to_uniform_block(blocks.BODY_BLOCK, body.offset, blocks.BODY_STRIDE)
            body.buffers.array(program).render()
    context.disable(moderngl.CULL_FACE)


def _fill(block: np.ndarray, light: Light) -> None:
    along = np.asarray(light.direction)
    radiance = np.multiply(light.color, light.intensity)
    if light.kind != "area":
        radiance = radiance * math.pi  # see `Light`: 1 is what white reflects as radiance 1
    block["position"] = (*light.position, _KINDS[light.kind])
    block["direction"] = (*light.direction, light.radius)
    block["radiance"] = (*radiance, light.cone)
    right, up = _half_axes(light, along)
    block["right"][:3], block["up"][:3] = right, up


def _half_axes(light: Light, along: Array) -> tuple[Array, Array]:
    """Return half the light's extents as vectors: a rectangle's, or a disc's two radii."""
    right, up = axes_across(along)
    if light.kind != "area":
        radius = math.tan(light.radius) if light.kind == "directional" else light.radius
        return right * radius, up * radius
    width = np.cross(along, (0.0, 0.0, 1.0))
    norm = float(np.linalg.norm(width))
    width = width / norm if norm > 1e-9 else np.array([1.0, 0.0, 0.0])
    return width * light.size[0] / 2, np.cross(along, width) * light.size[1] / 2


def _is_soft(light: Light) -> bool:
    return light.kind == "area" or light.radius > 0


def _call(light: Light, place: int, first: int, maps: int, soft: bool, sun: bool) -> str:
    """Return GLSL that adds one light, with its shadow; `sun`: by the cheaper way for one such."""
    unshadowed = f"{light.kind}_light(s, lights[{place}], nv, alpha)"
    if maps == 0:
        return f"total += {unshadowed};"
    way = (
        f"-lights[{place}].direction.xyz"
        if light.kind == "directional"
        else f"lights[{place}].position.xyz - s.position"
    )
    which = f"maps[{first + maps - 1}]"
    if light.kind == "directional":
        for finer in range(first + maps - 2, first - 1, -1):
            which = f"finer(maps[{finer}], {which}, s.position)"
    elif maps > 1:
        which = f"maps[{first} + cube_side(s.position - lights[{place}].position.xyz)]"
    flags = ", ".join(str(flag).lower() for flag in (soft, light.kind != "area"))
    shadow = "sun_shadow(s)" if sun else f"shadow({which}, lights[{place}], s, {flags})"
    lit = f"if (dot(s.flat_normal, {way}) > 0.0) " if light.kind != "area" else ""
    return f"{lit}total += {unshadowed} * {shadow};"
