"""Stored data sets to audit, and how to tamper with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh

import simkit
from simkit.audit.models import Shapes, models_of_dataset
from simkit.dataset.reader import Record, open_dataset
from simkit.dataset.shards import Folder, write_shard
from simkit.render.probe import probe

LABELS = [
    "bbox_3d", "bbox_loose", "bbox_obj", "bbox_visib", "cam_K", "camera", "category_map",
    "contacts", "depth", "disparity", "flow_backward", "flow_backward_state", "flow_forward",
    "flow_forward_state", "identity", "instance_map", "keypoints", "mask", "mask_visib",
    "joint_states", "nocs", "nocs_scale", "normal", "obb_visib", "object_coords", "occluders",
    "panoptic", "panoptic_map", "part_map", "parts", "point_cloud", "pose", "pose_canonical",
    "ray_distance", "relations", "scene_flow_backward", "scene_flow_forward", "support",
    "visib_fract", "visibility",
]  # fmt: skip

Files = dict[str, bytes]
Change = Callable[[Files], None]


@pytest.fixture(scope="session")
def make(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that stores a sequence of two frames by a renderer; with ``**changes``."""

    def made(backend: str, n: int = 2, **changes: Any) -> Path:
        found = probe(backend)
        if not found.works:
            pytest.skip(f"renderer {backend} does not work here: {found.reason}")
        camera = {"width": 128, "height": 96, "distance": [0.35, 0.45], "motion": "orbit",
                  "orbit_deg_s": 60}  # fmt: skip
        config = small(
            seed=3,
            labels=LABELS,
            scene={"objects": 6},
            frames_per_view=2,
            randomizers={"camera": camera, "placement": {"x": [-0.12, 0.12], "y": [-0.12, 0.12]}},
            sensors={"stereo": {}, **changes.pop("sensors", {})},
            render={"backend": backend},
            **changes,
        )
        folder = tmp_path_factory.mktemp(backend) / "data"
        simkit.generate(config, folder, n=n)
        return folder

    return made


@pytest.fixture(scope="session")
def stored(make: Callable[..., Path]) -> Path:
    """Two frames by embree; read it, do not write to it."""
    return make("embree")


@pytest.fixture(scope="session")
def shapes(stored: Path) -> Shapes:
    """The models of `stored`."""
    return models_of_dataset(open_dataset(stored).description)


@pytest.fixture
def quick(shapes: Shapes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the models but once."""
    monkeypatch.setattr("simkit.audit.running.models_of_dataset", lambda *_: shapes)


@pytest.fixture
def tamper(stored: Path, tmp_path: Path) -> Callable[[Change], Path]:
    """Return a function that copies `stored` with the files of its first image changed."""

    def tampered(change: Change) -> Path:
        records = list(open_dataset(stored))
        for path in stored.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        samples = []
        for record in records:
            files = dict(record.files)
            if record.index == 0:
                change(files)
            samples.append((files, {k: v for k, v in record.row.items() if k != "shard"}))
        write_shard(Folder(str(tmp_path)), 0, samples)
        return tmp_path

    return tampered


@pytest.fixture(scope="session")
def scenewise(stored: Path, shapes: Shapes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first image of `stored` in BOP's scenewise layout, written to BOP's letter."""
    root = tmp_path_factory.mktemp("bop")
    write_bop(root, open_dataset(stored)[0], shapes)
    return root


def write_bop(root: Path, record: Record, shapes: Shapes) -> None:
    """Write an image and its models as BOP has them: mm, pixel centres at (0.5, 0.5)."""
    scene = root / "test" / "000001"
    for name in ("rgb", "depth", "mask", "mask_visib"):
        (scene / name).mkdir(parents=True)
    camera = dict(record.camera)
    camera["cam_K"] = (np.array(camera["cam_K"]) + 0.5 * np.eye(9)[2] + 0.5 * np.eye(9)[5]).tolist()
    (scene / "scene_camera.json").write_text(json.dumps({"7": camera}))
    (scene / "scene_gt.json").write_text(json.dumps({"7": record.gt}))
    (scene / "scene_gt_info.json").write_text(json.dumps({"7": record.gt_info}))
    (scene / "rgb" / "000007.png").write_bytes(record.files["rgb.png"])
    (scene / "depth" / "000007.png").write_bytes(record.files["depth.png"])
    for name, masks in (("mask", record.mask), ("mask_visib", record.mask_visib)):
        for place, mask in enumerate(masks):
            cv2.imwrite(str(scene / name / f"000007_{place:06d}.png"), mask.astype(np.uint8) * 255)
    (root / "models").mkdir()
    info = {}
    for shape in shapes.values():
        if shape.obj_id > 0:
            mesh = trimesh.Trimesh(shape.vertices * 1000, shape.faces, process=False)
            mesh.export(root / "models" / f"obj_{shape.obj_id:06d}.ply")
            info[str(shape.obj_id)] = {"diameter": shape.diameter * 1000}
    (root / "models" / "models_info.json").write_text(json.dumps(info))
