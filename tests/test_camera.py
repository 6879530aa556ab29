"""The camera: places, aims, paths and intrinsics by independent formulas; rules that must fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.ray_casting import alone, cast
from scipy.spatial.transform import Rotation

from randomizers.camera import CameraOptions, CameraPlacement
from simkit.assets.library import load_library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import primitives
from simkit.errors import ConfigError, SceneError
from simkit.options import build, varied_keys
from simkit.pipeline import Pipeline
from simkit.randomness import stream
from simkit.scene import Body, Camera, Scene, quaternion
from simkit.viewpoints import NEAREST

LIBRARY = load_library(ModelOptions(collision="convex_hull")).merged(primitives())
STILL = {"jitter": 0, "roll_deg": 0, "width": 96, "height": 72}

BALL = Body("ball", "simkit:sphere", (0.3, -0.2, 0.1), scale=(0.2, 0.2, 0.2))
MUG = Body("mug", "mug", (-0.1, 0.25, 0.0), quaternion([0.1, -0.3, 0.2, 0.9]))
TABLE = Body("table", "simkit:box", (0, 0, -0.1), scale=(2, 2, 0.1), fixed=True, labelled=False)
SCENE = Scene(bodies=(TABLE, BALL, MUG))


def made(**options: Any) -> CameraPlacement:
    return CameraPlacement(build(CameraOptions, {**STILL, **options}), LIBRARY)


def shot(scene: Scene = SCENE, seed: int = 0, **options: Any) -> tuple[Camera, dict[str, Any]]:
    one = made(**options)
    params = one.sample(scene, stream(seed, 0, "camera"))
    camera = one.apply(scene, params).camera
    assert camera is not None
    return camera, params


def pixel_of(camera: Camera, point: Any) -> np.ndarray:
    """Project a point of the world, with rotations by SciPy alone."""
    local = Rotation.from_quat(camera.quaternion).inv().apply(np.subtract(point, camera.position))
    assert local[2] > 0
    return (camera.K @ (local / local[2]))[:2]


def middle_of(body: Body) -> np.ndarray:
    low, high = LIBRARY[body.model].mesh.bounds
    centre = (low + high) / 2 * np.array(body.scale)
    return Rotation.from_quat(body.quaternion).apply(centre) + np.array(body.position)


# Places, aims, intrinsics


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0.2, 3), st.floats(-360, 360), st.floats(-89, 89), st.floats(-180, 180),
    st.integers(0, 99),
)  # fmt: skip
def test_on_a_shell(
    distance: float, azimuth: float, elevation: float, roll: float, seed: int
) -> None:
    camera, params = shot(
        seed=seed, distance=distance, azimuth_deg=azimuth, elevation_deg=elevation, roll_deg=roll,
        jitter=[-0.1, 0.1], rules={"outside": False},
    )  # fmt: skip
    target = (middle_of(BALL) + middle_of(MUG)) / 2 + params["jitter"]
    a, e = np.deg2rad([azimuth, elevation])
    away = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
    assert np.allclose(camera.position, target + distance * away, atol=1e-9)
    centre = np.array([47.5, 35.5])
    assert np.allclose(pixel_of(camera, target), centre, atol=1e-6), "it looks at the target"
    higher = pixel_of(camera, np.add(target, [0, 0, 0.01])) - centre
    # At roll 0 the world's z is up in the image; a camera turned clockwise sees it turn the other way.
    angle = np.rad2deg(np.arctan2(higher[0], -higher[1]))
    assert np.isclose((angle + roll + 180) % 360, 180, atol=1e-3)


def test_in_a_box() -> None:
    camera, params = shot(where="box", x=[0.1, 0.2], y=[-0.4, -0.3], z=[0.5, 0.6], aim="origin")
    assert camera.position == (params["x"], params["y"], params["z"])
    assert 0.1 <= camera.position[0] <= 0.2
    assert np.allclose(pixel_of(camera, [0, 0, 0]), [47.5, 35.5])


def test_straight_from_above_the_worlds_y_is_up() -> None:
    camera, _ = shot(elevation_deg=90, aim="origin")
    assert np.allclose(Rotation.from_quat(camera.quaternion).as_matrix()[:, 1], [0, -1, 0])


def test_what_it_aims_at() -> None:
    assert shot(aim="point", point=[0.1, 0.2, 0.3])[1]["aim_at"] == [0.1, 0.2, 0.3]
    assert shot(aim="origin")[1]["aim_at"] == [0, 0, 0]
    drawn = {tuple(shot(seed=seed, aim="object")[1]["aim_at"]) for seed in range(12)}
    expected = [middle_of(BALL), middle_of(MUG)]
    assert np.allclose(sorted(drawn), sorted(map(tuple, expected)))
    assert shot(Scene(bodies=(TABLE,)), aim="object")[1]["aim_at"] == [0, 0, 0]


def test_intrinsics() -> None:
    camera, params = shot(fov_deg=90)
    assert np.allclose(camera.K, [[48, 0, 47.5], [0, 48, 35.5], [0, 0, 1]])
    given_K = [80.0, 0.5, 40.0, 0, 90.0, 30.0, 0, 0, 1]
    camera, params = shot(cam_K=given_K)
    assert np.array_equal(camera.K.ravel(), given_K), "as it is given, to the bit"
    assert "fov_deg" not in params
    camera, params = shot(cam_K=given_K, focal_jitter=[0.9, 1.1], centre_jitter=[-5, 5])
    factor, (dx, dy) = params["focal_jitter"], params["centre_jitter"]
    assert factor != 1
    assert dx != dy
    expected = [[80 * factor, 0.5 * factor, 40 + dx], [0, 90 * factor, 30 + dy], [0, 0, 1]]
    assert np.allclose(camera.K, expected)


@pytest.mark.parametrize("where", ["shell", "box"])
@pytest.mark.parametrize("motion", ["still", "orbit", "line"])
def test_params(where: str, motion: str) -> None:
    """Drawn in their support, JSON both ways; nothing is drawn that the camera does not use."""
    one = made(
        where=where, motion=motion, jitter=[-0.1, 0.1], roll_deg=[-5, 5], focal_jitter=[0.9, 1.1]
    )
    support = varied_keys(one.options)
    params = one.sample(SCENE, stream(1, 0, "camera"))
    assert json.loads(json.dumps(params, allow_nan=False)) == params
    used = {"shell": {"distance", "azimuth_deg", "elevation_deg"}, "box": {"x", "y", "z"}}
    always = {"fov_deg", "focal_jitter", "centre_jitter", "roll_deg", "jitter"}
    orbit = {"orbit_deg_s"} if motion == "orbit" else set()
    assert set(params) & set(support) == always | used[where] | orbit
    assert set(params.get("end", {})) == (used[where] if motion == "line" else set())
    for key in set(params) & set(support):
        assert all(support[key].contains(value) for value in np.atleast_1d(params[key]))
    assert all(support[key].contains(value) for key, value in params.get("end", {}).items())


def test_the_target_stays_when_the_scene_changes() -> None:
    one = made(aim="object")
    params = one.sample(SCENE, stream(1, 0, "camera"))
    moved = SCENE.with_bodies([replace(body, position=(0.5, 0.5, 0.5)) for body in SCENE.bodies])
    assert one.apply(moved, params).camera == one.apply(SCENE, params).camera


@pytest.mark.parametrize("options", [{"point": [0.0, 1.0]}, {"near": 2.0, "far": 1.0}])
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        made(**options)


# Paths


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["orbit", "line"]), st.sampled_from(["shell", "box"]), st.booleans(),
    st.floats(0.02, 0.98), st.floats(0.5, 4), st.integers(0, 999),
)  # fmt: skip
def test_velocities_are_the_paths_derivative(
    motion: str, where: str, ease: bool, part: float, duration: float, seed: int
) -> None:
    one = made(
        motion=motion, where=where, ease=ease, roll_deg=[-90, 90], jitter=[-0.1, 0.1], aim="origin",
        x=[0.3, 0.9], y=[-0.5, 0.5], rules={"outside": False},
    )  # fmt: skip
    params = one.sample(SCENE, stream(seed, 0, "camera"))

    def at(time: float) -> Camera:
        camera = one.apply(replace(SCENE, time=time, duration=duration), params).camera
        assert camera is not None
        return camera

    step, time = 1e-5, part * duration
    before, now, after = at(time - step), at(time), at(time + step)
    velocity = np.subtract(after.position, before.position) / (2 * step)
    turn = Rotation.from_quat(after.quaternion) * Rotation.from_quat(before.quaternion).inv()
    assert np.allclose(now.velocity, velocity, atol=1e-6 * (1 + np.abs(velocity).max()))
    spin = turn.as_rotvec() / (2 * step)
    assert np.allclose(now.angular_velocity, spin, atol=1e-5 * (1 + np.abs(spin).max() ** 3))
    target = np.add(params["aim_at"], params["jitter"])
    assert np.allclose(pixel_of(now, target), [47.5, 35.5], atol=1e-6)


def frames(times: list[float], scene: Scene = SCENE, **options: Any) -> list[Camera]:
    one = made(**options)
    params = one.sample(replace(scene, duration=times[-1]), stream(3, 0, "camera"))
    seen = [one.apply(replace(scene, time=t, duration=times[-1]), params).camera for t in times]
    return [camera for camera in seen if camera is not None]


def test_an_orbit() -> None:
    start, half, end = frames(
        [0.0, 1.0, 2.0], motion="orbit", orbit_deg_s=45, azimuth_deg=0, elevation_deg=0, distance=1,
        aim="point", point=[0, 0, 1],
    )  # fmt: skip
    assert np.allclose([start.position, end.position], [[1, 0, 1], [0, 1, 1]])
    assert np.allclose(half.position, [np.sqrt(0.5), np.sqrt(0.5), 1])
    assert np.allclose(start.velocity, [0, np.pi / 4, 0])
    assert np.allclose(start.angular_velocity, [0, 0, np.pi / 4])


def test_an_orbit_straight_above_turns_steadily() -> None:
    cameras = frames([0.0, 1.0, 2.0], motion="orbit", orbit_deg_s=90, elevation_deg=90)
    turns = [Rotation.from_quat(camera.quaternion) for camera in cameras]
    assert np.allclose([c.position for c in cameras], cameras[0].position)
    assert np.allclose((turns[1] * turns[0].inv()).as_rotvec(), [0, 0, np.pi / 2])
    assert np.allclose((turns[2] * turns[1].inv()).as_rotvec(), [0, 0, np.pi / 2])


def test_a_line_with_ease_starts_and_ends_at_rest() -> None:
    options = {"motion": "line", "where": "box", "aim": "origin", "z": [0.6, 1.0]}
    even = frames([0.0, 0.5, 1.0, 1.5, 2.0], **options)
    eased = frames([0.0, 0.5, 1.0, 1.5, 2.0], **options, ease=True)
    a, b = np.array(even[0].position), np.array(even[-1].position)
    assert np.linalg.norm(a - b) > 0.1
    assert np.allclose([c.position for c in even], [a + k / 4 * (b - a) for k in range(5)])
    parts = [0, 3 / 16 - 2 / 64, 0.5, 27 / 16 - 54 / 64, 1]  # 3 u^2 - 2 u^3
    assert np.allclose([c.position for c in eased], [a + part * (b - a) for part in parts])
    for camera in (eased[0], eased[-1]):
        assert np.allclose([camera.velocity, camera.angular_velocity], 0)
    assert np.allclose(even[0].velocity, (b - a) / 2)


def test_single_images() -> None:
    """An orbit still moves, so that an exposure blurs; a line that takes no time stands still."""
    orbit, _ = shot(motion="orbit", orbit_deg_s=90, distance=1, elevation_deg=0, aim="origin")
    assert np.isclose(np.linalg.norm(orbit.velocity), np.pi / 2)
    line, params = shot(motion="line", where="box")
    assert line.position == (params["x"], params["y"], params["z"])
    assert line.velocity == line.angular_velocity == (0, 0, 0)


# Rules


def starved(scene: Scene, rules: dict[str, Any], **options: Any) -> str:
    with pytest.raises(SceneError) as caught:
        shot(scene, rules={"max_tries": 25, **rules}, **options)
    return str(caught.value)


def test_a_camera_inside_a_cube_is_refused() -> None:
    cube = Body("cube", "simkit:box", labelled=False, scale=(4.0, 4.0, 4.0))
    said = starved(SCENE.with_bodies([cube]), {}, where="box", aim="point", point=[9, 9, 9])
    assert "rules.outside rejects 25" in said
    assert "randomizers.camera" in said
    shot(
        SCENE.with_bodies([cube]),
        where="box",
        rules={"outside": False},
        aim="point",
        point=[9, 9, 9],
    )


def test_no_camera_comes_out_inside() -> None:
    cube = Body("cube", "simkit:box", labelled=False, scale=(0.5, 0.5, 0.5))
    scene = SCENE.with_bodies([cube])
    all_tries = []
    for seed in range(40):
        camera, params = shot(scene, seed, where="box", x=[-0.4, 0.4], y=[-0.4, 0.4], z=[-0.4, 0.4])
        assert np.abs(camera.position).max() >= 0.25
        all_tries.append(params["tries"])
    expected = 0.8**3 / (0.8**3 - 0.5**3)  # of a geometric distribution: all over outside
    assert abs(np.mean(all_tries) - expected) < 0.35
    assert max(all_tries) > 1


def test_clearance_starves() -> None:
    box = {"where": "box", "x": 0.8, "y": 0.8, "z": [-0.04, 0.1], "aim": "origin"}
    said = starved(SCENE, {"clearance": 0.2}, **box)
    assert "rules.clearance rejects 25 (best: 0.1" in said, said
    assert "of 0.2 m" in said
    for seed in range(20):
        camera, _ = shot(SCENE, seed, **box, rules={"clearance": 0.1})
        assert camera.position[2] + 0.05 >= 0.1


def test_hidden_behind_a_wall() -> None:
    wall = Body("wall", "simkit:box", (0.5, 0, 0), scale=(0.02, 4, 4), fixed=True, labelled=False)
    view = {"azimuth_deg": [-20, 20], "elevation_deg": [5, 20], "distance": 1.5}
    rules = {"min_visible": 2, "min_visib_fract": 0.3}
    said = starved(SCENE.with_bodies([*SCENE.bodies, wall]), rules, **view)
    assert "rules.min_visible rejects 25 (best: 0 of 2 are seen" in said
    assert shot(SCENE, rules=rules, **view)[1]["tries"] >= 1


def test_the_rule_that_starves_most_is_named_first() -> None:
    cube = Body("cube", "simkit:box", (1.0, 0.0, 0.0), labelled=False, scale=(1.0, 1.0, 1.0))
    scene = SCENE.with_bodies([*SCENE.bodies, cube])
    said = starved(
        scene, {"min_visible": 2, "min_pixels": 5000}, where="box", x=[0.2, 0.7], y=[-0.4, 0.4]
    )
    assert said.index("rules.min_visible rejects") < said.index("rules.outside rejects")
    counts = [int(part.split(" rejects ")[1].split()[0].strip(";.")) for part in said.split("rules.")
              if " rejects " in part]  # fmt: skip
    assert sum(counts) == 25


def test_few_bodies_are_enough_where_there_are_no_more() -> None:
    shot(SCENE, rules={"min_visible": 50, "min_visib_fract": 0.0})
    shot(Scene(bodies=(TABLE,)), rules={"min_visible": 1})


def test_views_that_see_enough() -> None:
    rules = {"min_visible": 2, "min_visib_fract": 0.6, "min_pixels": 60}
    tries = []
    for seed in range(12):
        camera, params = shot(SCENE, seed, rules=rules, jitter=[-0.3, 0.3], distance=[0.4, 1.5])
        ids = cast(SCENE, camera, LIBRARY).ids
        for place, body in SCENE.labelled():
            visible = (ids == place).sum()
            whole = alone(body, camera, LIBRARY, canvas=1).sum()
            assert visible >= 60 * 0.9
            assert visible / whole >= 0.55
        tries.append(params["tries"])
    assert max(tries) > 2, "the rule is at work"


def test_nothing_is_cut() -> None:
    tries = []
    for seed in range(12):
        camera, params = shot(SCENE, seed, rules={"uncut": True}, jitter=[-0.3, 0.3], fov_deg=50)
        tries.append(params["tries"])
        for body in (BALL, MUG):
            whole = alone(body, camera, LIBRARY, canvas=1)
            inside = whole[72:144, 96:192].sum()
            assert inside in (0, whole.sum())
    assert max(tries) > 2, "the rule is at work"
    close = {"aim": "object", "distance": 0.12, "fov_deg": 20}
    assert "rules.uncut rejects 25" in starved(
        Scene(bodies=(TABLE, BALL)), {"uncut": True}, **close
    )


def test_the_whole_way_is_judged() -> None:
    """From one side of a cube to the other: both ends are outside, the way leads through."""
    cube = Body("cube", "simkit:box", labelled=False)
    scene = replace(SCENE.with_bodies([cube]), duration=1.0)
    way = {
        "where": "box",
        "x": {"choice": [-2.0, 2.0]},
        "y": 0,
        "z": 0,
        "aim": "point",
        "point": [0, 5, 0],
    }
    for seed in range(8):
        _, params = shot(scene, seed, motion="line", **way)
        assert params["end"]["x"] == params["x"]
    still = replace(scene, duration=0.0)
    ends = {shot(still, seed, motion="line", **way)[1]["end"]["x"] for seed in range(8)}
    assert ends == {-2.0, 2.0}


def test_a_target_too_near() -> None:
    said = starved(SCENE, {}, where="box", x=0, y=0, z=0, aim="origin")
    assert "the target" in said
    shot(SCENE, distance=NEAREST, aim="point", point=[0, 0, 2])


def test_what_was_asked_before_changes_nothing() -> None:
    view = {"rules": {"clearance": 0.3}, "jitter": [-0.2, 0.2], "aim": "object"}
    other = SCENE.with_bodies([replace(body, position=(0.1, 0, 0.2)) for body in SCENE.bodies])
    kept = made(**view)
    for scene in (SCENE, other, SCENE, other):
        fresh = made(**view).sample(scene, stream(5, 0, "camera"))
        assert kept.sample(scene, stream(5, 0, "camera")) == fresh


# Through the pipeline


def test_a_frame_of_a_sequence_alone_and_in_order(small: Callable[..., dict[str, Any]]) -> None:
    config = small(
        frames_per_view=3,
        frame_rate=10,
        randomizers={"camera": {"motion": "orbit", "orbit_deg_s": [20, 60], "aim": "object",
                                "rules": {"min_visible": 2, "clearance": 0.05}}},
    )  # fmt: skip
    with Pipeline(config) as pipeline:
        in_order = [pipeline(index) for index in range(3)]
    with Pipeline(config) as pipeline:
        single = pipeline(2)
    assert single.scene == in_order[2].scene
    assert single.params == in_order[0].params
    assert np.array_equal(single.picture, in_order[2].picture)
    cameras = [sample.camera for sample in in_order]
    rate = np.deg2rad(single.params["camera"]["orbit_deg_s"])
    turns = [Rotation.from_quat(camera.quaternion) for camera in cameras]
    assert np.allclose((turns[1] * turns[0].inv()).as_rotvec(), [0, 0, rate / 10])
    target = np.add(single.params["camera"]["aim_at"], single.params["camera"]["jitter"])
    pixels = [pixel_of(camera, target) for camera in cameras]
    assert np.allclose(pixels, [31.5, 23.5], atol=1e-6)
