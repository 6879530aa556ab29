"""BOP in its scenewise layout, to the letter of bop_toolkit's ``docs/bop_datasets_format.md``.

``SPLIT/SSSSSS/`` with ``scene_camera.json``, ``scene_gt.json``, ``scene_gt_info.json``, ``rgb/``,
``depth/``, ``mask/`` and ``mask_visib/``; ``camera.json`` and ``models/`` beside. Lengths are
millimetres, boxes have ``width = x_max - x_min`` and are four -1 of what is not visible. BOP's own
renderers have the centre of the top left pixel at (0.5, 0.5), so ``cam_K`` is moved by half a pixel
on the way out and back on the way in, unless told otherwise.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simkit.dataset.bop import MM
from simkit.errors import DatasetError
from simkit.exchange.bop_models import library_of, write_mesh
from simkit.exchange.bop_reading import ReadingOptions, read_bop
from simkit.exchange.format import About, Format, Reading
from simkit.exchange.items import Item, Thing
from simkit.exchange.pictures import write_png
from simkit.geometry import Array, shift_pixel_centre
from simkit.options import setting
from simkit.recorded import PIXEL_CENTRES

SAME = 1e-6
"""Scales and rotations that are off by less are as they should be."""


@dataclass
class WritingOptions:
    """What an export to BOP may be told."""

    pixel_centre: str = setting(
        "bop",
        allowed=tuple(PIXEL_CENTRES),
        help="where cam_K has the top left pixel's centre: bop (0.5, 0.5), opencv (0, 0)",
    )
    models: bool = setting(True, help="write the models' meshes, besides models_info.json")
    scaled: str = setting(
        "refuse",
        allowed=("refuse", "multiply"),
        help="bodies with a scale, which BOP has not: refuse, or multiply it to the rotation",
    )


class BopScenewise(Format):
    """BOP's scenewise layout."""

    title = "BOP (scenewise)"
    writes = WritingOptions
    reads = ReadingOptions

    def write(
        self, items: Iterable[Item], about: About, folder: Path, options: WritingOptions
    ) -> None:
        scenes: dict[Path, _Scene] = defaultdict(_Scene)
        first: dict[str, Any] | None = None
        for item in items:
            if "gt.json" not in item.record.files:
                raise item.error("has no poses, which BOP needs; label it with identity and pose")
            scene, image = item.key.split("_")
            place = folder / item.split / scene
            camera = _camera(item, options)
            scenes[place].add(str(int(image)), camera, item, options)
            _write_pictures(place, image, item)
            first = first or _sensor(item, camera)
        for place, one in scenes.items():
            one.write(place)
        (folder / "camera.json").write_text(json.dumps(first, indent=1))
        _write_models(folder / "models", about, options)

    def read(self, source: Path, options: ReadingOptions) -> Reading:
        return read_bop(source, options)


class _Scene:
    """The JSON files of one scene, as they grow."""

    def __init__(self) -> None:
        self._files: dict[str, dict[str, Any]] = defaultdict(dict)

    def add(self, image: str, camera: dict[str, Any], item: Item, options: WritingOptions) -> None:
        """Take an image."""
        self._files["scene_camera.json"][image] = camera
        self._files["scene_gt.json"][image] = [_gt(thing, options) for thing in item.things]
        if "gt_info.json" in item.record.files:
            info = [item.record.gt_info[thing.place] for thing in item.things]
            self._files["scene_gt_info.json"][image] = info

    def write(self, folder: Path) -> None:
        """Write the files."""
        for name, data in self._files.items():
            lines = [f'  "{image}": {json.dumps(one)}' for image, one in data.items()]
            (folder / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _camera(item: Item, options: WritingOptions) -> dict[str, Any]:
    known = ("depth_scale", "cam_R_w2c", "cam_t_w2c")
    camera = {name: item.record.camera[name] for name in known if name in item.record.camera}
    moved = shift_pixel_centre(item.cam_K, -PIXEL_CENTRES[options.pixel_centre])
    return {"cam_K": moved.ravel().tolist(), **camera}


def _sensor(item: Item, camera: dict[str, Any]) -> dict[str, Any]:
    """Return what ``camera.json`` says of the first image's camera."""
    fx, _, cx, _, fy, cy, *_ = camera["cam_K"]
    width, height = item.size
    scale = camera.get("depth_scale", 1.0)
    sizes = {"height": height, "width": width}
    return {"cx": cx, "cy": cy, "depth_scale": scale, "fx": fx, "fy": fy, **sizes}


def _gt(thing: Thing, options: WritingOptions) -> dict[str, Any]:
    gt: dict[str, Any] = dict(thing.item.record.gt[thing.place])
    scale = np.array(thing.need("identity").get("scale", (1, 1, 1)), dtype=np.float64)
    R = np.reshape(gt["cam_R_m2c"], (3, 3))
    says_scale = not np.allclose(R.T @ R, np.eye(3), atol=SAME)
    if says_scale or np.allclose(scale, 1, atol=SAME):
        return gt
    if options.scaled == "refuse":
        raise thing.item.error(
            f"instance {thing.place} has the scale {scale.tolist()}, which BOP's poses cannot say; "
            "export with scaled=multiply to have it in the rotation, as some of LM-O have"
        )
    return {**gt, "cam_R_m2c": (R * scale).ravel().tolist()}


def _write_pictures(folder: Path, image: str, item: Item) -> None:
    ending, data = item.picture
    files = {f"rgb/{image}.{ending}": data}
    if "depth.png" in item.record.files:
        files[f"depth/{image}.png"] = item.record.files["depth.png"]
    names = [name for name in ("mask", "mask_visib") if item.run_lengths(name) is not None]
    for name in [*(path.split("/")[0] for path in files), *names]:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        (folder / path).write_bytes(content)
    for name in names:
        for number, thing in enumerate(item.things):
            mask = thing.need_mask(name)
            write_png(folder / name / f"{image}_{number:06d}.png", mask.astype(np.uint8) * 255)


def _write_models(folder: Path, about: About, options: WritingOptions) -> None:
    """Write ``models_info.json``, and the meshes if they are wanted."""
    folder.mkdir()
    infos = {str(one["obj_id"]): _info(one) for one in about.models}
    (folder / "models_info.json").write_text(json.dumps(infos, indent=1))
    if not options.models:
        return
    library = library_of(about.description)
    for one in about.models:
        model = library.get(one["name"])
        known = one.get("mesh_hash")
        if model is None or known not in (None, model.mesh.content_hash):
            raise DatasetError(
                f"model '{one['name']}' is not there any more, or has changed; export with "
                "models=false"
            )
        write_mesh(folder / f"obj_{one['obj_id']:06d}.ply", model.mesh)


def _info(model: dict[str, Any]) -> dict[str, Any]:
    info: dict[str, Any] = {"diameter": model["diameter"] * MM}
    if "bounds" in model:
        low, high = np.array(model["bounds"]) * MM
        info.update({f"min_{axis}": float(v) for axis, v in zip("xyz", low, strict=True)})
        info.update({f"size_{axis}": float(v) for axis, v in zip("xyz", high - low, strict=True)})
    if model.get("symmetries_discrete"):
        moves = [np.array(one, dtype=np.float64) for one in model["symmetries_discrete"]]
        info["symmetries_discrete"] = [_in_mm(one).ravel().tolist() for one in moves]
    if model.get("symmetries_continuous"):
        info["symmetries_continuous"] = [
            {"axis": list(axis), "offset": (np.array(offset) * MM).tolist()}
            for axis, offset in model["symmetries_continuous"]
        ]
    return info


def _in_mm(T: Array) -> Array:
    moved = T.copy()
    moved[:3, 3] *= MM
    return moved
