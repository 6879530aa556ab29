"""Which pixels lens and exposure blur, by how much, and where a moving body's shadow may fall."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.assets.library import Library
from simkit.cameras import is_wide, project_points
from simkit.compiled import compiled, square_root
from simkit.exposure import moves, transforms_at
from simkit.geometry import apply_transform
from simkit.render.embree.light_samples import FAR_AWAY
from simkit.render.embree.lookup import doubles, words
from simkit.render.embree.passes import camera_at
from simkit.render.embree.world import (
    AREA,
    AREA_LIGHT,
    DIRECTIONAL,
    KIND,
    LIGHT_COLUMNS,
    LIGHT_COUNT,
    LIGHTS,
    POSITION,
    RADIUS,
    RAY_COLUMNS,
    RAYS,
    SHADOW,
    TIMES,
    TOWARDS,
)
from simkit.scene import Body, Camera, Scene

UNSEEN = 0.25
"""A blur of less is not seen [px]."""

FAR_OFF = 1e6
_STOPS = 5


def blur_extents(
    scene: Scene,
    camera: Camera,
    library: Library,
    body: NDArray[np.int32],
    reach: NDArray[np.float32],
    rays: NDArray[np.float64],
    spread: float,
) -> NDArray[np.float32]:
    """Return (H, W) how far [px] what lies at a pixel, or next to it, is spread over the picture.

    Args:
        body, reach: what is seen at pixel centres.
        rays: (H + 2, W + 2, 3), of pixels and of one more on each side.
        spread: angle that a pixel takes [rad].
    """
    ends = camera.exposure * np.array([-0.5, 0.5])
    now = camera.T_world_camera
    before = np.linalg.inv(transforms_at(camera, ends))
    moved = np.empty((len(scene.bodies) + 1, 2, 4, 4))
    moved[-1] = before @ now  # what stands still, as the camera sees it
    for number, one in enumerate(scene.bodies):
        moved[number] = moved[-1]
        if moves(one):
            there = transforms_at(one, ends) @ np.linalg.inv(one.T_world_body)
            moved[number] = before @ there @ now
    extents = np.zeros(body.shape, dtype=np.float32)
    sky = scene.backdrop is None and scene.environment is not None
    _extents(
        body, reach, rays, moved, sky, is_wide(camera), spread, camera.aperture,
        camera.focus_distance, extents,
    )  # fmt: skip
    spreading = widened(extents, 0.5)
    for one in scene.bodies:
        if moves(one) and camera.exposure > 0:
            _add_mover(one, camera, library, spreading)
    return spreading


def widened(extents: NDArray[np.float32], part: float) -> NDArray[np.float32]:
    """Return the greatest blurs (H, W) [px] that reach each pixel, by a part of them and a pixel."""
    greatest, low = extents.copy(), UNSEEN
    while low < extents.max(initial=0.0):
        level = np.where((extents > low) & (extents <= 2 * low), extents, np.float32(0.0))
        side = 2 * int(np.ceil(2 * low * part) + 1) + 1
        np.maximum(greatest, cv2.dilate(level, np.ones((side, side), np.uint8)), out=greatest)
        low *= 2
    return greatest


def sweeps(scene: Scene, camera: Camera, library: Library, spread: float) -> NDArray[np.float64]:
    """Return (M, 7) spheres about moving bodies at both ends of the exposure: centres and radius [m].

    Those are left out that go less than can be seen.
    """
    ends, found = camera.exposure * np.array([-0.5, 0.5]), []
    for one in scene.bodies:
        if moves(one) and camera.exposure > 0:
            corners = _corners(one, library)
            radius = 0.5 * float(np.linalg.norm(corners[-1] - corners[0]))
            centres = [
                apply_transform(T, corners.mean(axis=0)[None])[0] for T in transforms_at(one, ends)
            ]
            turned = float(np.linalg.norm(one.angular_velocity)) * camera.exposure * radius
            away = float(np.linalg.norm(centres[0] - np.array(camera.position)))
            if np.linalg.norm(centres[1] - centres[0]) + turned < 2 * UNSEEN * spread * away:
                continue
            found.append([*centres[0], *centres[1], radius])
    return np.array(found, dtype=np.float64).reshape(-1, 7)


def _add_mover(body: Body, camera: Camera, library: Library, extents: NDArray[np.float32]) -> None:
    """Put the distance that a moving body goes into all pixels that it may cross."""
    times = camera.exposure * np.linspace(-0.5, 0.5, 3)
    relative = np.linalg.inv(transforms_at(camera, times)) @ transforms_at(body, times)
    corners = _corners(body, library)
    pixels = np.array([project_points(camera, apply_transform(T, corners)) for T in relative])
    if not np.isfinite(pixels).all() or camera.model == "equirectangular":
        low, high, far = np.zeros(2), np.array([camera.width, camera.height]), 64.0
    else:
        low, high = pixels.min(axis=(0, 1)) - 1, pixels.max(axis=(0, 1)) + 2
        far = float(np.linalg.norm(pixels[2] - pixels[0], axis=1).max())
    if far > UNSEEN:
        x0, y0 = np.clip(low, 0, (camera.width, camera.height)).astype(int)
        x1, y1 = np.clip(high, 0, (camera.width, camera.height)).astype(int)
        part = extents[y0:y1, x0:x1]
        np.maximum(part, np.float32(far), out=part)


def _corners(body: Body, library: Library) -> NDArray[np.float64]:
    """Return the corners (8, 3) of a body's box in its own frame, scaled; opposite ones at the ends."""
    vertices = library[body.model].mesh.vertices
    ends = np.stack([vertices.min(axis=0), vertices.max(axis=0)]).astype(np.float64) * body.scale
    return np.array(
        [[ends[i, 0], ends[j, 1], ends[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    )


@compiled
def _extents(body, reach, rays, moved, sky, wide, spread, aperture, focus, extents):  # type: ignore[no-untyped-def]
    height, width = body.shape
    for row in range(height):
        for column in range(width):
            b = body[row, column]
            if b < 0 and not sky:
                continue
            ray = rays[row + 1, column + 1]
            t = float(reach[row, column]) if b >= 0 else FAR_OFF
            x, y, z = ray[0] * t, ray[1] * t, ray[2] * t
            far = 0.0
            for end in range(2):
                M = moved[b if b >= 0 else moved.shape[0] - 1, end]
                mx = M[0, 0] * x + M[0, 1] * y + M[0, 2] * z + M[0, 3]
                my = M[1, 0] * x + M[1, 1] * y + M[1, 2] * z + M[1, 3]
                mz = M[2, 0] * x + M[2, 1] * y + M[2, 2] * z + M[2, 3]
                if wide:
                    now = square_root(x * x + y * y + z * z)
                    then = square_root(mx * mx + my * my + mz * mz)
                else:
                    now, then = z, max(mz, 1e-6)
                dx, dy, dz = mx / then - x / now, my / then - y / now, mz / then - z / now
                far = max(far, square_root(dx * dx + dy * dy + dz * dz))
            blur = 2.0 * far
            if z > 0.0:
                blur += 2.0 * aperture * abs(z - focus) / (z * focus)
            extents[row, column] = blur / spread


@compiled
def shadowed(world_at, first_row, last_row, body, reach, movers, found):  # type: ignore[no-untyped-def]
    """Mark pixels (H, W) of some rows between which and a light a moving body may pass."""
    world = words(world_at)
    rays, stride = doubles(world[RAYS]), 3 * world[RAY_COLUMNS]
    for row in range(first_row, last_row):
        c = camera_at(world, row, world[TIMES])
        for column in range(body.shape[1]):
            if body[row, column] < 0:
                continue
            at, t = (row + 1) * stride + (column + 1) * 3, float(reach[row, column])
            x, y, z = rays[at] * t, rays[at + 1] * t, rays[at + 2] * t
            px = c[0] * x + c[1] * y + c[2] * z + c[9]
            py = c[3] * x + c[4] * y + c[5] * z + c[10]
            pz = c[6] * x + c[7] * y + c[8] * z + c[11]
            for number in range(world[LIGHT_COUNT]):
                light = doubles(world[LIGHTS] + 8 * LIGHT_COLUMNS * number)
                if light[SHADOW] > 0.0 and _passed(light, px, py, pz, movers):
                    found[row, column] = True


@compiled
def _passed(light, px, py, pz, movers):  # type: ignore[no-untyped-def]
    """Return whether a mover's sphere may come between a point and a light."""
    if light[KIND] == DIRECTIONAL:
        lx, ly, lz, end = -light[TOWARDS], -light[TOWARDS + 1], -light[TOWARDS + 2], FAR_AWAY
        wide = light[RADIUS]
    else:
        lx, ly, lz = light[POSITION] - px, light[POSITION + 1] - py, light[POSITION + 2] - pz
        end = max(square_root(lx * lx + ly * ly + lz * lz), 1e-9)
        lx, ly, lz = lx / end, ly / end, lz / end
        size = square_root(light[AREA]) if light[KIND] == AREA_LIGHT else light[RADIUS]
        wide = size / end
    for m in range(movers.shape[0]):
        mover = movers[m]
        vx, vy, vz = mover[3] - mover[0], mover[4] - mover[1], mover[5] - mover[2]
        step = square_root(vx * vx + vy * vy + vz * vz) / (_STOPS - 1)
        for stop in range(_STOPS):
            s = stop / (_STOPS - 1.0)
            x, y, z = mover[0] + s * vx - px, mover[1] + s * vy - py, mover[2] + s * vz - pz
            along = x * lx + y * ly + z * lz
            radius = mover[6] + 0.5 * step + wide * max(along, 0.0)
            if along < -radius or along > end + radius:
                continue
            off2 = x * x + y * y + z * z - along * along
            if off2 < radius * radius:
                return True
    return False
