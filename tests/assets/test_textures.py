"""Computed textures, colour curves and box mapping."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial import cKDTree

from simkit.assets import textures
from simkit.assets.color import linear_to_srgb, srgb_to_linear
from simkit.assets.mapping import box_mapped
from simkit.assets.patterns import _BORDER, HEIGHTS, PATTERNS, _cells
from simkit.assets.primitives import primitives
from simkit.assets.textures import LARGEST, texture_image
from simkit.errors import AssetError, SceneError
from simkit.randomness import stream
from simkit.scene import TEXTURE_KINDS, Body, Material, Scene, Texture

COMPUTED = tuple(kind for kind in TEXTURE_KINDS if kind != "image")
SMOOTH = ("brushed", "gradient", "marble", "noise", "wood")
"""Kinds without edges inside of a tile, so that a seam would show."""


@pytest.mark.parametrize("kind", COMPUTED)
def test_texture_is_deterministic_and_has_its_colors(kind: str) -> None:
    texture = Texture(kind, ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)), seed=5)
    image = texture_image(texture, 64)
    assert image.shape == (64, 64, 3)
    assert image.dtype == np.uint8
    textures._computed.cache_clear()
    assert (image == texture_image(texture, 64)).all()
    assert (image[..., 1] == 0).all()
    assert np.ptp(image[..., 0]) == 255
    assert np.ptp(image[..., 2]) == 255
    others = [texture_image(Texture(kind, texture.colors, seed=seed), 64) for seed in (6, 7, 8)]
    assert any((image != other).any() for other in others) == (kind != "checker")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(COMPUTED),
    st.integers(0, 2**31),
    st.integers(8, 70),
    st.integers(2, 5),
    st.integers(1, 8),
)
def test_weights_are_weights(kind: str, seed: int, side: int, colors: int, octaves: int) -> None:
    for patterns in (PATTERNS, HEIGHTS):
        weight = patterns[kind](stream(seed, 0, "w"), side, colors, octaves)
        assert weight.shape == (side, side)
        assert weight.dtype == np.float32
        assert weight.min() >= 0
        assert weight.max() <= 1


def seam_to_inside(image: np.ndarray, axis: int) -> float:
    """The step across the tile's edge, in its largest one between neighbours inside."""
    inside = np.abs(np.diff(image, axis=axis)).mean(axis=1 - axis)
    seam = np.abs(image.take(0, axis) - image.take(-1, axis)).mean()
    return float(seam / max(inside.max(), 1e-9))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("kind", COMPUTED)
def test_texture_is_seamless(kind: str, axis: int) -> None:
    for seed in range(6):
        weight = PATTERNS[kind](stream(seed, 0, "w"), 128, 2, 5)
        assert seam_to_inside(weight, axis) <= 1.15, seed


@pytest.mark.parametrize("kind", SMOOTH)
def test_a_cut_tile_has_a_seam(kind: str) -> None:
    """What the test above would find."""
    worst = 0.0
    for seed in range(6):
        weight = PATTERNS[kind](stream(seed, 0, "w"), 128, 2, 3)
        worst = max(worst, *(seam_to_inside(weight[:90, :90], axis) for axis in (0, 1)))
    assert worst > 2


def test_octaves_add_detail() -> None:
    for kind in ("noise", "marble"):
        rough = [np.abs(np.diff(PATTERNS[kind](stream(3, 0, "w"), 256, 2, octaves))).mean()
                 for octaves in (1, 3, 6)]  # fmt: skip
        assert rough[0] < 0.8 * rough[1] < 0.8 * rough[2]
    one, six = (texture_image(Texture("noise", octaves=octaves)) for octaves in (1, 6))
    assert (one != six).any()


def test_cells_are_those_of_the_nearest_points_around_the_tile() -> None:
    cell, inside, count = _cells(stream(2, 0, "w"), 96)
    rng = stream(2, 0, "w")
    across = int(rng.integers(3, 6))
    assert count == across**2
    x, y = np.meshgrid(np.arange(across), np.arange(across))
    points = (np.stack([x.ravel(), y.ravel()], 1) + rng.uniform(0.05, 0.95, (count, 2))) / across
    place = (np.arange(96) + 0.5) / 96
    pixels = np.stack(np.meshgrid(place, place), axis=-1)
    distance, nearest = cKDTree(points, boxsize=1.0).query(pixels, k=2)
    margin = distance[..., 1] - distance[..., 0]
    assert (cell == nearest[..., 0])[margin > 1e-5].all()
    assert (inside[margin > _BORDER] == 1).all()
    assert (inside[margin < _BORDER / 3 - 1e-4] == 0).all()


def test_a_relief_holds_the_normals_of_its_height() -> None:
    image = texture_image(Texture("noise", seed=4, octaves=2, relief=0.05), 128)
    height = HEIGHTS["noise"](stream(4, 0, "texture"), 128, 2, 2).astype(float) * 0.05 * 128
    normals = image / 255.0 * 2 - 1
    assert np.allclose(np.linalg.norm(normals, axis=2), 1, atol=0.012)
    slope_u = np.gradient(np.pad(height, 1, mode="wrap"), axis=1)[1:-1, 1:-1]
    slope_down = np.gradient(np.pad(height, 1, mode="wrap"), axis=0)[1:-1, 1:-1]
    assert np.allclose(-normals[..., 0] / normals[..., 2], slope_u, atol=0.012)
    assert np.allclose(normals[..., 1] / normals[..., 2], slope_down, atol=0.012)
    assert np.abs(slope_u).max() > 0.2


def test_an_image_in_relief(tmp_path: Path) -> None:
    """Brightness is height: a ramp that falls to the right faces right."""
    ramp = np.repeat(np.linspace(250, 0, 64).astype(np.uint8)[None], 16, axis=0)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    image = texture_image(Texture("image", path=str(tmp_path / "ramp.png"), relief=0.3))
    inner = image[:, 2:-2] / 255.0 * 2 - 1
    assert np.allclose(inner[..., 0] / inner[..., 2], 0.3 * 250 / 255, atol=0.06)
    assert np.allclose(inner[..., 1], 0, atol=0.01)


def test_image_texture(tmp_path: Path) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert (texture_image(Texture("image", path=str(tmp_path / "a.png"))) == pixels).all()
    with pytest.raises(AssetError, match=r"b\.png.*not there"):
        texture_image(Texture("image", path=str(tmp_path / "b.png")))
    (tmp_path / "b.png").write_bytes(b"x")
    with pytest.raises(AssetError, match=r"b\.png.*cannot be read"):
        texture_image(Texture("image", path=str(tmp_path / "b.png")))


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_large_images_are_reduced(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"large.{suffix}"
    pixels = np.zeros((60, 2 * LARGEST + 10, 3), dtype=np.uint8)
    pixels[:, : LARGEST + 5] = 200
    Image.fromarray(pixels).save(path)
    image = texture_image(Texture("image", path=str(path)))
    assert max(image.shape) <= LARGEST
    assert image.shape[1] / image.shape[0] == pytest.approx(pixels.shape[1] / 60, rel=0.1)
    assert image[:, : image.shape[1] * 2 // 5].mean() == pytest.approx(200, abs=2)
    assert image[:, image.shape[1] * 3 // 5 :].mean() == pytest.approx(0, abs=2)
    assert texture_image(Texture("image", path=str(path)), 5000).shape == pixels.shape


def test_photos_stand_upright(tmp_path: Path) -> None:
    """A camera that was held sideways says so in the file's EXIF."""
    pixels = np.zeros((8, 16, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    assert texture_image(Texture("image", path=str(tmp_path / "a.png"))).shape == (16, 8, 3)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"kind": "tartan"}, "Texture.kind"),
        ({"kind": "noise", "octaves": 0}, "Texture.octaves"),
        ({"kind": "noise", "octaves": 9}, "Texture.octaves"),
        ({"kind": "noise", "relief": -0.1}, "Texture.relief"),
        ({"kind": "noise", "relief": float("nan")}, "Texture.relief"),
        ({"kind": "noise", "size": 0.0}, "Texture.size"),
        ({"kind": "noise", "colors": ((0.1, 0.1, 0.1),)}, "Texture.colors"),
    ],
)
def test_a_texture_that_cannot_be(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(SceneError, match=named):
        Texture(**fields)


def test_textures_through_json_and_from_older_data() -> None:
    bumps = Texture("fabric", size=0.1, octaves=2, relief=0.02)
    material = Material(texture=Texture("voronoi", seed=3, octaves=7), normal_map=bumps)
    scene = Scene((Body("a", "simkit:box", material=material),))
    data = json.loads(json.dumps(scene.to_dict()))
    assert Scene.from_dict(data) == scene
    for texture in (data["bodies"][0]["material"][key] for key in ("texture", "normal_map")):
        del texture["octaves"], texture["relief"]
    older = Scene.from_dict(data).bodies[0].material
    assert older.texture == Texture("voronoi", seed=3)
    assert older.normal_map == Texture("fabric", size=0.1)


def test_srgb_both_ways() -> None:
    values = np.linspace(0, 1, 101)
    assert np.allclose(linear_to_srgb(srgb_to_linear(values)), values)
    assert srgb_to_linear(0.5) == pytest.approx(0.21404, abs=1e-5)


def test_box_mapping_measures_metres() -> None:
    box = primitives()["simkit:box"].mesh
    mapped = box_mapped(box, 0.5, (2.0, 1.0, 0.1))
    assert mapped.uv is not None
    assert len(mapped.vertices) == 36
    assert (mapped.triangles == box.triangles).all()
    extents = [np.ptp(mapped.uv[face], axis=0) for face in mapped.faces]
    wanted = {(4.0, 2.0), (4.0, 0.2), (2.0, 0.2)}
    assert {tuple(np.round(e.astype(float), 4).tolist()) for e in extents} == wanted


def test_box_mapping_is_not_mirrored() -> None:
    mapped = box_mapped(primitives()["simkit:sphere"].mesh, 0.1)
    assert mapped.uv is not None
    a, b, c = (mapped.uv[mapped.faces[:, k]].astype(float) for k in range(3))
    (x1, y1), (x2, y2) = (b - a).T, (c - a).T
    area = x1 * y2 - x2 * y1
    assert (area > -1e-6).mean() == 1.0
