"""The draws that make an image: bodies, background, and finer samples at edges."""

from __future__ import annotations

from dataclasses import dataclass, field

import moderngl
import numpy as np

from simkit.geometry import Array
from simkit.render.gl import blocks
from simkit.render.gl.bodies import Drawn
from simkit.render.gl.programs import UNITS, Programs, uniform
from simkit.render.gl.targets import Targets
from simkit.scene import Camera, Vec3

EDGE_SAMPLES = ((0.125, 0.375), (-0.375, 0.125), (-0.125, -0.375), (0.375, -0.125))
"""A rotated grid about the pixel's centre [px]; the centre itself is the fifth sample."""


@dataclass(eq=False)
class Ready:
    """A scene on the GPU.

    Attributes:
        bodies: in the order of the scene.
        buffer: the bodies' blocks.
        features: of lights and environment.
        light_calls: GLSL that adds the lights up.
        samplers: textures that all bodies need: (texture, name of its sampler).
        background: linear RGB where neither a body nor an environment is.
        order: the bodies as they are drawn, and whether without the faces that look away.
    """

    bodies: list[Drawn]
    buffer: moderngl.Buffer
    features: frozenset[str]
    samplers: list[tuple[moderngl.Texture, str]]
    background: Vec3
    light_calls: str = ""
    order: list[tuple[Drawn, bool]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Tile:
    """Where in the target a view lies: its top left pixel."""

    x: int
    y: int
    camera: Camera


@dataclass(frozen=True)
class _Sample:
    """One of a pixel's samples.

    Attributes:
        offset: from the pixel's centre [px].
        weight: in the running mean.
        thickness, middle: of its slice of the depth range [-1, 1], as factor and offset.
    """

    offset: tuple[float, float]
    weight: float
    thickness: float
    middle: float


_CENTRE = _Sample((0.0, 0.0), 1.0, 1.0, 0.0)


class Passes:
    """Draws views of a scene into targets."""

    def __init__(self, context: moderngl.Context, programs: Programs) -> None:
        self._context = context
        self._programs = programs
        self._views = context.buffer(reserve=blocks.MAX_VIEWS * blocks.VIEW.itemsize)
        self._empty: dict[int, moderngl.VertexArray] = {}
        self._behind: moderngl.Texture | None = None

    def draw(
        self,
        ready: Ready,
        tiles: list[Tile],
        targets: Targets,
        antialias: bool,
        behind: moderngl.Texture | None = None,
    ) -> None:
        """Draw the tiles' views, all of one size; `behind` is what each shows where no body is."""
        self._behind = behind
        self._load_views(tiles, targets)
        _sort(ready, [tile.camera for tile in tiles])
        atlas = len(tiles) > 1 or (tiles[0].camera.width, tiles[0].camera.height) != (
            targets.width,
            targets.height,
        )
        features = ready.features | ({"ATLAS"} if atlas else set())
        for texture, name in ready.samplers:
            texture.use(UNITS[name])
        context = self._context
        context.enable_only(moderngl.DEPTH_TEST)
        context.depth_func = "<="
        context.front_face, context.cull_face = "cw", "back"  # images have their first row on top
        if atlas:
            _clip(context, True)
        targets.mask.clear(depth=1.0)  # the background fills the rest
        targets.all.use()
        targets.all.viewport = (0, 0, targets.width, targets.height)
        self._surfaces(ready, tiles, targets.names, features, _CENTRE)
        self._backgrounds(ready, tiles, targets, targets.all, _CENTRE)
        if antialias and targets.color is not None:
            self._refine(ready, tiles, targets, features)
        if atlas:
            _clip(context, False)

    def _refine(
        self, ready: Ready, tiles: list[Tile], targets: Targets, features: frozenset[str]
    ) -> None:
        """Draw colours anew at edges, at several places in the pixel, and take the mean."""
        context, color = self._context, targets.color
        assert color is not None
        color.viewport = (0, 0, targets.width, targets.height)
        context.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA
        context.depth_func = "1"
        targets.mask.use()
        targets.mask.clear(depth=1.0)
        targets.textures["instance"].use(UNITS["instances"])
        targets.textures["depth"].use(UNITS["depths"])
        edges = self._programs.screen("edges")
        _set(edges, "tile_size", (tiles[0].camera.width, tiles[0].camera.height))
        self._fullscreen(edges)
        color.use()
        context.depth_func = "<="
        context.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)
        context.enable_direct(_CLIP_DISTANCE0 + _NEAR_PLANE)
        for number, offset in enumerate(EDGE_SAMPLES, start=2):
            # Each sample has its own slice of the depth range, before the last one's.
            thin = 1.0 / (len(EDGE_SAMPLES) + 1)
            sample = _Sample(offset, 1.0 / number, thin, 1.0 - 2.0 * thin * (number - 1.5))
            self._surfaces(ready, tiles, ("rgb",), features, sample)
            self._backgrounds(ready, tiles, targets, color, sample)
        context.disable_direct(_CLIP_DISTANCE0 + _NEAR_PLANE)
        context.enable_only(moderngl.DEPTH_TEST)

    def _surfaces(
        self,
        ready: Ready,
        tiles: list[Tile],
        names: tuple[str, ...],
        features: frozenset[str],
        sample: _Sample,
    ) -> None:
        camera, offset = tiles[0].camera, sample.offset
        shift = -2 * offset[0] / camera.width, -2 * offset[1] / camera.height
        colored = "rgb" in names
        started: set[int] = set()
        context, culled = self._context, False
        for body, cull in ready.order:
            if cull != culled:
                (context.enable if cull else context.disable)(moderngl.CULL_FACE)
                culled = cull
            wanted = features | body.features if colored else features & {"ATLAS"}
            program = self._programs.surface(names, wanted, ready.light_calls)
            if program.glo not in started:
                started.add(program.glo)
                _set(program, "shift", shift)
                _set(program, "sample_weight", sample.weight)
                _set(program, "slice", (sample.thickness, sample.middle))
            if colored:
                for texture, unit in body.textures:
                    texture.use(unit)
            ready.buffer.bind_to_uniform_block(blocks.BODY_BLOCK, body.offset, blocks.BODY_STRIDE)
            body.buffers.array(program).render(instances=len(tiles))
        context.disable(moderngl.CULL_FACE)

    def _backgrounds(
        self,
        ready: Ready,
        tiles: list[Tile],
        targets: Targets,
        target: moderngl.Framebuffer,
        sample: _Sample,
    ) -> None:
        names = targets.names if target is targets.all else ("rgb",)
        program = self._programs.background(names, ready.features, self._behind is not None)
        _set(program, "sample_weight", sample.weight)
        _set(program, "farthest", sample.middle + sample.thickness)
        _set(program, "background", ready.background)
        if self._behind is not None:
            self._behind.use(UNITS["backdrop"])
        if "pixel_shift" not in program:
            self._fullscreen(program)
            return
        for tile in tiles:
            camera = tile.camera
            target.viewport = (tile.x, tile.y, camera.width, camera.height)
            if "world_from_pixel" in program:
                rays = camera.T_world_camera[:3, :3] @ np.linalg.inv(camera.K)
                uniform(program, "world_from_pixel").write(rays.T.astype("<f4").tobytes())
            _set(program, "pixel_shift", (sample.offset[0] - tile.x, sample.offset[1] - tile.y))
            self._fullscreen(program)
        target.viewport = (0, 0, targets.width, targets.height)

    def _fullscreen(self, program: moderngl.Program) -> None:
        if program.glo not in self._empty:
            self._empty[program.glo] = self._context.vertex_array(program, [])
        self._empty[program.glo].render(vertices=3)

    def _load_views(self, tiles: list[Tile], targets: Targets) -> None:
        data = np.zeros(len(tiles), dtype=blocks.VIEW)
        for block, tile in zip(data, tiles, strict=True):
            camera = tile.camera
            block["camera_from_world"] = camera.T_camera_world.T
            block["clip_from_camera"] = projection_matrix(camera).T
            sx, sy = camera.width / targets.width, camera.height / targets.height
            ox, oy = 2 * tile.x / targets.width, 2 * tile.y / targets.height
            block["tile"] = sx, sy, sx + ox - 1, sy + oy - 1
            block["eye"][:3] = camera.position
            block["origin"][:2] = tile.x, tile.y
        self._views.write(data.tobytes())
        self._views.bind_to_uniform_block(blocks.VIEW_BLOCK)


def projection_matrix(camera: Camera) -> Array:
    """Return the OpenGL projection (4, 4) from the OpenCV camera frame; row 0 of an image is drawn first.

    A fragment's centre lies at (u + 0.5, v + 0.5) in OpenGL's window, whose first row is the one
    that is read back first: so no row is ever flipped.
    """
    K, near, far = camera.K, camera.near, camera.far
    P = np.zeros((4, 4))
    P[0, :3] = 2 / camera.width * (K[0] + np.array([0.0, 0.0, 0.5])) - np.array([0.0, 0.0, 1.0])
    P[1, :3] = 2 / camera.height * (K[1] + np.array([0.0, 0.0, 0.5])) - np.array([0.0, 0.0, 1.0])
    P[2, 2], P[2, 3] = (far + near) / (far - near), -2 * far * near / (far - near)
    P[3, 2] = 1
    return P


def _sort(ready: Ready, cameras: list[Camera]) -> None:
    """Nearer bodies first, so that what is hidden is not shaded; slabs, which hide little, last.

    Bodies that no camera sees are left out. Closed ones are drawn without their backs where no near
    plane opens them.
    """
    eye = np.asarray(cameras[0].position)
    ready.order = []
    if not ready.bodies:
        return
    boxes = np.stack([body.box for body in ready.bodies])
    distance = np.linalg.norm(boxes.mean(axis=1) - eye, axis=1).tolist()
    whole, seen = np.ones(len(boxes), dtype=np.bool_), np.zeros(len(boxes), dtype=np.bool_)
    for camera in cameras:
        M = projection_matrix(camera) @ camera.T_camera_world
        clip = boxes @ M[:, :3].T + M[:, 3]
        reach = _SEEN_SLACK * clip[..., 3:] + 1e-6
        beyond = np.concatenate([clip[..., :3] - reach, -reach - clip[..., :3]], axis=2)
        seen |= (beyond.min(axis=1) <= 0).all(axis=1)
        whole &= clip[..., 3].min(axis=1) > camera.near
    order = sorted(
        np.flatnonzero(seen).tolist(), key=lambda k: (ready.bodies[k].slab, distance[k], k)
    )
    ready.order = [
        (ready.bodies[k], ready.bodies[k].buffers.closed and bool(whole[k])) for k in order
    ]


_SEEN_SLACK = 1.05
"""Of a view's half, by which a body may lie outside and is drawn: samples lie beside pixel centres."""


def _set(program: moderngl.Program, name: str, value: object) -> None:
    if name in program:  # a driver leaves out what is not used
        uniform(program, name).value = value


_CLIP_DISTANCE0 = 0x3000
_NEAR_PLANE = 4


def _clip(context: moderngl.Context, on: bool) -> None:
    for k in range(4):
        (context.enable_direct if on else context.disable_direct)(_CLIP_DISTANCE0 + k)
