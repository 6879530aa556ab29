"""Reading BOP's scenewise layout as photos: poses, boxes, and masks and depth where they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from simkit.assets.bop import read_models_info
from simkit.dataset.bop import MM, BopImage, find_models, read_images
from simkit.dataset.encode import Files
from simkit.dataset.rle import encode_mask
from simkit.errors import DatasetError
from simkit.exchange.card import PROVENANCE
from simkit.exchange.format import Photo, Reading
from simkit.exchange.sources import checked_numbers, read_json
from simkit.geometry import NOT_VISIBLE_BOX, shift_pixel_centre
from simkit.options import setting
from simkit.recorded import PIXEL_CENTRES, rigid, rotation_and_scale

COUNTS = ("px_count_all", "px_count_valid", "px_count_visib", "visib_fract")
AXES = "xyz"


@dataclass
class ReadingOptions:
    """What an import of BOP may be told."""

    pixel_centre: str = setting(
        "bop",
        allowed=tuple(PIXEL_CENTRES),
        help="where cam_K has the top left pixel's centre: bop (0.5, 0.5), opencv (0, 0)",
    )
    models: str = setting("", help="folder of the models; looked for beside the source if left out")


def read_bop(source: Path, options: ReadingOptions) -> Reading:
    """Return what a scene, split or data set holds; see `simkit.exchange.format.Format.read`."""
    images = read_images(source)
    folder = _models_folder(source, options)
    known = _names(folder)
    models = _models(folder, known) if folder else []
    by_id = {model["obj_id"]: model for model in models}
    for image in images:
        _check(image)
        for gt in image.gt:
            by_id.setdefault(gt["obj_id"], _model(gt["obj_id"], known))
    scenes = {image.path.parent.parent for image in images}
    names = ("scene_camera.json", "scene_gt.json", "scene_gt_info.json")
    files = [scene / name for scene in sorted(scenes) for name in names]
    centre = PIXEL_CENTRES[options.pixel_centre]
    return Reading(
        photos=[_photo(image, by_id, centre) for image in images],
        categories={
            one["category_id"]: one["category"]
            for one in sorted(by_id.values(), key=lambda one: int(one["category_id"]))
        },
        annotations=tuple(path for path in files if path.is_file()),
        models=[by_id[key] for key in sorted(by_id)] if models else [],
        warnings=() if models else ("no models_info.json: nothing is known of the models",),
        found={"models": str(folder)} if folder else {},
    )


def _models_folder(source: Path, options: ReadingOptions) -> Path | None:
    if options.models:
        return Path(options.models)
    try:
        return find_models(source)
    except DatasetError:
        return None


def _names(folder: Path | None) -> dict[int, dict[str, Any]]:
    """Return what an export of ours says of the models, by obj_id; BOP's files have no names."""
    path = folder.parent / PROVENANCE if folder else None
    if path is None or not path.is_file():
        return {}
    return {one["obj_id"]: one for one in read_json(path).get("models", ())}


def _model(obj_id: int, known: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    name = f"obj_{obj_id:06d}"
    given = {"name": name, "obj_id": obj_id, "category": name, "category_id": obj_id}
    return {**given, **known.get(obj_id, {})}


def _models(folder: Path, known: Mapping[int, dict[str, Any]]) -> list[dict[str, Any]]:
    path = folder / "models_info.json"
    infos, raw = read_models_info(path, 1 / MM), read_json(path)
    models = []
    for info in infos.values():
        model = {
            **_model(info.obj_id, known),
            "diameter": info.diameter,
            "symmetries_discrete": info.symmetries_discrete,
            "symmetries_continuous": info.symmetries_continuous,
            "source": str(folder),
        }
        entry = raw[str(info.obj_id)]
        if all(f"{what}_{axis}" in entry for what in ("min", "size") for axis in AXES):
            low = np.array([entry[f"min_{axis}"] for axis in AXES]) / MM
            size = np.array([entry[f"size_{axis}"] for axis in AXES]) / MM
            model["bounds"] = [low.tolist(), (low + size).tolist()]
        models.append(model)
    return models


def _check(image: BopImage) -> None:
    """Raise `DatasetError` unless an image's records are as BOP has them."""
    scene = image.path.parent.parent
    where = f"{scene}/scene_camera.json: image {image.im_id}"
    checked_numbers(image.camera.get("cam_K"), 9, where, "cam_K")
    for place, gt in enumerate(image.gt):
        where = f"{scene}/scene_gt.json: image {image.im_id}, instance {place}"
        checked_numbers(gt.get("cam_R_m2c"), 9, where, "cam_R_m2c")
        checked_numbers(gt.get("cam_t_m2c"), 3, where, "cam_t_m2c")
        if not isinstance(gt.get("obj_id"), int):
            raise DatasetError(f"{where}: obj_id is {gt.get('obj_id')!r}, no whole number")
    if image.gt_info is None:
        return
    where = f"{scene}/scene_gt_info.json: image {image.im_id}"
    if len(image.gt_info) != len(image.gt):
        raise DatasetError(
            f"{where}: has {len(image.gt_info)} instances, scene_gt.json has {len(image.gt)}"
        )
    for place, info in enumerate(image.gt_info):
        for name in ("bbox_obj", "bbox_visib"):
            checked_numbers(info.get(name), 4, f"{where}, instance {place}", name)


def _photo(image: BopImage, models: Mapping[int, dict[str, Any]], centre: float) -> Photo:
    scene = image.path.parent.parent
    infos = image.gt_info or [{} for _ in image.gt]
    instances = [
        _labels(place, gt, info, models[gt["obj_id"]])
        for place, (gt, info) in enumerate(zip(image.gt, infos, strict=True), start=1)
    ]
    return Photo(
        path=image.path,
        name=f"{scene.name}/{image.path.parent.name}/{image.path.name}",
        source_id=str(image.im_id),
        instances=instances,
        place=(image.scene_id, image.im_id),
        files=partial(_files, image, centre),
    )


def _labels(
    instance_id: int, gt: Mapping[str, Any], info: Mapping[str, Any], model: Mapping[str, Any]
) -> dict[str, Any]:
    R, scale = rotation_and_scale(gt["cam_R_m2c"])
    named = {name: model[name] for name in ("obj_id", "category", "category_id")}
    labels: dict[str, Any] = {
        "identity": {
            "instance_id": instance_id,
            "name": f"{model['name']}#{instance_id - 1}",
            "model": model["name"],
            **named,
            "scale": list(scale),
        },
        "pose": rigid(R, gt["cam_t_m2c"]).tolist(),
    }
    for name in ("bbox_obj", "bbox_visib"):
        if name in info:
            labels[name] = _box(info[name])
    if all(name in info for name in COUNTS):
        labels["visib_fract"] = {name: info[name] for name in COUNTS}
    return labels


def _box(box: list[int]) -> list[int] | None:
    """Return our box of BOP's: its width is ``x_max - x_min``; four -1 are none."""
    if tuple(box) == NOT_VISIBLE_BOX:
        return None
    x, y, width, height = box
    return [x, y, width + 1, height + 1]


def _files(image: BopImage, centre: float, width: int, height: int) -> Files:
    """Return the files that BOP has beside the picture.

    Raises:
        DatasetError: a mask or the depth is not of the image's size.
    """
    scene = image.path.parent.parent
    camera = dict(image.camera)
    camera["cam_K"] = shift_pixel_centre(camera["cam_K"], centre).ravel().tolist()
    camera.setdefault("depth_scale", 1.0)
    files = {"camera.json": _json(camera), "gt.json": _json(image.gt)}
    if image.gt_info is not None:
        files["gt_info.json"] = _json(image.gt_info)
    depth = scene / "depth" / f"{image.path.stem}.png"
    if depth.is_file():
        _image(depth, width, height)
        files["depth.png"] = depth.read_bytes()
    for name in ("mask", "mask_visib"):
        paths = [scene / name / f"{image.path.stem}_{k:06d}.png" for k in range(len(image.gt))]
        if (scene / name).is_dir() and all(path.is_file() for path in paths):
            masks = [_image(path, width, height) > 0 for path in paths]
            packed = {str(place): encode_mask(mask) for place, mask in enumerate(masks)}
            files[f"{name}.json"] = _json(packed)
    return files


def _image(path: Path, width: int, height: int) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.shape[:2] != (height, width):
        found = "no image" if image is None else f"{image.shape[1]}x{image.shape[0]} px"
        raise DatasetError(f"{path}: is {found}, its photo is {width}x{height} px")
    return image


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
