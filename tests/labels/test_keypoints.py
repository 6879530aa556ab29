"""Keypoints: where they are, and whether they are seen, against trimesh's own ray casting."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from simkit.assets.library import load_library
from simkit.assets.options import ModelOptions
from simkit.errors import AssetError
from simkit.pipeline import Pipeline

K = [160.0, 0, 70.3, 0, 150.0, 58.9, 0, 0, 1]


def test_states_and_places() -> None:
    camera = {"width": 144, "height": 112, "cam_K": K, "distance": [0.25, 0.35]}
    config = {
        "labels": ["keypoints", "pose", "identity"],
        "seed": 3,
        "render": {"backend": "embree"},
        "models": {"collision": "convex_hull"},
        "scene": {"objects": 10},
        "randomizers": {"camera": camera, "placement": {"x": [-0.12, 0.12], "y": [-0.12, 0.12]}},
    }
    states: list[str] = []
    with Pipeline(config) as pipeline:
        for index in range(3):
            sample = pipeline(index)
            meshes = []
            for body in sample.scene.bodies:
                mesh = pipeline.library[body.model].mesh
                placed = (mesh.vertices * body.scale) @ body.T_world_body[:3, :3].T + body.position
                meshes.append(trimesh.Trimesh(placed, mesh.faces, process=False))
            world = trimesh.util.concatenate(meshes)
            eye = np.array(sample.camera.position)
            for place, (_, body) in enumerate(sample.scene.labelled()):
                points = sample.labels["keypoints"][place]
                named = pipeline.library[body.model].keypoints
                assert [one["name"] for one in points] == [name for name, _ in named]
                for one, (_, local) in zip(points, named, strict=True):
                    pose = sample.labels["pose"][place]
                    assert np.allclose(pose @ [*local, 1], [*one["point"], 1])
                    pixel, _ = cv2.projectPoints(
                        np.array([one["point"]]), np.zeros(3), np.zeros(3),
                        np.array(K).reshape(3, 3), None,
                    )  # fmt: skip
                    assert np.allclose(pixel[0, 0], one["px"], atol=1e-6)
                    x, y = one["px"]
                    outside = not (-0.5 <= x < 143.5 and -0.5 <= y < 111.5)
                    assert (one["state"] == "outside") == outside
                    target = (body.T_world_body @ [*local, 1])[:3]
                    way = target - eye
                    hits, _, _ = world.ray.intersects_location([eye], [way])
                    reach = np.linalg.norm(hits - eye, axis=1).min() if len(hits) else np.inf
                    gap = np.linalg.norm(way) - reach
                    if not outside and abs(gap - 0.002) > 2e-4:
                        assert (one["state"] == "occluded") == (gap > 0.002), (body.name, one)
                    states.append(one["state"])
    assert {"visible", "occluded", "outside"} == set(states)
    assert states.count("visible") > 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trimesh.creation.box([40, 20, 10]).export(tmp_path / "block.stl")
    return tmp_path


def test_named_points_of_a_folder(folder: Path) -> None:
    (folder / "keypoints.json").write_text(json.dumps({"block": {"corner": [20, 10, 5]}}))
    library = load_library(ModelOptions(source=str(folder), unit="mm", collision="convex_hull"))
    assert library["block"].keypoints == (("corner", (0.02, 0.01, 0.005)),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "no mapping of model names"),
        ('{"blok": {}}', "no model 'blok'; did you mean 'block'"),
        ('{"block": [1]}', "no mapping of point names"),
        ('{"block": {"a": [1, 2]}}', r"block.a: \[1, 2\] is not"),
        ('{"block": {"a": [1, 2, NaN]}}', "block.a"),
    ],
)
def test_broken_files(folder: Path, text: str, message: str) -> None:
    (folder / "keypoints.json").write_text(text)
    with pytest.raises(AssetError, match=message):
        load_library(ModelOptions(source=str(folder), unit="mm"))
