"""Folders of images and of environment maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simkit.assets.folders import MAP_SUFFIXES, files_in, images_in
from simkit.errors import AssetError


def paint(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 6, 3), 80, dtype=np.uint8)).save(path)


def test_images_of_a_folder_and_its_sub_folders(tmp_path: Path) -> None:
    names = ["a/z.png", "a-b.webp", "B.JPG", "c.jpeg", "d.bmp"]
    for name in [*names, ".hidden/e.png", ".f.png", "g.gif"]:
        paint(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    found = [Path(path).relative_to(tmp_path).as_posix() for path in images_in(str(tmp_path))]
    assert found == ["B.JPG", "a/z.png", "a-b.webp", "c.jpeg", "d.bmp"]


def test_maps_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.hdr", "a.EXR", "c.png"):
        (tmp_path / name).write_bytes(b"x")
    found = files_in(str(tmp_path), MAP_SUFFIXES)
    assert [Path(path).name for path in found] == ["a.EXR", "b.hdr"]


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(tmp_path / "photos" / "a.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert images_in("~/photos") == (str(tmp_path / "photos" / "a.png"),)


def test_what_is_no_folder_of_images(tmp_path: Path) -> None:
    paint(tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    for folder, reason in (
        (tmp_path / "missing", "missing: the folder is not there"),
        (tmp_path / "a.png", r"a\.png: is no folder"),
        (tmp_path / "empty", r"empty: holds no .*\.png"),
        ("", "no path"),
    ):
        with pytest.raises(AssetError, match=reason):
            images_in(str(folder))


def test_unreadable_images_are_named_until_they_are_mended(tmp_path: Path) -> None:
    paint(tmp_path / "good.png")
    for number in range(12):
        (tmp_path / f"bad{number:02}.png").write_bytes(b"no image")
    with pytest.raises(AssetError, match=r"12 of 13 images(.|\n)*bad09(.|\n)*and 2 more"):
        images_in(str(tmp_path))
    for number in range(12):
        paint(tmp_path / f"bad{number:02}.png")
    assert len(images_in(str(tmp_path))) == 13
