"""Computed textures, colour curves and box mapping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simkit.assets.color import linear_to_srgb, srgb_to_linear
from simkit.assets.mapping import box_mapped
from simkit.assets.primitives import primitives
from simkit.assets.textures import texture_image
from simkit.errors import AssetError
from simkit.scene import Texture

COMPUTED = ("checker", "noise", "stripes", "wood")


@pytest.mark.parametrize("kind", COMPUTED)
def test_texture_is_deterministic_and_has_its_colors(kind: str) -> None:
    texture = Texture(kind, ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)), seed=5)
    image = texture_image(texture, 64)
    assert image.shape == (64, 64, 3)
    assert image.dtype == np.uint8
    assert (image == texture_image(texture, 64)).all()
    assert (image[..., 1] == 0).all()
    assert np.ptp(image[..., 0]) == 255
    assert np.ptp(image[..., 2]) == 255
    other = texture_image(Texture(kind, texture.colors, seed=6), 64)
    assert (image != other).any() == (kind != "checker")


@pytest.mark.parametrize("kind", ["noise", "wood"])
def test_texture_is_seamless(kind: str) -> None:
    image = texture_image(Texture(kind, seed=1), 128).astype(float).mean(axis=2)
    for axis in (0, 1):
        inside = np.abs(np.diff(image, axis=axis)).mean(axis=1 - axis)
        seam = np.abs(image.take(0, axis) - image.take(-1, axis)).mean()
        assert seam <= inside.max() + 1e-9


def test_image_texture(tmp_path: Path) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert (texture_image(Texture("image", path=str(tmp_path / "a.png"))) == pixels).all()
    with pytest.raises(AssetError, match=r"b\.png.*not there"):
        texture_image(Texture("image", path=str(tmp_path / "b.png")))
    (tmp_path / "b.png").write_bytes(b"x")
    with pytest.raises(AssetError, match=r"b\.png.*cannot be read"):
        texture_image(Texture("image", path=str(tmp_path / "b.png")))


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
