"""Milliseconds a frame by renderer, with TinyRenderer as the yardstick.

    python -m benchmarks.render --json results/render.json

Twelve objects of pybullet_data's random_urdfs stand on a textured plane under one shadowed light;
each frame is another scene. 640x480, with RGB, ids, z-depth and, where the backend has them,
normals. Models and textures are loaded in a first round, which is reported apart. `gl` has a second
row, without anti-aliasing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record

OBJECTS, POOL, SCENES, SEED = 12, 40, 12, 0
WIDTH, HEIGHT = 640, 480
ROWS: dict[str, dict[str, Any]] = {
    "bullet": {},
    "embree": {},
    "gl": {},
    "gl, no anti-aliasing": {"antialias": False},
}
"""Rows of the table, named by backend, and the options that are not the default."""

WANTED = ("rgb", "instance", "depth", "normal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--rounds", type=int, default=3, help="timed passes over the scenes")
    parser.add_argument("--backends", nargs="*", help=f"default: all of {', '.join(ROWS)}")
    arguments = parser.parse_args()
    from simkit import registry

    registered = registry.names("renderers")
    backends = arguments.backends or [row for row in ROWS if _backend(row) in registered]
    results = {name: _in_processes(name, arguments.rounds, 1)[0] for name in backends}
    for name in backends:
        both = _in_processes(name, arguments.rounds, 2)
        results[name]["frames_per_second_two_processes"] = round(
            sum(1000.0 / one["ms_mean"] for one in both), 2
        )
    yardstick = results.get("bullet", {}).get("ms_median")
    speedup = {
        name: round(yardstick / result["ms_median"], 3)
        for name, result in results.items()
        if yardstick and name != "bullet"
    }
    setting = {"objects": OBJECTS, "pool": POOL, "scenes": SCENES, "size": [WIDTH, HEIGHT]}
    record.write(
        {
            "benchmark": "render",
            "seed": SEED,
            "setting": setting,
            "speedup_over_bullet": speedup,
            "backends": results,
        },
        arguments.json,
    )


def _in_processes(row: str, rounds: int, count: int) -> list[dict[str, Any]]:
    """Run `measure` in fresh processes at once: spawned, so that none inherits another's engine."""
    os.environ.update(LP_NUM_THREADS="1" if count > 1 else "2", OPENBLAS_NUM_THREADS="1")
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        return pool.starmap(measure, [(row, rounds)] * count)


def _backend(row: str) -> str:
    return row.split(",")[0]


def measure(row: str, rounds: int) -> dict[str, Any]:
    """Return figures of one row's renderer in this process [ms]."""
    from simkit import registry

    library = make_library()
    scenes = [make_scene(library, number) for number in range(SCENES)]
    start = time.perf_counter()
    kind = registry.load("renderers", _backend(row))
    renderer = kind(kind.Options(**ROWS.get(row, {})), library)
    channels = [channel for channel in WANTED if channel in renderer.channels]
    renderer.render(scenes[0], scenes[0].camera, channels)
    first = 1e3 * (time.perf_counter() - start)
    cold = _timed(renderer, scenes[1:], channels)
    warm = [ms for _ in range(rounds) for ms in _timed(renderer, scenes, channels)]
    stages = {}
    for asked in (["instance", "depth"], ["instance", "depth", "normal"], ["rgb"]):
        offered = [channel for channel in asked if channel in renderer.channels]
        stages["+".join(offered)] = round(statistics.median(_timed(renderer, scenes, offered)), 2)
    result = {
        "driver": renderer.driver,
        "channels": channels,
        "ms_median": round(statistics.median(warm), 2),
        "ms_mean": round(statistics.fmean(warm), 2),
        "ms_new_models": round(statistics.median(cold), 2),
        "ms_first_frame": round(first, 1),
        "ms_by_channels": stages,
    }
    renderer.close()
    return result


def _timed(renderer: Any, scenes: list[Any], channels: list[str]) -> list[float]:
    times = []
    for scene in scenes:
        start = time.perf_counter()
        renderer.render(scene, scene.camera, channels)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def make_library() -> Any:
    """Return the models: some of random_urdfs, and the primitives."""
    import pybullet_data

    from simkit.assets.library import load_library
    from simkit.assets.options import ModelOptions
    from simkit.assets.primitives import primitives

    options = ModelOptions(
        source=f"{pybullet_data.getDataPath()}/random_urdfs",
        include=[f"{number:03d}" for number in range(POOL)],
    )
    return load_library(options).merged(primitives())


def make_scene(library: Any, number: int) -> Any:
    """Return scene `number`: objects that stand in a grid, jittered, on a plane."""
    from simkit.geometry import look_at, quaternion_of
    from simkit.randomness import stream
    from simkit.scene import Body, Camera, Light, Material, Scene, Texture, quaternion, vec3

    rng = stream(SEED, number, "benchmark/render")
    texture = Texture("noise", ((0.7, 0.6, 0.5), (0.3, 0.25, 0.2)), size=0.4, seed=number % 4)
    plane = Body("plane", "simkit:plane", scale=(3.0, 3.0, 1.0), material=Material(texture=texture))
    bodies, names = [plane], library.labelled_names()
    for place in range(OBJECTS):
        name = names[int(rng.integers(len(names)))]
        x, y = (place % 4 - 1.5) * 0.16, (place // 4 - 1.0) * 0.16
        turn = rng.uniform(0, 2 * np.pi)
        low = float(library[name].mesh.vertices[:, 2].min())
        bodies.append(
            Body(
                f"{name}#{place}",
                name,
                position=vec3([x + rng.uniform(-0.03, 0.03), y + rng.uniform(-0.03, 0.03), -low]),
                quaternion=quaternion([0.0, 0.0, np.sin(turn / 2), np.cos(turn / 2)]),
                material=Material(base_color=vec3(rng.uniform(0.2, 0.9, 3)), roughness=0.5),
            )
        )
    angle = rng.uniform(0, 2 * np.pi)
    T = look_at([0.8 * np.cos(angle), 0.8 * np.sin(angle), 0.7], [0.0, 0.0, 0.03])
    camera = Camera(
        WIDTH,
        HEIGHT,
        ((600.0, 0.0, 319.5), (0.0, 600.0, 239.5), (0.0, 0.0, 1.0)),
        position=vec3(T[:3, 3]),
        quaternion=quaternion(quaternion_of(T)),
    )
    slope = np.array([rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), -1.0])
    light = Light(direction=vec3(slope / np.linalg.norm(slope)), intensity=0.7)
    return Scene(bodies=tuple(bodies), lights=(light,), camera=camera)


if __name__ == "__main__":
    main()
