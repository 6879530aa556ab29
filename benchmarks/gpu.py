"""Frames a second of `gl` on a GPU: by size, number of worker processes, and with and without read-back.

    python -m benchmarks.gpu --json out/gpu.json [--any-device] [--workers 1 4] [--seconds 3]

RGB, ids, z-depth and normals of the scenes of `benchmarks.render`. "scenes" draws another scene for
each frame; "views" draws VIEWS cameras about each scene in one go. Without read-back the picture
stays on the GPU. Where no GPU draws there are no figures, unless ``--any-device`` is given.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record
from benchmarks.render import WANTED, make_library, make_scene
from simkit.geometry import look_at, quaternion_of
from simkit.render.probe import probe
from simkit.render.selection import is_hardware
from simkit.scene import Camera, Scene, matrix3, quaternion, vec3
from simkit.timing import now

SIZES = ((64, 64), (128, 128), (256, 256), (640, 480))
SCENES, VIEWS = 8, 32


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--any-device", action="store_true", help="measure Mesa's llvmpipe as well")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each figure")
    many = min(8, os.cpu_count() or 1)
    parser.add_argument("--workers", type=int, nargs="*", default=sorted({1, many}))
    options = parser.parse_args()
    found = probe("gl")
    result: dict[str, Any] = {"benchmark": "gpu", "seed": 0, "driver": found.driver}
    if not found.works or not (options.any_device or is_hardware(found.driver)):
        result["note"] = f"no GPU draws here ({found.driver or found.reason}): nothing was measured"
        print(result["note"], file=sys.stderr)
        record.write(result, options.json)
        return
    result["hardware"] = is_hardware(found.driver)
    result["setting"] = {"scenes": SCENES, "views": VIEWS, "channels": WANTED}
    result["frames_per_second"] = {
        f"{count} workers" if count > 1 else "1 worker": _with_workers(count, options.seconds)
        for count in options.workers
    }
    record.write(result, options.json)


def _with_workers(count: int, seconds: float) -> dict[str, dict[str, float]]:
    """Return the sum over as many processes at once, by size and kind."""
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        all_of_them = pool.starmap(measure, [(seconds,)] * count, chunksize=1)
    return {
        size: {kind: round(sum(one[size][kind] for one in all_of_them), 1) for kind in kinds}
        for size, kinds in all_of_them[0].items()
    }


def measure(seconds: float) -> dict[str, dict[str, float]]:
    """Return frames a second in this process, by size and kind."""
    from simkit.render.gl import Gl, GlOptions

    library = make_library()
    renderer = Gl(GlOptions(), library)
    scenes = [make_scene(library, number) for number in range(SCENES)]
    figures = {}
    for width, height in SIZES:
        single = [(scene, [_resized(scene, width, height)]) for scene in scenes]
        several = [(scene, _around(camera)) for scene, (camera,) in single]
        figures[f"{width}x{height}"] = {
            f"{name}{'' if back else ', no read-back'}": _rate(renderer, work, back, seconds)
            for name, work in (("scenes", single), ("views", several))
            for back in (True, False)
        }
    renderer.close()
    return figures


def _rate(
    renderer: Any, work: list[tuple[Scene, list[Camera]]], back: bool, seconds: float
) -> float:
    draw = renderer.render_many if back else renderer.draw_only
    for scene, cameras in work:
        draw(scene, cameras, WANTED)
    frames, start = 0, now()
    while now() - start < seconds:
        for scene, cameras in work:
            draw(scene, cameras, WANTED)
            frames += len(cameras)
    return float(frames / (now() - start))


def _resized(scene: Scene, width: int, height: int) -> Camera:
    """Return the scene's camera with the same height of view in another image."""
    assert scene.camera is not None
    factor = height / scene.camera.height
    K = np.diag([factor, factor, 1.0]) @ scene.camera.K
    K[0, 2], K[1, 2] = (width - 1) / 2, (height - 1) / 2
    return replace(scene.camera, width=width, height=height, cam_K=matrix3(K))


def _around(camera: Camera) -> list[Camera]:
    """Return `VIEWS` cameras on a circle about the scene."""
    distance, height = float(np.hypot(*camera.position[:2])), camera.position[2]
    views = []
    for angle in np.arange(VIEWS) * (2 * np.pi / VIEWS):
        T = look_at([distance * np.cos(angle), distance * np.sin(angle), height], [0, 0, 0.03])
        pose = vec3(T[:3, 3]), quaternion(quaternion_of(T))
        views.append(replace(camera, position=pose[0], quaternion=pose[1]))
    return views


if __name__ == "__main__":
    main()
