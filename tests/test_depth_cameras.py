"""Depth cameras against their published laws, and against geometry that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import simkit
from simkit import registry
from simkit.assets.library import Library
from simkit.assets.primitives import primitives
from simkit.cameras import camera_rays
from simkit.errors import ConfigError, SceneError
from simkit.options import build
from simkit.pipeline import Pipeline
from simkit.randomness import stream
from simkit.render import Renderer
from simkit.replay import replay
from simkit.scene import Body, Camera, Material, Scene, vec3
from simkit.sensors import Sensor, Shot, active_stereo, structured_light, time_of_flight
from simkit.sensors.matching import STEP, match
from simkit.sensors.projector import dots
from simkit.sensors.reproject import incidence, rays_of, register, seen_beside

DEPTH_CAMERAS = ("active_stereo", "structured_light", "time_of_flight")
FOCAL, BASELINE = 300.0, 0.05
TOLERANCE = 0.15


def camera_of(width: int = 160, height: int = 120, focal: float = FOCAL, **more: Any) -> Camera:
    middle = ((width - 1) / 2, (height - 1) / 2)
    K = ((focal, 0.0, middle[0]), (0.0, focal, middle[1]), (0.0, 0.0, 1.0))
    return Camera(width, height, K, **more)


def wall(z: float, angle_deg: float = 0.0) -> Body:
    """A wall that the camera's axis meets at z, turned about the vertical axis."""
    turn = Rotation.from_euler("y", angle_deg, degrees=True)
    middle = np.array([0.0, 0.0, z]) + turn.apply([0.0, 0.0, 0.005])
    look = Material(base_color=(0.6, 0.6, 0.6))
    x, y, z, w = (float(v) for v in turn.as_quat())
    return Body("wall", "simkit:box", vec3(middle), (x, y, z, w), (60.0, 60.0, 0.01), look)


def block(z: float = 0.8) -> Body:
    """A box whose front is 0.2 m wide and high, and at z."""
    look = Material(base_color=(0.7, 0.5, 0.4))
    return Body("block", "simkit:box", (0.0, 0.0, z + 0.05), scale=(0.2, 0.2, 0.1), material=look)


@pytest.fixture(scope="module")
def library() -> Library:
    return primitives()


@pytest.fixture(scope="module")
def renderer(library: Library) -> Iterator[Renderer]:
    plugin = registry.load("renderers", "embree")
    one = plugin(plugin.Options(), library)
    yield one
    one.close()


def sensor_of(name: str, library: Library, **options: Any) -> Sensor:
    plugin = registry.load("sensors", name)
    one: Sensor = plugin(build(plugin.Options, options), library)
    return one


def shot_of(
    renderer: Renderer,
    camera: Camera,
    *bodies: Body,
    image: int = 0,
    channels: tuple[str, ...] = (),
) -> Shot:
    scene = Scene(bodies=bodies, camera=camera)
    frame = renderer.render(scene, camera, {"rgb", "depth", *channels})
    return Shot(
        scene, frame, renderer.library, renderer.render,
        lambda name, eye: stream(0, image, f"{name}/{eye}"), lambda seen, eye: seen.rgb, "tested",
    )  # fmt: skip


def measured(sensor: Sensor, shot: Shot, **given: float) -> np.ndarray:
    params = {**sensor.sample(shot.scene, stream(1, 0, "params")), **given}
    return sensor.measure(params, shot)["depth_sensor"]


# Laws


LAWS = [("structured_light", structured_light.axial_noise, (0.6, 1.0, 1.5, 2.1, 2.75)),
        ("time_of_flight", time_of_flight.axial_noise, (0.7, 1.0, 1.6, 2.3, 3.0))]  # fmt: skip


@pytest.mark.parametrize(("name", "law", "distances"), LAWS, ids=[law[0] for law in LAWS])
@pytest.mark.parametrize("angle_deg", [0.0, 30.0, 60.0, 70.0])
def test_axial_noise_follows_the_published_law(
    library: Library, renderer: Renderer, name: str, law: Any, distances: Any, angle_deg: float
) -> None:
    sensor = sensor_of(name, library)
    for z in distances:
        shot = shot_of(renderer, camera_of(focal=585.0), wall(z, angle_deg))
        depth = measured(sensor, shot)
        part = np.s_[40:80, 60:100]
        true, depth = shot.frame.depth[part], depth[part]
        seen = depth > 0
        assert seen.mean() > 0.98
        rays = rays_of(shot.camera)[part]
        normal = Rotation.from_euler("y", angle_deg, degrees=True).apply([0.0, 0.0, 1.0])
        cosine = (rays @ normal) / np.linalg.norm(rays, axis=-1)
        wanted = law(true, np.arccos(np.minimum(cosine, 1)))
        rms = np.sqrt(np.mean(((depth - true) / wanted)[seen] ** 2))
        assert abs(rms - 1) < TOLERANCE, f"{z} m, {angle_deg} deg"


def test_laws_have_their_published_values() -> None:
    """By hand from the papers' formulas: Kinect v1 at 2.4 m, 0 and 60 deg; Kinect v2 at 1 m and 2 m."""
    one = structured_light.axial_noise(np.float32([2.4, 2.4]), np.float32([0, np.pi / 3]))
    assert one == pytest.approx([0.0088, 0.0088 + 0.0004 / np.sqrt(2.4)], rel=1e-5)
    two = time_of_flight.axial_noise(np.float32([1, 2]), np.float32([0, np.pi / 3]))
    assert two == pytest.approx([0.0013, 0.0017 + 0.0004 * 2**1.5], rel=1e-5)
    assert structured_light.lateral_noise(np.pi / 4) == pytest.approx(0.835)
    three = active_stereo.depth_noise(np.float32([2.0]), 600.0, 0.05, 0.09)
    assert three == pytest.approx([0.012])


def wall_rms(sensor: Sensor, renderer: Renderer, z: float) -> tuple[float, float]:
    """RMS [m] about a wall's plane, and share of valid pixels, over five parts of one disparity."""
    squares, filled = [], []
    for part in range(5):
        at = FOCAL * BASELINE / (FOCAL * BASELINE / z + part / 5)
        shot = shot_of(renderer, camera_of(200, 100), wall(at), image=part)
        depth = measured(sensor, shot, ambient=0.1)[20:80, 60:180]
        rows, columns = np.nonzero(depth)
        values = depth[rows, columns]
        plane = np.column_stack([rows, columns, np.ones(len(rows))])
        fit = plane @ np.linalg.lstsq(plane, values, rcond=None)[0]
        squares.append(np.mean((values - fit) ** 2) * (z / at) ** 4)
        filled.append(len(rows) / depth.size)
    return float(np.sqrt(np.mean(squares))), float(np.min(filled))


def test_stereo_noise_grows_with_the_square_of_distance(
    library: Library, renderer: Renderer
) -> None:
    """From 0.5 to 3 m: the disparity noise of one distance predicts all, and is as published."""
    sensor = sensor_of("active_stereo", library)
    rms = {z: wall_rms(sensor, renderer, z) for z in (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)}
    assert min(filled for _, filled in rms.values()) > 0.98
    at_one = rms[1.0][0] * FOCAL * BASELINE
    low, high = active_stereo.SUBPIXEL
    assert low < at_one < high
    for z, (found, _) in rms.items():
        wanted = active_stereo.depth_noise(np.float32(z), FOCAL, BASELINE, at_one)
        assert abs(found / wanted - 1) < TOLERANCE, f"{z} m: {found:.4f} m, not {wanted:.4f}"


@given(shift=st.floats(3.0, 25.0), seed=st.integers(0, 50))
@settings(max_examples=12, deadline=None)
def test_matching_finds_a_known_disparity(shift: float, seed: int) -> None:
    pattern = dots(64, 200, 5, seed)
    rows, columns = np.indices((64, 160), dtype=np.float32)
    left, right = (
        np.clip(40 * cv2.remap(pattern, 2 * (columns + x), 2 * rows, cv2.INTER_LINEAR), 0, 255)
        for x in (0.0, np.float32(shift))
    )
    found = match(left.astype(np.uint8), right.astype(np.uint8), 30)[8:-8, 40:-8]
    assert (found > 0).mean() > 0.98
    assert np.abs(np.median(found) - shift) < 0.08
    assert np.array_equal(found, np.round(found / STEP) * STEP), "in its steps"


@pytest.mark.parametrize(("name", "sigma"), [("structured_light", 0.8), ("time_of_flight", 1.6)])
def test_lateral_noise_moves_edges_by_the_published_figure(
    library: Library, renderer: Renderer, name: str, sigma: float
) -> None:
    """Normal noise of `sigma` makes sigma / sqrt(2 pi) pixels a row look over to the other side."""
    module = {"structured_light": structured_light, "time_of_flight": time_of_flight}[name]
    options = {"projector_x": 0.0} if name == "structured_light" else {"flying": 1.0}
    sensor = sensor_of(name, library, **options)
    camera = camera_of(200, 160, module.FOCAL)
    shot = shot_of(renderer, camera, block(1.0), wall(2.0))
    front = shot.frame.depth < 1.5
    rows = np.flatnonzero(front.any(axis=1))[10:-10]
    depth = measured(sensor, shot)[rows]
    crossed = ((depth < 1.5) != front[rows]) & (depth > 0)
    wanted = 4 * sigma / np.sqrt(2 * np.pi)  # two edges, each from both sides
    assert crossed.sum() / len(rows) == pytest.approx(wanted, rel=0.2)


# Holes


@pytest.mark.parametrize("name", DEPTH_CAMERAS)
def test_invalid_pixels_lie_at_depth_edges(library: Library, renderer: Renderer, name: str) -> None:
    shot = shot_of(renderer, camera_of(320, 240), block(0.8), wall(1.6))
    depth = measured(sensor_of(name, library), shot)
    front = (shot.frame.depth < 1.2).astype(np.uint8)
    kernel = np.ones((13, 13), dtype=np.uint8)
    near_edge = (cv2.dilate(front, kernel) - cv2.erode(front, kernel)).astype(bool)
    holes = depth == 0
    holes[:, :50], near_edge[:, :50] = False, False  # what the right eye does not see
    assert holes[near_edge].mean() > 0.03
    assert holes[~near_edge].mean() < 0.1 * holes[near_edge].mean()


@pytest.mark.parametrize("name", DEPTH_CAMERAS)
def test_invalid_pixels_appear_at_grazing_angles(
    library: Library, renderer: Renderer, name: str
) -> None:
    sensor = sensor_of(name, library)
    part = np.s_[:, 70:120]
    share = {}
    for angle in (0.0, 60.0, 86.0):
        shot = shot_of(renderer, camera_of(focal=585.0), wall(1.5, angle))
        assert (shot.frame.depth[part] > 0).any()
        share[angle] = (measured(sensor, shot)[part] == 0).mean()
    assert share[0.0] < 0.02
    assert share[60.0] < 0.1
    assert share[86.0] > 0.6


@pytest.mark.parametrize(("projector_x", "side"), [(0.075, -1), (-0.075, 1)])
def test_the_shadow_falls_away_from_the_projector(
    library: Library, renderer: Renderer, projector_x: float, side: int
) -> None:
    shot = shot_of(renderer, camera_of(320, 240), block(0.8), wall(1.6))
    depth = measured(
        sensor_of("structured_light", library, projector_x=projector_x), shot, noise=0.0
    )
    columns = np.flatnonzero(depth[120] == 0)
    edge = 159.5 + side * FOCAL * 0.1 / 0.8
    width = FOCAL * 0.075 * (1 / 0.8 - 1 / 1.6)
    assert len(columns) == pytest.approx(width, abs=1.5)
    assert np.all((columns - edge) * side > -1)


def test_flying_pixels_lie_between_surfaces(library: Library, renderer: Renderer) -> None:
    shot = shot_of(renderer, camera_of(320, 240), block(0.8), wall(1.6))
    sensor = sensor_of("time_of_flight", library)
    between = [
        int(((depth > 0.9) & (depth < 1.5)).sum())
        for depth in (measured(sensor, shot, flying=share) for share in (0.0, 0.5, 1.0))
    ]
    assert between[0] == 0
    assert 50 < between[1] < between[2]
    assert between[1] == pytest.approx(between[2] / 2, rel=0.25)


def test_what_is_out_of_range_is_invalid(library: Library, renderer: Renderer) -> None:
    for name in DEPTH_CAMERAS:
        sensor = sensor_of(name, library, near=0.9, far=1.2)
        for z, valid in ((0.7, False), (1.0, True), (1.5, False)):
            depth = measured(sensor, shot_of(renderer, camera_of(), wall(z)))
            assert ((depth > 0).mean() > 0.5) == valid
            assert not ((depth > 0) & ((depth < 0.89) | (depth > 1.21))).any()


# Steps


def test_depth_comes_in_the_sensors_steps(library: Library, renderer: Renderer) -> None:
    shot = shot_of(renderer, camera_of(), wall(1.3, 30.0))
    kinect = measured(sensor_of("structured_light", library), shot)
    steps = 1 / (kinect[kinect > 0].astype(float) * structured_light.INVERSE_STEP)
    assert np.abs(steps - np.round(steps)).max() < 1e-3
    flight = measured(sensor_of("time_of_flight", library), shot)
    assert np.abs(flight * 1e3 - np.round(flight * 1e3)).max() < 1e-3
    stereo = measured(sensor_of("active_stereo", library), shot)
    steps = FOCAL * BASELINE / stereo[stereo > 0].astype(float) / STEP
    assert np.abs(steps - np.round(steps)).max() < 1e-2


# Geometry


def test_incidence_agrees_with_the_renderers_normals(renderer: Renderer) -> None:
    ball = Body("ball", "simkit:sphere", (0.05, 0.02, 0.8), scale=(0.4, 0.4, 0.4))
    shot = shot_of(renderer, camera_of(), ball, wall(1.5, 35.0), channels=("normal",))
    rays = rays_of(shot.camera)
    found = incidence(shot.frame.depth, rays)
    units = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    wanted = -(shot.frame.channels["normal"] * units).sum(axis=-1)
    error = np.abs(found - wanted)[wanted > 0.3]
    assert (error < 0.08).mean() > 0.995, "all but single pixels that stick out"
    assert np.median(error) < 0.01


@pytest.mark.parametrize("offset", [0.08, -0.05])
def test_what_is_seen_from_beside(renderer: Renderer, offset: float) -> None:
    """Against the depth that a camera at that place has there."""
    shot = shot_of(renderer, camera_of(), block(0.8), wall(1.6))
    beside = shot.render(replace(shot.camera, position=(offset, 0.0, 0.0)), ("depth",)).depth
    depth = shot.frame.depth
    rows, columns = np.indices(depth.shape)
    there = np.rint(columns - FOCAL * offset / depth).astype(int)
    inside = (there >= 0) & (there < depth.shape[1])
    visible = beside[rows, np.clip(there, 0, depth.shape[1] - 1)] > depth - 0.05
    found = seen_beside(depth, rays_of(shot.camera), offset)
    assert (~visible & inside).sum() > 100, "the scene has a shadow"
    assert (found == visible)[inside].mean() > 0.99


LENSES = {
    "pinhole": {},
    "brown_conrady": {"distortion": (-0.2, 0.05, 0.001, -0.001)},
    "kannala_brandt": {"distortion": (0.05, -0.01, 0.0, 0.0)},
}


@pytest.mark.parametrize("model", [*LENSES, "equirectangular"])
def test_rays_are_the_cameras(model: str) -> None:
    camera = camera_of(155, 121, 180.0, model=model, **LENSES.get(model, {}))
    assert np.abs(rays_of(camera) - all_rays(camera)).max() < 5e-4


def test_rays_are_missing_outside_a_fisheyes_circle() -> None:
    camera = camera_of(155, 121, 80.0, model="kannala_brandt", distortion=(-0.3, 0.0, 0.0, 0.0))
    found, wanted = rays_of(camera), all_rays(camera)
    assert 0.01 < np.isnan(wanted).mean() < 0.9
    assert np.array_equal(np.isnan(found), np.isnan(wanted))


def all_rays(camera: Camera) -> np.ndarray:
    rows, columns = np.indices((camera.height, camera.width))
    pixels = np.column_stack([columns.ravel(), rows.ravel()])
    return camera_rays(camera, pixels).reshape(camera.height, camera.width, 3)


@pytest.mark.parametrize("model", LENSES)
@pytest.mark.parametrize("focal", [180.0, 400.0])
def test_registered_depth_is_that_of_the_camera(
    renderer: Renderer, model: str, focal: float
) -> None:
    eye, offset = camera_of(200, 160, 250.0), 0.03
    camera = camera_of(focal=focal, model=model, **LENSES[model])
    bodies = (block(0.8), wall(1.4, 20.0))
    depth = shot_of(renderer, eye, *bodies).frame.depth
    seen = shot_of(renderer, replace(camera, position=(offset, 0, 0)), *bodies).frame.depth
    found = register(depth, eye, camera, offset)
    there = found[20:-20, 40:-40] > 0
    error = np.abs(found - seen)[20:-20, 40:-40][there]
    assert there.mean() > 0.93
    assert np.median(error) < 0.004
    assert (error > 0.05).mean() < 0.04


@pytest.mark.parametrize("preset", active_stereo.PRESETS)
def test_presets_are_registered_to_the_picture(
    library: Library, renderer: Renderer, preset: str
) -> None:
    sensor = sensor_of("active_stereo", library, preset=preset)
    shot = shot_of(renderer, camera_of(320, 240), block(0.8), wall(1.2))
    depth = measured(sensor, shot)
    params = sensor.sample(shot.scene, stream(0, 0, "p"))
    assert params["baseline"] == active_stereo.PRESETS[preset][0]
    part = np.s_[10:-10, 60:-20]
    there, true = depth[part] > 0, shot.frame.depth[part]
    error = np.abs(depth[part] - true)
    assert there.mean() > 0.85
    assert np.median(error[there]) < 0.02
    assert (error[there] > 0.2).mean() < 0.05


def test_the_projector_lets_a_plain_wall_be_matched(library: Library, renderer: Renderer) -> None:
    shot = shot_of(renderer, camera_of(), wall(1.0))
    sensor = sensor_of("active_stereo", library)
    lit, unlit = (measured(sensor, shot, projector=p, ambient=0.5) for p in (1.0, 0.0))
    true = shot.frame.depth
    right = [(np.abs(depth - true) < 0.05)[:, 40:].mean() for depth in (lit, unlit)]
    assert right[0] > 0.95
    assert right[1] < 0.3


# Contract


@pytest.mark.parametrize("name", DEPTH_CAMERAS)
def test_noise_is_the_images_own(library: Library, renderer: Renderer, name: str) -> None:
    sensor = sensor_of(name, library)
    first, again, other = (
        measured(sensor, shot_of(renderer, camera_of(), block(0.8), wall(1.2), image=image))
        for image in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = measured(sensor, shot_of(renderer, camera_of(), block(0.8), wall(1.2)))
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(first, alone), "whatever the number of threads"


def test_all_backends(library: Library) -> None:
    """Bullet has no normals; depth cameras do without."""
    plugin = registry.load("renderers", "bullet")
    renderer = plugin(plugin.Options(), library)
    try:
        shot = shot_of(renderer, camera_of(), block(0.8), wall(1.2))
        for name in DEPTH_CAMERAS:
            depth = measured(sensor_of(name, library), shot)
            there = depth > 0
            assert there[:, 40:].mean() > 0.9
            assert np.median(np.abs(depth - shot.frame.depth)[there]) < 0.01
    finally:
        renderer.close()


def test_an_equirectangular_camera_is_refused(library: Library, renderer: Renderer) -> None:
    shot = shot_of(renderer, camera_of(model="equirectangular"), wall(1.0))
    with pytest.raises(SceneError, match="equirectangular"):
        measured(sensor_of("active_stereo", library), shot)


@pytest.mark.parametrize("name", DEPTH_CAMERAS)
def test_an_empty_range_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"near: 2\.0 m is not below far"):
        build(registry.load("sensors", name).Options, {"near": 2.0, "far": 1.0})


def test_the_right_eye_is_a_camera_beside(small: Callable[..., dict[str, Any]]) -> None:
    config = small(sensors={"stereo": {"baseline": 0.07}})
    with Pipeline(config) as pipeline:
        sample = pipeline(0)
        assert sample.params["stereo"] == {"baseline": 0.07}
        step = 0.07 * sample.camera.T_world_camera[:3, 0]
        beside = replace(sample.camera, position=vec3(np.array(sample.camera.position) + step))
        frame, _ = pipeline.label(replace(sample.scene, camera=beside))
    plain = Pipeline(small())
    with plain:
        wanted = plain._sensors.expose(
            replace(sample.scene, camera=beside), frame, {}, plain.library, plain.renderer.render,
            lambda name, eye: stream(0, 0, name),
        )[0]  # fmt: skip
    assert np.array_equal(sample.images["right"], wanted)
    assert not np.array_equal(sample.images["right"], sample.picture)


def test_stored_and_made_again(small: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    config = small(
        sensors={"stereo": {}, "active_stereo": {"infrared": True}},
        randomizers={"camera": {"width": 128, "height": 96}},
    )
    for count in (1, 2):  # the second run goes on
        simkit.generate(config, tmp_path, n=count)
    for record in simkit.open_dataset(tmp_path):
        for name, kind, depth in (
            ("depth_sensor", np.uint16, 2), ("right", np.uint8, 3), ("ir_left", np.uint8, 2),
            ("ir_right", np.uint8, 2),
        ):  # fmt: skip
            stored = cv2.imdecode(np.frombuffer(record.files[f"{name}.png"], np.uint8), -1)
            assert stored.dtype == kind
            assert stored.shape[:2] == (96, 128)
            assert stored.ndim == depth
            assert stored.any()
    assert replay(tmp_path, 1).identical
