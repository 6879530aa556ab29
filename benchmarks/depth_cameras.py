"""Depth cameras beside their published laws, and what a frame costs.

    python -m benchmarks.depth_cameras --json out/depth_cameras.json

Errors: RMS about the true depth of a wall in the image's middle, over distance and angle, and what
the law says. Active stereo: RMS about the plane that fits best, over five parts of one step of
disparity. Costs: the sensor alone at 640x480 on a table with objects, median of several scenes.
``--picture FILE`` draws what each camera gives for the same scene.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from benchmarks import record
from simkit import registry
from simkit.assets.primitives import primitives
from simkit.options import build
from simkit.pipeline import Pipeline
from simkit.randomness import stream
from simkit.render import Renderer
from simkit.scene import Body, Camera, Material, Scene, vec3
from simkit.sensors import Shot, active_stereo, structured_light, time_of_flight
from simkit.sensors.reproject import rays_of

SEED, SCENES = 0, 5
FOCAL, BASELINE = 600.0, 0.05
DISTANCES = (0.6, 0.8, 1.0, 1.5, 2.0, 2.5, 3.0)
ANGLES = (0.0, 30.0, 60.0, 70.0)
CAMERA = {"width": 640, "height": 480, "distance": [0.75, 0.8], "elevation_deg": [50, 60]}
MIDDLE = np.s_[80:160, 120:200]
CAMERAS = ("active_stereo", "structured_light", "time_of_flight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--picture", type=Path, help="draw the cameras' depth into this file")
    parser.add_argument("--backends", nargs="*", default=["embree", "gl"])
    arguments = parser.parse_args()
    plugin = registry.load("renderers", "embree")
    renderer = plugin(plugin.Options(), primitives())
    errors = {
        "structured_light": laws("structured_light", structured_light.axial_noise, renderer),
        "time_of_flight": laws("time_of_flight", time_of_flight.axial_noise, renderer),
        "active_stereo": stereo_law(renderer),
    }
    renderer.close()
    if arguments.picture is not None:
        draw(arguments.picture)
    costs = {backend: cost(backend) for backend in arguments.backends}
    record.write(
        {"benchmark": "depth_cameras", "seed": SEED, "errors": errors, "ms_a_frame": costs},
        arguments.json,
    )


def laws(name: str, law: Callable[..., Any], renderer: Renderer) -> list[dict[str, float]]:
    """Return RMS error and law [mm] of a noise model, over distance [m] and angle [deg]."""
    plugin = registry.load("sensors", name)
    sensor = plugin(plugin.Options(), renderer.library)
    rows = []
    for angle in ANGLES:
        for z in DISTANCES:
            shot = shot_of(renderer, z, angle)
            depth = sensor.measure(sensor.sample(shot.scene, shot.noise()), shot)["depth_sensor"]
            true, found = shot.frame.depth[MIDDLE], depth[MIDDLE]
            there = found > 0
            wanted = law(true[there], slant_of(shot.camera, angle)[MIDDLE][there])
            row = {"z": z, "angle_deg": angle, "valid": float(there.mean())}
            if there.any():
                row["rms_mm"] = 1e3 * rms(found[there] - true[there])
                row["law_mm"] = 1e3 * rms(wanted)
            rows.append({key: round(value, 3) for key, value in row.items()})
    return rows


def stereo_law(renderer: Renderer) -> dict[str, Any]:
    """Return RMS about the fitted plane [mm] over distance, and the law with the noise of 1 m."""
    options = build(active_stereo.ActiveStereoOptions, {"ambient": 0.1})
    sensor = active_stereo.ActiveStereo(options, renderer.library)
    found = {}
    for z in DISTANCES:
        squares = []
        for part in range(5):
            at = FOCAL * BASELINE / (FOCAL * BASELINE / z + part / 5)
            shot = shot_of(renderer, at, 0.0, part)
            params = sensor.sample(shot.scene, shot.noise())
            depth = sensor.measure(params, shot)["depth_sensor"][MIDDLE]
            rows, columns = np.nonzero(depth)
            plane = np.column_stack([rows, columns, np.ones(len(rows))])
            values = depth[rows, columns]
            fit = plane @ np.linalg.lstsq(plane, values, rcond=None)[0]
            squares.append(rms(values - fit) ** 2 * (z / at) ** 4)
        found[z] = float(np.sqrt(np.mean(squares)))
    noise = found[1.0] * FOCAL * BASELINE
    rows = [
        {
            "z": z,
            "rms_mm": round(1e3 * error, 3),
            "law_mm": round(1e3 * active_stereo.depth_noise(z, FOCAL, BASELINE, noise), 3),
            "disparity_noise_px": round(error * FOCAL * BASELINE / z**2, 4),
        }
        for z, error in found.items()
    ]
    return {"disparity_noise_at_1_m": round(noise, 4), "over_distance": rows}


def shot_of(renderer: Renderer, z: float, angle: float, image: int = 0) -> Shot:
    """Return a shot of a wall that the camera's axis meets at z [m], turned by an angle [deg]."""
    turn = Rotation.from_euler("y", angle, degrees=True)
    middle = np.array([0.0, 0.0, z]) + turn.apply([0.0, 0.0, 0.005])
    x, y, c, w = (float(value) for value in turn.as_quat())
    look = Material(base_color=(0.6, 0.6, 0.6))
    wall = Body("wall", "simkit:box", vec3(middle), (x, y, c, w), (60.0, 60.0, 0.01), look)
    camera = Camera(320, 240, ((FOCAL, 0.0, 159.5), (0.0, FOCAL, 119.5), (0.0, 0.0, 1.0)))
    scene = Scene(bodies=(wall,), camera=camera)
    return Shot(
        scene, renderer.render(scene, camera, ("rgb", "depth")), renderer.library, renderer.render,
        lambda name, eye: stream(SEED, image, f"{name}/{eye}"), lambda frame, eye: frame.rgb, "wall",
    )  # fmt: skip


def slant_of(camera: Camera, angle: float) -> np.ndarray:
    """Return the angle of incidence (H, W) float32 [rad] on a wall that is turned by an angle [deg]."""
    rays = rays_of(camera)
    normal = Rotation.from_euler("y", angle, degrees=True).apply([0.0, 0.0, 1.0])
    cosine = (rays @ normal) / np.linalg.norm(rays, axis=-1)
    return np.arccos(np.clip(cosine, -1, 1)).astype(np.float32)


def cost(backend: str) -> dict[str, dict[str, float]]:
    """Return wall and processor time [ms] that each sensor takes alone, renders of its own included."""
    found = {}
    for name in (*CAMERAS, "stereo"):
        with Pipeline(_config(name, backend)) as pipeline:
            walls, processors = [], []
            for index in range(SCENES + 1):
                pipeline.stopwatch.take()
                sample = pipeline(index)
                shot = Shot(
                    sample.scene, sample.frame, pipeline.library, pipeline.renderer.render,
                    lambda name, eye: stream(SEED, 0, name), lambda frame, eye: frame.rgb, name,
                )  # fmt: skip
                sensor = pipeline._sensors.in_order[name]
                wall, processor = time.perf_counter(), time.process_time()
                sensor.measure(sample.params[name], shot)
                walls.append(1e3 * (time.perf_counter() - wall))
                processors.append(1e3 * (time.process_time() - processor))
        found[name] = {
            "wall": round(float(np.median(walls[1:])), 1),
            "processor": round(float(np.median(processors[1:])), 1),
        }
    return found


def draw(file: Path) -> None:
    """Write one scene's picture, infrared image, true depth and what the cameras make of it."""
    cells = []
    for name in CAMERAS:
        with Pipeline(_config(name, "embree")) as pipeline:
            sample = pipeline(2)
        if not cells:
            true = sample.frame.depth
            span = np.percentile(true[true > 0], [0, 97])
            infrared = np.repeat(sample.images["ir_left"][..., None], 3, axis=2)
            cells += [("picture", sample.picture), ("ir_left", infrared)]
            cells.append(("depth", _colored(true, span)))
        cells.append((f"depth_sensor: {name}", _colored(sample.images["depth_sensor"], span)))
    shown = [_labelled(image, text) for text, image in cells]
    sheet = np.vstack([np.hstack(shown[:3]), np.hstack(shown[3:])])
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), sheet[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def rms(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _config(name: str, backend: str) -> dict[str, Any]:
    return {
        "seed": SEED,
        "models": {"collision": "convex_hull"},
        "scene": {"objects": 8},
        "randomizers": {"camera": CAMERA},
        "sensors": {name: {"infrared": True} if name == "active_stereo" else {}},
        "render": {"backend": backend},
    }


def _colored(depth: np.ndarray, span: np.ndarray) -> np.ndarray:
    """Return depth in false colours, near in red, invalid in black."""
    part = np.clip((depth - span[0]) / (span[1] - span[0]), 0, 1)
    colored = cv2.applyColorMap(np.uint8(255 * (1 - part)), cv2.COLORMAP_TURBO)[..., ::-1]
    return np.where(depth[..., None] > 0, colored, 0).astype(np.uint8)


def _labelled(image: np.ndarray, text: str) -> np.ndarray:
    small = cv2.resize(image, (480, 360), interpolation=cv2.INTER_NEAREST)
    cv2.rectangle(small, (0, 0), (8 + 8 * len(text), 18), (0, 0, 0), -1)
    cv2.putText(
        small, text, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA
    )
    return small


if __name__ == "__main__":
    main()
