"""Contacts, support and relations of scenes whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from simkit.geometry import look_at, quaternion_of
from simkit.pipeline import Pipeline
from simkit.scene import Body, Camera, Scene, matrix3, quaternion, vec3

LABELS = ["contacts", "support", "relations", "joint_states", "identity"]


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    config = {
        "labels": LABELS,
        "render": {"backend": "embree"},
        "models": {"collision": "convex_hull"},
    }
    with Pipeline(config) as one:
        yield one


def box(name: str, at: list[float], size: float = 0.1, **more: Any) -> Body:
    return Body(name, "simkit:box", vec3(at), scale=(size, size, size), **more)


def graph(pipeline: Pipeline, bodies: list[Body], gravity: float = -9.81) -> dict[str, Any]:
    """Labels as seen along +y from the front: x is to the right, y away."""
    eye = [0.0, -1.0, 0.3]
    T = look_at(np.array(eye), np.array([0.0, 0.0, 0.0]))
    K = [[100.0, 0, 31.5], [0, 100.0, 23.5], [0, 0, 1]]
    camera = Camera(64, 48, matrix3(K), vec3(eye), quaternion(quaternion_of(T)))
    floor = Body(
        "floor", "simkit:box", (0, 0, -0.05), scale=(2, 2, 0.1), fixed=True, labelled=False
    )
    scene = Scene(bodies=(floor, *bodies), camera=camera, gravity=(0, 0, gravity))
    return pipeline.label(scene)[1]


def test_a_pile(pipeline: Pipeline) -> None:
    labels = graph(
        pipeline,
        [box("low", [0, 0, 0.05]), box("high", [0.02, 0, 0.15]), box("far", [0.5, 0.5, 0.05])],
    )
    pairs = {tuple(sorted((one["a"], one["b"]))) for one in labels["contacts"]}
    assert pairs == {("floor", "low"), ("high", "low"), ("far", "floor")}
    assert {(s["supporter"], s["supported"]) for s in labels["support"]} == {
        ("floor", "low"),
        ("low", "high"),
        ("floor", "far"),
    }
    on = {(a, b) for a, predicate, b in labels["relations"] if predicate == "on"}
    assert on == {("low", "floor"), ("high", "low"), ("far", "floor")}
    for one in labels["contacts"]:
        assert abs(one["gap"]) < 1.5e-3
        assert np.linalg.norm(one["normal"]) == pytest.approx(1)


def test_contact_points_lie_between_the_bodies(pipeline: Pipeline) -> None:
    labels = graph(pipeline, [box("low", [0, 0, 0.05]), box("high", [0.02, 0, 0.15])])
    (one,) = [c for c in labels["contacts"] if {c["a"], c["b"]} == {"low", "high"}]
    T = look_at(np.array([0.0, -1.0, 0.3]), np.array([0.0, 0.0, 0.0]))
    points = np.array(one["points"]) @ T[:3, :3].T + T[:3, 3]
    assert np.abs(points[:, 2] - 0.1).max() < 2e-3
    assert (points[:, 0] > -0.04).all()
    assert (points[:, 0] < 0.06).all()
    up = T[:3, :3] @ np.array(one["normal"]) * (1 if one["a"] == "high" else -1)
    assert up == pytest.approx([0, 0, 1], abs=1e-3)


def test_side_by_side_is_no_support(pipeline: Pipeline) -> None:
    labels = graph(pipeline, [box("a", [0, 0, 0.05]), box("b", [0.1005, 0, 0.05])])
    assert any({c["a"], c["b"]} == {"a", "b"} for c in labels["contacts"])
    assert {s["supported"] for s in labels["support"]} == {"a", "b"}
    assert {s["supporter"] for s in labels["support"]} == {"floor"}


def test_without_gravity_nothing_carries(pipeline: Pipeline) -> None:
    labels = graph(pipeline, [box("a", [0, 0, 0.05])], gravity=0.0)
    assert labels["contacts"]
    assert labels["support"] == []


def test_directions_are_the_cameras(pipeline: Pipeline) -> None:
    labels = graph(
        pipeline,
        [
            box("left", [-0.3, 0, 0.05]),
            box("right", [0.3, 0, 0.05]),
            box("behind", [0.3, 0.4, 0.05]),
        ],
    )
    found = {tuple(one) for one in labels["relations"]}
    assert ("left", "left_of", "right") in found
    assert ("right", "left_of", "left") not in found
    assert ("right", "in_front_of", "behind") in found
    assert ("behind", "in_front_of", "right") not in found
    assert not any(p == "left_of" and {a, b} == {"right", "behind"} for a, p, b in found)
    assert not any(p in ("above", "inside") for _, p, _ in found)


def test_above_and_inside(pipeline: Pipeline) -> None:
    bowl = Body("bowl#0", "bowl", (0.0, 0.0, 0.0))
    labels = graph(pipeline, [bowl, box("in", [0, 0, 0.025], 0.02), box("up", [0, 0, 0.4], 0.05)])
    found = {tuple(one) for one in labels["relations"]}
    assert ("in", "inside", "bowl#0") in found
    assert ("bowl#0", "inside", "in") not in found
    assert ("up", "above", "bowl#0") in found
    assert ("up", "inside", "bowl#0") not in found


def test_what_physics_settled_is_carried() -> None:
    """In settled scenes each labelled body is carried by something, and touches nothing deeply."""
    config = {
        "labels": LABELS,
        "render": {"backend": "embree"},
        "scene": {"objects": 8},
        "randomizers": {"camera": {"width": 32, "height": 24},
                        "placement": {"x": [-0.08, 0.08], "y": [-0.08, 0.08]}},
    }  # fmt: skip
    carried = total = 0
    with Pipeline(config) as one:
        for index in range(3):
            sample = one(index)
            names = {body.name for _, body in sample.scene.labelled()}
            supported = {s["supported"] for s in sample.labels["support"]}
            carried += len(names & supported)
            total += len(names)
            assert min(c["gap"] for c in sample.labels["contacts"]) > -3e-3
    assert carried >= 0.9 * total
    assert sample.labels["joint_states"] == {}
