"""What ``dataset.json`` says: all that decides the samples, and where they come from."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from simkit.assets.collision import collision_hash
from simkit.assets.library import Library
from simkit.dataset.shards import FORMAT
from simkit.pipeline import Pipeline

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

SOURCES = (".py", ".glsl", ".vert", ".frag")
PRESENTATION = (
    "audit",
    "backbone.py",
    "checker",
    "cli",
    "draw.py",
    "evaluate",
    "exchange",
    "features",
    "fitting.py",
    "gallery.py",
    "machine.py",
    "metrics",
    "overlay.py",
    "panels.py",
    "preview.py",
    "replay.py",
    "rerender.py",
    "tasks",
    "torch",
)
"""Parts of simkit that change no sample."""


def describe(
    pipeline: Pipeline, count: int, recipe: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a data set's description; it makes the collision shapes if the config settles.

    Args:
        pipeline: what makes the samples.
        count: number of images.
        recipe: what else decides the samples, added to the config.
    """
    config, library, renderer = pipeline.config, pipeline.library, pipeline.renderer
    settles = config.run.physics.enabled
    models = [_describe_model(name, library, settles) for name in library.names()]
    return {
        "format": FORMAT,
        "count": count,
        "origin": "simulated",
        "config": {**config.identity(), **(recipe or {})},
        "renderer": {
            "backend": config.backend,
            "driver": renderer.driver,
            "ignores": list(renderer.ignores),
        },
        "images": pipeline.images,
        "versions": {
            **{name: version(name) for name in RECORDED_VERSIONS},
            "code": code_hash(pipeline.plugins),
            "machine": platform.machine(),
        },
        "licences": sorted({model["licence"] for model in models if model["licence"]}),
        "warnings": list(library.warnings),
        "models": models,
        "keypoints": library.keypoint_names(),
    }


def code_hash(plugins: Iterable[type[Any]]) -> str:
    """Return SHA-256 (hex, 16 digits) over the source of all that may change a sample.

    That is simkit but for what people look at (`PRESENTATION`), and the files of the plug-ins.
    """
    root = Path(__file__).parents[1]
    files = {
        f"simkit/{path.relative_to(root).as_posix()}": path
        for path in root.rglob("*")
        if path.suffix in SOURCES and path.relative_to(root).parts[0] not in PRESENTATION
    }
    for plugin in plugins:
        source = sys.modules[plugin.__module__].__file__
        if source is not None:
            files.setdefault(plugin.__module__, Path(source))
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + files[name].read_bytes())
    return digest.hexdigest()[:16]


def _describe_model(name: str, library: Library, settles: bool) -> dict[str, Any]:
    model = library[name]
    return {
        "name": name,
        "obj_id": model.obj_id,
        "category": model.category,
        "category_id": model.category_id,
        "diameter": model.diameter,
        "bounds": model.mesh.bounds.tolist(),
        "symmetries_discrete": model.symmetries_discrete,
        "symmetries_continuous": model.symmetries_continuous,
        "mesh_hash": model.mesh.content_hash,
        "collision_hash": collision_hash(library.collision(name)) if settles else None,
        "licence": model.licence,
        "source": model.source,
        **_parts(name, library),
    }


def _parts(name: str, library: Library) -> dict[str, Any]:
    """Return what a labelled model's parts are of, and their ids by name (see `part_map`)."""
    model = library[name]
    if model.obj_id == 0:
        return {}
    ids = library.part_ids(name)
    return {"whole": model.whole, "parts": dict(zip(model.part_names, ids, strict=True))}
