"""A scene on the GPU: its bodies, its lights with their shadow maps, and its sky."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from simkit.assets.library import Library
from simkit.render.gl import blocks
from simkit.render.gl.bodies import mean_color, prepare
from simkit.render.gl.lights import (
    Lighting,
    bounced,
    draw_depths,
    lighting_of,
    sky_block,
    sky_maps,
)
from simkit.render.gl.passes import Ready
from simkit.render.gl.programs import Programs
from simkit.render.gl.store import Store
from simkit.render.prefilter import prefilter, split_sum_table
from simkit.scene import Camera, Scene

FITTED_VIEWS = 32
"""Shadow maps are fitted to what is seen by no more cameras than these."""

TEXELS_PER_PIXEL = 1.5
"""Of a shadow map that is fitted to what is seen, along a side, at most."""


@dataclass(eq=False)
class _Loaded:
    """What is on the GPU.

    Attributes:
        environment: features, samplers, and the environment's part of the lights' block; None
            before colours were asked for.
        lights: the lights' block, as bytes.
        lighting: that it is of, and a shadow map's side.
    """

    scene: Scene
    ready: Ready
    environment: tuple[frozenset[str], list[tuple[Any, str]], dict[str, NDArray[Any]]] | None = None
    lights: bytes = b""
    lighting: tuple[Lighting, int] | None = None


class Stage:
    """Takes scenes to the GPU; one stays there for further views until the next one comes."""

    def __init__(
        self,
        context: moderngl.Context,
        programs: Programs,
        store: Store,
        library: Library,
        options: Any,
        anisotropic: bool,
    ) -> None:
        self._context = context
        self._programs = programs
        self._store = store
        self._library = library
        self._options = options
        self._anisotropic = anisotropic
        self._lights = context.buffer(reserve=blocks.LIGHTS.itemsize)
        self._sky = context.buffer(reserve=blocks.SKY_MAPS * blocks.SKY.itemsize)
        self._bodies: moderngl.Buffer | None = None
        self._atlases: dict[str, tuple[moderngl.Texture, moderngl.Framebuffer]] = {}
        self._loaded: _Loaded | None = None

    def ready(self, scene: Scene, cameras: list[Camera], colored: bool) -> Ready:
        """Return the scene on the GPU, with shadow maps for what the `cameras` (pinholes) see."""
        loaded = self._loaded
        if loaded is None or not _same(loaded.scene, scene):
            loaded = self._loaded = _Loaded(scene, self._load(scene))
        if colored:
            self._light(loaded, cameras)
        return loaded.ready

    def _load(self, scene: Scene) -> Ready:
        bodies, data = prepare(scene, self._library, self._store)
        if self._bodies is None or self._bodies.size < data.nbytes:
            if self._bodies is not None:
                self._bodies.release()
            self._bodies = self._context.buffer(reserve=max(data.nbytes, 64 * blocks.BODY_STRIDE))
        if data.nbytes:
            self._bodies.orphan()
            self._bodies.write(data.tobytes())
        self._store.trim(in_use=5 * len(bodies) + 8)
        return Ready(bodies, self._bodies, frozenset(), [], scene.background)

    def _light(self, loaded: _Loaded, cameras: list[Camera]) -> None:
        scene, ready = loaded.scene, loaded.ready
        side = self._shadow_side(scene, cameras)
        few = len(cameras) <= FITTED_VIEWS
        if loaded.lighting is not None and few:
            lighting, made_for = loaded.lighting
            if side == made_for and lighting.suits(cameras):
                return
        self._context.enable_only(moderngl.DEPTH_TEST)
        self._context.depth_func = "<="
        if loaded.environment is None:
            loaded.environment = self._environment(scene, ready)
        features, samplers, light = loaded.environment
        lighting = lighting_of(scene, ready.bodies, side, cameras if few else None)
        loaded.lighting = lighting, side
        for name, values in light.items():
            lighting.block[name][..., :3] = values
        data = lighting.block.tobytes()
        if data == loaded.lights:
            return
        loaded.lights = data
        ready.samplers = list(samplers)
        if lighting.maps:
            ready.samplers.append((self._shadow_atlas(lighting, ready, side), "shadow_atlas"))
        self._lights.orphan()
        self._lights.write(data)
        self._lights.bind_to_uniform_block(blocks.LIGHT_BLOCK)
        self._sky.bind_to_uniform_block(blocks.SKY_BLOCK)
        ready.features, ready.light_calls = features | lighting.features, lighting.calls

    def _shadow_side(self, scene: Scene, cameras: list[Camera]) -> int:
        """Return a shadow map's side; no finer than the image where the maps are fitted to it."""
        side: int = self._options.shadow_map
        shadowed = [light for light in scene.lights if light.casts_shadow]
        if any(light.kind != "directional" for light in shadowed) or len(cameras) > FITTED_VIEWS:
            return side
        pixels = max(max(camera.width, camera.height) for camera in cameras)
        return min(side, 64 * int(np.ceil(TEXELS_PER_PIXEL * pixels / 64)))

    def _shadow_atlas(self, lighting: Lighting, ready: Ready, side: int) -> moderngl.Texture:
        texture, target = self._atlas("shadow", lighting.columns * side, lighting.rows * side)
        program = self._programs.depth()
        draw_depths(target, program, ready.buffer, lighting.maps, lighting.casters, side)
        return texture

    def _environment(
        self, scene: Scene, ready: Ready
    ) -> tuple[frozenset[str], list[tuple[Any, str]], dict[str, NDArray[Any]]]:
        """Return features, samplers and the part of the lights' block that no view changes."""
        features: set[str] = {"ANISOTROPIC"} if self._anisotropic else set()
        samplers: list[tuple[Any, str]] = []
        block: dict[str, NDArray[Any]] = {}
        lit = scene.environment is not None and scene.environment.intensity > 0
        if lit or any(scene.ambient):
            table = self._store.floats("split sum", split_sum_table(), repeat=False)
            samplers.append((table, "split_sum"))
        if not lit:
            return frozenset(features), samplers, block
        assert scene.environment is not None
        features.add("ENVIRONMENT")
        maps = prefilter(scene.environment)
        block["irradiance"] = maps.irradiance
        image = self._store.floats(("environment", scene.environment), maps.image)
        levels = self._store.floats(("levels", scene.environment), maps.specular)
        samplers += [(image, "environment_image"), (levels, "environment_levels")]
        if self._options.occlusion and len(ready.bodies) > 1:
            features.add("OCCLUSION")
            colors = [mean_color(body, self._library[body.model].mesh) for body in scene.bodies]
            block["bounce"] = bounced(scene, colors, maps.irradiance)
            samplers.append((self._sky_atlas(ready, maps.irradiance), "sky_atlas"))
        return frozenset(features), samplers, block

    def _sky_atlas(self, ready: Ready, coefficients: NDArray[np.float32]) -> moderngl.Texture:
        tile, columns = blocks.SKY_TILE, blocks.SKY_COLUMNS
        maps = sky_maps(ready.bodies, self._options.occlusion_reach)
        self._sky.write(sky_block(maps, coefficients).tobytes())
        rows = -(-len(maps) // columns)
        texture, target = self._atlas("sky", columns * tile, rows * tile)
        placed = [(m, k % columns * tile, k // columns * tile) for k, m in enumerate(maps)]
        casters = [ready.bodies] * len(maps)
        draw_depths(target, self._programs.depth(), ready.buffer, placed, casters, tile)
        return texture

    def _atlas(
        self, name: str, width: int, height: int
    ) -> tuple[moderngl.Texture, moderngl.Framebuffer]:
        held = self._atlases.get(name)
        if held is None or held[0].size != (width, height):
            if held is not None:
                held[1].release()
                held[0].release()
            texture = self._context.depth_texture((width, height))
            texture.compare_func = ""
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
            texture.repeat_x = texture.repeat_y = False
            held = self._atlases[name] = (texture, self._context.framebuffer([], texture))
        return held


def _same(a: Scene, b: Scene) -> bool:
    """Return whether two scenes differ in their camera and time at most."""
    return a is b or (
        a.bodies == b.bodies
        and a.lights == b.lights
        and a.environment == b.environment
        and (a.ambient, a.background, a.backdrop) == (b.ambient, b.background, b.backdrop)
    )
