"""Sequences: what moves evenly, what is thrown, and that a frame does not depend on who asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from simkit.assets.library import Library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import load_furnished
from simkit.options import build
from simkit.physics import Physics, PhysicsOptions
from simkit.pipeline import Pipeline
from simkit.scene import Body, Scene

RATE = 24.0
FLOOR = Body("floor", "simkit:box", (0, 0, -0.05), scale=(9, 9, 0.1), fixed=True, labelled=False)


@pytest.fixture(scope="module")
def library() -> Library:
    return load_furnished(ModelOptions(collision="convex_hull"))


@contextmanager
def simulated(library: Library, **options: Any) -> Iterator[Physics]:
    one = Physics(build(PhysicsOptions, {"motion": "simulated", **options}), library)
    try:
        yield one
    finally:
        one.close()


def thrown(**changes: Any) -> Body:
    return Body(
        **{
            "name": "a",
            "model": "simkit:box",
            "position": (0, 0, 1.0),
            "scale": (0.1, 0.06, 0.04),
            "settles": False,
            "velocity": (1.0, -0.5, 2.0),
            "angular_velocity": (0.0, 0.0, 4.0),
            **changes,
        }
    )


def test_a_belt_moves_evenly(small: Any) -> None:
    config = small(
        scene={"family": "conveyor", "objects": 5, "belt_speed": [0.2, 0.6]},
        frames_per_view=4, frame_rate=10.0,
    )  # fmt: skip
    with Pipeline(config) as pipeline:
        samples = [pipeline(index) for index in range(4)]
    speed = samples[0].params["scene"]["belt_speed"]
    first = {body.name: body for body in samples[0].scene.bodies}
    for k, sample in enumerate(samples):
        assert sample.scene.time == pytest.approx(k / 10)
        assert sample.scene.camera == samples[0].scene.camera, "the camera stands still"
        way = np.array([speed * k / 10, 0.0, 0.0])
        for body in sample.scene.bodies:
            moves = not body.fixed or body.name == "belt"
            expected = np.array(first[body.name].position) + way * moves
            assert np.abs(np.array(body.position) - expected).max() < 1e-12
            assert body.quaternion == first[body.name].quaternion
        cam_t_m2c = [pose[:3, 3] for pose in map(np.asarray, _poses(sample))]
        turn = np.linalg.inv(sample.camera.T_world_camera)[:3, :3]
        start = [pose[:3, 3] for pose in map(np.asarray, _poses(samples[0]))]
        assert np.allclose(cam_t_m2c, np.array(start) + turn @ way, atol=1e-9)
    assert len(samples[0].scene.labelled()) >= 3


def _poses(sample: Any) -> list[np.ndarray]:
    return [sample.camera.T_camera_world @ body.T_world_body for _, body in sample.scene.labelled()]


def test_the_belt_carries_objects_in_a_simulation(library: Library) -> None:
    belt = replace(FLOOR, name="belt", velocity=(0.5, 0.0, 0.0))
    lies = Body("a", "simkit:box", (0, 0, 0.0202), scale=(0.1, 0.06, 0.04), velocity=(0.5, 0, 0))
    late = Body("b", "simkit:box", (0, 0.5, 0.0202), scale=(0.1, 0.06, 0.04))
    with simulated(library) as one:
        frames = one.play(Scene(bodies=(belt, FLOOR_BELOW, lies, late)), 25, RATE)
    last = {body.name: body for body in frames[-1].bodies}
    assert last["belt"].position[0] == pytest.approx(0.5)
    assert last["floor"].position == FLOOR_BELOW.position
    assert last["a"].position[0] == pytest.approx(0.5, abs=0.01)
    assert last["a"].position[2] == pytest.approx(0.02, abs=1e-3)
    assert last["b"].velocity[0] == pytest.approx(0.5, abs=0.02), "friction brings it along"
    # It slips for v / (mu g), mu the product of both frictions, and lags by half of that way.
    lag = 0.5**2 / (2 * 0.7 * 0.7 * 9.81)
    assert last["b"].position[0] == pytest.approx(0.5 - lag, abs=0.01)


FLOOR_BELOW = replace(FLOOR, position=(0, 0, -0.15))


def test_a_thrown_body_follows_a_parabola(library: Library) -> None:
    body = thrown()
    count = 13
    with simulated(library) as one:
        frames = one.play(Scene(bodies=(FLOOR, body)), count, RATE)
        fine = Physics(
            build(PhysicsOptions, {"motion": "simulated", "time_step": 1 / 2400}), library
        )
        finer = fine.play(Scene(bodies=(FLOOR, body)), count, RATE)[-1].bodies[1]
        fine.close()
    v, g = np.array(body.velocity), np.array([0, 0, -9.81])
    for k, frame in enumerate(frames):
        t, now = k / RATE, frame.bodies[1]
        ideal = np.array(body.position) + v * t + g * t**2 / 2
        # Symplectic Euler is off by g h t / 2; Bullet takes 4 % of the speed in a second.
        off = 9.81 * t / 240 + 0.04 * np.linalg.norm(v) * t**2 + 1e-6
        assert np.abs(np.array(now.position) - ideal).max() <= off, k
        assert np.abs(np.array(now.velocity) - (v + g * t)).max() <= 0.04 * 5 * t + 1e-6
    t = (count - 1) / RATE
    ideal = np.array(body.position) + v * t + g * t**2 / 2
    assert np.abs(np.array(finer.position) - ideal).max() < 0.04 * 2.3 * t**2 / 2 + 9.81 * t / 4800


def test_it_keeps_its_spin(library: Library) -> None:
    """About a principal axis, free of contact: the angular velocity stays, but for the damping."""
    body = thrown(velocity=(0.0, 0.0, 3.0))
    with simulated(library, angular_damping=0.0) as one:
        frames = one.play(Scene(bodies=(body,)), 13, RATE)
    for k, frame in enumerate(frames):
        now = frame.bodies[0]
        assert np.allclose(now.angular_velocity, body.angular_velocity, atol=1e-3)
        expected = Rotation.from_rotvec(np.multiply(body.angular_velocity, k / RATE))
        off = (Rotation.from_quat(now.quaternion) * expected.inv()).magnitude()
        assert off < 0.01


def test_it_keeps_its_angular_momentum(library: Library) -> None:
    """About no principal axis, in zero gravity: L = R I R^T w of the box stays to a few percent."""
    sides = np.array([0.1, 0.06, 0.04])
    inertia = np.diag((sides**2).sum() - sides**2) / 12
    body = thrown(velocity=(0.0, 0.0, 0.0), angular_velocity=(3.0, 0.4, 2.0))
    with simulated(library, angular_damping=0.0, time_step=1 / 1200) as one:
        frames = one.play(Scene(bodies=(body,), gravity=(0.0, 0.0, 0.0)), 25, RATE)

    def momentum(frame: Scene) -> np.ndarray:
        now = frame.bodies[0]
        R = Rotation.from_quat(now.quaternion).as_matrix()
        return np.asarray(R @ inertia @ R.T @ np.array(now.angular_velocity))

    start = momentum(frames[0])
    assert max(np.linalg.norm(momentum(f) - start) for f in frames) < 0.05 * np.linalg.norm(start)
    turns = [frame.bodies[0].angular_velocity for frame in frames]
    assert np.ptp(turns, axis=0).max() > 0.2, "it tumbles, for all that"


def test_it_meets_the_table_later(library: Library) -> None:
    body = thrown(velocity=(0.6, 0.0, 0.0), angular_velocity=(0.0, 0.0, 0.0))
    with simulated(library) as one:
        frames = one.play(Scene(bodies=(FLOOR, body)), 37, RATE)
    heights = [frame.bodies[1].position[2] for frame in frames]
    falls = np.sqrt(2 * (1.0 - 0.02) / 9.81)
    landed = next(k for k, z in enumerate(heights) if z < 0.05)
    assert landed / RATE == pytest.approx(falls, abs=2 / RATE)
    assert min(heights) > 0.015
    assert np.allclose(frames[-1].bodies[1].velocity, 0, atol=0.02)


@pytest.mark.parametrize("motion", ["even", "simulated"])
def test_what_rests_stays(small: Any, motion: str) -> None:
    config = small(physics={"motion": motion}, frames_per_view=7, scene={"objects": 4}, seed=3)
    with Pipeline(config) as pipeline:
        first, last = pipeline(0), pipeline(6)
    assert set(first.params["physics"]["states"].values()) == {"rest"}
    for a, b in zip(first.scene.bodies, last.scene.bodies, strict=True):
        if motion == "even":
            assert a == b
        assert np.linalg.norm(np.subtract(a.position, b.position)) < 1e-3


@pytest.mark.parametrize("family", ["conveyor", "flying"])
@pytest.mark.parametrize("motion", ["even", "simulated"])
def test_a_frame_alone(small: Any, family: str, motion: str) -> None:
    """Frames made in order, and one made in a pipeline that has made nothing before."""
    scene: dict[str, Any] = {"family": family, "objects": 4}
    if family == "flying":
        scene |= {"speed": 1.0, "spin": 2.0}
    config = small(
        scene=scene, physics={"motion": motion}, frames_per_view=3, views_per_scene=2, seed=5
    )
    with Pipeline(config) as pipeline:
        in_order = [pipeline(index) for index in range(9)]
    with Pipeline(config) as pipeline:
        for index in (8, 3):
            alone = pipeline(index)
            assert alone.scene == in_order[index].scene
            assert np.array_equal(alone.picture, in_order[index].picture)
            assert alone.params == in_order[index].params
    assert in_order[1].scene.bodies != in_order[0].scene.bodies


def test_what_does_not_settle_is_in_nobodys_way(library: Library) -> None:
    lies = Body("b", "simkit:box", (0, 0, 0.5), scale=(0.1, 0.06, 0.04))
    below = thrown(velocity=(0, 0, 0), angular_velocity=(0, 0, 0), position=(0, 0, 0.1))
    with simulated(library) as one:
        after, report = one.settle(Scene(bodies=(FLOOR, lies, below)))
        assert report["states"] == {"b": "rest"}
        assert after.bodies[2] == below
        assert after.bodies[1].position[2] == pytest.approx(0.02, abs=1e-3)
        last = one.play(after, 13, RATE)[-1]
    assert last.bodies[2].position[2] == pytest.approx(0.06, abs=2e-3), (
        "then it falls upon the other"
    )
