"""Scenes from the annotations of BOP data sets: objects at their poses, the camera where it was.

A BOP record says where objects are in the camera's frame, in millimetres, and maybe where the
camera is in some world. What a table would be is not said; `support` finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import polar

from simkit.assets.library import Library
from simkit.dataset.bop import MM, BopImage
from simkit.errors import ConfigError, DatasetError, SceneError, did_you_mean
from simkit.geometry import (
    BOP_PIXEL_CENTRE,
    Array,
    apply_transform,
    invert,
    look_at,
    quaternion_of,
    shift_pixel_centre,
)
from simkit.scene import Body, Camera, Vec3, matrix3, quaternion, vec3

PIXEL_CENTRES = {"opencv": 0.0, "bop": BOP_PIXEL_CENTRE}
"""Where a ``cam_K`` has the centre of the top left pixel, in both axes [px]."""

TOUCH = 0.005
"""Standard deviation [m] with which annotated objects are taken to miss what they stand on."""

PARALLEL = np.cos(np.radians(10.0))
"""Axes closer than this are taken as one direction, annotated several times."""


def pixel_centre_of(name: str) -> float:
    """Return the pixel centre [px] of a convention; `ConfigError` if it is not in `PIXEL_CENTRES`."""
    if name not in PIXEL_CENTRES:
        allowed = did_you_mean(name, PIXEL_CENTRES)
        raise ConfigError(f"pixel_centre: '{name}' is unknown; {allowed}")
    return PIXEL_CENTRES[name]


def names_by_id(library: Library) -> dict[int, str]:
    """Return the names of a library's own models by BOP's obj_id."""
    return {library[name].obj_id: name for name in library.labelled_names()}


def check_ids(images: Iterable[BopImage], names: Mapping[int, str]) -> None:
    """Raise `DatasetError` if an image has an object of no model."""
    for image in images:
        for record in image.gt:
            if record["obj_id"] not in names:
                raise DatasetError(
                    f"image {image.im_id} of scene {image.scene_id}: has obj_id {record['obj_id']}, "
                    f"which the models do not have; they have {sorted(names)}"
                )


def recorded_bodies(image: BopImage, names: Mapping[int, str], T_world_camera: Array) -> list[Body]:
    """Return the annotated objects as bodies ``NAME#k``, k their place in the annotation."""
    bodies = []
    for place, record in enumerate(image.gt):
        R, scale = rotation_and_scale(record["cam_R_m2c"])
        T_world_body = T_world_camera @ rigid(R, record["cam_t_m2c"])
        name = names[record["obj_id"]]
        bodies.append(
            Body(
                name=f"{name}#{place}",
                model=name,
                position=vec3(T_world_body[:3, 3]),
                quaternion=quaternion(quaternion_of(T_world_body)),
                scale=scale,
            )
        )
    return bodies


def recorded_camera(image: BopImage, pixel_centre: float, T_world_camera: Array) -> Camera:
    """Return the annotated camera, its ``cam_K`` in our convention, at a pose (4, 4)."""
    width, height = image.size()
    return Camera(
        width=width,
        height=height,
        cam_K=matrix3(shift_pixel_centre(image.camera["cam_K"], pixel_centre)),
        position=vec3(T_world_camera[:3, 3]),
        quaternion=quaternion(quaternion_of(T_world_camera)),
    )


def recorded_pose(camera: Mapping[str, Any]) -> Array:
    """Return ``T_world_camera``; where BOP gives no world, the camera is its origin."""
    if "cam_R_w2c" not in camera:
        return np.eye(4)
    return invert(rigid(camera["cam_R_w2c"], camera["cam_t_w2c"]))


def rotation_and_scale(R_m2c: list[float]) -> tuple[Array, Vec3]:
    """Return the rotation (3, 3) nearest to an annotated one, and the scale that it hides.

    Annotated rotations need not be orthonormal: some of LM-O's have a determinant of 1.014, and
    BOP's scripts drew the boxes with them as they stand. By polar decomposition R = Q P with a
    rotation Q; the diagonal of P is taken as factors along the model's axes.
    """
    Q, P = polar(np.reshape(R_m2c, (3, 3)))
    return Q, vec3(np.diag(P))


def rigid(R: ArrayLike, t_mm: list[float]) -> Array:
    """Return a pose (4, 4) [m] from BOP's nine numbers of a rotation and a translation [mm]."""
    T = np.eye(4)
    T[:3, :3] = np.reshape(R, (3, 3))
    T[:3, 3] = np.array(t_mm) / MM
    return T


def support(bodies: list[Body], eye: Vec3, hulls: Mapping[str, Array]) -> Array:
    """Return ``T_world_table`` (4, 4) of the plane that most of the bodies stand on.

    Objects stand on their own axes: a model's frame is upright, or lies on a side. So each body's
    axes, both ways, are candidates for the plane's normal (the recorded world's axes are no help:
    most sets have none, and few say that theirs is upright). For each one, the plane's height is
    that of the lowest point of the body that most others share, where each counts with a Gaussian
    of its distance, of `TOUCH`. The best candidate that has the camera above it wins; axes within
    10 degrees of it, of bodies that reach down to its plane, are averaged, and the height is their
    median. z = 0 of the table's frame is the plane, its origin lies below the bodies' middle, and its
    y axis points away from the camera.

    Args:
        bodies: at least one.
        eye: of the camera [m], in the bodies' world.
        hulls: vertices (V, 3) [m] that span each model's convex hull.

    Raises:
        SceneError: there is no body.
    """
    if not bodies:
        raise SceneError("no object is annotated, so there is no table to find")
    corners = [
        apply_transform(body.T_world_body, hulls[body.model] * np.array(body.scale))
        for body in bodies
    ]
    axes = [
        sign * body.T_world_body[:3, k] for body in bodies for k in range(3) for sign in (1, -1)
    ]
    owner = np.repeat(np.arange(len(bodies)), 6)
    best: tuple[float, Array, float] | None = None
    for normal in axes:
        lowest = np.array([(points @ normal).min() for points in corners])
        shared = np.exp(-0.5 * ((lowest[:, None] - lowest) / TOUCH) ** 2).sum(axis=0)
        height = float(lowest[shared.argmax()])
        if normal @ np.array(eye) > height and (best is None or shared.max() > best[0] + 1e-9):
            best = float(shared.max()), normal, height
    assert best is not None  # a camera is above a plane of each axis, or of its opposite
    _, normal, height = best
    stands = [abs((points @ normal).min() - height) < 3 * TOUCH for points in corners]
    alike = [
        axis for axis, k in zip(axes, owner, strict=True) if stands[k] and axis @ normal > PARALLEL
    ]
    normal = np.mean(alike, axis=0)
    normal /= np.linalg.norm(normal)
    lows = [(points @ normal).min() for points, on in zip(corners, stands, strict=True) if on]
    middle = np.mean([points.mean(axis=0) for points in corners], axis=0)
    foot = middle + (np.median(lows) - middle @ normal) * normal
    return _frame(foot, normal, np.array(eye))


def _frame(origin: Array, normal: Array, eye: Array) -> Array:
    """Return a pose (4, 4) whose z axis is `normal` and whose y axis points away from `eye`."""
    away = origin - eye
    away = away - (away @ normal) * normal
    if np.linalg.norm(away) < 1e-6:
        away = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    y = away / np.linalg.norm(away)
    T = np.eye(4)
    T[:3, :3] = np.stack([np.cross(y, normal), y, normal], axis=1)
    T[:3, 3] = origin
    return T


def embedded_images(library: Library, count: int = 8) -> list[BopImage]:
    """Return records of a set without pictures: the models in a ring on a table, seen from around.

    It stands in where no real set is at hand. Only its annotations exist.
    """
    names = library.labelled_names()
    images = []
    for number in range(count):
        angle = 2 * np.pi * number / count
        eye = np.array([0.8 * np.cos(angle), 0.8 * np.sin(angle), 0.5 + 0.05 * number])
        T_camera_world = invert(look_at(eye, [0.0, 0.0, 0.0]))
        gt = []
        for place, name in enumerate(names):
            around = 2 * np.pi * place / len(names)
            T = np.eye(4)
            T[:2, 3] = 0.2 * np.cos(around), 0.2 * np.sin(around)
            T[2, 3] = -library[name].mesh.bounds[0, 2]
            T_camera_body = T_camera_world @ T
            gt.append(
                {
                    "obj_id": library[name].obj_id,
                    "cam_R_m2c": T_camera_body[:3, :3].ravel().tolist(),
                    "cam_t_m2c": (T_camera_body[:3, 3] * MM).tolist(),
                }
            )
        camera = {"cam_K": [600.0, 0.0, 320.0, 0.0, 600.0, 240.0, 0.0, 0.0, 1.0]}
        images.append(BopImage(0, number, Path(), camera, gt, None, (640, 480)))
    return images
