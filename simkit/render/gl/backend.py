"""The `gl` renderer: rasterization by OpenGL, on a GPU or by Mesa's llvmpipe."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from simkit.assets.library import Library
from simkit.errors import RenderError
from simkit.options import setting
from simkit.render import Frame, Renderer
from simkit.render.gl import blocks
from simkit.render.gl.bodies import prepare
from simkit.render.gl.context import REMEDY, driver_name, is_hardware, open_context
from simkit.render.gl.lens import draw_with_lens
from simkit.render.gl.lights import bounced, draw_depths, lighting_of, sky_block, sky_maps
from simkit.render.gl.passes import Passes, Ready, Tile
from simkit.render.gl.programs import Programs
from simkit.render.gl.smoothing import smooth_edges
from simkit.render.gl.store import Store
from simkit.render.gl.targets import Readback, Targets, make_targets, read
from simkit.render.prefilter import prefilter, split_sum_table
from simkit.scene import Camera, Scene

ATLAS_SIDE = 2048
"""Views are drawn together while their target's sides are no longer than this [px]."""

TARGETS_KEPT = 6

log = logging.getLogger(__name__)


@dataclass
class GlOptions:
    """How OpenGL draws."""

    device: int = setting(-1, low=-1, help="index among EGL devices; -1 takes the first GPU")
    antialias: bool = setting(True, help="of colours at edges; labels have one sample a pixel")
    edges: str = setting(
        "auto",
        allowed=("auto", "samples", "shape"),
        help="anti-aliased by five samples (slow on llvmpipe), or by their shape; auto: samples on a GPU",
    )
    shadow_map: int = setting(1024, unit="texels", low=64, high=8192, help="a shadow map's side")
    occlusion: bool = setting(True, help="bodies keep the environment's light from each other")
    occlusion_reach: float = setting(
        20.0, unit="m", low=0.0, help="farther bodies hide nothing of the environment"
    )
    anisotropy: float = setting(
        8.0, low=1.0, high=16.0, help="of texture filtering on a GPU; llvmpipe is too slow for it"
    )
    memory: float = setting(1024.0, unit="MiB", low=16.0, help="for meshes and textures kept")


class Gl(Renderer):
    """OpenGL behind the common protocol; see the package's docstring.

    Its context belongs to the thread that made it.
    """

    Options = GlOptions
    channels = frozenset(
        {"rgb", "depth", "instance", "normal", "object_coords", "triangle", "barycentric"}
    )
    ignores = (
        "aperture, exposure and velocities",
        "reflections of bodies in each other",
        "light from body to body, but for one colour in an environment's shade",
    )
    remedy = REMEDY

    def __init__(self, options: GlOptions, library: Library) -> None:
        super().__init__(options, library)
        self._context = open_context(None if options.device < 0 else options.device)
        self._programs = Programs(self._context)
        by_samples = self.hardware if options.edges == "auto" else options.edges == "samples"
        self._sampled = options.antialias and by_samples
        self._smoothed = options.antialias and not by_samples
        self._anisotropic = self.hardware and options.anisotropy > 1
        anisotropy = options.anisotropy if self._anisotropic else 1.0
        self._store = Store(self._context, int(options.memory * 2**20), anisotropy)
        self._passes = Passes(self._context, self._programs)
        self._targets: OrderedDict[tuple[Any, ...], Targets] = OrderedDict()
        self._lights = self._context.buffer(reserve=blocks.LIGHTS.itemsize)
        self._sky = self._context.buffer(reserve=blocks.SKY_MAPS * blocks.SKY.itemsize)
        self._bodies: moderngl.Buffer | None = None
        self._atlases: dict[str, tuple[moderngl.Texture, moderngl.Framebuffer]] = {}
        self._loaded: tuple[Scene, bool, Ready] | None = None

    @property
    def driver(self) -> str:
        return driver_name(self._context)

    @property
    def hardware(self) -> bool:
        """Whether a GPU draws."""
        return is_hardware(self._context)

    @property
    def held_bytes(self) -> int:
        """What meshes and textures take on the GPU [bytes], about."""
        return self._store.bytes

    def close(self) -> None:
        for targets in self._targets.values():
            targets.release()
        self._store.release()
        self._context.release()

    def draw(self, scene: Scene, camera: Camera, channels: frozenset[str]) -> Frame:
        with self._context:
            if camera.readout > 0:
                raise RenderError(
                    "gl: has no rolling shutter (Camera.readout); use backend 'embree'"
                )
            if camera.model != "pinhole":
                return draw_with_lens(self, scene, camera, channels)
            return self._frame(scene, self.arrays(scene, camera, channels), channels)

    def arrays(
        self, scene: Scene, camera: Camera, names: frozenset[str]
    ) -> dict[str, NDArray[Any]]:
        """Return what a pinhole sees: (H, W) or (H, W, 3), for `draw` and lenses."""
        ready = self._ready(scene, "rgb" in names)
        targets = self._target(camera.width, camera.height, self._names(names))
        self._passes.draw(ready, [Tile(0, 0, camera)], targets, self._sampled)
        return self._smooth(read(targets, self._read_names(names)))

    def render_many(
        self, scene: Scene, cameras: Iterable[Camera], channels: Iterable[str]
    ) -> list[Frame]:
        """Return what each camera sees; pinholes of one size are drawn together.

        That is, into one target, unless colours are to be anti-aliased. While one target is read
        back the next is drawn.

        Raises:
            RenderError: a channel is not offered.
        """
        cameras, asked = list(cameras), frozenset(channels)
        plain = {(camera.width, camera.height, camera.model) for camera in cameras}
        if len(plain) != 1 or cameras[0].model != "pinhole" or asked - self.channels:
            return [self.render(scene, camera, asked) for camera in cameras]
        with self._context:
            return list(self._many(scene, cameras, asked))

    def _many(
        self, scene: Scene, cameras: list[Camera], channels: frozenset[str]
    ) -> Iterator[Frame]:
        width, height = cameras[0].width, cameras[0].height
        columns = max(ATLAS_SIDE // width, 1)
        columns = min(columns, len(cameras))
        rows = min(max(ATLAS_SIDE // height, 1), -(-len(cameras) // columns))
        if self.options.antialias and "rgb" in channels:
            columns = rows = 1  # edges are found view by view
        size = min(columns * rows, blocks.MAX_VIEWS)
        ready = self._ready(scene, "rgb" in channels)
        targets = self._target(columns * width, rows * height, self._names(channels))
        names = self._read_names(channels)
        pair = [Readback(self._context, targets, names) for _ in range(2)]
        starts = range(0, len(cameras), size)
        groups = [cameras[start : start + size] for start in starts]
        tiles: list[list[Tile]] = []
        try:
            for number, group in enumerate([*groups, []]):
                if group:
                    tiles.append(
                        [Tile(k % columns * width, k // columns * height, camera)
                         for k, camera in enumerate(group)]
                    )  # fmt: skip
                    self._passes.draw(ready, tiles[-1], targets, self._sampled)
                    pair[number % 2].start()
                if number > 0:
                    arrays = pair[(number - 1) % 2].arrays()
                    for tile in tiles[number - 1]:
                        cut = np.s_[tile.y : tile.y + height, tile.x : tile.x + width]
                        part = {n: np.ascontiguousarray(a[cut]) for n, a in arrays.items()}
                        yield self._frame(scene, self._smooth(part), channels)
        finally:
            for one in pair:
                one.release()

    def _names(self, channels: frozenset[str]) -> tuple[str, ...]:
        """Return the targets to draw: what is read, and what finding edges needs."""
        names = set(self._read_names(channels))
        if "rgb" in names and self._sampled:
            names |= {"instance", "depth"}
        return tuple(sorted(names, key=_PLACE.index))

    def _read_names(self, channels: frozenset[str]) -> tuple[str, ...]:
        """Return the targets to read: what is asked for, and what smoothing edges needs."""
        edges = {"instance", "depth"} if "rgb" in channels and self._smoothed else frozenset()
        return _asked(channels | edges)

    def _smooth(self, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        if "rgb" in arrays and self._smoothed:
            smooth_edges(arrays["rgb"], arrays["instance"], arrays["depth"])
        return arrays

    def _target(self, width: int, height: int, names: tuple[str, ...]) -> Targets:
        key = (width, height, names)
        if key not in self._targets:
            self._targets[key] = make_targets(self._context, width, height, names)
            if len(self._targets) > TARGETS_KEPT:
                self._targets.popitem(last=False)[1].release()
        self._targets.move_to_end(key)
        return self._targets[key]

    def _ready(self, scene: Scene, colored: bool) -> Ready:
        """Return the scene on the GPU; it stays there for further views."""
        last = self._loaded
        if last is not None and (last[1] or not colored) and _same(last[0], scene):
            return last[2]
        bodies, data = prepare(scene, self.library, self._store)
        if self._bodies is None or self._bodies.size < data.nbytes:
            if self._bodies is not None:
                self._bodies.release()
            self._bodies = self._context.buffer(reserve=max(data.nbytes, 64 * blocks.BODY_STRIDE))
        if data.nbytes:
            self._bodies.orphan()
            self._bodies.write(data.tobytes())
        ready = Ready(bodies, self._bodies, frozenset(), [], scene.background)
        if colored:
            self._light(scene, ready)
        self._store.trim(in_use=5 * len(bodies) + 8)
        self._loaded = (scene, colored, ready)
        return ready

    def _light(self, scene: Scene, ready: Ready) -> None:
        side = self.options.shadow_map
        lighting = lighting_of(scene, ready.bodies, side)
        features = set(lighting.features)
        context = self._context
        context.enable_only(moderngl.DEPTH_TEST)
        context.depth_func = "<="
        if lighting.maps:
            texture, target = self._atlas("shadow", lighting.columns * side, lighting.rows * side)
            draw_depths(
                target, self._programs.depth(), ready.buffer, lighting.maps, lighting.casters, side
            )
            ready.samplers.append((texture, "shadow_atlas"))
        if scene.environment is not None and scene.environment.intensity > 0:
            features.add("ENVIRONMENT")
            maps = prefilter(scene.environment)
            lighting.block["irradiance"][:, :3] = maps.irradiance
            image = self._store.floats(("environment", scene.environment), maps.image)
            levels = self._store.floats(("levels", scene.environment), maps.specular)
            ready.samplers += [(image, "environment_image"), (levels, "environment_levels")]
            if self.options.occlusion and len(ready.bodies) > 1:
                features.add("OCCLUSION")
                lighting.block["bounce"][:3] = bounced(scene, ready.bodies, maps.irradiance)
                sky = self._sky_atlas(ready, maps.irradiance)
                ready.samplers.append((sky, "sky_atlas"))
        if features & {"AMBIENT", "ENVIRONMENT"}:
            table = self._store.floats("split sum", split_sum_table(), repeat=False)
            ready.samplers.append((table, "split_sum"))
        self._lights.orphan()
        self._lights.write(lighting.block.tobytes())
        self._lights.bind_to_uniform_block(blocks.LIGHT_BLOCK)
        self._sky.bind_to_uniform_block(blocks.SKY_BLOCK)
        if self._anisotropic:
            features.add("ANISOTROPIC")
        ready.features, ready.light_calls = frozenset(features), lighting.calls

    def _sky_atlas(self, ready: Ready, coefficients: NDArray[np.float32]) -> moderngl.Texture:
        tile, columns = blocks.SKY_TILE, blocks.SKY_COLUMNS
        maps = sky_maps(ready.bodies, self.options.occlusion_reach)
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
            held = self._atlases[name] = (texture, self._context.framebuffer([], texture))
        return held

    def _frame(
        self, scene: Scene, arrays: dict[str, NDArray[Any]], channels: frozenset[str]
    ) -> Frame:
        frame = {name: arrays[name] for name in channels & arrays.keys()}
        if "barycentric" in channels:
            frame["barycentric"] = self.barycentric(scene, arrays)
        return Frame(frame)

    def barycentric(self, scene: Scene, arrays: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Return weights (H, W, 2), from the hits in the models' frames."""
        instance, triangle = arrays["instance"], arrays["triangle"]
        weights = np.zeros((*instance.shape, 2), dtype=np.float32)
        flat, ids = weights.reshape(-1, 2), instance.reshape(-1)
        order = np.argsort(ids, kind="stable")
        cuts = np.searchsorted(ids[order], np.arange(1, len(scene.bodies) + 2))
        for body, (start, stop) in zip(scene.bodies, pairwise(cuts), strict=True):
            pixels = order[start:stop]
            if len(pixels) == 0:
                continue
            faces = triangle.reshape(-1)[pixels]
            corners = self.library[body.model].mesh.triangles[faces]
            points = arrays["object_coords"].reshape(-1, 3)[pixels].astype(np.float64)
            flat[pixels] = _weights(corners, points)
        return weights


_PLACE = ("rgb", "instance", "depth", "normal", "flat_normal", "object_coords", "triangle")


def _asked(channels: frozenset[str]) -> tuple[str, ...]:
    """Return the targets that the channels are read from."""
    names = set(channels)
    if "barycentric" in names:
        names = names - {"barycentric"} | {"instance", "triangle", "object_coords"}
    return tuple(sorted(names, key=_PLACE.index))


def _same(a: Scene, b: Scene) -> bool:
    """Return whether two scenes differ in their camera at most."""
    return a is b or (
        a.bodies == b.bodies
        and a.lights == b.lights
        and a.environment == b.environment
        and (a.ambient, a.background) == (b.ambient, b.background)
    )


def _weights(corners: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights (N, 2) of the second and third of the corners (N, 3, 3) at points (N, 3)."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    p = points - corners[:, 0]
    aa, ab, bb = (np.einsum("ij,ij->i", x, y) for x, y in ((a, a), (a, b), (b, b)))
    pa, pb = np.einsum("ij,ij->i", p, a), np.einsum("ij,ij->i", p, b)
    below = np.maximum(aa * bb - ab * ab, 1e-300)
    u, v = (bb * pa - ab * pb) / below, (aa * pb - ab * pa) / below
    return np.clip(np.stack([u, v], axis=1), 0.0, 1.0)
