"""Backdrops, blur by lens and motion, and normal maps in `gl`, partly against `embree`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from simkit.assets.backdrop import backdrop_image
from simkit.assets.primitives import primitives
from simkit.errors import RenderError
from simkit.geometry import look_at, quaternion_of
from simkit.render.embree import Embree, EmbreeOptions
from simkit.render.gl import Gl, GlOptions
from simkit.scene import Body, Camera, Light, Material, Scene, Texture, quaternion, vec3

WIDTH, HEIGHT = 120, 90
K = ((110.0, 0.0, 59.5), (0.0, 110.0, 44.5), (0.0, 0.0, 1.0))
LABELS = ["depth", "instance", "normal"]
BACKDROP = Texture("noise", ((0.9, 0.2, 0.1), (0.1, 0.3, 0.8)))
SUN = Light(direction=vec3(np.array([0.3, 0.4, -0.8]) / np.linalg.norm([0.3, 0.4, -0.8])))
LENSES = {
    "pinhole": (),
    "brown_conrady": (-0.2, 0.05, 0.001, -0.002, 0.01),
    "kannala_brandt": (0.02, -0.01, 0.003, 0.0),
}


@pytest.fixture(scope="module")
def gl() -> Iterator[Gl]:
    try:
        renderer = Gl(GlOptions(), primitives())
    except RenderError as error:
        pytest.skip(f"no EGL: {error}")
    yield renderer
    renderer.close()


@pytest.fixture(scope="module")
def embree() -> Iterator[Embree]:
    renderer = Embree(EmbreeOptions(blur_samples=64), primitives())
    yield renderer
    renderer.close()


def camera(model: str = "pinhole", **changes: object) -> Camera:
    T = look_at((0.3, -0.5, 0.5), (0, 0, 0.03))
    one = Camera(WIDTH, HEIGHT, K, vec3(T[:3, 3]), quaternion(quaternion_of(T)))
    return replace(one, model=model, distortion=LENSES[model], **changes)  # type: ignore[arg-type]


def things(**changes: object) -> Scene:
    look = [Material(vec3(color)) for color in ((0.8, 0.3, 0.2), (0.2, 0.6, 0.3), (0.3, 0.3, 0.8))]
    bodies = (
        Body("ball", "simkit:sphere", (-0.1, 0.0, 0.06), scale=(0.12,) * 3, material=look[0]),
        Body("box", "simkit:box", (0.1, -0.05, 0.05), scale=(0.1,) * 3, material=look[1]),
        Body("can", "simkit:cylinder", (0.0, 0.18, 0.08), scale=(0.1, 0.1, 0.16), material=look[2]),
    )
    return replace(Scene(bodies, (SUN,)), **changes)  # type: ignore[arg-type]


TABLE = Body("table", "simkit:plane", scale=(2, 2, 1), material=Material((0.6, 0.6, 0.6)))


def near(covered: np.ndarray, reach: int) -> np.ndarray:
    """Return which pixels lie within `reach` of covered ones."""
    found = np.zeros_like(covered)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            found |= np.roll(covered, (down, right), (0, 1))
    return found


@pytest.mark.parametrize("model", sorted(LENSES))
def test_a_backdrop_fills_what_no_body_covers(gl: Gl, model: str) -> None:
    scene, one = things(backdrop=BACKDROP), camera(model)
    frame = gl.render(scene, one, ["rgb", *LABELS])
    image = backdrop_image(BACKDROP, WIDTH, HEIGHT)
    empty = ~near(frame.instance > 0, 2)
    assert 0.3 < empty.mean() < 0.95
    assert np.abs(frame.rgb - image)[empty].max() < 1e-6
    plain = gl.render(things(), one, ["rgb", *LABELS])
    for name in LABELS:
        assert (frame.channels[name] == plain.channels[name]).all(), name
    inner = ~near(frame.instance == 0, 3)
    assert np.abs(frame.rgb - plain.rgb)[inner].max() < 1e-6


@pytest.mark.parametrize("model", sorted(LENSES))
def test_edges_blend_into_the_backdrop(gl: Gl, model: str) -> None:
    """With backdrops of 0 and 1, a pixel's difference is how much of the backdrop shows in it."""
    flat = [Texture("noise", ((c,) * 3, (c,) * 3)) for c in (0.0, 1.0)]
    dark, bright = (
        gl.render(things(backdrop=one), camera(model), ["rgb", "instance"]) for one in flat
    )
    shown = (bright.rgb - dark.rgb)[..., 0]
    partial = (shown > 0.05) & (shown < 0.95)
    assert shown.min() > -1e-5
    assert shown.max() < 1 + 1e-5
    assert partial.sum() > 60
    assert not (partial & ~near(near(bright.instance == 0, 2) & (bright.instance > 0), 3)).any()


def test_backdrops_stand_behind_each_of_many_views(gl: Gl) -> None:
    scene = things(backdrop=BACKDROP)
    cameras = [replace(camera(), position=(0.3 + 0.02 * k, -0.5, 0.5)) for k in range(5)]
    for one, frame in zip(
        cameras, gl.render_many(scene, cameras, ["rgb", "instance"]), strict=True
    ):
        alone = gl.render(scene, one, ["rgb", "instance"])
        assert np.abs(frame.rgb - alone.rgb).mean() < 2e-3
        empty = ~near(frame.instance > 0, 2)
        assert np.abs(frame.rgb - backdrop_image(BACKDROP, WIDTH, HEIGHT))[empty].max() < 1e-6


@pytest.mark.parametrize("model", ["pinhole", "brown_conrady"])
@pytest.mark.parametrize("cause", ["lens", "camera", "bodies"])
def test_blur_is_embrees(gl: Gl, embree: Embree, cause: str, model: str) -> None:
    scene = things(bodies=(TABLE, *things().bodies))
    sharp = camera(model)
    if cause == "lens":
        one = replace(sharp, aperture=0.03, focus_distance=0.55)
    elif cause == "camera":
        one = replace(sharp, exposure=0.1, velocity=(0.5, 0.0, 0.0), angular_velocity=(0, 0, 0.3))
    else:
        one = replace(sharp, exposure=0.1)
        moving = {"velocity": (0.0, 0.6, 0.0), "angular_velocity": (0.0, 0.0, 6.0)}
        scene = scene.with_bodies([TABLE, *(replace(b, **moving) for b in scene.bodies[1:])])
    blurred, still = (
        gl.render(scene, one, ["rgb", *LABELS]),
        gl.render(scene, sharp, ["rgb", *LABELS]),
    )
    for name in LABELS:
        assert (blurred.channels[name] == still.channels[name]).all(), name
    theirs = embree.render(scene, one, ["rgb"]).rgb
    off, moved = np.abs(blurred.rgb - theirs).mean(), np.abs(still.rgb - theirs).mean()
    assert off < 0.005, (off, moved)
    assert off < 0.6 * moved, (off, moved)


def test_what_lies_in_focus_stays_sharp(gl: Gl) -> None:
    T = look_at((0, 0, 1), (0, 0, 0))
    above = Camera(WIDTH, HEIGHT, K, vec3(T[:3, 3]), quaternion(quaternion_of(T)))
    box = Body("box", "simkit:box", scale=(0.4, 0.3, 1e-3))
    scene = Scene((box,), ambient=(1.0, 1.0, 1.0))
    for focus in (1.0, 0.6):
        one = replace(above, aperture=0.06, focus_distance=focus)
        row = gl.render(scene, one, ["rgb"]).rgb[HEIGHT // 2, :, 0]
        mixed = int(((row > 0.05 * row.max()) & (row < 0.95 * row.max())).sum())
        assert (mixed <= 4) == (focus == 1.0), (focus, mixed)


def test_no_aperture_on_a_camera_that_sees_all_around(gl: Gl) -> None:
    around = Camera(
        64, 32, ((1, 0, 0), (0, 1, 0), (0, 0, 1)), model="equirectangular", aperture=0.01
    )
    with pytest.raises(RenderError, match="embree"):
        gl.render(things(), around, ["rgb"])
    gl.render(things(), around, ["instance"])


def test_normal_maps_are_embrees(gl: Gl, embree: Embree, tmp_path: object) -> None:
    import cv2

    rows, columns = np.mgrid[0:64, 0:64] * (2 * np.pi / 64)
    slope = np.stack([0.5 * np.cos(2 * columns), 0.5 * np.sin(rows), np.ones((64, 64))], axis=2)
    unit = slope / np.linalg.norm(slope, axis=2, keepdims=True)
    file = f"{tmp_path}/bumps.png"
    cv2.imwrite(file, np.rint(127.5 * (unit[..., ::-1] + 1)).astype(np.uint8))
    bumps = Texture("image", path=file, size=0.1)
    bodies = [TABLE, *things().bodies]
    bumpy = [replace(b, material=replace(b.material, normal_map=bumps)) for b in bodies]
    pictures = [
        [one.render(things(bodies=tuple(which)), camera(), ["rgb"]).rgb for one in (gl, embree)]
        for which in (bumpy, bodies)
    ]
    change = np.abs(pictures[0][1] - pictures[1][1]).mean()
    assert change > 0.02, "the map shows"
    assert np.abs(pictures[0][0] - pictures[0][1]).mean() < min(0.01, 0.2 * change)
