"""Shadow maps of `gl` fitted to what is seen; against `embree` where pictures are compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.spatial.transform import Rotation

from simkit.assets.primitives import primitives
from simkit.errors import RenderError
from simkit.geometry import look_at, quaternion_of
from simkit.render.embree import Embree, EmbreeOptions
from simkit.render.gl import Gl, GlOptions
from simkit.render.gl.frusta import seen_points
from simkit.scene import Body, Camera, Light, Material, Scene, quaternion, vec3

WIDTH, HEIGHT = 160, 120


@pytest.fixture(scope="module")
def gl() -> Iterator[Gl]:
    try:
        renderer = Gl(GlOptions(), primitives())
    except RenderError as error:
        pytest.skip(f"no EGL: {error}")
    yield renderer
    renderer.close()


def camera_at(eye: tuple[float, ...], target: tuple[float, ...]) -> Camera:
    T = look_at(eye, target)
    K = ((150.0, 0.0, WIDTH / 2 - 0.5), (0.0, 150.0, HEIGHT / 2 - 0.5), (0.0, 0.0, 1.0))
    return Camera(WIDTH, HEIGHT, K, vec3(T[:3, 3]), quaternion(quaternion_of(T)))


def room() -> Scene:
    """Return a table with things on it, in a room of 6 m whose walls hide light from each other."""
    look = Material((0.7, 0.7, 0.7), roughness=0.9)

    def body(name: str, kind: str, position: tuple[float, ...], scale: tuple[float, ...]) -> Body:
        return Body(name, f"simkit:{kind}", vec3(position), scale=vec3(scale), material=look)

    rng = np.random.default_rng(0)
    things = [
        body(f"{k}", kind, (*rng.uniform((-0.35, -0.25), (0.35, 0.25)), 0.05), (0.07, 0.07, 0.1))
        for k, kind in enumerate(("box", "cylinder") * 4)
    ]
    walls = [
        body("floor", "plane", (0, 0, -0.75), (6, 6, 1)),
        body("left", "box", (0, 3, 0.7), (6, 0.1, 2.9)),
        body("right", "box", (3, 0, 0.7), (0.1, 6, 2.9)),
        body("table", "box", (0, 0, -0.02), (1.2, 0.8, 0.04)),
    ]
    toward = np.array([0.4, 0.5, -0.8])
    return Scene((*walls, *things), (Light(direction=vec3(toward / np.linalg.norm(toward))),))


@pytest.mark.parametrize("radius", [0.0, 0.03])
def test_shadows_on_a_table_in_a_room_are_embrees(gl: Gl, radius: float) -> None:
    scene = room()
    scene = replace(scene, lights=(replace(scene.lights[0], radius=radius),))
    embree = Embree(EmbreeOptions(shadow_samples=32), primitives())
    for eye in ((0.25, -0.35, 0.25), (0.5, -0.7, 0.5), (2.2, -2.4, 1.2)):
        camera = camera_at(eye, (0, 0, 0))
        ours, theirs = (one.render(scene, camera, ["rgb", "instance"]) for one in (gl, embree))
        calm = maximum_filter(ours.instance, 5) == minimum_filter(ours.instance, 5)
        off = np.abs(ours.rgb - theirs.rgb).max(axis=2)[calm]
        assert off.mean() < 0.004, (eye, off.mean())
        assert (off > 0.15).mean() < 0.008, (eye, (off > 0.15).mean())
    embree.close()


def test_a_picture_does_not_depend_on_what_was_seen_before(gl: Gl) -> None:
    scene = room()
    near, far = camera_at((0.25, -0.35, 0.25), (0, 0, 0)), camera_at((2.2, -2.4, 1.2), (0, 0, 0))
    first = gl.render(scene, near, ["rgb"]).rgb
    gl.render(scene, far, ["rgb"])
    assert (gl.render(scene, near, ["rgb"]).rgb == first).all()


@pytest.mark.parametrize("seed", range(6))
def test_what_is_seen_lies_in_the_hull_of_its_points(gl: Gl, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bodies = [Body("floor", "simkit:plane", (0, 0, -0.5), scale=(8, 8, 1))]
    for number in range(8):
        turn = quaternion(Rotation.random(random_state=int(rng.integers(2**31))).as_quat())
        size = rng.uniform(0.1, 2.0 if number < 2 else 0.4, 3)
        place = rng.uniform(-0.8, 0.8, 3)
        bodies.append(Body(str(number), "simkit:box", vec3(place), turn, scale=vec3(size)))
    camera = camera_at(tuple(rng.uniform(-1.5, 1.5, 3)), tuple(rng.uniform(-0.3, 0.3, 3)))
    frame = gl.render(Scene(tuple(bodies)), camera, ["depth", "instance"])
    rows, columns = np.nonzero(frame.instance)
    rays = np.stack([columns, rows, np.ones(len(rows))], axis=1) @ np.linalg.inv(camera.K).T
    points = rays * frame.depth[rows, columns, None]
    points = points @ camera.T_world_camera[:3, :3].T + np.array(camera.position)
    ends = np.array([[(-0.5, 0.5)[k >> a & 1] for a in range(3)] for k in range(8)])
    boxes = []
    for body in bodies:
        flat = np.array([1, 1, 0]) if body.name == "floor" else 1
        inside = ends * flat * np.array(body.scale)
        boxes.append(inside @ body.T_world_body[:3, :3].T + np.array(body.position))
    hull = seen_points(camera, np.stack(boxes))
    for way in rng.normal(size=(50, 3)):
        assert (points @ way).max() <= (hull @ way).max() + 1e-4 * np.linalg.norm(way)


def test_views_drawn_together_are_the_single_ones_with_samples_at_edges() -> None:
    try:
        renderer = Gl(GlOptions(edges="samples"), primitives())
    except RenderError as error:
        pytest.skip(f"no EGL: {error}")
    scene = room()
    cameras = [camera_at((0.3 + 0.05 * k, -0.5, 0.4), (0, 0, 0)) for k in range(5)]
    for camera, frame in zip(cameras, renderer.render_many(scene, cameras, ["rgb"]), strict=True):
        alone = renderer.render(scene, camera, ["rgb"]).rgb
        assert np.abs(frame.rgb - alone).mean() < 3e-3
    renderer.close()
