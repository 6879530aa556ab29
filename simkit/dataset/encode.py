"""A sample as files: what stands in a shard under one key, and its row in the index.

BOP's files are written to BOP's letter (millimetres, its box definition); `labels.json` has ours.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.config import OutputOptions
from simkit.dataset.rle import encode_mask
from simkit.errors import DatasetError
from simkit.geometry import Array, box_as_bop
from simkit.labels import Annotators
from simkit.pipeline import Sample

MM = 1000.0
_DEPTH_PNG = [
    cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_FILTERED,
]  # fmt: skip
"""As small as by zlib's default strategy, in half the time."""

BOP_ARRAYS = ("depth", "mask", "mask_visib")
"""Arrays for which BOP has a file of its own."""

Files = dict[str, bytes]
Row = dict[str, Any]


def encode(sample: Sample, annotators: Annotators, output: OutputOptions) -> Files:
    """Return a sample's files by suffix, e.g. ``{"rgb.jpg": ..., "gt.json": ...}``.

    Raises:
        DatasetError: the depth does not fit into 16 bits.
    """
    labels = {name: sample.labels[name] for name in annotators.asked}
    files = {f"rgb.{output.image_format}": encode_rgb(sample.picture, output)}
    for name, image in sample.images.items():
        files.update(_measured(name, image, output))
    if "depth" in labels:
        files["depth.png"] = encode_depth(labels["depth"], output.depth_scale)
    files["camera.json"] = _json(_bop_camera(sample, output))
    if "identity" in labels and "pose" in labels:
        files["gt.json"] = _json(_bop_gt(labels))
    if {"bbox_obj", "bbox_visib", "visib_fract"} <= set(labels):
        files["gt_info.json"] = _json(bop_gt_info(labels))
    for name in ("mask", "mask_visib"):
        if name in labels:
            masks = {str(place): encode_mask(mask) for place, mask in enumerate(labels[name])}
            files[f"{name}.json"] = _json(masks)
    for name, value in labels.items():
        if annotators.kind(name) == "array" and name not in BOP_ARRAYS:
            files[f"{name}.npy"] = _npy(value)
    files["labels.json"] = _json(_own_labels(labels, annotators, sample))
    files["params.json"] = _json({"params": sample.params, "scene": sample.scene.to_dict()})
    return files


def row_of(sample: Sample, files: Mapping[str, bytes]) -> Row:
    """Return a sample's row in the index: numbers, strings and lists of strings."""
    row: Row = {
        "index": sample.index,
        "key": sample.key,
        "scene_index": sample.place.scene,
        "view_index": sample.place.view,
        "frame_index": sample.place.frame,
        "status": "ok",
        "error": "",
        "width": sample.camera.width,
        "height": sample.camera.height,
        "instances": len(sample.scene.labelled()),
        "origin": "simulated",
        "depth_of_models": 0,
        "content_hash": content_hash(files),
    }
    if "identity" in sample.labels:
        names = [one["category"] for one in sample.labels["identity"]]
        row["categories"] = sorted(set(names))
        row["instance_categories"] = names
    if "visib_fract" in sample.labels:
        fractions = [one["visib_fract"] for one in sample.labels["visib_fract"]]
        row["instance_visib_fract"] = fractions
        row["visible"] = sum(fraction > 0 for fraction in fractions)
        row["min_visib_fract"] = min(fractions, default=0.0)
        row["mean_visib_fract"] = float(np.mean(fractions)) if fractions else 0.0
    row.update(_scalars(sample.params))
    return row


def _measured(name: str, image: NDArray[Any], output: OutputOptions) -> Files:
    """Return the file of what a sensor measured: a depth is floating point, other images bytes."""
    if image.dtype == np.float32:
        return {f"{name}.png": encode_depth(image, output.depth_scale)}
    return {f"{name}.{output.image_format}": encode_rgb(image, output)}


def content_hash(files: Mapping[str, bytes]) -> str:
    """Return SHA-256 (hex) over the suffixes and bytes of a sample's files."""
    digest = hashlib.sha256()
    for suffix in sorted(files):
        digest.update(f"{suffix}:{len(files[suffix])}:".encode())
        digest.update(files[suffix])
    return digest.hexdigest()


def encode_rgb(image: NDArray[np.uint8], output: OutputOptions) -> bytes:
    """Return an sRGB image (H, W, 3) uint8, or a grey one (H, W), as JPEG (4:4:4) or PNG."""
    flags = [cv2.IMWRITE_PNG_COMPRESSION, 3]
    if output.image_format == "jpg":
        sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        flags = [cv2.IMWRITE_JPEG_QUALITY, output.jpeg_quality]
        flags += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    return _encoded(f".{output.image_format}", pixels, flags)


def encode_depth(depth: NDArray[np.float32], depth_scale: float) -> bytes:
    """Return z-depth (H, W) [m] as a 16-bit PNG in steps of `depth_scale` [mm]; 0 stays 0."""
    steps = np.round(depth.astype(np.float64) * (MM / depth_scale))
    most = np.iinfo(np.uint16).max
    if steps.max(initial=0) > most:
        raise DatasetError(
            f"a depth of {depth.max():.2f} m does not fit into 16 bits of {depth_scale} mm; set "
            f"output.depth_scale to {depth.max() * MM / most * 1.1:.2g} or more, or the camera's far"
        )
    return _encoded(".png", steps.astype(np.uint16), _DEPTH_PNG)


def _encoded(extension: str, image: NDArray[Any], flags: list[int]) -> bytes:
    ok, data = cv2.imencode(extension, np.ascontiguousarray(image), flags)
    if not ok:
        raise DatasetError(f"OpenCV cannot encode a {extension} image of shape {image.shape}")
    return bytes(data.tobytes())


def _bop_camera(sample: Sample, output: OutputOptions) -> dict[str, Any]:
    T_camera_world = sample.camera.T_camera_world
    lens = {"model": sample.camera.model, "distortion": list(sample.camera.distortion)}
    return {
        **(lens if sample.camera.model != "pinhole" else {}),
        "cam_K": _flat(sample.camera.K),
        "depth_scale": output.depth_scale,
        "cam_R_w2c": _flat(T_camera_world[:3, :3]),
        "cam_t_w2c": _flat(T_camera_world[:3, 3] * MM),
    }


def _bop_gt(labels: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "cam_R_m2c": _flat(pose[:3, :3]),
            "cam_t_m2c": _flat(pose[:3, 3] * MM),
            "obj_id": identity["obj_id"],
        }
        for identity, pose in zip(labels["identity"], labels["pose"], strict=True)
    ]


def bop_gt_info(labels: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return BOP's ``gt_info`` records, one an instance, from labels by name."""
    rows = []
    boxes = zip(labels["bbox_obj"], labels["bbox_visib"], labels["visib_fract"], strict=True)
    for bbox_obj, bbox_visib, counts in boxes:
        visible = counts["px_count_visib"] > 0
        rows.append(
            {
                "bbox_obj": list(box_as_bop(bbox_obj, visible)),
                "bbox_visib": list(box_as_bop(bbox_visib, visible)),
                **counts,
            }
        )
    return rows


def _own_labels(
    labels: Mapping[str, Any], annotators: Annotators, sample: Sample
) -> dict[str, Any]:
    instances: list[dict[str, Any]] = [{} for _ in sample.scene.labelled()]
    image = {}
    for name, value in labels.items():
        if annotators.kind(name) == "image":
            image[name] = value
        if annotators.kind(name) == "instance":
            for instance, one in zip(instances, value, strict=True):
                instance[name] = one
    return {"image": image, "instances": instances}


def _scalars(params: Mapping[str, Mapping[str, Any]]) -> Row:
    """Return the numbers and strings that each plug-in's params hold themselves, by dotted key.

    What is nested (params by body) stays in ``KEY.params.json``: it would make columns without end.
    """
    found: Row = {}
    for plugin, values in params.items():
        for key, value in values.items():
            if isinstance(value, bool | int | float):
                found[f"params.{plugin}.{key}"] = float(value)
            elif isinstance(value, str):
                found[f"params.{plugin}.{key}"] = value
    return found


def _flat(array: Array) -> list[float]:
    return [float(value) for value in np.asarray(array).ravel()]


def _json(value: Any) -> bytes:
    return json.dumps(value, default=_plain, separators=(",", ":"), allow_nan=False).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON")


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
