"""A scene as the compiled code reads it: at one moment or some, the whole image or row by row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simkit import embree
from simkit.assets.backdrop import backdrop_image
from simkit.cameras import camera_rays, is_wide
from simkit.embree import InstanceScene
from simkit.exposure import moves, poses_at, row_times
from simkit.render.embree import passes
from simkit.render.embree.packing import Packed
from simkit.render.embree.world import World
from simkit.render.prefilter import Prefiltered, prefilter, split_sum_table
from simkit.scene import Camera, Scene

_NO_BACKDROP = np.zeros((0, 0, 3), dtype=np.float32)
_NO_IMAGE = np.zeros((1, 1, 3), dtype=np.float32)
_NO_LOBES = np.zeros((6, 1, 1, 3), dtype=np.float32)
_NO_LIGHT = np.zeros((9, 3), dtype=np.float32)


class Seen:
    """What is hit at pixel centres: body and face (-1: nothing), barycentric place, ray parameter."""

    def __init__(self, camera: Camera) -> None:
        shape = (camera.height, camera.width)
        self.body = np.full(shape, -1, dtype=np.int32)
        self.face = np.full(shape, -1, dtype=np.int32)
        self.place = np.zeros((*shape, 2), dtype=np.float32)
        self.reach = np.zeros(shape, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Band:
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


def blurs(scene: Scene, camera: Camera) -> bool:
    moving = moves(camera) or any(moves(body) for body in scene.bodies)
    return camera.aperture > 0 or (camera.exposure > 0 and moving)


def bands_of(scene: Scene, camera: Camera, packed: Packed, moments: int = 1) -> list[Band]:
    """Return the image in bands, each with its moments: one (the middle), or some over the exposure."""
    within = camera.exposure * ((np.arange(moments) + 0.5) / moments - 0.5)
    bodies_move = any(moves(body) for body in scene.bodies)
    if not (bodies_move or moves(camera)) or camera.exposure == 0:
        within = within[:1] * 0.0
    rows = np.arange(camera.height)
    starts = row_times(camera, rows)
    rolling = camera.readout > 0 and (bodies_move or moves(camera))
    if not rolling:
        starts = starts[:1] * 0.0
    cameras = poses_at(camera, starts[:, None] + np.append(within, 0.0))
    light = prefilter(scene.environment) if scene.environment is not None else None
    if not (rolling and bodies_move):
        scenes, world = _world(scene, camera, packed, np.append(within, 0.0), cameras, light)
        return [Band(world, 0, camera.height, passes.SIDE, scenes)]
    bands = []
    for row in rows:
        own = np.ascontiguousarray(cameras[row : row + 1])
        times = starts[row] + np.append(within, 0.0)
        scenes, world = _world(scene, camera, packed, times, own, light)
        bands.append(Band(world, int(row), int(row) + 1, 1, scenes))
    return bands


def _world(
    scene: Scene,
    camera: Camera,
    packed: Packed,
    times: NDArray[np.float64],
    cameras: NDArray[np.float64],
    light: Prefiltered | None,
) -> tuple[list[InstanceScene], World]:
    """Return the scene at some times; a still one is built once for all of them.

    The last time, the exposure's middle, is no moment of its own.
    """
    moving = any(moves(body) for body in scene.bodies)
    poses = np.zeros((len(times), len(scene.bodies), 12))
    for number, body in enumerate(scene.bodies):
        poses[:, number] = poses_at(body, times if moving else times * 0.0)
    scales = np.array([body.scale for body in scene.bodies]).reshape(-1, 1, 3)
    meshes = [shape.scene for shape in packed.shapes]
    scenes = []
    for at in poses[:-1] if moving else poses[:1]:
        placements = np.concatenate([at[:, :9].reshape(-1, 3, 3) * scales, at[:, 9:, None]], axis=2)
        scenes.append(InstanceScene(meshes, placements))
    handles = np.array([one.handle for one in scenes], dtype=np.int64)
    if not moving:
        handles = np.repeat(handles, len(times) - 1)
    lens, backdrop = lens_of(camera), _NO_BACKDROP
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
        rays=rays_of(lens),
        spread=spread_of(camera),
        near=camera.near,
        far=camera.far,
        aperture=camera.aperture,
        focus=camera.focus_distance,
        arguments=_arguments(),
    )
    return scenes, world


def _arguments() -> NDArray[np.uint32]:
    """Return Embree's arguments for coherent rays and, without their flag, for others."""
    both = np.stack([embree.coherent_arguments()] * 2)
    both[1, 0] = 0
    return both


def lens_of(camera: Camera) -> Camera:
    """Return the camera with only what its rays depend on, as a key."""
    return Camera(
        camera.width,
        camera.height,
        camera.cam_K,
        model=camera.model,
        distortion=camera.distortion,
    )


@lru_cache(maxsize=4)
def rays_of(lens: Camera) -> NDArray[np.float64]:
    """Return `camera_rays` (H + 2, W + 2, 3) from pixel (-1, -1) on; unit vectors for wide cameras."""
    if lens.model == "pinhole":
        back = np.linalg.inv(lens.K)
        column = np.arange(-1.0, lens.width + 1.0)
        row = np.arange(-1.0, lens.height + 1.0)[:, None]
        grid = np.ones((lens.height + 2, lens.width + 2, 3))
        for axis in range(2):
            grid[..., axis] = back[axis, 0] * column + (back[axis, 1] * row + back[axis, 2])
        return grid
    rows, columns = np.mgrid[-1 : lens.height + 1, -1 : lens.width + 1]
    rays = camera_rays(lens, np.stack([columns.ravel(), rows.ravel()], axis=1))
    if is_wide(lens):
        rays = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    return np.ascontiguousarray(rays.reshape(lens.height + 2, lens.width + 2, 3))


def spread_of(camera: Camera) -> float:
    if camera.model == "equirectangular":
        return float(np.pi / camera.height)
    return 1.0 / float(np.sqrt(camera.cam_K[0][0] * camera.cam_K[1][1]))
