"""Collision hulls cover their model, and come from the cache the second time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from simkit.assets import cache, collision
from simkit.assets.cache import cache_dir, cached_arrays
from simkit.assets.collision import CollisionSettings, collision_hash, convex_parts, simplified
from simkit.assets.library import load_library
from simkit.assets.mesh import Mesh
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import primitives
from simkit.errors import AssetError


@pytest.fixture(scope="module")
def elbow_mesh() -> Mesh:
    return load_library(ModelOptions(include=["l_bracket"]))["l_bracket"].mesh


@pytest.fixture(scope="module")
def hulls(elbow_mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMKIT_CACHE", str(tmp_path_factory.mktemp("hulls")))
        return convex_parts(elbow_mesh, CollisionSettings(threshold=0.2))


def test_hulls_cover_the_surface(elbow_mesh: Mesh, hulls: list[np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    triangles = elbow_mesh.triangles[rng.integers(0, len(elbow_mesh.faces), 2000)]
    points = (triangles * rng.dirichlet([1, 1, 1], 2000)[..., None]).sum(axis=1)
    equations = [ConvexHull(hull).equations for hull in hulls]
    outside = np.min([(points @ e[:, :3].T + e[:, 3]).max(axis=1) for e in equations], axis=0)
    assert outside.max() < 0.001  # of a part of 50 mm
    assert len(hulls) <= 16
    assert max(len(hull) for hull in hulls) <= collision.MOST_VERTICES


def test_hulls_are_not_much_larger(elbow_mesh: Mesh, hulls: list[np.ndarray]) -> None:
    volume = sum(ConvexHull(hull).volume for hull in hulls)
    whole = ConvexHull(elbow_mesh.vertices).volume
    assert volume < 0.5 * whole


def test_second_time_comes_from_the_cache(
    elbow_mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def decomposed(*_: object) -> dict[str, np.ndarray]:
        calls.append(1)
        return {"hull_0000": np.eye(4, 3), "hull_0001": np.eye(4, 3) + 1}

    monkeypatch.setattr(collision, "_decomposed", decomposed)
    monkeypatch.setattr(cache, "SHIPPED", cache_dir() / "nothing")
    first = convex_parts(elbow_mesh, CollisionSettings())
    second = convex_parts(elbow_mesh, CollisionSettings())
    assert len(calls) == 1
    assert collision_hash(first) == collision_hash(second)
    convex_parts(elbow_mesh, CollisionSettings(threshold=0.2))
    assert len(calls) == 2
    entry = next((cache_dir() / "collision").glob("*.npz"))
    for damage in (b"", entry.read_bytes()[:60], b"no archive"):
        for path in (cache_dir() / "collision").glob("*.npz"):
            path.write_bytes(damage)
        again = convex_parts(elbow_mesh, CollisionSettings())
        assert collision_hash(again) == collision_hash(first)
    assert len(calls) == 5
    assert not list(cache_dir().rglob("*.part"))


def test_convex_models_are_their_own_hull() -> None:
    library = primitives()
    (box,) = library.collision("simkit:box")
    assert len(box) == 8
    (sphere,) = library.collision("simkit:sphere")
    assert len(sphere) == collision.MOST_VERTICES
    assert ConvexHull(sphere).volume > 0.85 * library["simkit:sphere"].volume
    (plane,) = library.collision("simkit:plane")
    assert plane[:, 2].max() == 0.0
    assert plane[:, 2].min() == pytest.approx(-0.001)
    hull = load_library(ModelOptions(collision="convex_hull", include=["mug"])).collision("mug")
    assert len(hull) == 1


def test_simplified_keeps_extreme_directions_and_volume() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(400, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    few = simplified(points, 40)
    assert len(few) == 40
    assert ConvexHull(few).volume == pytest.approx(ConvexHull(points).volume)
    extents = np.ptp(few, axis=0) / np.ptp(points, axis=0)
    assert np.allclose(extents, extents[0])
    assert 1 < extents[0] < 1.15


def test_cache_folder_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMKIT_CACHE", str(tmp_path / "x"))
    assert cache_dir() == tmp_path / "x"
    assert cache_dir().is_dir()
    monkeypatch.delenv("SIMKIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "y"))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_dir() == tmp_path / "y" / "simkit"


def test_cache_that_cannot_be_written_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIMKIT_CACHE", str(tmp_path / "file" / "x"))
    with pytest.raises(AssetError, match=r"file.x.*cannot be written.*SIMKIT_CACHE"):
        cache_dir()


def test_cache_entry_is_whole_or_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(AssetError, match="free some space"):
        cached_arrays("kind", "key", lambda: {"a": np.zeros(3)})
    assert list((cache_dir() / "kind").iterdir()) == []
