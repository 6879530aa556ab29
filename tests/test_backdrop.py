"""A scene's backdrop: what its image is, and how each renderer shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from randomizers.backdrop import PATTERNS, Backdrop
from simkit import registry
from simkit.assets.backdrop import backdrop_image
from simkit.assets.color import srgb_to_linear
from simkit.assets.library import Library
from simkit.assets.primitives import primitives
from simkit.errors import AssetError
from simkit.options import build
from simkit.randomness import stream
from simkit.render import Renderer
from simkit.scene import (
    Body,
    Camera,
    Environment,
    Light,
    Material,
    Scene,
    Texture,
)

CAMERA = Camera(48, 36, ((60, 0, 23.5), (0, 60, 17.5), (0, 0, 1)), near=0.1)
BALL = Body("ball", "simkit:sphere", (0.02, 0.01, 1.0), scale=(0.3, 0.3, 0.3),
            material=Material((0.0, 0.0, 0.0), own_look=False))  # fmt: skip
CHECKER = Texture("checker", ((0.9, 0.5, 0.1), (0.1, 0.2, 0.8)))


@pytest.fixture(scope="module")
def library() -> Library:
    return primitives()


@pytest.fixture(scope="module", params=registry.names("renderers"))
def renderer(request: pytest.FixtureRequest, library: Library) -> Iterator[Renderer]:
    try:
        plugin = registry.load("renderers", request.param)
        made: Renderer = plugin(build(plugin.Options, {}), library)
    except Exception as error:  # a machine without the driver or package
        pytest.skip(f"{request.param}: {error}")
    yield made
    made.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """An image of two halves, sRGB 200 and 40, three times as wide as it is high."""
    pixels = np.full((20, 60, 3), 200, dtype=np.uint8)
    pixels[:, 30:] = 40
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("size", [(48, 36), (30, 90), (8, 8)])
def test_an_image_covers_the_picture(photo: Path, size: tuple[int, int]) -> None:
    image = backdrop_image(Texture("image", path=str(photo)), *size)
    assert image.shape == (size[1], size[0], 3)
    bright, dim = srgb_to_linear(200 / 255), srgb_to_linear(40 / 255)
    np.testing.assert_allclose(image[:, 0], bright, rtol=1e-5)
    np.testing.assert_allclose(image[:, -1], dim, rtol=1e-5)
    middle = image[0, :, 0].mean()
    assert middle == pytest.approx((bright + dim) / 2, rel=0.05), "cut about its middle"


def test_it_fills_what_no_body_covers(renderer: Renderer) -> None:
    scene = Scene((BALL,), (Light(),), environment=Environment(), backdrop=CHECKER)
    channels = {"rgb", "depth", "instance"}
    frame = renderer.render(scene, CAMERA, channels)
    plain = renderer.render(replace(scene, backdrop=None), CAMERA, channels)
    behind = frame.instance == 0
    assert np.array_equal(frame.depth, plain.depth)
    assert np.array_equal(frame.instance, plain.instance)
    image = backdrop_image(CHECKER, CAMERA.width, CAMERA.height)
    edge = np.zeros_like(behind)
    for way in ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        edge |= behind != np.roll(behind, way, (0, 1))
    clear, inside = behind & ~edge, ~behind & ~edge
    assert clear.mean() > 0.5
    np.testing.assert_allclose(frame.rgb[clear], image[clear], atol=2e-3)
    np.testing.assert_allclose(frame.rgb[inside], plain.rgb[inside], atol=2e-3)


def test_edges_are_a_blend(renderer: Renderer) -> None:
    if type(renderer).__name__ == "Bullet":
        pytest.skip("bullet takes one sample at each pixel's centre")
    scene = Scene((BALL,), ambient=(0.0, 0.0, 0.0), backdrop=CHECKER)
    frame = renderer.render(scene, CAMERA, {"rgb", "instance"})
    image = backdrop_image(CHECKER, CAMERA.width, CAMERA.height)
    share = (frame.rgb / image).mean(axis=2)  # of the backdrop that a black ball leaves
    np.testing.assert_allclose(frame.rgb / image, share[..., None].repeat(3, 2), atol=0.02)
    blended = (share > 0.1) & (share < 0.9)
    rows, columns = np.nonzero(blended)
    assert len(rows) > 20
    for row, column in zip(rows, columns, strict=True):
        around = frame.instance[row - 1 : row + 2, column - 1 : column + 2]
        assert len(np.unique(around)) == 2, "only at edges"


def test_it_stays_sharp_and_fixed(library: Library) -> None:
    from simkit.render.embree import Embree, EmbreeOptions

    embree, scene = Embree(EmbreeOptions(), library), Scene((), backdrop=CHECKER)
    image = backdrop_image(CHECKER, CAMERA.width, CAMERA.height)
    lens = {"model": "brown_conrady", "distortion": (-0.2, 0.0, 0.0, 0.0)}
    blur = {"aperture": 0.02, "exposure": 0.1, "readout": 0.1, "velocity": (1.0, 0.0, 0.0)}
    for change in (lens, blur):
        camera = replace(CAMERA, **change)  # type: ignore[arg-type]
        rgb = embree.render(scene, camera, {"rgb"}).rgb
        np.testing.assert_allclose(rgb, image, atol=1e-5)


def test_a_missing_photo_is_named(library: Library) -> None:
    with pytest.raises(AssetError, match=r"nowhere\.jpg"):
        backdrop_image(Texture("image", path="nowhere.jpg"), 8, 8)


def test_patterns_and_photos_come_in_their_shares(library: Library, photo: Path) -> None:
    options = {"share": 0.7, "photos": 0.4, "folder": str(photo.parent)}
    one = Backdrop(build(Backdrop.Options, options), library)
    drawn = [one.sample(Scene(), stream(seed, 0, "b")) for seed in range(400)]
    shown = [params for params in drawn if params["shown"]]
    assert len(shown) / 400 == pytest.approx(0.7, abs=0.08)
    photos = [params["photo"] for params in shown if "photo" in params]
    assert len(photos) / len(shown) == pytest.approx(0.4, abs=0.1)
    assert set(photos) == {str(photo)}
    assert {params["pattern"] for params in shown if "pattern" in params} == set(PATTERNS)
    for params in drawn:
        backdrop = one.apply(Scene(), params).backdrop
        assert (backdrop is not None) == params["shown"]
        if backdrop is not None and backdrop.kind == "image":
            assert backdrop.path == str(photo)


def test_without_photos_there_are_patterns_alone(library: Library) -> None:
    one = Backdrop(build(Backdrop.Options, {"colors": 3}), library)
    for seed in range(20):
        backdrop = one.apply(Scene(), one.sample(Scene(), stream(seed, 0, "b"))).backdrop
        assert backdrop is not None
        assert backdrop.kind in PATTERNS
        assert len(backdrop.colors) == 3
        image = backdrop_image(backdrop, 32, 24)
        assert image.min() >= 0
        assert image.max() <= 1
    with pytest.raises(AssetError, match="nowhere"):
        Backdrop(build(Backdrop.Options, {"folder": "nowhere"}), library)
