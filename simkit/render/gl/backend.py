"""The `gl` renderer: rasterization by OpenGL, on a GPU or by Mesa's llvmpipe."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from simkit.assets.backdrop import backdrop_image
from simkit.assets.library import Library
from simkit.errors import RenderError
from simkit.options import setting
from simkit.render import Frame, Renderer
from simkit.render.gl import blocks
from simkit.render.gl.blur import Aim, aimed, blurs, sub_frames
from simkit.render.gl.bodies import Drawn
from simkit.render.gl.context import REMEDY, driver_name, is_hardware, open_context
from simkit.render.gl.lens import draw_with_lens
from simkit.render.gl.passes import Passes, Tile
from simkit.render.gl.programs import Programs
from simkit.render.gl.smoothing import smooth_edges
from simkit.render.gl.stage import Stage
from simkit.render.gl.store import Store
from simkit.render.gl.targets import Readback, Targets, make_targets, read
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
    blur_samples: int = setting(
        16, low=1, high=256, help="pictures whose mean is one that lens or exposure blur"
    )
    shadow_map: int = setting(
        1024, unit="texels", low=64, high=8192, help="a shadow map's side, at most"
    )
    occlusion: bool = setting(True, help="bodies keep the environment's light from each other")
    occlusion_reach: float = setting(
        20.0, unit="m", low=0.0, help="farther bodies hide nothing of the environment"
    )
    anisotropy: float = setting(
        8.0, low=1.0, high=16.0, help="of texture filtering on a GPU; llvmpipe is too slow for it"
    )
    memory: float = setting(
        0.0, unit="MiB", low=0.0, help="for meshes and textures kept; 0: 1024 on a GPU, else 128"
    )


class Gl(Renderer):
    """OpenGL behind the common protocol; see the package's docstring.

    Its context belongs to the thread that made it.
    """

    Options = GlOptions
    channels = frozenset(
        {"rgb", "depth", "instance", "normal", "object_coords", "triangle", "barycentric"}
    )
    ignores = (
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
        anisotropic = self.hardware and options.anisotropy > 1
        anisotropy = options.anisotropy if anisotropic else 1.0
        memory = options.memory or (1024.0 if self.hardware else 128.0)
        self._store = Store(self._context, int(memory * 2**20), anisotropy)
        self._passes = Passes(self._context, self._programs)
        self._targets: OrderedDict[tuple[Any, ...], Targets] = OrderedDict()
        self._behind: tuple[NDArray[np.float32], moderngl.Texture] | None = None
        self._stage = Stage(
            self._context, self._programs, self._store, library, options, anisotropic
        )

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
            if "rgb" in channels and blurs(scene, camera):
                return self._blurred(scene, camera, channels)
            return self._sharp(scene, camera, channels)

    def _sharp(
        self, scene: Scene, camera: Camera, channels: frozenset[str], aim: Aim | None = None
    ) -> Frame:
        """Return a frame; with an aim, one of those that make a blurred one."""
        if camera.model != "pinhole":
            return draw_with_lens(self, scene, camera, channels, aim)
        behind = self._backdrop(scene, camera) if "rgb" in channels else None
        view = camera if aim is None else aimed(camera, aim, camera.focus_distance)
        arrays = self.arrays(scene, view, channels, aim is None, behind)
        return self._frame(scene, arrays, channels)

    def _blurred(self, scene: Scene, camera: Camera, channels: frozenset[str]) -> Frame:
        """Return a frame whose labels are those of the exposure's middle and the lens' centre."""
        labels = channels - {"rgb"}
        found = self._sharp(scene, camera, labels).channels if labels else {}
        count = self.options.blur_samples
        total = np.zeros((camera.height, camera.width, 3))
        for then, moved, aim in sub_frames(scene, camera, count, self.options.antialias):
            total += self._sharp(then, moved, frozenset({"rgb"}), aim).rgb
        return Frame({**found, "rgb": (total / count).astype(np.float32)})

    def _backdrop(self, scene: Scene, camera: Camera) -> NDArray[np.float32] | None:
        if scene.backdrop is None:
            return None
        return backdrop_image(scene.backdrop, camera.width, camera.height)

    def arrays(
        self,
        scene: Scene,
        camera: Camera,
        names: frozenset[str],
        smooth: bool = True,
        behind: NDArray[np.float32] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Return what a pinhole sees: (H, W) or (H, W, 3).

        Args:
            scene: what to draw.
            camera: the pinhole.
            names: of channels.
            smooth: whether colours are anti-aliased, if the options say so.
            behind: image (H, W, 3) that shows where no body is.
        """
        ready = self._stage.ready(scene, [camera], "rgb" in names)
        drawn = self._names(names) if smooth else _asked(names)
        targets = self._target(camera.width, camera.height, drawn)
        texture = self._image(behind)
        sampled = self._sampled and smooth
        self._passes.draw(ready, [Tile(0, 0, camera)], targets, sampled, texture)
        arrays = read(targets, self._read_names(names) if smooth else drawn)
        _number_faces(arrays, ready.bodies)
        return self._smooth(arrays) if smooth else arrays

    def _image(self, behind: NDArray[np.float32] | None) -> moderngl.Texture | None:
        """Return an image on the GPU; one that was there last stays."""
        if behind is None:
            return None
        if self._behind is None or self._behind[0] is not behind:
            if self._behind is not None:
                self._behind[1].release()
            height, width = behind.shape[:2]
            texture = self._context.texture((width, height), 3, behind, dtype="f4")
            texture.repeat_x = texture.repeat_y = False
            self._behind = behind, texture
        return self._behind[1]

    def render_many(
        self, scene: Scene, cameras: Iterable[Camera], channels: Iterable[str]
    ) -> list[Frame]:
        """Return what each camera sees; pinholes of one size are drawn together.

        That is, into one target, while the one before is read back.

        Raises:
            RenderError: a channel is not offered.
        """
        cameras, asked = list(cameras), frozenset(channels)
        plain = {(camera.width, camera.height, camera.model) for camera in cameras}
        single = len(plain) != 1 or cameras[0].model != "pinhole" or asked - self.channels
        if single or any(blurs(scene, camera) or camera.readout > 0 for camera in cameras):
            return [self.render(scene, camera, asked) for camera in cameras]
        with self._context:
            return list(self._many(scene, cameras, asked))

    def draw_only(self, scene: Scene, cameras: Iterable[Camera], channels: Iterable[str]) -> None:
        """Draw what `render_many` does for pinholes of one size, and read nothing back.

        It waits until all is drawn: for timing, without the way back to the processor.
        """
        with self._context:
            for draw in self._draws(scene, list(cameras), frozenset(channels))[1]:
                draw()
            self._context.finish()

    def _draws(
        self, scene: Scene, cameras: list[Camera], channels: frozenset[str]
    ) -> tuple[Targets, list[Callable[[], tuple[list[Tile], list[Drawn]]]]]:
        """Return a target, and calls that draw the views into it, as many at a time as it takes."""
        width, height = cameras[0].width, cameras[0].height
        columns = min(max(ATLAS_SIDE // width, 1), len(cameras))
        rows = min(max(ATLAS_SIDE // height, 1), -(-len(cameras) // columns))
        size = min(columns * rows, blocks.MAX_VIEWS)
        colored = "rgb" in channels
        behind = self._image(self._backdrop(scene, cameras[0])) if colored else None
        targets = self._target(columns * width, rows * height, self._names(channels))

        def draw(group: list[Camera]) -> tuple[list[Tile], list[Drawn]]:
            tiles = [
                Tile(k % columns * width, k // columns * height, camera)
                for k, camera in enumerate(group)
            ]
            ready = self._stage.ready(scene, group, colored)
            self._passes.draw(ready, tiles, targets, self._sampled, behind)
            return tiles, ready.bodies

        starts = range(0, len(cameras), size)
        return targets, [partial(draw, cameras[start : start + size]) for start in starts]

    def _many(
        self, scene: Scene, cameras: list[Camera], channels: frozenset[str]
    ) -> Iterator[Frame]:
        width, height = cameras[0].width, cameras[0].height
        targets, draws = self._draws(scene, cameras, channels)
        names = self._read_names(channels)
        pair = [Readback(self._context, targets, names) for _ in range(min(2, len(draws)))]
        drawn: list[tuple[list[Tile], list[Drawn]]] = []
        try:
            for number in range(len(draws) + 1):
                if number < len(draws):
                    drawn.append(draws[number]())
                    pair[number % 2].start()
                if number > 0:
                    arrays = pair[(number - 1) % 2].arrays()
                    tiles, bodies = drawn[number - 1]
                    _number_faces(arrays, bodies)
                    for tile in tiles:
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
    if "triangle" in names:
        names.add("instance")
    return tuple(sorted(names, key=_PLACE.index))


def _number_faces(arrays: dict[str, NDArray[Any]], bodies: list[Drawn]) -> None:
    """Give triangles (H, W), in place, the numbers that they have in their meshes."""
    if "triangle" not in arrays or all(body.buffers.order is None for body in bodies):
        return
    for place, body in enumerate(bodies, start=1):
        if body.buffers.order is not None:
            mine = arrays["instance"] == place
            arrays["triangle"][mine] = body.buffers.order[arrays["triangle"][mine]]


def _weights(corners: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights (N, 2) of the second and third of the corners (N, 3, 3) at points (N, 3)."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    p = points - corners[:, 0]
    aa, ab, bb = (np.einsum("ij,ij->i", x, y) for x, y in ((a, a), (a, b), (b, b)))
    pa, pb = np.einsum("ij,ij->i", p, a), np.einsum("ij,ij->i", p, b)
    below = np.maximum(aa * bb - ab * ab, 1e-300)
    u, v = (bb * pa - ab * pb) / below, (aa * pb - ab * pa) / below
    return np.clip(np.stack([u, v], axis=1), 0.0, 1.0)
