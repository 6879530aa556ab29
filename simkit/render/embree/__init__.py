"""The `embree` renderer: rays by Embree and compiled shading, on the CPU, with nothing but pip.

It is the reference for labels: each pixel's centre is one ray, whatever the camera's model, and
where it ends is computed in double precision. Labels are those of a sharp picture: of the middle of
the exposure, with a rolling shutter of each row's own middle; lens and motion blur only touch
colours. Normals are the mesh's vertex normals, interpolated, on the side of the face that is seen,
and bent to a right angle where they would look away from the camera; normal maps do not enter.
What depth and clipping mean for wide cameras stands in `simkit.cameras`.

Colours are linear radiance, which may be above 1. They follow `simkit.render.brdf`. An environment
gives light by spherical harmonics and prefiltered reflections, under occlusion found by rays; rays
that meet a body bring one bounce of its colour. Lights cast exact shadows, soft ones by samples that
neighbours share out. Pixels at edges get more samples. A backdrop is a pixel's own colour in all of
its samples, so that edges blend into it and no lens or motion blurs it; where a lens sees nothing at
all, the picture stays black.

Results do not depend on the number of threads (there is one), nor on what was rendered before.
Compiled code fuses and reorders nothing, so it computes the same on all processors; only Embree
itself and the C library's sine, power and the like (soft lights, spots, environments) may use a
processor's own instructions, and differ in the last digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from simkit import embree
from simkit.assets.backdrop import backdrop_image
from simkit.assets.library import Library
from simkit.cameras import camera_rays, is_wide
from simkit.embree import InstanceScene
from simkit.options import setting
from simkit.render import Frame, Renderer
from simkit.render.embree import passes
from simkit.render.embree.memory import Memory
from simkit.render.embree.packing import Packed, Packer
from simkit.render.embree.refine import edges, refine
from simkit.render.embree.samples import blur_offsets, edge_offsets, tiled_pixels
from simkit.render.embree.world import World
from simkit.render.prefilter import Prefiltered, prefilter, split_sum_table
from simkit.scene import Camera, Scene

MOMENTS_A_SAMPLE = 4
"""An exposure is cut into this many moments a sample, so that pixels differ and ghosts do not show."""

_NO_BACKDROP = np.zeros((0, 0, 3), dtype=np.float32)
_NO_IMAGE = np.zeros((1, 1, 3), dtype=np.float32)
_NO_LOBES = np.zeros((6, 1, 1, 3), dtype=np.float32)
_NO_LIGHT = np.zeros((9, 3), dtype=np.float32)


@dataclass
class EmbreeOptions:
    """How much work goes into a picture; labels do not depend on it."""

    aa_samples: int = setting(4, low=0, high=64, help="more samples in pixels at edges")
    blur_samples: int = setting(
        16, low=1, high=256, help="samples in each pixel where lens or exposure blur the picture"
    )
    shadow_samples: int = setting(8, low=1, high=256, help="shadow rays a point and soft light")
    ao_samples: int = setting(
        4, low=0, high=64, help="rays a point for the environment's occlusion; 0: unoccluded"
    )
    indirect: bool = setting(True, help="these rays bring light from the bodies that they meet")


class Embree(Renderer):
    """Embree behind the common protocol; see the module's docstring."""

    Options = EmbreeOptions
    channels = frozenset(
        {"rgb", "depth", "instance", "normal", "object_coords", "triangle", "barycentric"}
    )
    remedy = "pip install --force-reinstall 'embreex>=4.4' numba"

    def __init__(self, options: EmbreeOptions, library: Library) -> None:
        super().__init__(options, library)
        embree.engine()
        self._packer = Packer(library)
        self._memory = Memory()

    @property
    def driver(self) -> str:
        return f"Embree {embree.version()}, compiled by Numba"

    def close(self) -> None:
        self._packer = Packer(self.library)

    def draw(self, scene: Scene, camera: Camera, channels: frozenset[str]) -> Frame:
        packed = self._packer.pack(scene, "rgb" in channels)
        bands = _bands(scene, camera, packed)
        seen = _Seen(camera)
        rays = self.options.ao_samples if scene.environment is not None else 0
        traced = "rgb" not in channels or _blurs(scene, camera) or rays > 0
        for band in bands if traced else []:
            passes.trace(
                band.world.address, self._memory.address, band.first, band.last, band.side, seen.body,
                seen.face, seen.place, seen.reach,
            )  # fmt: skip
        normal = np.zeros((0, 0, 3), dtype=np.float32)
        if "normal" in channels:
            normal = np.zeros((camera.height, camera.width, 3), dtype=np.float32)
        frame: dict[str, NDArray[np.generic]] = {}
        if "rgb" in channels:
            frame["rgb"] = self._colors(scene, camera, packed, bands, seen, normal, traced)
        frame.update(_labels(bands, seen, camera, channels, self._memory, normal))
        return Frame(frame)

    def _colors(
        self,
        scene: Scene,
        camera: Camera,
        packed: Packed,
        bands: list[_Band],
        seen: _Seen,
        camera_normals: NDArray[np.float32],
        traced: bool,
    ) -> NDArray[np.float32]:
        """Return the colours; unless they are blurred, fill the normals' label too, if it has a size.

        What is `seen` is filled as well, unless it has been `traced`.
        """
        options, memory = self.options, self._memory.address
        shape = (camera.height, camera.width)
        rgb = np.zeros((*shape, 3), dtype=np.float32)
        normals = np.zeros((*shape, 3), dtype=np.float32)
        light = np.zeros(shape, dtype=np.float32)
        rays = options.ao_samples if scene.environment is not None else 0
        gathered = np.zeros((0, 0, 4), dtype=np.float32)
        hit = (seen.body, seen.face, seen.place, seen.reach)
        if _blurs(scene, camera):
            pixels, offsets = tiled_pixels(*shape), blur_offsets(options.blur_samples)
            few = max(rays // 4, min(rays, 1))
            soft = max(options.shadow_samples // 4, 1)
            for band in _bands(scene, camera, packed, len(offsets) * MOMENTS_A_SAMPLE):
                rows = pixels[(pixels[:, 0] >= band.first) & (pixels[:, 0] < band.last)]
                refine(
                    band.world.address, memory, rows, offsets, soft, few, options.indirect, True,
                    seen.body, normals, gathered, rgb,
                )  # fmt: skip
            return rgb
        if rays:
            raw = np.zeros((*shape, 4), dtype=np.float32)
            for band in bands:
                passes.gather_pass(
                    band.world.address, memory, band.first, band.last, band.side, rays, options.indirect,
                    *hit, raw, normals,
                )  # fmt: skip
            gathered = np.zeros_like(raw)
            passes.smooth_gathered(raw, normals, seen.body, seen.reach, gathered)
        for band in bands:
            passes.shade(
                band.world.address, memory, band.first, band.last, band.side, options.shadow_samples,
                traced, *hit, gathered, rgb, normals, light, camera_normals,
            )  # fmt: skip
        if options.aa_samples:
            found = np.zeros(shape, dtype=np.bool_)
            edges(seen.body, seen.face, seen.reach, normals, light, found)
            pixels = np.argwhere(found)
            offsets = edge_offsets(options.aa_samples)
            for band in bands:
                rows = pixels[(pixels[:, 0] >= band.first) & (pixels[:, 0] < band.last)]
                refine(
                    band.world.address, memory, rows, offsets, options.shadow_samples, rays,
                    options.indirect, False, seen.body, normals, gathered, rgb,
                )  # fmt: skip
        return rgb


class _Seen:
    """What is hit at pixel centres: body and face (-1: nothing), barycentric place, ray parameter."""

    def __init__(self, camera: Camera) -> None:
        shape = (camera.height, camera.width)
        self.body = np.full(shape, -1, dtype=np.int32)
        self.face = np.full(shape, -1, dtype=np.int32)
        self.place = np.zeros((*shape, 2), dtype=np.float32)
        self.reach = np.zeros(shape, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Band:
    """Rows of the image that are drawn of the same moments.

    Attributes:
        world: what is there.
        first, last: rows, the last excluded.
        side: height of a packet of pixels.
        scenes: Embree's, to be kept while `world` is in use.
    """

    world: World
    first: int
    last: int
    side: int
    scenes: list[InstanceScene]


def _labels(
    bands: list[_Band],
    seen: _Seen,
    camera: Camera,
    channels: frozenset[str],
    memory: Memory,
    normal: NDArray[np.float32],
) -> dict[str, NDArray[np.generic]]:
    """Return the channels that are labels; `normal` is filled unless shading has done so."""
    none = np.zeros((0, 0, 3), dtype=np.float32)
    coords = none
    if "object_coords" in channels:
        coords = np.zeros((camera.height, camera.width, 3), dtype=np.float32)
    shaded = bool(normal.any())
    exact = "object_coords" in channels or "barycentric" in channels
    if exact or ("normal" in channels and not shaded):
        for band in bands:
            passes.labels(
                band.world.address, memory.address, band.first, band.last, band.side, exact,
                seen.body, seen.face, seen.place, seen.reach, none if shaded else normal, coords,
            )  # fmt: skip
    made: dict[str, NDArray[np.generic]] = {}
    if "instance" in channels:
        made["instance"] = seen.body + np.int32(1)
    if "depth" in channels:
        made["depth"] = _depth(seen, camera)
    if "triangle" in channels:
        made["triangle"] = seen.face.copy()
    if "barycentric" in channels:
        made["barycentric"] = seen.place.copy()
    if "normal" in channels:
        made["normal"] = normal
    if "object_coords" in channels:
        made["object_coords"] = coords
    return made


def _depth(seen: _Seen, camera: Camera) -> NDArray[np.float32]:
    """Return the depth channel, as `simkit.cameras` defines it."""
    if camera.model != "kannala_brandt":
        return seen.reach.copy()
    along = np.nan_to_num(_rays(_lens(camera))[1:-1, 1:-1, 2])
    return (seen.reach * np.maximum(along, 0.0)).astype(np.float32)


def _blurs(scene: Scene, camera: Camera) -> bool:
    moving = _moves(camera) or any(_moves(body) for body in scene.bodies)
    return camera.aperture > 0 or (camera.exposure > 0 and moving)


def _moves(thing: object) -> bool:
    return any(thing.velocity) or any(thing.angular_velocity)  # type: ignore[attr-defined]


def _bands(scene: Scene, camera: Camera, packed: Packed, moments: int = 1) -> list[_Band]:
    """Return the image in bands, each with its moments: one (the middle), or some over the exposure."""
    within = camera.exposure * ((np.arange(moments) + 0.5) / moments - 0.5)
    bodies_move = any(_moves(body) for body in scene.bodies)
    if not (bodies_move or _moves(camera)) or camera.exposure == 0:
        within = within[:1] * 0.0
    rows = np.arange(camera.height)
    starts = camera.readout * (rows / max(camera.height - 1, 1) - 0.5)
    rolling = camera.readout > 0 and (bodies_move or _moves(camera))
    if not rolling:
        starts = starts[:1] * 0.0
    cameras = _poses(camera, starts[:, None] + within)
    light = prefilter(scene.environment) if scene.environment is not None else None
    if not (rolling and bodies_move):
        scenes, world = _world(scene, camera, packed, within, cameras, light)
        return [_Band(world, 0, camera.height, passes.SIDE, scenes)]
    bands = []
    for row in rows:
        own = np.ascontiguousarray(cameras[row : row + 1])
        scenes, world = _world(scene, camera, packed, starts[row] + within, own, light)
        bands.append(_Band(world, int(row), int(row) + 1, 1, scenes))
    return bands


def _world(
    scene: Scene,
    camera: Camera,
    packed: Packed,
    times: NDArray[np.float64],
    cameras: NDArray[np.float64],
    light: Prefiltered | None,
) -> tuple[list[InstanceScene], World]:
    """Return the scene at some times; a still one is built once for all of them."""
    moving = any(_moves(body) for body in scene.bodies)
    distinct = times if moving else np.zeros(1)
    poses = np.zeros((len(distinct), len(scene.bodies), 12))
    for number, body in enumerate(scene.bodies):
        poses[:, number] = _poses(body, distinct)
    scales = np.array([body.scale for body in scene.bodies]).reshape(-1, 1, 3)
    meshes = [shape.scene for shape in packed.shapes]
    scenes = []
    for at in poses:
        placements = np.concatenate([at[:, :9].reshape(-1, 3, 3) * scales, at[:, 9:, None]], axis=2)
        scenes.append(InstanceScene(meshes, placements))
    handles = np.array([one.handle for one in scenes], dtype=np.int64)
    if len(distinct) < len(times):
        handles, poses = np.repeat(handles, len(times)), np.repeat(poses, len(times), axis=0)
    lens, backdrop = _lens(camera), _NO_BACKDROP
    if scene.backdrop is not None:
        backdrop = backdrop_image(scene.backdrop, camera.width, camera.height)
    world = World(
        handles=handles,
        poses=poses,
        cameras=cameras,
        arrays=packed.arrays,
        looks=packed.looks,
        texels=packed.texels,
        sizes=packed.sizes,
        offsets=packed.offsets,
        lights=packed.lights,
        sun=packed.sun,
        ambient=scene.ambient,
        background=scene.background,
        backdrop=backdrop,
        lit=light is not None,
        image=light.image if light else _NO_IMAGE,
        irradiance=light.irradiance if light else _NO_LIGHT,
        specular=light.specular if light else _NO_LOBES,
        table=split_sum_table(),
        rays=_rays(lens),
        spread=_spread(camera),
        near=camera.near,
        far=camera.far,
        aperture=camera.aperture,
        focus=camera.focus_distance,
        arguments=embree.coherent_arguments(),
    )
    return scenes, world


def _poses(thing: object, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., 12) rotations, row by row, and positions of a body or camera at times (...) [s]."""
    spin = np.array(thing.angular_velocity)  # type: ignore[attr-defined]
    flat = times.reshape(-1)
    rotation = Rotation.from_quat(thing.quaternion)  # type: ignore[attr-defined]
    turned = Rotation.from_rotvec(flat[:, None] * spin) * rotation
    poses = np.empty((len(flat), 12))
    poses[:, :9] = turned.as_matrix().reshape(-1, 9)
    position = np.array(thing.position)  # type: ignore[attr-defined]
    velocity = np.array(thing.velocity)  # type: ignore[attr-defined]
    poses[:, 9:] = position + flat[:, None] * velocity
    return poses.reshape(*times.shape, 12)


def _lens(camera: Camera) -> Camera:
    """Return the camera with only what its rays depend on, as a key."""
    return Camera(
        camera.width,
        camera.height,
        camera.cam_K,
        model=camera.model,
        distortion=camera.distortion,
    )


@lru_cache(maxsize=4)
def _rays(lens: Camera) -> NDArray[np.float64]:
    """Return `camera_rays` (H + 2, W + 2, 3) from pixel (-1, -1) on; unit vectors for wide cameras."""
    rows, columns = np.mgrid[-1 : lens.height + 1, -1 : lens.width + 1]
    rays = camera_rays(lens, np.stack([columns.ravel(), rows.ravel()], axis=1))
    if is_wide(lens):
        rays = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    return np.ascontiguousarray(rays.reshape(lens.height + 2, lens.width + 2, 3))


def _spread(camera: Camera) -> float:
    if camera.model == "equirectangular":
        return float(np.pi / camera.height)
    return 1.0 / float(np.sqrt(camera.cam_K[0][0] * camera.cam_K[1][1]))
