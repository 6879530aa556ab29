"""Environments and what is prepared of them, against integrals."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from simkit.assets import environments
from simkit.assets.environments import direction_to_uv, environment_image, uv_to_direction
from simkit.assets.openexr import read_exr
from simkit.errors import AssetError
from simkit.render.prefilter import irradiance, prefilter, split_sum_table
from simkit.scene import Environment

SKY = Environment(
    "sky", colors=((0.1, 0.25, 0.6), (0.6, 0.7, 0.8), (0.15, 0.13, 0.1)), sun=(0.6, 0.0, 0.8)
)
STUDIO = Environment("studio", colors=((0.08, 0.08, 0.09), (1.0, 0.95, 0.9)), seed=3)


def test_directions_and_pixels() -> None:
    directions = np.random.default_rng(0).normal(size=(100, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    np.testing.assert_allclose(uv_to_direction(direction_to_uv(directions)), directions, atol=1e-12)
    np.testing.assert_allclose(
        direction_to_uv([[1, 0, 0], [0, -1, 0], [0, 0, 1]])[:, :],
        [[0.5, 0.5], [0.75, 0.5], [0.5, 0]],
    )


@pytest.mark.parametrize("one", [SKY, STUDIO], ids=lambda e: e.kind)
def test_rotation_turns_the_world(one: Environment) -> None:
    image, turned = environment_image(one), environment_image(replace(one, rotation=np.pi / 2))
    quarter = image.shape[1] // 4  # +90 degrees about z: to the left in the image
    np.testing.assert_allclose(np.roll(image, -quarter, axis=1), turned, atol=0.1)
    assert environment_image(replace(one, intensity=2.0)).mean() == pytest.approx(2 * image.mean())


def test_a_sky_has_its_sun_where_it_says() -> None:
    image = environment_image(SKY)
    i, j = np.unravel_index(image.sum(axis=2).argmax(), image.shape[:2])
    found = uv_to_direction([[(j + 0.5) / image.shape[1], (i + 0.5) / image.shape[0]]])[0]
    assert found @ SKY.sun > np.cos(0.04)


def test_studios_differ_by_seed_alone() -> None:
    assert np.array_equal(environment_image(STUDIO), environment_image(replace(STUDIO, path="x")))
    assert not np.array_equal(environment_image(STUDIO), environment_image(replace(STUDIO, seed=4)))


def exr_bytes(image: np.ndarray, compression: int, dtype: str, version: int = 2) -> bytes:
    """Return an OpenEXR file of an image (H, W, 3); ZIP and ZIPS by the format's own recipe."""
    height, width = image.shape[:2]
    kind = {"<f2": 1, "<f4": 2}[dtype]
    channels = b"".join(n + b"\0" + struct.pack("<4i", kind, 0, 1, 1) for n in (b"B", b"G", b"R"))
    window = struct.pack("<4i", 3, 5, width + 2, height + 4)  # one that begins elsewhere
    header = struct.pack("<2I", 20000630, version)
    for name, type_, value in (
        (b"channels", b"chlist", channels + b"\0"),
        (b"compression", b"compression", bytes([compression])),
        (b"dataWindow", b"box2i", window), (b"displayWindow", b"box2i", window),
        (b"lineOrder", b"lineOrder", b"\0"),
    ):  # fmt: skip
        header += name + b"\0" + type_ + b"\0" + struct.pack("<i", len(value)) + value
    header += b"\0"
    rows = image[..., ::-1].transpose(0, 2, 1).astype(dtype)
    lines = 16 if compression == 3 else 1
    blocks = []
    for y in range(0, height, lines):
        raw = np.frombuffer(rows[y : y + lines].tobytes(), dtype=np.uint8)
        block = raw.tobytes()
        if compression:
            split = np.concatenate([raw[0::2], raw[1::2]])
            differs = np.concatenate([split[:1], split[1:] - split[:-1] + np.uint8(128)])
            packed = zlib.compress(differs.tobytes())
            block = packed if len(packed) < len(block) else block
        blocks.append(struct.pack("<2i", y + 5, len(block)) + block)
    ends = np.cumsum([0, *(len(block) for block in blocks)])[:-1] + len(header) + 8 * len(blocks)
    return header + ends.astype("<u8").tobytes() + b"".join(blocks)


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("compression", [0, 2, 3])
@pytest.mark.parametrize("dtype", ["<f2", "<f4"])
def test_openexr(tmp_path: Path, compression: int, dtype: str, noise: bool) -> None:
    image = np.linspace(0, 9, 37 * 53 * 3).reshape(37, 53, 3)
    if noise:  # such blocks are stored, for compression would not make them smaller
        image = np.random.default_rng(0).random(image.shape)
    image = image.astype(dtype).astype(np.float32)
    path = tmp_path / "map.exr"
    path.write_bytes(exr_bytes(image, compression, dtype))
    assert np.array_equal(read_exr(path), image)


def test_openexr_that_cannot_be_read(tmp_path: Path) -> None:
    path, image = tmp_path / "map.exr", np.ones((8, 16, 3), dtype=np.float32)
    whole = exr_bytes(image, 3, "<f4")
    for data, said in (
        (exr_bytes(image, 4, "<f4"), "PIZ"),
        (exr_bytes(image, 3, "<f4", version=2 | 0x200), "tiled"),
        (whole.replace(b"R\0", b"Z\0", 1), "channels R, G and B"),
        (whole[:-9], "damaged"),
        (whole[:200], "damaged"),
        (b"", "damaged"),
        (b"no image", "damaged"),
    ):
        path.write_bytes(data)
        with pytest.raises(AssetError, match=said) as error:
            environment_image(Environment("image", path=str(path)))
        assert "map.exr" in str(error.value)


@pytest.mark.parametrize("suffix", ["hdr", "exr"])
def test_images_are_read(tmp_path: Path, suffix: str) -> None:
    path, image = tmp_path / f"map.{suffix}", np.zeros((32, 64, 3), dtype=np.float32)
    image[:, :, 0] = 3.0
    image[8, 40] = (3.0, 2.0, 1.0)
    if suffix == "hdr":
        cv2.imwrite(str(path), image[..., ::-1])
    else:
        path.write_bytes(exr_bytes(image, 3, "<f2"))
    got = environment_image(Environment("image", path=str(path)), height=32)
    np.testing.assert_allclose(got[0, 0], [3.0, 0.0, 0.0], atol=0.02)
    np.testing.assert_allclose(got[8, 40], [3.0, 2.0, 1.0], atol=0.02)


def test_large_maps_are_kept_shrunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By content: a changed file is read anew, the same one is not."""
    monkeypatch.setenv("SIMKIT_CACHE", str(tmp_path / "cache"))
    path, read = tmp_path / "map.exr", []
    monkeypatch.setattr(environments, "read_exr", lambda path: read.append(path) or read_exr(path))
    for value in (1.0, 1.0, 2.0):
        environments._shrunk.cache_clear()
        environment_image.cache_clear()
        path.write_bytes(exr_bytes(np.full((512, 1024, 3), value, dtype=np.float32), 0, "<f4"))
        got = environment_image(Environment("image", path=str(path)))
        assert got.shape == (256, 512, 3)
        np.testing.assert_allclose(got, value)
    assert len(read) == 2


def test_faults_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"nowhere\.hdr"):
        environment_image(Environment("image", path="nowhere.hdr"))
    (tmp_path / "bad.hdr").write_text("no image")
    with pytest.raises(AssetError, match=r"bad\.hdr"):
        environment_image(Environment("image", path=str(tmp_path / "bad.hdr")))


def test_irradiance_is_the_integral() -> None:
    """Against a sum over all pixels; nine coefficients keep it within a few per cent of the mean."""
    image = environment_image(STUDIO, 64)
    v, u = (np.mgrid[0:64, 0:128] + 0.5) / [[[64]], [[128]]]
    directions = uv_to_direction(np.stack([u.ravel(), v.ravel()], axis=1))
    solid = np.sin(v.ravel() * np.pi) * np.pi / 64 * np.pi / 64
    normals = uv_to_direction(np.random.default_rng(0).random((30, 2)))
    exact = (np.maximum(normals @ directions.T, 0) * solid) @ image.reshape(-1, 3)
    got = irradiance(prefilter(STUDIO).irradiance, normals)
    assert np.abs(got - exact).max() < 0.08 * exact.max()


def test_a_constant_stays_constant() -> None:
    maps = prefilter(Environment("constant", colors=((0.5, 0.25, 1.0),)))
    for k, value in enumerate((0.5, 0.25, 1.0)):
        np.testing.assert_allclose(maps.specular[..., k], value, rtol=1e-5)
    np.testing.assert_allclose(
        irradiance(maps.irradiance, np.eye(3)) / np.pi, [[0.5, 0.25, 1.0]] * 3, rtol=1e-3
    )


def test_rough_lobes_keep_the_energy() -> None:
    levels = prefilter(SKY).specular
    weight = np.sin((np.arange(64) + 0.5) / 64 * np.pi)[:, None, None]
    means = [(level * weight).sum() / weight.sum() / 128 for level in levels]
    assert np.ptp(means) < 0.1 * np.mean(means)


def test_the_split_sum_loses_energy_and_makes_none() -> None:
    total = split_sum_table().sum(axis=2)
    assert total.max() <= 1.0
    assert total[0, 4:].min() > 0.97, "a mirror reflects all"
