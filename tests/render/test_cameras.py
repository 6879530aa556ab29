"""Camera models against OpenCV, and against themselves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from simkit.cameras import camera_rays, is_wide, project_points
from simkit.scene import Camera

K = ((210.0, 0.0, 158.3), (0.0, 205.0, 121.9), (0.0, 0.0, 1.0))
BROWN = (-0.28, 0.09, 0.001, -0.0015, -0.01)
RATIONAL = (0.3, -0.1, 0.001, 0.0005, 0.02, 0.35, -0.05, 0.01)
FISHEYE = (0.05, 0.01, -0.002, 0.0005)


def camera(model: str, distortion: tuple[float, ...] = ()) -> Camera:
    return Camera(320, 240, K, model=model, distortion=distortion)


CAMERAS = [
    camera("pinhole"),
    camera("brown_conrady", BROWN[:4]),
    camera("brown_conrady", BROWN),
    camera("brown_conrady", RATIONAL),
    camera("kannala_brandt", FISHEYE),
    camera("equirectangular"),
]


def grid(one: Camera) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(0, one.width, 7), np.arange(0, one.height, 7))
    return np.stack([columns.ravel(), rows.ravel()], axis=1).astype(float)


@pytest.mark.parametrize("one", CAMERAS, ids=lambda c: f"{c.model}{len(c.distortion)}")
def test_pixels_come_back(one: Camera) -> None:
    pixels = grid(one)
    rays = camera_rays(one, pixels)
    assert np.isfinite(rays).all()
    np.testing.assert_allclose(project_points(one, 1.7 * rays), pixels, atol=1e-7)
    lengths = np.linalg.norm(rays, axis=1)
    assert np.allclose(rays[:, 2], 1.0) if not is_wide(one) else (lengths > 1 - 1e-12).all()


@pytest.mark.parametrize("distortion", [BROWN[:4], BROWN, RATIONAL], ids=len)
def test_brown_conrady_is_opencvs(distortion: tuple[float, ...]) -> None:
    one, points = (
        camera("brown_conrady", distortion),
        np.random.default_rng(0).normal(size=(200, 3)),
    )
    points[:, 2] = 3 + points[:, 2] ** 2
    theirs = cv2.projectPoints(
        points[:, None], np.zeros(3), np.zeros(3), one.K, np.array(distortion)
    )
    np.testing.assert_allclose(project_points(one, points), theirs[0][:, 0], atol=1e-9)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-12)
    pixels = grid(one)
    back = cv2.undistortPointsIter(
        pixels[:, None], one.K, np.array(distortion), None, None, criteria
    ) if hasattr(cv2, "undistortPointsIter") else None  # fmt: skip
    if back is not None:
        np.testing.assert_allclose(camera_rays(one, pixels)[:, :2], back[:, 0], atol=1e-7)


def test_kannala_brandt_is_opencvs() -> None:
    one, points = camera("kannala_brandt", FISHEYE), np.random.default_rng(0).normal(size=(200, 3))
    points[:, 2] = 0.3 + np.abs(points[:, 2])
    theirs = cv2.fisheye.projectPoints(
        points[:, None], np.zeros(3), np.zeros(3), one.K, np.array(FISHEYE)
    )
    np.testing.assert_allclose(project_points(one, points), theirs[0][:, 0], atol=1e-9)


def test_a_fisheye_sees_behind_itself() -> None:
    one = Camera(400, 400, ((100.0, 0, 200.0), (0, 100.0, 200.0), (0, 0, 1)), model="kannala_brandt",
                 distortion=(0.0, 0.0, 0.0, 0.0))  # fmt: skip
    ray = camera_rays(one, [[200.0 + 100.0 * 1.8, 200.0]])[0]
    np.testing.assert_allclose(ray, [np.sin(1.8), 0.0, np.cos(1.8)], atol=1e-12)
    assert np.isnan(camera_rays(one, [[200.0 + 320.0, 200.0]])).all(), "beyond 180 degrees"


def test_a_panorama_looks_along_its_axes() -> None:
    one = Camera(400, 200, ((1, 0, 0), (0, 1, 0), (0, 0, 1)), model="equirectangular")
    axes = np.array([[0, 0, 1.0], [1.0, 0, 0], [0, 1.0, 0]])
    np.testing.assert_allclose(
        project_points(one, axes), [[199.5, 99.5], [299.5, 99.5], [199.5, 199.5]]
    )


def test_behind_is_not_seen() -> None:
    assert np.isnan(project_points(camera("pinhole"), [[0.1, 0.1, -1.0], [0, 0, 0]])).all()
