"""The conventions, each by its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from simkit import geometry

Float = NDArray[np.float64]

coordinates = st.floats(-10, 10)
points = arrays.arrays(np.float64, 3, elements=coordinates)
quaternions = arrays.arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(
    lambda q: np.linalg.norm(q) > 0.1
)
angles = st.floats(-np.pi, np.pi)


@st.composite
def intrinsics(draw: st.DrawFn) -> Float:
    """Non-square, off centre, skewed."""
    fx, fy = draw(st.floats(20, 3000)), draw(st.floats(20, 3000))
    cx, cy, skew = draw(st.floats(-100, 2000)), draw(st.floats(-100, 2000)), draw(st.floats(-9, 9))
    return np.array([[fx, skew, cx], [0, fy, cy], [0, 0, 1.0]])


def is_rigid(T: Float) -> bool:
    R = T[:3, :3]
    orthonormal = np.allclose(R @ R.T, np.eye(3), atol=1e-9)
    return bool(orthonormal and np.linalg.det(R) > 0.999 and (T[3] == [0, 0, 0, 1]).all())


@given(points, points, angles, intrinsics())
def test_look_at(eye: Float, target: Float, roll: float, K: Float) -> None:
    assume(np.linalg.norm(target - eye) > 1e-3)
    T = geometry.look_at(eye, target, roll)
    assert is_rigid(T)
    seen = geometry.apply_transform(geometry.invert(T), [target, eye])
    assert np.allclose(seen[0], [0, 0, np.linalg.norm(target - eye)], atol=1e-8)
    assert np.allclose(seen[1], 0, atol=1e-8)
    assert np.allclose(geometry.project(seen[:1], K)[0], K[:2, 2], atol=1e-4)


@given(points, points)
def test_up_is_up_in_the_image(eye: Float, target: Float) -> None:
    """At roll 0 a step along +z moves the picture up (v falls) and not sideways."""
    assume(np.linalg.norm((target - eye)[:2]) > 0.01)
    T = geometry.look_at(eye, target)
    step = geometry.invert(T)[:3, :3] @ [0, 0, 1]
    assert abs(step[0]) < 1e-9
    assert step[1] < 0


def test_look_at_by_hand() -> None:
    """From -y towards +y: x is right, z up, so the camera's axes are x, -z, y."""
    T = geometry.look_at([0, -2, 0], [0, 1, 0])
    assert np.allclose(T[:3, :3].T, [[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    down = geometry.look_at([0, 0, 2], [0, 0, 0])
    assert np.allclose(down[:3, 2], [0, 0, -1])
    assert np.allclose(geometry.invert(down)[:3, :3] @ [0, 1, 0], [0, -1, 0]), "y is up"
    assert is_rigid(geometry.look_at([0, 0, -2], [0, 0, 0]))


@pytest.mark.parametrize("roll", [0.3, -1.0, np.pi / 2])
def test_roll_is_clockwise_from_behind(roll: float) -> None:
    """The camera turned clockwise turns the world anticlockwise in the picture."""
    T = geometry.look_at([0, -2, 0], [0, 0, 0], roll)
    up = geometry.invert(T)[:3, :3] @ [0, 0, 1]
    u, v = up[0], up[1]
    assert np.allclose([u, v], [-np.sin(roll), -np.cos(roll)])


def test_look_at_nothing() -> None:
    with pytest.raises(ValueError, match="same point"):
        geometry.look_at([1, 2, 3], [1, 2, 3])


@given(intrinsics(), arrays.arrays(np.float64, (5, 2), elements=st.floats(-500, 3000)),
       st.floats(0.01, 100))  # fmt: skip
def test_projection_and_rays_are_inverse(K: Float, pixels: Float, depth: float) -> None:
    rays = geometry.pixel_rays(K, pixels)
    assert np.allclose(rays[:, 2], 1)
    assert np.allclose(geometry.project(rays * depth, K), pixels, atol=1e-6)


def test_projection_by_hand() -> None:
    K = [[100, 0, 40], [0, 50, 20], [0, 0, 1]]
    pixels = geometry.project([[0.2, -0.1, 2.0], [0, 0, 1.0], [1, 1, 0], [1, 1, -1]], K)
    assert np.allclose(pixels[:2], [[50, 17.5], [40, 20]])
    assert np.isnan(pixels[2:]).all()


@given(points, quaternions, points, quaternions, points)
def test_transforms(a: Float, q: Float, b: Float, r: Float, point: Float) -> None:
    T_x_y, T_y_z = geometry.transform(a, q), geometry.transform(b, r)
    assert is_rigid(T_x_y)
    assert np.allclose(geometry.invert(T_x_y) @ T_x_y, np.eye(4), atol=1e-8)
    through = geometry.apply_transform(T_x_y, geometry.apply_transform(T_y_z, [point]))
    assert np.allclose(geometry.apply_transform(T_x_y @ T_y_z, [point]), through, atol=1e-8)
    back = geometry.quaternion_of(T_x_y)
    assert back[3] >= 0
    assert np.isclose(abs(back @ (q / np.linalg.norm(q))), 1)


def test_quaternions_are_xyzw() -> None:
    half = np.sqrt(0.5)
    T = geometry.transform([1, 2, 3], [0, 0, half, half])
    assert np.allclose(geometry.apply_transform(T, [[1, 0, 0]]), [[1, 3, 3]])


@given(angles, st.floats(-1.5, 1.5))
def test_direction(azimuth: float, elevation: float) -> None:
    x, y, z = geometry.direction(azimuth, elevation)
    assert np.isclose(x * x + y * y + z * z, 1)
    assert np.isclose(np.arcsin(z), elevation)
    assert np.isclose(np.exp(1j * np.arctan2(y, x)), np.exp(1j * azimuth))


@given(arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_box_of_mask(mask: NDArray[np.bool_]) -> None:
    box = geometry.box_of_mask(mask)
    if not mask.any():
        assert box is None
        assert geometry.box_as_bop(box, True) == (-1, -1, -1, -1)
        return
    rows, columns = np.nonzero(mask)
    x, y, w, h = box
    assert (x, y) == (columns.min(), rows.min())
    assert (x + w - 1, y + h - 1) == (columns.max(), rows.max())
    assert mask[y : y + h, x : x + w].sum() == mask.sum()
    assert geometry.box_as_bop(box, True) == (x, y, np.ptp(columns), np.ptp(rows))
    assert geometry.box_as_bop(box, False) == (-1, -1, -1, -1)


boxes = st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 12)] * 2)


@given(boxes, boxes)
def test_box_iou_counts_cells(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    canvas = np.zeros((2, 30, 30), bool)
    for layer, (x, y, w, h) in zip(canvas, (a, b), strict=True):
        layer[y : y + h, x : x + w] = True
    expected = (canvas[0] & canvas[1]).sum() / (canvas[0] | canvas[1]).sum()
    assert np.isclose(geometry.box_iou(a, b), expected)
    assert geometry.box_iou(a, b) == geometry.box_iou(b, a)


def test_shift_pixel_centre() -> None:
    """A point at BOP's pixel (0.5, 0.5), the top left centre, is at (0, 0) for us."""
    K_bop = np.array([[500, 0, 320], [0, 500, 240], [0, 0, 1.0]])
    point = geometry.pixel_rays(K_bop, [[0.5, 0.5]])
    assert np.allclose(geometry.project(point, geometry.shift_pixel_centre(K_bop)), 0, atol=1e-9)
    assert K_bop[0, 2] == 320, "the argument stays as it is"
