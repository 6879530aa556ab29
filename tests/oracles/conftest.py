"""Samples to hold against ray casting: settled table tops, seen by awkward cameras."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from oracles.ray_casting import Seen, alone, cast
from simkit.assets.library import Library
from simkit.dataset.encode import encode
from simkit.labels import Annotators
from simkit.pipeline import Pipeline, Sample
from simkit.render.probe import probe
from simkit.scene import Body


@dataclass(frozen=True, eq=False)
class Shot:
    """A sample, its files, and what ray casting says."""

    name: str
    sample: Sample
    files: dict[str, bytes]
    library: Library
    seen: Seen

    @property
    def bodies(self) -> list[Body]:
        """The labelled bodies, in the order of the labels."""
        return [body for body in self.sample.scene.bodies if body.labelled]

    @cached_property
    def alone(self) -> list[NDArray[np.bool_]]:
        """Each labelled body's silhouette by ray casting, on a canvas of three by three images."""
        return [alone(body, self.sample.camera, self.library, canvas=1) for body in self.bodies]

    def inside(self, place: int) -> NDArray[np.bool_]:
        """Return the part of silhouette `place` that lies inside the image."""
        width, height = self.sample.camera.width, self.sample.camera.height
        return self.alone[place][height : 2 * height, width : 2 * width]

    def json(self, name: str) -> Any:
        """Return a JSON file of the sample."""
        return json.loads(self.files[name])


CAMERAS: dict[str, dict[str, Any]] = {
    "odd size, off centre, rolled": {
        "width": 97,
        "height": 61,
        "cam_K": [92.0, 0, 40.3, 0, 99.0, 33.7, 0, 0, 1],
        "roll_deg": [20, 160],
    },
    "near, objects cut by the border": {
        "width": 120,
        "height": 90,
        "cam_K": [150.0, 0, 66.2, 0, 110.0, 40.6, 0, 0, 1],
        "distance": [0.22, 0.35],
        "elevation_deg": [15, 40],
        "jitter": [-0.1, 0.1],
    },
    "portrait, upside down": {
        "width": 61,
        "height": 97,
        "cam_K": [80.0, 0, 10.5, 0, 70.0, 80.25, 0, 0, 1],
        "roll_deg": [150, 210],
    },
    "from above, skewed": {
        "width": 99,
        "height": 100,
        "cam_K": [110.0, 7.0, 49.0, 0, 120.0, 49.5, 0, 0, 1],
        "elevation_deg": [80, 90],
    },
    "field of view, crowded": {"width": 128, "height": 96, "fov_deg": [30, 35]},
}


@pytest.fixture(scope="session", params=["embree", "bullet", "gl"])
def shots(request: pytest.FixtureRequest, small: Callable[..., dict[str, Any]]) -> list[Shot]:
    """Ten settled scenes, two a camera, and one with stretched bodies that float; by each renderer."""
    found = probe(request.param)
    if not found.works:
        pytest.skip(f"renderer {request.param} does not work here: {found.reason}")
    made = []
    for number, (name, camera) in enumerate(CAMERAS.items()):
        crowd = {"integer": [9, 12]} if "crowded" in name else {"integer": [3, 6]}
        spread = [-0.1, 0.1] if "crowded" in name else [-0.2, 0.2]
        config = small(
            scene={"objects": crowd},
            randomizers={"camera": camera, "placement": {"x": spread, "y": spread}},
            render={"backend": request.param},
            output={"depth_scale": 0.2},
        )
        with Pipeline(config) as pipeline:
            for index in (2 * number, 2 * number + 1):
                made.append(_shot(f"{name}, sample {index}", pipeline, pipeline(index)))
            if number == 1:
                made.append(_stretched(pipeline))
    return made


def _stretched(pipeline: Pipeline) -> Shot:
    sample = pipeline(2)
    bodies = [
        replace(body, scale=(0.6 + 0.1 * i, 1.3, 0.8 + 0.2 * i)) if body.labelled else body
        for i, body in enumerate(sample.scene.bodies)
    ]
    scene = sample.scene.with_bodies(bodies)
    frame, labels = pipeline.label(scene)
    return _shot(
        "stretched bodies", pipeline, replace(sample, scene=scene, frame=frame, labels=labels)
    )


def _shot(name: str, pipeline: Pipeline, sample: Sample) -> Shot:
    run = pipeline.config.run
    files = encode(sample, Annotators(run.labels), run.output)
    seen = cast(sample.scene, sample.camera, pipeline.library)
    return Shot(name, sample, files, pipeline.library, seen)
