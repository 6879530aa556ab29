"""Drawing a real data set's objects at their annotated poses: overlays, and a check of conventions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import polar

from simkit.assets.color import srgb_bytes, tone_map
from simkit.assets.library import Library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import load_furnished
from simkit.config import load_config
from simkit.dataset.bop import BopImage, find_models, read_images
from simkit.dataset.describe import describe
from simkit.dataset.encode import MM, bop_gt_info, encode, encode_rgb, row_of
from simkit.dataset.filling import Filling
from simkit.dataset.shards import Folder
from simkit.errors import ConfigError, DatasetError, did_you_mean
from simkit.geometry import (
    BOP_PIXEL_CENTRE,
    Array,
    box_iou,
    invert,
    quaternion_of,
    shift_pixel_centre,
)
from simkit.labels import Annotators
from simkit.overlay import draw_overlay
from simkit.pipeline import Pipeline, Place, Sample
from simkit.scene import Body, Camera, Light, Scene, Vec3, matrix3, quaternion, vec3

PIXEL_CENTRES = {"opencv": 0.0, "bop": BOP_PIXEL_CENTRE}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RerenderReport:
    """What `rerender` found.

    Attributes:
        url: the new data set.
        images: number of images in it.
        ious: IoU of our ``bbox_obj`` (BOP's definition) with the annotated one, for each instance
            that has one, by (scene id, image id, place in the image).
    """

    url: str
    images: int
    ious: dict[tuple[int, int, int], float]

    @property
    def mean_iou(self) -> float:
        """Mean over all instances with an annotated box; NaN if there is none."""
        return float(np.mean(list(self.ious.values()))) if self.ious else float("nan")


def rerender(
    source: str | Path,
    out: str | Path,
    models: str | Path | None = None,
    pixel_centre: str = "bop",
    backend: str = "auto",
    limit: int | None = None,
    overlay: bool = True,
    progress: Progress | None = None,
) -> RerenderReport:
    """Draw the objects of a BOP data set at their annotated poses and cameras.

    The result is a data set like any other, its keys those of the source. Its ``cam_K`` is in our
    convention (top left pixel centre at (0, 0)): with ``pixel_centre="bop"`` it is the source's
    moved by half a pixel, and describes the same pixels.

    Args:
        source: a scene, split or data set in BOP's scenewise layout.
        out: folder of the new data set.
        models: folder of its models; found beside the source if None.
        pixel_centre: where the source's ``cam_K`` has the centre of the top left pixel: ``bop``
            (0.5, 0.5) or ``opencv`` (0, 0).
        backend: the renderer; ``auto`` is the default of this machine.
        limit: only the first so many images.
        overlay: write each photo with our outlines and both boxes to ``overlays/``.
        progress: called with images done and images in all.

    Raises:
        ConfigError, DatasetError, AssetError: before any work.
    """
    if pixel_centre not in PIXEL_CENTRES:
        allowed = did_you_mean(pixel_centre, PIXEL_CENTRES)
        raise ConfigError(f"pixel_centre: '{pixel_centre}' is unknown; {allowed}")
    images = read_images(source)[:limit]
    folder_of_models = Path(models) if models is not None else find_models(source)
    options = ModelOptions(source=str(folder_of_models), kind="bop")
    library = load_furnished(options)
    config = load_config({"render": {"backend": backend}, "physics": {"enabled": False}})
    names = _names_by_id(library)
    _check_ids(images, names)

    folder, annotators = Folder(str(out)), Annotators(config.run.labels)
    ious: dict[tuple[int, int, int], float] = {}
    with Pipeline(config, library=library) as pipeline:
        recipe = {"rerender": {"source": str(source), "pixel_centre": pixel_centre}}
        description = describe(pipeline, len(images), recipe)
        filling = Filling(folder, description, config.run.output.shard_size)
        for index, image in enumerate(images):
            scene = _scene(image, names, PIXEL_CENTRES[pixel_centre])
            frame, labels = pipeline.label(scene)
            place = Place(index, image.scene_id, image.im_id, 0, index, image.im_id)
            picture = srgb_bytes(tone_map(frame.rgb))
            sample = Sample(place, scene, frame, labels, {}, picture)
            files = encode(sample, annotators, config.run.output)
            ious.update(_compare(image, labels))
            if index // config.run.output.shard_size in filling.todo:
                filling.add([(index, files, row_of(sample, files))])
            if overlay:
                picture = draw_overlay(image, sample)
                folder.write(f"overlays/{sample.key}.jpg", encode_rgb(picture, config.run.output))
            if progress is not None:
                progress(index + 1, len(images))
    filling.finish()
    return RerenderReport(str(out), len(images), ious)


def _names_by_id(library: Library) -> dict[int, str]:
    return {library[name].obj_id: name for name in library.labelled_names()}


def _check_ids(images: list[BopImage], names: dict[int, str]) -> None:
    for image in images:
        for record in image.gt:
            if record["obj_id"] not in names:
                raise DatasetError(
                    f"image {image.im_id} of scene {image.scene_id}: has obj_id {record['obj_id']}, "
                    f"which the models do not have; they have {sorted(names)}"
                )


def _scene(image: BopImage, names: dict[int, str], pixel_centre: float) -> Scene:
    """Return the annotated objects in front of the annotated camera."""
    T_world_camera = _pose_of_camera(image.camera)
    width, height = image.size()
    camera = Camera(
        width=width,
        height=height,
        cam_K=matrix3(shift_pixel_centre(image.camera["cam_K"], pixel_centre)),
        position=vec3(T_world_camera[:3, 3]),
        quaternion=quaternion(quaternion_of(T_world_camera)),
    )
    bodies = []
    for place, record in enumerate(image.gt):
        R, scale = rotation_and_scale(record["cam_R_m2c"])
        T_world_body = T_world_camera @ _rigid(R, record["cam_t_m2c"])
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
    light = Light(direction=vec3(T_world_camera[:3, 2]), intensity=0.5, casts_shadow=False)
    return Scene(bodies=tuple(bodies), lights=(light,), ambient=(0.5, 0.5, 0.5), camera=camera)


def _pose_of_camera(camera: dict[str, Any]) -> Array:
    """Return ``T_world_camera``; where BOP gives no world, the camera is its origin."""
    if "cam_R_w2c" not in camera:
        return np.eye(4)
    return invert(_rigid(camera["cam_R_w2c"], camera["cam_t_w2c"]))


def rotation_and_scale(R_m2c: list[float]) -> tuple[Array, Vec3]:
    """Return the rotation (3, 3) nearest to an annotated one, and the scale that it hides.

    Annotated rotations need not be orthonormal: some of LM-O's have a determinant of 1.014, and
    BOP's scripts drew the boxes with them as they stand. By polar decomposition R = Q P with a
    rotation Q; the diagonal of P is taken as factors along the model's axes.
    """
    Q, P = polar(np.reshape(R_m2c, (3, 3)))
    return Q, vec3(np.diag(P))


def _rigid(R: ArrayLike, t_mm: list[float]) -> Array:
    T = np.eye(4)
    T[:3, :3] = np.reshape(R, (3, 3))
    T[:3, 3] = np.array(t_mm) / MM
    return T


def _compare(image: BopImage, labels: dict[str, Any]) -> dict[tuple[int, int, int], float]:
    """Return the IoU of our and the annotated ``bbox_obj`` of each instance that has one."""
    ious = {}
    for place, (ours, theirs) in enumerate(
        zip(bop_gt_info(labels), image.gt_info or [], strict=False)
    ):
        if min(theirs["bbox_obj"][2:]) >= 0:
            key = (image.scene_id, image.im_id, place)
            ious[key] = box_iou(ours["bbox_obj"], theirs["bbox_obj"])
    return ious
