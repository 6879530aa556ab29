"""Drawing a real data set's objects at their annotated poses: overlays, and a check of conventions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simkit.assets.color import tone_mapped_bytes
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import load_furnished
from simkit.config import load_config
from simkit.dataset.bop import BopImage, find_models, read_images
from simkit.dataset.describe import describe
from simkit.dataset.encode import bop_gt_info, encode, encode_rgb, row_of
from simkit.dataset.filling import Filling
from simkit.dataset.shards import Folder
from simkit.geometry import box_iou
from simkit.labels import Annotators
from simkit.overlay import draw_overlay
from simkit.pipeline import Pipeline, Place, Sample
from simkit.recorded import (
    check_ids,
    names_by_id,
    pixel_centre_of,
    recorded_bodies,
    recorded_camera,
    recorded_pose,
)
from simkit.scene import Light, Scene, vec3

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
    centre = pixel_centre_of(pixel_centre)
    images = read_images(source)[:limit]
    folder_of_models = Path(models) if models is not None else find_models(source)
    options = ModelOptions(source=str(folder_of_models), kind="bop")
    library = load_furnished(options)
    config = load_config({"render": {"backend": backend}, "physics": {"enabled": False}})
    names = names_by_id(library)
    check_ids(images, names)

    folder, annotators = Folder(str(out)), Annotators(config.run.labels)
    ious: dict[tuple[int, int, int], float] = {}
    with Pipeline(config, library=library) as pipeline:
        recipe = {"rerender": {"source": str(source), "pixel_centre": pixel_centre}}
        description = describe(pipeline, len(images), recipe)
        filling = Filling(folder, description, config.run.output.shard_size)
        for index, image in enumerate(images):
            scene = _scene(image, names, centre)
            frame, labels = pipeline.label(scene)
            place = Place(index, image.scene_id, image.im_id, 0, index, image.im_id)
            picture = tone_mapped_bytes(frame.rgb)
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


def _scene(image: BopImage, names: dict[int, str], pixel_centre: float) -> Scene:
    """Return the annotated objects in front of the annotated camera."""
    T_world_camera = recorded_pose(image.camera)
    bodies = recorded_bodies(image, names, T_world_camera)
    camera = recorded_camera(image, pixel_centre, T_world_camera)
    light = Light(direction=vec3(T_world_camera[:3, 2]), intensity=0.5, casts_shadow=False)
    return Scene(bodies=tuple(bodies), lights=(light,), ambient=(0.5, 0.5, 0.5), camera=camera)


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
