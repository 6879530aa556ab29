"""What ``dataset.json`` says: all that decides the samples, and where they come from."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

from simkit.assets.collision import collision_hash
from simkit.assets.library import Library
from simkit.dataset.shards import FORMAT
from simkit.render import Renderer

RECORDED_VERSIONS = (
    "simkit",
    "coacd",
    "embreex",
    "numpy",
    "opencv-python-headless",
    "pybullet",
    "scipy",
    "trimesh",
)
"""Packages whose version may change a byte."""


def describe(
    count: int,
    config: dict[str, Any],
    library: Library,
    renderer: Renderer,
    backend: str,
    settles: bool,
) -> dict[str, Any]:
    """Return a data set's description.

    Args:
        count: number of images.
        config: resolved, without keys that change no sample.
        library: its models are described; with `settles` their collision shapes are made, too.
        renderer: what draws, registered as `backend`.
    """
    models = [_describe_model(name, library, settles) for name in library.names()]
    return {
        "format": FORMAT,
        "count": count,
        "origin": "simulated",
        "config": config,
        "renderer": {
            "backend": backend,
            "driver": renderer.driver,
            "ignores": list(renderer.ignores),
        },
        "versions": {
            **{name: version(name) for name in RECORDED_VERSIONS},
            "machine": platform.machine(),
        },
        "licences": sorted({model["licence"] for model in models if model["licence"]}),
        "warnings": list(library.warnings),
        "models": models,
    }


def _describe_model(name: str, library: Library, settles: bool) -> dict[str, Any]:
    model = library[name]
    return {
        "name": name,
        "obj_id": model.obj_id,
        "category": model.category,
        "category_id": model.category_id,
        "diameter": model.diameter,
        "symmetries_discrete": model.symmetries_discrete,
        "symmetries_continuous": model.symmetries_continuous,
        "mesh_hash": model.mesh.content_hash,
        "collision_hash": collision_hash(library.collision(name)) if settles else None,
        "licence": model.licence,
        "source": model.source,
    }
