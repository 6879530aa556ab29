"""The `gl` renderer against closed forms. Skipped where there is no EGL."""

from __future__ import annotations

import math
import resource
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simkit.assets.primitives import primitives
from simkit.cameras import project_points
from simkit.errors import RenderError
from simkit.geometry import apply_transform, look_at, quaternion_of
from simkit.render import CHANNELS, Frame, Probe
from simkit.render.gl import Gl, GlOptions
from simkit.render.probe import probe
from simkit.render.selection import choose
from simkit.scene import (
    Body,
    Camera,
    Environment,
    Light,
    Material,
    Scene,
    Texture,
    quaternion,
    vec3,
)

WIDTH, HEIGHT, FOCAL = 120, 90, 110.0
DOWN = (0.0, 0.0, -1.0)
LABELS = {"depth", "instance", "normal", "object_coords", "triangle"}
WHITE = Material((1.0, 1.0, 1.0), roughness=1.0)
DARK = (0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def gl() -> Iterator[Gl]:
    try:
        renderer = Gl(GlOptions(), primitives())
    except RenderError as error:
        pytest.skip(f"no EGL: {error}")
    yield renderer
    renderer.close()


def camera_at(eye: Any, target: Any, **changes: Any) -> Camera:
    T = look_at(eye, target)
    K = ((FOCAL, 0.0, WIDTH / 2 - 0.5), (0.0, FOCAL, HEIGHT / 2 - 0.5), (0.0, 0.0, 1.0))
    pose = vec3(T[:3, 3]), quaternion(quaternion_of(T))
    return replace(Camera(WIDTH, HEIGHT, K, *pose), **changes)


ABOVE = camera_at((0, 0, 1), (0, 0, 0))
PLANE = Body("plane", "simkit:plane", scale=(3, 3, 1), material=WHITE)


def rays_of(camera: Camera) -> NDArray[np.float64]:
    rows, columns = np.mgrid[0 : camera.height, 0 : camera.width]
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1).reshape(-1, 3)
    return pixels @ np.linalg.inv(camera.K).T @ camera.T_world_camera[:3, :3].T


def test_depth_of_planes_is_exact(gl: Gl) -> None:
    for eye in ((0, 0, 1.0), (0.5, -0.6, 0.6), (1.2, 0.1, 0.3)):
        camera = camera_at(eye, (0.03, 0.02, 0))
        frame = gl.render(Scene((PLANE,)), camera, ["depth", "instance"])
        rays = rays_of(camera)
        expected = (-eye[2] / rays[:, 2]).reshape(HEIGHT, WIDTH)
        hit = frame.instance == 1
        assert hit.mean() > 0.5
        assert np.abs(frame.depth - expected)[hit].max() < 1e-5 * expected[hit].max()


def test_a_box_covers_the_pixels_whose_centres_it_covers(gl: Gl) -> None:
    body = Body("box", "simkit:box", scale=(0.2, 0.1, 0.2))
    frame = gl.render(Scene((body,)), ABOVE, CHANNELS)
    x = (np.arange(WIDTH) - ABOVE.K[0, 2]) / FOCAL * 0.9
    y = (np.arange(HEIGHT) - ABOVE.K[1, 2]) / FOCAL * 0.9
    inside = (np.abs(y) < 0.05)[:, None] & (np.abs(x) < 0.1)[None]
    assert (frame.instance == inside).all()
    assert np.allclose(frame.depth, 0.9 * inside, atol=1e-6)
    assert np.allclose(frame.channels["normal"][inside], (0, 0, -1), atol=1e-5)
    coords = frame.channels["object_coords"]
    assert np.allclose(
        coords[inside][:, 0] * 0.2, np.broadcast_to(x, inside.shape)[inside], atol=1e-5
    )
    mesh = gl.library["simkit:box"].mesh
    u, v = np.moveaxis(frame.channels["barycentric"][inside], -1, 0)
    corners = mesh.triangles[frame.channels["triangle"][inside]]
    weights = np.stack([1 - u - v, u, v], axis=-1)
    assert np.allclose(np.einsum("nk,nkc->nc", weights, corners), coords[inside], atol=1e-5)
    assert (frame.channels["triangle"][~inside] == -1).all()


def test_near_and_far_and_back_faces(gl: Gl) -> None:
    camera = replace(ABOVE, near=0.95, far=1.5)
    box = Body("box", "simkit:box", scale=(0.2, 0.2, 0.2))
    below = Body("below", "simkit:plane", (0, 0, -0.8), scale=(3, 3, 1))
    frame = gl.render(Scene((box, below)), camera, ["instance", "depth", "normal"])
    assert set(np.unique(frame.instance)) == {0, 1}, "seen from inside, and nothing beyond far"
    assert np.isclose(frame.depth[HEIGHT // 2, WIDTH // 2], 1.1, atol=1e-5)
    assert (frame.channels["normal"][frame.instance > 0][:, 2] <= 0).all(), "towards the camera"


def test_a_lambertian_sphere_is_the_analytic_one(gl: Gl) -> None:
    toward = np.array([0.5, -0.2, -0.9]) / np.linalg.norm([0.5, -0.2, -0.9])
    light = Light(direction=vec3(toward), intensity=0.6, casts_shadow=False)
    ball = Body("ball", "simkit:sphere", scale=(0.4,) * 3, material=WHITE)
    frame = gl.render(Scene((ball,), (light,), DARK), ABOVE, ["rgb", "normal", "instance", "depth"])
    normal = frame.channels["normal"] @ ABOVE.T_world_camera[:3, :3].T
    n_l = np.clip(-(normal @ toward), 0, 1)
    view = -rays_of(ABOVE).reshape(HEIGHT, WIDTH, 3)
    view /= np.linalg.norm(view, axis=-1, keepdims=True)
    half = view - toward
    half /= np.linalg.norm(half, axis=-1, keepdims=True)
    n_v = np.clip((normal * view).sum(-1), 0, 1)
    fresnel = 0.04 + 0.96 * (1 - np.clip((view * half).sum(-1), 0, 1)) ** 5
    gloss = fresnel * 0.5 / np.maximum(n_l + n_v, 1e-9)  # D V at roughness 1, times pi
    expected = 0.6 * n_l * (1 - fresnel + gloss)
    inner = (frame.instance == 1) & (n_v > 0.5)  # the rim's pixels are mixed
    assert inner.sum() > 500
    assert np.abs(frame.rgb[..., 0] - expected)[inner].max() < 5e-3
    assert np.median(np.abs(frame.rgb[..., 0] - expected)[inner]) < 1e-5


def middle(frame: Frame) -> float:
    return float(
        frame.rgb[HEIGHT // 2 - 2 : HEIGHT // 2 + 2, WIDTH // 2 - 2 : WIDTH // 2 + 2].mean()
    )


@pytest.mark.parametrize("kind", ["point", "spot", "area"])
def test_light_falls_with_the_square_of_distance(gl: Gl, kind: str) -> None:
    seen = []
    for height in (2.0, 4.0):
        light = Light(kind, DOWN, position=(0, 0, height), size=(0.05, 0.05))
        seen.append(middle(gl.render(Scene((PLANE,), (light,), DARK), ABOVE, ["rgb"])))
    assert math.isclose(seen[0] / seen[1], 4.0, rel_tol=0.02)
    if kind != "area":
        assert math.isclose(seen[0], 0.7 / 4, rel_tol=0.05)


@pytest.mark.parametrize("metallic", [0.0, 1.0])
@pytest.mark.parametrize("roughness", [0.1, 0.5, 1.0])
def test_a_white_furnace_is_white(gl: Gl, metallic: float, roughness: float) -> None:
    look = Material((1, 1, 1), roughness, metallic)
    ball = Body("ball", "simkit:sphere", scale=(0.4,) * 3, material=look)
    lit = {"environment": Environment("constant"), "ambient": DARK}
    for scene in (
        Scene((ball,), **lit),
        Scene((ball,), ambient=(1.0, 1.0, 1.0), background=(1.0, 1.0, 1.0)),
    ):
        frame = gl.render(scene, ABOVE, ["rgb", "instance"])
        assert np.abs(frame.rgb[frame.instance == 1] - 1).max() < 0.02


def test_a_shadow_lies_where_geometry_says(gl: Gl) -> None:
    toward = np.array([0.5, 0.0, -1.0]) / math.hypot(0.5, 1.0)
    lid = Body("lid", "simkit:plane", (-0.3, 0, 0.3), scale=(0.2, 0.2, 1))
    for light in (
        Light(direction=vec3(toward)),
        Light("point", position=vec3(np.array([-0.3, 0, 0.3]) - 50 * toward), intensity=1.0),
    ):
        shaded = gl.render(Scene((PLANE, lid), (light,), DARK), ABOVE, ["rgb", "instance"])
        lit = replace(light, casts_shadow=False)
        open_ = gl.render(Scene((PLANE, lid), (lit,), DARK), ABOVE, ["rgb"])
        points = rays_of(ABOVE) + np.array([0, 0, 1.0])
        x, y = (points[:, k].reshape(HEIGHT, WIDTH) for k in (0, 1))
        grow = 1.0 if light.kind == "directional" else 1.0 + 0.3 / 50
        edge = np.maximum(np.abs(x + 0.15), np.abs(y)) - 0.1 * grow
        plane = shaded.instance == 1
        dark = shaded.rgb[..., 0] < 0.5 * open_.rgb[..., 0]
        pixel = 1 / FOCAL
        assert dark[plane & (edge < -pixel)].all(), f"{light.kind}: light leaks"
        assert not dark[plane & (edge > pixel)].any(), (
            f"{light.kind}: acne, or a shadow out of place"
        )
        assert dark.sum() > 300


def test_a_larger_light_has_softer_shadows(gl: Gl) -> None:
    lid = Body("lid", "simkit:plane", (0, 0, 0.3), scale=(0.3, 0.3, 1))
    partial = []
    camera = camera_at((0.9, 0, 0.8), (0.2, 0, 0))
    for radius in (0.0, 0.05, 0.15):
        light = Light("point", position=(0, 0, 1.2), radius=radius)
        with_, without = (
            gl.render(Scene((PLANE, lid), (one,), DARK), camera, ["rgb", "instance"])
            for one in (light, replace(light, casts_shadow=False))
        )
        share = with_.rgb[..., 0] / np.maximum(without.rgb[..., 0], 1e-6)
        partial.append(int(((share > 0.1) & (share < 0.9) & (with_.instance == 1)).sum()))
    assert partial[0] < partial[1] < partial[2], partial


LENSES = {
    "brown_conrady": (-0.2, 0.05, 0.001, -0.002, 0.01),
    "kannala_brandt": (0.02, -0.01, 0.003, 0.0),
}


@pytest.mark.parametrize("model", sorted(LENSES))
def test_labels_through_a_lens_agree_with_projected_points(gl: Gl, model: str) -> None:
    camera = camera_at((0.3, -0.4, 0.5), (0, 0, 0), model=model, distortion=LENSES[model])
    turn = quaternion([0.1, 0.2, 0.3, 0.9] / np.linalg.norm([0.1, 0.2, 0.3, 0.9]))
    box = Body("box", "simkit:box", (0.05, 0, 0.05), turn, scale=(0.2, 0.1, 0.1))
    frame = gl.render(Scene((PLANE, box)), camera, ["instance", "depth", "object_coords"])
    for body, instance in ((PLANE, 1), (box, 2)):
        rows, columns = np.nonzero(frame.instance == instance)
        points = frame.channels["object_coords"][rows, columns] * np.array(body.scale)
        world = apply_transform(body.T_world_body, points)
        inside = apply_transform(camera.T_camera_world, world)
        off = np.linalg.norm(project_points(camera, inside) - np.stack([columns, rows], 1), axis=1)
        assert len(rows) > 50
        assert np.percentile(off, 99) < 0.05
        assert off.max() < 0.5
        error = np.abs(inside[:, 2] - frame.depth[rows, columns])
        assert np.percentile(error, 99) < 1e-4


def test_a_panorama_sees_all_around(gl: Gl) -> None:
    camera = Camera(128, 64, ((1, 0, 0), (0, 1, 0), (0, 0, 1)), model="equirectangular")
    places = {1: (0, 0, 1), 2: (1, 0, 0), 3: (0, 0, -1), 4: (0, 1, 0)}
    bodies = [Body(str(k), "simkit:sphere", p, scale=(0.2,) * 3) for k, p in places.items()]
    frame = gl.render(Scene(tuple(bodies)), camera, ["rgb", "instance", "depth"])
    for instance, place in places.items():
        u, v = np.rint(project_points(camera, [place])[0] - 0.01).astype(int)
        assert frame.instance[v, u] == instance
        assert math.isclose(frame.depth[v, u], 0.9, abs_tol=1e-2)


def busy_scene(seed: int) -> Scene:
    rng = np.random.default_rng(seed)
    bodies = [PLANE]
    for number in range(5):
        texture = Texture("noise", seed=seed, size=0.1) if number % 2 else None
        bodies.append(
            Body(str(number), "simkit:box", (*rng.uniform(-0.3, 0.3, 2), 0.05),
                 scale=vec3(rng.uniform(0.05, 0.2, 3)), material=Material(texture=texture))
        )  # fmt: skip
    sky = Environment("sky", colors=((0.2, 0.4, 0.9), (0.7, 0.7, 0.8), (0.3, 0.3, 0.2)))
    return Scene(tuple(bodies), (Light(), Light("area", DOWN)), environment=sky)


def test_two_runs_are_bit_identical(gl: Gl) -> None:
    first = gl.render(busy_scene(1), ABOVE, CHANNELS)
    gl.render(busy_scene(2), ABOVE, CHANNELS)
    other = Gl(GlOptions(), primitives())
    for renderer in (gl, other):
        again = renderer.render(busy_scene(1), ABOVE, CHANNELS)
        for name in CHANNELS:
            assert (first.channels[name] == again.channels[name]).all(), name
    other.close()


def test_many_views_are_the_single_ones(gl: Gl) -> None:
    scene = busy_scene(3)
    cameras = [camera_at((0.1 * k - 0.3, -0.5, 0.6), (0, 0, 0)) for k in range(7)]
    together = gl.render_many(scene, cameras, LABELS | {"rgb"})
    for camera, frame in zip(cameras, together, strict=True):
        alone = gl.render(scene, camera, LABELS | {"rgb"})
        assert (alone.instance == frame.instance).mean() > 0.9999
        error = np.abs(alone.depth - frame.depth)[alone.instance == frame.instance]
        assert (error < 1e-5).mean() > 0.998, "triangles are cut at the tiles' borders"
        assert error.max() < 1e-3
        assert np.abs(alone.rgb - frame.rgb).mean() < 1e-3


def test_antialiasing_touches_colours_alone(gl: Gl) -> None:
    plain = Gl(GlOptions(antialias=False), primitives())
    scene = busy_scene(4)
    a, b = (one.render(scene, ABOVE, CHANNELS) for one in (gl, plain))
    plain.close()
    for name in CHANNELS.keys() - {"rgb"}:
        assert (a.channels[name] == b.channels[name]).all(), name
    changed = np.abs(a.rgb - b.rgb).max(axis=-1) > 1e-3
    assert 0.005 < changed.mean() < 0.3


def test_memory_stays_flat(gl: Gl) -> None:
    camera = replace(ABOVE, width=32, height=24)
    small = Gl(GlOptions(memory=16.0), primitives())

    def rebuild(count: int, start: int) -> int:
        for seed in range(start, start + count):
            small.render(busy_scene(seed), camera, ["rgb"])
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = rebuild(25, 0)
    assert rebuild(25, 100) - before < 60 * 1024, "kB"
    assert small.held_bytes < 40 * 2**20
    small.close()


def test_errors_name_a_way_out(gl: Gl) -> None:
    with pytest.raises(RenderError, match="embree"):
        gl.render(Scene((PLANE,)), replace(ABOVE, readout=0.01), ["rgb"])
    with pytest.raises(RenderError, match="libegl1"):
        Gl(GlOptions(device=99), primitives())


def test_it_is_found_in_a_process_of_its_own(gl: Gl) -> None:
    found = probe("gl")
    assert found.works, found.reason
    assert found.driver == gl.driver


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Probe(True, "NVIDIA H100/PCIe/SSE2, OpenGL 4.6"), "gl"),
        (Probe(True, "llvmpipe (LLVM 15.0.6, 256 bits), OpenGL 4.5"), "embree"),
        (Probe(False, "", "install it", "crashes the interpreter (SIGSEGV)"), "embree"),
    ],
)
def test_auto_takes_gl_on_a_gpu_alone(found: Probe, expected: str) -> None:
    name, why = choose(found, ["bullet", "embree", "gl"])
    assert name == expected
    assert why
    assert choose(Probe(False, ""), ["bullet"])[0] == "bullet"
