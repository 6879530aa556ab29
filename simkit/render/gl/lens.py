"""Cameras with a lens: pinhole views, sampled anew along the lens' rays.

A rasterizer draws straight lines straight. So a Brown-Conrady, fisheye or equirectangular image is
put together from pinhole views that see enough: one where all rays lie within `ONE_VIEW` of the
axis, else the sides of a cube. Colours are mixed bilinearly. Labels are taken from the nearest
pixel, and never mixed; depth and object coordinates are then moved along the plane that the pixel
saw onto the ray itself, so that they are exact wherever the surface is flat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.assets.backdrop import backdrop_image
from simkit.cameras import camera_rays, is_wide, project_points
from simkit.errors import RenderError
from simkit.geometry import Array, quaternion_of
from simkit.render import Frame
from simkit.render.gl.blur import Aim, aimed
from simkit.scene import Camera, Scene, matrix3, quaternion, vec3

if TYPE_CHECKING:
    from simkit.render.gl.backend import Gl

ONE_VIEW = math.radians(60.0)
OVERSAMPLING = 2.0
"""Pixels of a pinhole view per pixel of the image, at the image's middle, along a side."""

LARGEST_SIDE = 2560
"""Of a pinhole view [px]."""

_CUBE = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
    ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
    ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
)
"""Right, down and forward of the views, in the camera frame; the first looks along its axis."""


@dataclass(frozen=True, eq=False)
class _Side:
    """One pinhole view, and which of the image's pixels it gives.

    Attributes:
        R_camera_side: (3, 3), the view's axes as columns.
        width, height, K: of the view.
        pixels: (N,) flat places in the image.
        place: (N, 2) float32, where in the view those see [px].
    """

    R_camera_side: Array
    width: int
    height: int
    K: Array
    pixels: NDArray[np.int64]
    place: NDArray[np.float32]


def draw_with_lens(
    renderer: Gl, scene: Scene, camera: Camera, channels: frozenset[str], aim: Aim | None = None
) -> Frame:
    """Return the frame of a camera that is no pinhole; as one of a blurred one's, if it has an aim.

    Raises:
        RenderError: the aim is through an opening, and the camera sees too much for one view.
    """
    key = camera.model, camera.cam_K, camera.distortion, camera.width, camera.height
    rays, sides = _sides(*key)
    if aim is not None and any(aim.lens) and len(sides) > 1:
        raise RenderError(
            f"gl: a {camera.model} camera that sees more than {2 * math.degrees(ONE_VIEW):.0f} "
            "degrees has no aperture; use backend 'embree'"
        )
    shape = (camera.height, camera.width)
    found: dict[str, NDArray[Any]] = {}
    image = None
    if scene.backdrop is not None and "rgb" in channels:
        image = backdrop_image(scene.backdrop, camera.width, camera.height)
        found["rgb"] = image.reshape(-1, 3).copy()
    for number, side in enumerate(sides):
        view = drawn = _pinhole(camera, side)
        if aim is not None:
            x, y = aim.pixel
            finer = Aim(aim.lens, (OVERSAMPLING * x, OVERSAMPLING * y))
            drawn = aimed(view, finer, camera.focus_distance)
        behind = None if image is None else _seen_by(image, *_places(*key)[number])
        arrays = renderer.arrays(scene, drawn, _needed(channels), aim is None, behind)
        for name, values in _sampled(side, view, arrays, rays[side.pixels], scene).items():
            if name not in found:
                nothing = -1 if name == "triangle" else 0
                found[name] = np.full((len(rays), *values.shape[1:]), nothing, dtype=values.dtype)
            if name == "rgb" and image is not None:  # elsewhere the backdrop itself is sharper
                near = _near_bodies(side, arrays["instance"])
                found[name][side.pixels[near]] = values[near]
            else:
                found[name][side.pixels] = values
    _clip(found, camera, rays)
    shaped = {name: values.reshape(*shape, *values.shape[1:]) for name, values in found.items()}
    frame = {name: shaped[name] for name in channels & shaped.keys()}
    if "barycentric" in channels:
        frame["barycentric"] = renderer.barycentric(scene, shaped)
    return Frame(frame)


def _needed(channels: frozenset[str]) -> frozenset[str]:
    labels = channels - {"rgb", "barycentric"}
    if "barycentric" in channels:
        labels |= {"triangle", "object_coords", "instance"}
    return labels | (channels & {"rgb"}) | {"instance", "depth", "flat_normal"}


def _seen_by(
    image: NDArray[np.float32], column: NDArray[np.float32], row: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return an image (H, W, 3) as a view shows it, from the places (h, w) of the view's pixels."""
    found = cv2.remap(image, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, dtype=np.float32)


def _near_bodies(side: _Side, instance: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return for a view's rays (N,) whether their colours hold more than the backdrop."""
    near = cv2.dilate((instance > 0).astype(np.uint8), np.ones((5, 5), dtype=np.uint8))
    column, row = np.rint(side.place).astype(np.int64).T
    found = near[np.clip(row, 0, side.height - 1), np.clip(column, 0, side.width - 1)] > 0
    return np.asarray(found)


@lru_cache(maxsize=4)
def _places(
    model: str, cam_K: Any, distortion: tuple[float, ...], width: int, height: int
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return for each view the columns and the rows (h, w) in the image of its pixels."""
    camera = Camera(width=width, height=height, cam_K=cam_K, model=model, distortion=distortion)
    found = []
    for side in _sides(model, cam_K, distortion, width, height)[1]:
        rows, columns = np.mgrid[0 : side.height, 0 : side.width]
        pixels = np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)], axis=1)
        rays = pixels @ np.linalg.inv(side.K).T @ side.R_camera_side.T
        place = project_points(camera, rays).reshape(side.height, side.width, 2)
        place = np.nan_to_num(place, nan=0.0).clip(0, (width - 1, height - 1))
        column, row = np.ascontiguousarray(np.moveaxis(place, 2, 0), dtype=np.float32)
        found.append((column, row))
    return found


@lru_cache(maxsize=4)
def _sides(
    model: str, cam_K: Any, distortion: tuple[float, ...], width: int, height: int
) -> tuple[Array, list[_Side]]:
    camera = Camera(width=width, height=height, cam_K=cam_K, model=model, distortion=distortion)
    rows, columns = np.mgrid[0:height, 0:width]
    rays = camera_rays(camera, np.stack([columns.ravel(), rows.ravel()], axis=1))
    seen = np.isfinite(rays).all(axis=1)
    unit = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    narrow = bool((unit[seen, 2] > math.cos(ONE_VIEW)).all())
    around = model == "equirectangular"
    focal = width / (2 * math.pi) if around else max(cam_K[0][0], cam_K[1][1])
    focal *= OVERSAMPLING
    if narrow:
        flat = rays[seen, :2] / rays[seen, 2:3]
        low, high = flat.min(axis=0), flat.max(axis=0)
        focal = min(focal, (LARGEST_SIDE - 8) / float((high - low).max()))
        return rays, [_side(np.eye(3), np.flatnonzero(seen), rays, focal, low, high)]
    focal = min(focal, (LARGEST_SIDE - 8) / 2)
    one = np.ones(2)
    sides, which = [], np.abs(unit).argmax(axis=1)
    for axes in _CUBE:
        R = np.array(axes, dtype=np.float64).T
        axis = int(np.abs(R[:, 2]).argmax())
        mine = seen & (which == axis) & (unit[:, axis] * R[axis, 2] > 0)
        if mine.any():
            sides.append(_side(R, np.flatnonzero(mine), rays, focal, -one, one))
    return rays, sides


def _side(
    R: Array, pixels: NDArray[np.int64], rays: Array, focal: float, low: Array, high: Array
) -> _Side:
    border = 4.0
    width, height = (math.ceil(x) for x in (high - low) * focal + 2 * border)
    K = np.array(
        [[focal, 0, border - low[0] * focal], [0, focal, border - low[1] * focal], [0, 0, 1]]
    )
    turned = rays[pixels] @ R
    place = (turned / turned[:, 2:3]) @ K.T
    return _Side(R, width, height, K, pixels, place[:, :2].astype(np.float32))


def _pinhole(camera: Camera, side: _Side) -> Camera:
    T = camera.T_world_camera
    T[:3, :3] = T[:3, :3] @ side.R_camera_side
    return Camera(
        width=side.width,
        height=side.height,
        cam_K=matrix3(side.K),
        position=vec3(T[:3, 3]),
        quaternion=quaternion(quaternion_of(T)),
        near=camera.near / 2 if is_wide(camera) else camera.near,  # a distance, if wide
        far=camera.far,
    )


def _sampled(
    side: _Side, view: Camera, arrays: dict[str, NDArray[Any]], rays: Array, scene: Scene
) -> dict[str, NDArray[Any]]:
    """Return what a view gives for its rays (N, 3): arrays (N,) or (N, C)."""
    column, row = np.rint(side.place).astype(np.int64).T
    column, row = np.clip(column, 0, side.width - 1), np.clip(row, 0, side.height - 1)
    instance = arrays["instance"][row, column].astype(np.int32)
    R_world_view = view.T_world_camera[:3, :3]
    # The plane that the nearest pixel saw, met by the ray itself; all in the view's frame.
    turned = rays @ side.R_camera_side
    pixel = np.column_stack([column, row, np.ones(len(row))]) @ np.linalg.inv(side.K).T
    point = pixel * arrays["depth"][row, column][:, None]
    normal = arrays["flat_normal"][row, column, :3].astype(np.float64) @ R_world_view
    facing = np.einsum("ij,ij->i", normal, turned)
    t = np.einsum("ij,ij->i", normal, point) / np.where(np.abs(facing) > 1e-9, facing, 1e-9)
    moved = turned * t[:, None]
    # A surface seen edge on: its plane is met far away, and the pixel's own point is nearer the truth.
    far_off = np.linalg.norm(moved - point, axis=1) > _FARTHEST_SHIFT * np.linalg.norm(
        point, axis=1
    )
    straight = np.linalg.norm(point, axis=1) / np.linalg.norm(turned, axis=1)
    t = np.where(instance > 0, np.where(far_off, straight, t), 0.0)
    moved = turned * t[:, None]
    found: dict[str, NDArray[Any]] = {"instance": instance, "depth": t.astype(np.float32)}
    if "triangle" in arrays:
        found["triangle"] = arrays["triangle"][row, column]
    if "normal" in arrays:
        seen = arrays["normal"][row, column, :3]
        found["normal"] = (seen @ side.R_camera_side.T).astype(np.float32)
    if "object_coords" in arrays:
        coords = arrays["object_coords"][row, column, :3].astype(np.float64)
        shift = (moved - point) @ R_world_view.T
        for place, body in enumerate(scene.bodies, start=1):
            mine = instance == place
            coords[mine] += shift[mine] @ body.T_world_body[:3, :3] / np.asarray(body.scale)
        found["object_coords"] = coords.astype(np.float32)
    if "rgb" in arrays:
        found["rgb"] = _bilinear(arrays["rgb"][..., :3], side.place)
    return found


_FARTHEST_SHIFT = 0.02
"""Of a hit along its plane, relative to its distance."""


def _bilinear(image: NDArray[np.float32], place: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colours (N, 3) of an image (H, W, 3) at places (N, 2) [px]."""
    height, width = image.shape[:2]
    low = np.clip(np.floor(place), 0, (width - 2, height - 2)).astype(np.int64)
    (x, y), (u, v) = low.T, np.clip(place - low, 0.0, 1.0).T[..., None]
    above = image[y, x] * (1 - u) + image[y, x + 1] * u
    below = image[y + 1, x] * (1 - u) + image[y + 1, x + 1] * u
    return np.asarray(above * (1 - v) + below * v, dtype=np.float32)


def _clip(found: dict[str, NDArray[Any]], camera: Camera, rays: Array) -> None:
    """Take out, in place, labels that a wide camera does not have (see `simkit.cameras`)."""
    if not is_wide(camera):
        return
    distance = found["depth"] * np.linalg.norm(rays, axis=1)
    outside = ~((distance >= camera.near) & (distance <= camera.far))
    for name in sorted(found.keys() - {"rgb"}):
        found[name][outside] = -1 if name == "triangle" else 0
    if camera.model == "kannala_brandt":
        found["depth"][~(rays[:, 2] > 0)] = 0
