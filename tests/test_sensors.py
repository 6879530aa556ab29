"""Sensors against theory, and in the pipeline: what they do to pictures, and that labels stay."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit import registry
from simkit.assets.color import linear_to_srgb, srgb_bytes, tone_map, tone_mapped_bytes
from simkit.assets.primitives import primitives
from simkit.cameras import camera_rays, project_points
from simkit.checker.contract import same
from simkit.errors import ConfigError, PluginError, SceneError
from simkit.geometry import look_at, quaternion_of
from simkit.options import build, varied_keys
from simkit.pipeline import Pipeline
from simkit.randomness import stream
from simkit.render import Frame
from simkit.scene import Body, Camera, Scene, quaternion
from simkit.sensors import Sensor, Sensors, Shot
from simkit.sensors.filters import line_kernel
from simkit.sensors.lens import is_unfolded

COLOR = ("chromatic_aberration", "motion_blur", "vignetting", "exposure", "noise",
         "white_balance", "tone", "denoising", "sharpening", "jpeg")  # fmt: skip
MOUNTED = ("lens", "focus", "shutter")
CAMERA = Camera(160, 120, ((150.0, 0.0, 79.5), (0.0, 150.0, 59.5), (0.0, 0.0, 1.0)))
SCENE = Scene(camera=CAMERA)
FLAT = {"gamma": 1, "contrast": 1, "saturation": 1, "black": 0, "curve": "srgb"}
QUIET = {"dark_current": 0, "row_noise": 0, "pattern": 0, "hot_pixels": 0, "gain_db": 0}


LIBRARY = primitives()


def made(name: str, **options: Any) -> Sensor:
    plugin = registry.load("sensors", name)
    sensor: Sensor = plugin(build(plugin.Options, options), LIBRARY)
    return sensor


def shot(index: int = 0, eye: int = 0, camera: Camera = CAMERA) -> Shot:
    def never(*_: Any) -> Any:
        raise AssertionError("renders nothing")

    def rng_of(name: str, which: int) -> np.random.Generator:
        return stream(7, index, f"{name}/{which}")

    scene = replace(SCENE, camera=camera)
    return Shot(scene, Frame({}), LIBRARY, never, rng_of, never, name="x", eye=eye)


def processed(name: str, image: np.ndarray, seed: int = 0, **options: Any) -> np.ndarray:
    sensor = made(name, **options)
    return sensor.process(image, sensor.sample(SCENE, stream(seed, 0, "s")), shot())


def grey(value: float, height: int = 120, width: int = 160) -> np.ndarray:
    return np.full((height, width, 3), value, dtype=np.float32)


def picture(seed: int = 0) -> np.ndarray:
    """A smooth uint8 picture."""
    noise = stream(seed, 0, "picture").random((120, 160, 3)) * 255
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 10, 245, cv2.NORM_MINMAX).astype(
        np.uint8
    )


# --- bytes


def test_bytes_are_looked_up_exactly() -> None:
    values = np.arange(0, np.float32(2.5).view(np.int32), 4001, dtype=np.int32).view(np.float32)
    values = np.concatenate([values, -values[::50], np.float32([np.inf, -np.inf, 1e30])])
    exact = np.clip(values.astype(np.float64), 0, 1)
    assert (srgb_bytes(values) == np.rint(255 * linear_to_srgb(exact))).all()
    mapped = tone_map(values[values >= 0].astype(np.float64))
    assert (tone_mapped_bytes(values[values >= 0]) == np.rint(255 * linear_to_srgb(mapped))).all()
    assert (srgb_bytes(values) == srgb_bytes(values.astype(np.float64))).all()
    single = srgb_bytes(tone_map(values))  # tone-mapped in float32
    assert np.count_nonzero(single != tone_mapped_bytes(values)) < 1e-4 * len(values)
    assert srgb_bytes(np.float32(np.nan)) == 0
    assert srgb_bytes(np.zeros((2, 3, 4), dtype=np.float32)[:, ::2]).shape == (2, 2, 4)


# --- noise


@pytest.mark.parametrize("gain_db", [0, 12])
def test_noise_is_affine(gain_db: float) -> None:
    """Variance a x + b: slope and intercept from the electrons, away from black and white."""
    x = np.linspace(0.2, 0.8, 7)
    options = {**QUIET, "full_well": 3000, "read_noise": 20, "gain_db": gain_db, "bits": 14}
    found = [processed("noise", grey(v, 300, 300), seed, **options) for seed, v in enumerate(x)]
    assert np.allclose([f.mean() for f in found], x, rtol=2e-3)
    slope, intercept = np.polyfit(x, [f.var() for f in found], 1)
    a = 10 ** (gain_db / 20) / 3000
    assert slope == pytest.approx(a, rel=0.03)
    assert intercept == pytest.approx(400 * a * a, rel=0.1)


@pytest.mark.parametrize("electrons", [0.7, 3.0, 12.0, 19.5, 20.5, 60.0])
def test_few_electrons_follow_poisson(electrons: float) -> None:
    options = {**QUIET, "full_well": 1000, "read_noise": 0, "bits": 16}
    found = processed("noise", grey(electrons / 1000, 300, 400), **options) * 1000
    error = math.sqrt(electrons / found.size)
    assert found.mean() == pytest.approx(electrons, abs=5 * error + 1 / 256)
    assert found.var() == pytest.approx(electrons, rel=0.03)
    if electrons < 20:
        assert np.abs(found - np.rint(found)).max() < 0.02, "electrons are counted"
        third = ((found - found.mean()) ** 3).mean()
        assert third == pytest.approx(electrons, rel=0.2, abs=0.3)


def test_dark_current_adds_noise_and_no_light() -> None:
    options = {**QUIET, "full_well": 2000, "read_noise": 0, "bits": 16, "dark_current": 5000}
    found = processed("noise", grey(0.3, 300, 300), **options)
    assert found.mean() == pytest.approx(0.3, rel=2e-3)
    assert found.var() == pytest.approx((0.3 * 2000 + 5000 * 0.02) / 2000**2, rel=0.03)
    longer = made("noise", **options)
    camera = replace(CAMERA, exposure=0.1)
    params = longer.sample(SCENE, stream(0, 0, "s"))
    found = longer.process(grey(0.3, 300, 300), params, shot(camera=camera))
    assert found.var() == pytest.approx((0.3 * 2000 + 5000 * 0.1) / 2000**2, rel=0.03)


def test_rows_share_their_noise() -> None:
    options = {**QUIET, "full_well": 1000, "read_noise": 0, "bits": 16, "row_noise": 30}
    found = processed("noise", grey(0.5, 2000, 100), **options) * 1000
    assert found.mean(axis=(1, 2)).std() == pytest.approx(30, rel=0.06)
    assert found.mean(axis=(0, 2)).std() < 3


def test_quantisation_and_clipping() -> None:
    options = {**QUIET, "full_well": 1e6, "read_noise": 0, "bits": 4}
    ramp = np.repeat(np.linspace(0, 1.5, 160, dtype=np.float32)[None, :, None], 3, axis=2)
    found = processed("noise", np.ascontiguousarray(ramp), **options)
    assert sorted(set(np.rint(found.ravel() * 15).tolist())) == list(range(16))
    assert np.allclose(found * 15, np.rint(found * 15), atol=1e-5)
    assert found.max() == 1.0


def test_patterns_stay_and_noise_does_not() -> None:
    still = {**QUIET, "full_well": 1e7, "read_noise": 0, "bits": 16}
    sensor = made("noise", **{**still, "pattern": 0.05, "hot_pixels": 1e-3})
    params = sensor.sample(SCENE, stream(0, 0, "s"))
    first, again = (sensor.process(grey(0.4), params, shot(index)) for index in (0, 1))
    assert not np.array_equal(first, again)
    assert np.corrcoef(first.ravel(), again.ravel())[0, 1] > 0.99
    assert np.median(np.abs(first - 0.4)) / 0.4 == pytest.approx(0.6745 * 0.05, rel=0.05)
    other = sensor.process(grey(0.4), params, shot(0, eye=1))
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.05, "another eye, another chip"
    hot = processed("noise", grey(0.0), **{**still, "hot_pixels": 1e-2})
    assert np.count_nonzero(hot) == pytest.approx(0.01 * hot.size, rel=0.2)


# --- light


@settings(max_examples=20, deadline=None)
@given(st.floats(-5, 5), st.floats(0.001, 0.9))
def test_a_stop_doubles(stops: float, value: float) -> None:
    found = made("exposure").process(grey(value, 4, 4), {"stops": stops}, shot())
    assert np.allclose(found, min(value * 2**stops, 1.0), rtol=1e-5)


def test_metering() -> None:
    light = stream(0, 0, "light").random((120, 160, 3), dtype=np.float32)
    for factor in (0.02, 0.3, 4.0):
        found = processed("exposure", light * np.float32(factor), auto=True, stops=0, target=0.25)
        assert found.mean() == pytest.approx(0.25, rel=0.03)
    brighter = processed("exposure", light * np.float32(0.3), auto=True, stops=1, target=0.1)
    assert brighter.mean() == pytest.approx(0.2, rel=0.03)
    dark = processed("exposure", grey(1e-6), auto=True, stops=0, most=3)
    assert np.allclose(dark, 8e-6), "no more than it may correct"
    assert not processed("exposure", grey(0.0), auto=True).any()


def test_vignetting_is_cos4() -> None:
    """With the fall-off of the pinhole's own corner, it is cos^4 of the angle off the axis."""
    rays = camera_rays(CAMERA, [[0, 0], [79.5, 59.5], [40, 100], [159, 30]])
    cosine = 1 / np.linalg.norm(rays, axis=1)
    found = processed("vignetting", grey(1.0), falloff=1 - cosine[0] ** 4)
    assert found[0, 0, 0] == pytest.approx(cosine[0] ** 4, rel=1e-4)
    assert found[100, 40, 1] == pytest.approx(cosine[2] ** 4, rel=1e-4)
    assert found[30, 159, 2] == pytest.approx(cosine[3] ** 4, rel=1e-4)
    assert found[59:61, 79:81].min() > 0.999
    assert np.array_equal(processed("vignetting", grey(0.3), falloff=0), grey(0.3))


def test_lateral_aberration_moves_edges() -> None:
    for edge in (20.25, 130.75):  # place of an edge between dark and light, in pixels
        light = np.clip(np.arange(160, dtype=np.float32) - np.float32(edge) + 0.5, 0, 1)
        image = np.repeat(np.tile(light[None, :], (120, 1))[..., None], 3, axis=2)
        found = processed("chromatic_aberration", image, red=0.01, blue=-0.02)
        red, green, blue = 159.5 - found[60].sum(axis=0, dtype=np.float64)
        assert green == pytest.approx(edge, abs=1e-3)
        assert red == pytest.approx(79.5 + 1.01 * (edge - 79.5), abs=0.05)
        assert blue == pytest.approx(79.5 + 0.98 * (edge - 79.5), abs=0.05)
        assert np.array_equal(found[..., 1], image[..., 1])


def test_longitudinal_aberration_blurs() -> None:
    point = grey(0.0)
    point[60, 80] = 1.0
    found = processed("chromatic_aberration", point, red=0, blue=0, red_blur=1.5)
    y = np.arange(120) - 60.0
    assert found[..., 0].sum() == pytest.approx(1.0, rel=1e-5)
    assert (found[..., 0].sum(axis=1) * y**2).sum() == pytest.approx(1.5**2, rel=0.1)
    assert np.array_equal(found[..., 2], point[..., 2])


@pytest.mark.parametrize(
    ("length", "angle"), [(9.0, 0.0), (12.0, 30.0), (7.5, 90.0), (15.0, 130.0)]
)
def test_motion_blur(length: float, angle: float) -> None:
    """It keeps the light, and spreads a point along the line with variance L^2 / 12."""
    point = grey(0.0)
    point[60, 80] = 2.0
    found = processed("motion_blur", point, length=length, angle_deg=angle)
    assert found.sum(axis=(0, 1)) == pytest.approx([2.0] * 3, rel=1e-5)
    y, x = np.mgrid[:120, :160]
    x, y = x - 80.0, y - 60.0
    along = x * math.cos(math.radians(angle)) + y * math.sin(math.radians(angle))
    across = -x * math.sin(math.radians(angle)) + y * math.cos(math.radians(angle))
    weight = found[..., 0] / 2.0
    assert (weight * along).sum() == pytest.approx(0, abs=1e-4)
    assert (weight * along**2).sum() == pytest.approx(length**2 / 12, abs=0.26)
    assert (weight * across**2).sum() < 0.26
    smooth = stream(0, 0, "p").random((120, 160, 3), dtype=np.float32)
    kernel = line_kernel(length, math.radians(angle))
    expected = cv2.filter2D(smooth, -1, kernel[::-1, ::-1], borderType=cv2.BORDER_REPLICATE)
    blurred = processed("motion_blur", smooth, length=length, angle_deg=angle)
    assert np.allclose(blurred, expected, atol=1e-5)
    assert np.allclose(processed("motion_blur", grey(0.4), length=length), 0.4, rtol=1e-5)


def test_white_balance() -> None:
    from simkit.assets.blackbody import temperature_to_rgb

    image = stream(0, 0, "p").random((12, 16, 3), dtype=np.float32) * np.float32(0.3)
    assert np.allclose(processed("white_balance", image, mired=0, tint=0), image)
    warm = processed("white_balance", image, mired=50, tint=0) / image
    assert np.allclose(warm, warm[0, 0], rtol=1e-5)
    white, wrong = (temperature_to_rgb(t) for t in (6504, 1e6 / (1e6 / 6504 + 50)))
    expected = np.array(wrong) / white
    assert warm[0, 0] / warm[0, 0, 2] == pytest.approx(expected / expected[2], rel=1e-5)
    assert warm[0, 0, 0] > warm[0, 0, 1] > warm[0, 0, 2] == pytest.approx(1.0)
    green = processed("white_balance", image, mired=0, tint=0.1) / image
    assert green[0, 0] == pytest.approx([1.0, 1.1, 1.0], rel=1e-5)
    assert np.array_equal(processed("white_balance", grey(1.0), mired=80), grey(1.0)), "stays white"


# --- pictures


def test_tone() -> None:
    light = stream(0, 0, "p").random((120, 160, 3), dtype=np.float32) * np.float32(1.2)
    plain = processed("tone", light, **FLAT)
    assert plain.dtype == np.uint8
    assert np.abs(plain.astype(int) - srgb_bytes(light)).max() <= 1
    colourless = processed("tone", light, **{**FLAT, "saturation": 0})
    assert (colourless == colourless[..., :1]).all()
    middle = np.float32(0.21404)  # 0.5 in sRGB
    steps = {c: processed("tone", grey(middle + 0.05, 1, 1), **{**FLAT, "contrast": c}).max() - 127.5
             for c in (1.0, 1.5)}  # fmt: skip
    assert steps[1.5] / steps[1.0] == pytest.approx(1.5, abs=0.15)
    assert processed("tone", grey(0.0), **{**FLAT, "black": 0.1}).max() == round(25.5)
    assert processed("tone", grey(1.0), **{**FLAT, "black": 0.1, "gamma": 2}).min() == 255
    assert processed("tone", grey(0.21404), **{**FLAT, "gamma": 2}).max() == pytest.approx(
        64, abs=1
    )
    filmic = processed("tone", grey(0.05), **{**FLAT, "curve": "filmic"}).max()
    assert filmic > processed("tone", grey(0.05), **FLAT).max()
    assert processed("tone", grey(1e9), **{**FLAT, "curve": "filmic"}).min() == 255


def test_jpeg() -> None:
    image = picture()
    best = processed("jpeg", image, quality=100, subsampling=444).astype(int) - image
    assert np.abs(best).max() <= 5
    assert np.abs(best).mean() < 0.7
    rough = processed("jpeg", image, quality=15, subsampling=444).astype(int) - image
    assert np.abs(rough).mean() > 3 * np.abs(best).mean()
    noisy = stream(1, 0, "p").integers(0, 255, image.shape, dtype=np.uint8)
    chroma = {s: processed("jpeg", noisy, quality=100, subsampling=s) for s in (444, 422, 420)}
    worse = [float(np.abs(chroma[s].astype(int) - noisy).mean()) for s in (444, 422, 420)]
    assert worse[0] < worse[1] < worse[2]
    red = np.zeros((16, 16, 3), dtype=np.uint8) + np.uint8([200, 30, 10])
    assert np.abs(processed("jpeg", red, quality=95).astype(int) - red).max() < 6, "stays RGB"


def test_sharpening_and_denoising() -> None:
    image = picture()
    assert np.array_equal(processed("sharpening", image, amount=0), image)
    step = np.full((20, 40, 3), 80, dtype=np.uint8)
    step[:, 20:] = 160
    sharp = processed("sharpening", step, amount=1, radius=1.5)
    assert sharp.min() < 70
    assert sharp.max() > 170
    assert (sharp[:, [0, -1]] == step[:, [0, -1]]).all()
    noisy = np.clip(step + 4 * stream(0, 0, "n").standard_normal(step.shape), 0, 255)
    smooth = processed("denoising", noisy.astype(np.uint8), levels=15, radius=2)
    assert smooth[:, :18].std() < 0.5 * noisy[:, :18].std()
    assert smooth[:, 20].mean() - smooth[:, 19].mean() > 70


# --- what changes the camera


def mounted(name: str, scene: Scene, seed: int = 0, **options: Any) -> Camera:
    sensor = made(name, **options)
    camera = sensor.mount(scene, sensor.sample(scene, stream(seed, 0, "s"))).camera
    assert camera is not None
    return camera


@pytest.mark.parametrize("model", ["brown_conrady", "kannala_brandt"])
@pytest.mark.parametrize("fov_deg", [40, 75])
def test_drawn_lenses_do_not_fold(model: str, fov_deg: float) -> None:
    """Radius grows with the field up to the corners, even from ranges most of which would fold."""
    focal = 80 / math.tan(math.radians(fov_deg / 2))
    camera = replace(CAMERA, cam_K=((focal, 0.0, 79.5), (0.0, focal, 59.5), (0.0, 0.0, 1.0)))
    corners = [[0, 0], [159, 0], [0, 119], [159, 119]]
    wide = {"k1": [-0.6, 0.3], "k2": [-0.2, 0.2], "k3": [-0.1, 0.1]}
    drawn = set()
    for seed in range(25):
        bent = mounted("lens", Scene(camera=camera), seed, model=model, **wide)
        assert bent.model == model
        drawn.add(bent.distortion)
        rays = camera_rays(bent, corners)
        assert np.isfinite(rays).all()
        for ray in rays:
            far = ray / ray[2]
            path = np.linspace(0, 1, 200)[:, None] * [far[0], far[1], 0.0] + [0.0, 0.0, 1.0]
            radius = np.linalg.norm(project_points(bent, path) - [79.5, 59.5], axis=1)
            assert (np.diff(radius) > 0).all()
    assert len(drawn) == 25


def test_folding_lenses_are_refused() -> None:
    wide = replace(CAMERA, cam_K=((80.0, 0.0, 79.5), (0.0, 80.0, 59.5), (0.0, 0.0, 1.0)))
    with pytest.raises(SceneError, match=r"sensors\.lens\.coefficients.*fov_deg"):
        mounted("lens", Scene(camera=wide), coefficients=[-0.4, 0.0, 0.0, 0.0])
    with pytest.raises(SceneError, match=r"none of 100 draws"):
        mounted("lens", Scene(camera=wide), k1=[-0.5, -0.4], k2=0)
    with pytest.raises(ConfigError, match=r"coefficients: brown_conrady takes"):
        made("lens", coefficients=[0.1])
    fisheye = replace(CAMERA, model="kannala_brandt", distortion=(0.0,) * 4)
    with pytest.raises(PluginError, match="kannala_brandt already"):
        mounted("lens", Scene(camera=fisheye))
    circle = replace(CAMERA, cam_K=((20.0, 0.0, 79.5), (0.0, 20.0, 59.5), (0.0, 0.0, 1.0)))
    assert is_unfolded(replace(circle, model="kannala_brandt", distortion=(0.0,) * 4)), "all around"


@pytest.mark.parametrize("model", ["brown_conrady", "kannala_brandt"])
def test_lenses_can_keep_the_field(model: str) -> None:
    options = {"model": model, "k1": -0.1, "k2": 0, "p1": 0, "p2": 0}
    edges = [[-0.5, 59.5], [159.5, 59.5]]
    angle = camera_rays(CAMERA, edges)[:, 0]
    kept = mounted("lens", SCENE, keep_field=True, **options)
    assert camera_rays(kept, edges)[:, 0] == pytest.approx(angle, rel=1e-6)
    plain = mounted("lens", SCENE, **options)
    assert plain.cam_K == CAMERA.cam_K
    assert (np.abs(camera_rays(plain, edges)[:, 0]) > 1.01 * np.abs(angle)).all()
    given = mounted("lens", SCENE, coefficients=[0.1, 0.0, 0.0, 0.01])
    assert given.distortion == (0.1, 0.0, 0.0, 0.01)


def boxes(*depths: float) -> Scene:
    """Cubes on the axis of a camera that looks along the world's y axis from its origin."""
    T = look_at((0, 0, 0), (0, 1, 0))
    camera = replace(CAMERA, quaternion=quaternion(quaternion_of(T)))
    small = (0.01, 0.01, 0.01)
    bodies = [
        Body(name=f"b{i}", model="simkit:box", position=(0.0, z, 0.0), scale=small)
        for i, z in enumerate(depths)
    ]
    return Scene(bodies=tuple(bodies), camera=camera)


def test_focus() -> None:
    options = {"f_number": 2, "sensor_width": 16, "error": 1.1}
    camera = mounted("focus", boxes(0.4, 0.8, -3.0), **options)
    assert camera.focus_distance == pytest.approx(1.1 * 0.6)
    assert camera.aperture == pytest.approx(150 * 0.016 / 160 / 2 / 2)  # 15 mm at f/2: 7.5 mm wide
    fixed = mounted("focus", boxes(0.4), focused="distance", distance=2, opening="radius", radius=3)
    assert (fixed.focus_distance, fixed.aperture) == pytest.approx((2.0, 0.003))
    alone = mounted("focus", boxes(-1.0), error=1)
    assert alone.focus_distance == CAMERA.focus_distance


def test_shutter() -> None:
    sensor = made("shutter", exposure=0.01, readout=0.02, speed=0.3, turn=90)
    scene = replace(SCENE, camera=replace(CAMERA, velocity=(1.0, 0.0, 0.0)))
    turns = []
    for seed in range(200):
        camera = sensor.mount(scene, sensor.sample(scene, stream(seed, 0, "s"))).camera
        assert camera is not None
        assert (camera.exposure, camera.readout) == (0.01, 0.02)
        assert math.dist(camera.velocity, (1.0, 0.0, 0.0)) == pytest.approx(0.3)
        assert math.hypot(*camera.angular_velocity) == pytest.approx(math.pi / 2)
        turns.append(camera.angular_velocity)
    assert np.abs(np.mean(turns, axis=0)).max() < 0.35, "no direction is preferred"


@pytest.mark.parametrize("name", MOUNTED)
def test_a_missing_camera_is_said(name: str) -> None:
    sensor = made(name)
    with pytest.raises(PluginError, match="no camera was placed"):
        sensor.mount(Scene(), sensor.sample(Scene(), stream(0, 0, "s")))


# --- all of them


@pytest.mark.parametrize("name", COLOR + MOUNTED)
def test_params_are_plain_and_in_their_support(name: str) -> None:
    one, other = made(name), made(name)
    support = varied_keys(one.options)
    seen, found = set(), set()
    for seed in range(20):
        params = one.sample(SCENE, stream(seed, 0, "s"))
        assert json.loads(json.dumps(params, allow_nan=False)) == params
        assert other.sample(SCENE, stream(seed, 0, "s")) == params
        for key in sorted(set(params) & set(support)):
            assert support[key].contains(params[key]), key
            found.add(key)
        seen.add(json.dumps(params, sort_keys=True))
    assert len(seen) >= 15
    assert found == set(support) - ({"k4"} if name == "lens" else set())


@pytest.mark.parametrize("name", COLOR + MOUNTED)
def test_users_choose_when_it_decides(name: str) -> None:
    assert [made(name, every=stage).stage for stage in ("scene", "view", "frame")] == [
        "scene", "view", "frame"
    ]  # fmt: skip


def test_they_are_listed() -> None:
    from typer.testing import CliRunner

    from simkit.cli.main import app

    listed = CliRunner().invoke(app, ["randomizers"]).output
    for name in COLOR + MOUNTED:
        assert name in listed
    assert "full_well" in listed


def test_light_takes_its_way() -> None:
    """Phases, and within them what is declared, decide the order; nothing else does."""
    names = sorted(COLOR)
    order = list(Sensors({name: made(name) for name in names}).in_order)
    assert order == list(Sensors({name: made(name) for name in names[::-1]}).in_order)
    assert order == list(COLOR)
    other = made("tone")
    with pytest.raises(PluginError, match="only one can develop"):
        Sensors({"tone": made("tone"), "other": other})


# --- in the pipeline

Small = Callable[..., dict[str, Any]]
CHANNELS = ("object_coords", "instance")


@pytest.fixture(scope="module")
def plain(small: Small) -> Any:
    with Pipeline(small(seed=5, views_per_scene=2)) as pipeline:
        return [pipeline(i) for i in range(2)]


def test_labels_stay_and_pictures_change(small: Small, plain: Any) -> None:
    config = small(seed=5, views_per_scene=2, sensors={name: {} for name in COLOR})
    with Pipeline(config) as pipeline:
        first = [pipeline(i) for i in range(2)]
    with Pipeline(config) as pipeline:
        again = [pipeline(i) for i in (1, 0)][::-1]
    for bare, one, repeated in zip(plain, first, again, strict=True):
        assert same(bare.labels, one.labels)
        assert np.array_equal(bare.frame.rgb, one.frame.rgb), "radiance stays as it was rendered"
        assert one.picture.dtype == np.uint8
        assert one.picture.shape == bare.picture.shape
        assert np.mean(one.picture != bare.picture) > 0.5
        assert one.picture.tobytes() == repeated.picture.tobytes()
        assert one.params == repeated.params
        assert set(COLOR) <= set(one.params)
    assert first[0].params["noise"] != first[1].params["noise"], "decided anew for each view"


def test_one_sensor_shifts_no_other(small: Small, plain: Any) -> None:
    with Pipeline(small(seed=5, views_per_scene=2, sensors={"noise": {}})) as pipeline:
        alone = pipeline(0)
    with Pipeline(small(seed=5, views_per_scene=2, sensors={"jpeg": {}, "noise": {}})) as pipeline:
        both = pipeline(0)
        clean = pipeline(0, given={"noise": {**both.params["noise"], "read_noise": 0.0}})
    assert alone.params["noise"] == both.params["noise"]
    assert alone.params["camera"] == plain[0].params["camera"]
    assert not np.array_equal(clean.picture, both.picture), "replayed with one factor changed"


def test_noise_is_new_for_each_image(small: Small) -> None:
    config = small(seed=5, views_per_scene=2, sensors={"noise": {"every": "scene"}})
    config["randomizers"]["camera"] |= {"azimuth_deg": 30, "elevation_deg": 60, "distance": 0.6,
                                        "roll_deg": 0, "jitter": 0, "fov_deg": 50}  # fmt: skip
    with Pipeline(config) as pipeline:
        first, second = pipeline(0), pipeline(1)
    assert first.params["noise"] == second.params["noise"]
    assert np.array_equal(first.frame.rgb, second.frame.rgb)
    assert np.mean(first.picture != second.picture) > 0.3


@pytest.mark.parametrize("sensor", [{"focus": {"f_number": 1.8}}, {"shutter": {"turn": 60}}])
def test_blurred_pictures_keep_sharp_labels(small: Small, plain: Any, sensor: Any) -> None:
    with Pipeline(small(seed=5, views_per_scene=2, sensors=sensor)) as pipeline:
        found = pipeline(0)
    assert same(found.labels, plain[0].labels)
    assert not np.array_equal(found.picture, plain[0].picture)


LENSES = [
    {"k1": [-0.3, -0.2], "k2": 0.05, "p1": 0.01, "p2": -0.01},
    {"model": "kannala_brandt", "k1": 0.1, "k2": [-0.05, 0.05]},
]


@pytest.mark.parametrize("lens", LENSES)
def test_labels_are_of_the_distorted_image(small: Small, lens: Any) -> None:
    """What a pixel of a body sees, OpenCV projects to that pixel by the sample's own camera."""
    config = small(seed=5, views_per_scene=2, sensors={"lens": lens})
    config["randomizers"]["camera"] |= {"width": 160, "height": 120}
    with Pipeline(config) as pipeline:
        sample = pipeline(0)
        frame = pipeline.renderer.render(sample.scene, sample.camera, CHANNELS)
    camera, count = sample.camera, 0
    assert np.array_equal(frame.instance, sample.frame.instance)
    for number, body in sample.scene.labelled():
        pixels = np.argwhere(frame.instance == number)[:, ::-1].astype(np.float64)
        if not len(pixels):
            continue
        coords = frame.channels["object_coords"][frame.instance == number].astype(np.float64)
        T = camera.T_camera_world @ body.T_world_body
        points = (coords * body.scale) @ T[:3, :3].T + T[:3, 3]
        zero, K, d = np.zeros(3), camera.K, np.array(camera.distortion)
        by = cv2.fisheye if camera.model == "kannala_brandt" else cv2
        found = by.projectPoints(points[:, None], zero, zero, K, d)[0][:, 0]
        assert np.abs(found - pixels).max() < 0.02
        count += len(pixels)
    assert count > 50
