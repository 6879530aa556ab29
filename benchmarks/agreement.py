"""How well the renderers agree: ``python -m benchmarks.agreement --scenes 200 --json FILE``.

Random scenes of boxes, spheres and meshes read from OBJ, PLY, STL and GLB files. "Away from
silhouettes" is more than 2 px from any change of id. `embree` is the reference.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.spatial.transform import Rotation

from benchmarks.record import write
from simkit import registry
from simkit.assets.library import Library, load_library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import primitives
from simkit.geometry import box_of_mask, look_at, quaternion_of
from simkit.options import build
from simkit.render import Renderer
from simkit.scene import Body, Camera, Light, Material, Scene, Texture, quaternion, vec3

RGB_BOUND = 0.02
"""Mean absolute difference of linear RGB between `embree` and `gl` under the same lights."""

FORMATS = ("obj", "ply", "stl", "glb")


def write_models(folder: Path) -> Library:
    """Write one closed mesh a format, and return them with the primitives."""
    shapes = {
        "torus": trimesh.creation.torus(0.05, 0.02, major_sections=48, minor_sections=24),
        "capsule": trimesh.creation.capsule(0.09, 0.025),
        "ring": trimesh.creation.annulus(0.03, 0.06, 0.04),
        "ball": trimesh.creation.icosphere(3, 0.05),
    }
    for (name, mesh), kind in zip(shapes.items(), FORMATS, strict=True):
        mesh.export(folder / f"{name}.{kind}")
    return load_library(ModelOptions(source=str(folder))).merged(primitives())


def random_scene(library: Library, seed: int, width: int = 160, height: int = 120) -> Scene:
    """Return a textured table with objects in any pose, partly in each other, and a camera."""
    rng = np.random.default_rng(seed)
    names = [*library.labelled_names(), "simkit:box", "simkit:sphere", "simkit:cylinder"]
    wood = Texture("wood", ((0.5, 0.3, 0.15), (0.25, 0.12, 0.06)), 0.3, seed=seed)
    bodies = [Body("table", "simkit:plane", scale=(1.5, 1.5, 1), material=Material(texture=wood))]
    for number in range(int(rng.integers(4, 10))):
        name = str(rng.choice(names))
        size = rng.uniform(0.04, 0.12, 3) if name.startswith("simkit") else rng.uniform(0.7, 1.4, 3)
        x, y, z = rng.uniform((-0.2, -0.2, 0.02), (0.2, 0.2, 0.12))
        look = Material(vec3(rng.uniform(0.1, 0.9, 3)), float(rng.uniform(0.3, 0.9)))
        turn = quaternion(Rotation.random(random_state=int(rng.integers(2**31))).as_quat())
        bodies.append(Body(f"{number}", name, (x, y, z), turn, vec3(size), look))
    toward = np.array([*rng.uniform(-0.6, 0.6, 2), -1.0])
    light = Light(direction=vec3(toward / np.linalg.norm(toward)))
    eye = (*rng.uniform(-0.5, 0.5, 2), float(rng.uniform(0.35, 0.7)))
    T = look_at(eye, (0, 0, 0.03), float(rng.uniform(-0.5, 0.5)))
    focal = float(rng.uniform(0.8, 1.3)) * width
    K = ((focal, 0.0, width / 2 + 1.3), (0.0, 1.02 * focal, height / 2 - 2.7), (0.0, 0.0, 1.0))
    camera = Camera(
        width, height, K, vec3(T[:3, 3]), quaternion(quaternion_of(T)), near=0.05, far=10.0
    )
    return Scene(bodies=tuple(bodies), lights=(light,), camera=camera)


def compare(scene: Scene, reference: Renderer, other: Renderer) -> dict[str, float]:
    """Return how far another renderer's frame is from the reference's.

    Returns:
        ``ids``: share of equal ids away from silhouettes; ``depth``: of depths within 0.1 mm + 1e-4
        relative there (on pixels whose neighbours lie on one surface); ``depth_error`` [m]: the
        largest error of those; ``boxes`` [px]: largest difference of a corner; ``rgb``: mean
        absolute difference.
    """
    assert scene.camera is not None
    channels = ["rgb", "instance", "depth"]
    a, b = (one.render(scene, scene.camera, channels) for one in (reference, other))
    core = _calm(a.instance) & (a.instance > 0)
    error = np.abs(a.depth.astype(np.float64) - b.depth)
    smooth = core & (_range(a.depth) < 0.02) & (a.instance == b.instance)
    close = error <= 1e-4 + 1e-4 * a.depth
    boxes = 0
    for instance in range(1, len(scene.bodies) + 1):
        pair = [box_of_mask(frame.instance == instance) for frame in (a, b)]
        if pair[0] is not None and pair[1] is not None and (a.instance == instance).sum() >= 20:
            ends = [np.array([x, y, x + w, y + h]) for x, y, w, h in pair if pair]
            boxes = max(boxes, int(np.abs(ends[0] - ends[1]).max()))
    return {
        "ids": float((a.instance == b.instance)[core].mean()),
        "depth": float(close[smooth].mean()),
        "depth_error": float(error[smooth].max()),
        "boxes": float(boxes),
        "rgb": float(np.abs(a.rgb - b.rgb).mean()),
    }


def make(name: str, library: Library) -> Renderer:
    """Return a renderer with its default options."""
    renderer_class = registry.load("renderers", name)
    renderer: Renderer = renderer_class(build(renderer_class.Options, {}), library)
    return renderer


def _calm(ids: NDArray[np.int32]) -> NDArray[np.bool_]:
    return np.asarray(maximum_filter(ids, 5) == minimum_filter(ids, 5))


def _range(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(maximum_filter(depth, 3) - minimum_filter(depth, 3))


def main() -> None:
    """Compare `gl` and `bullet` with `embree`, and print the worst and the mean figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = write_models(Path(folder))
        result: dict[str, Any] = {"scenes": options.scenes, "rgb_bound": RGB_BOUND}
        reference = make("embree", library)
        for name in ("gl", "bullet"):
            other = make(name, library)
            rows = [
                compare(random_scene(library, seed), reference, other)
                for seed in range(options.scenes)
            ]
            other.close()
            result[name] = {
                key: {
                    "mean": float(np.mean([row[key] for row in rows])),
                    "lowest": min(row[key] for row in rows),
                    "highest": max(row[key] for row in rows),
                }
                for key in rows[0]
            }
        reference.close()
    write(result, options.json)


if __name__ == "__main__":
    main()
