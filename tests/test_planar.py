"""Printed plates: what is on them is where the labels say, and they do not run into each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from simkit.assets.cards import FIRST_ID, GRID, dictionary_of, fiducials, plates
from simkit.assets.color import linear_of_bytes
from simkit.assets.sheets import Sheet, categorized, read_sheets
from simkit.errors import AssetError, ConfigError, SimkitError
from simkit.geometry import apply_transform, project
from simkit.pipeline import Pipeline, Sample
from simkit.plates import CLEARANCE, STEEPEST, Plate, laid, overlap

CARD = (0.063, 0.088, 0.0003)
CORNERS = np.array([[-1, 1, 0], [1, 1, 0], [1, -1, 0], [-1, -1, 0]]) / 2
"""Of a square of side 1, in the order in which OpenCV's detector gives them."""

FRONT = np.array([0.0, 0.0, 0.0005])
"""From a marker's middle to its front [m]."""

PLAIN: dict[str, Any] = {
    "material": {"keep_look": 1.0, "kept_cast": 0.0, "kept_brightness": 1.0, "roughness": 1.0,
                 "background": "plain", "value": 0.5},
    "light": {"elevation_deg": 80, "intensity": 0.5, "ambient": 0.4, "temperature": 6500},
}  # fmt: skip


def config(scene: dict[str, Any], camera: dict[str, Any]) -> dict[str, Any]:
    return {
        "models": {"collision": "convex_hull"},
        "scene": {"family": "planar", **scene},
        "randomizers": {**PLAIN, "camera": camera},
        "render": {"backend": "embree"},
    }


def seen(sample: Sample, points: np.ndarray, body: str) -> np.ndarray:
    """Pixels (N, 2) of points (N, 3) in a body's frame."""
    (one,) = [b for b in sample.scene.bodies if b.name == body]
    T = sample.camera.T_camera_world @ one.T_world_body
    return project(apply_transform(T, points), sample.camera.K)


def found_markers(picture: np.ndarray) -> dict[int, list[np.ndarray]]:
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    detector = cv2.aruco.ArucoDetector(dictionary_of("DICT_4X4_50"), parameters)
    corners, ids, _ = detector.detectMarkers(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    found: dict[int, list[np.ndarray]] = {}
    for four, number in zip(corners, [] if ids is None else ids.ravel(), strict=True):
        found.setdefault(int(number), []).append(four.reshape(4, 2))
    return found


@pytest.mark.parametrize("arrangement", ["apart", "held"])
def test_markers_are_detected_where_their_labels_are(arrangement: str) -> None:
    scene = {"arrangement": arrangement, "count": 4, "include": ["marker/*"], "face_up": 1.0,
             "tilt_deg": [0, 30], "lift": [0.02, 0.1]}  # fmt: skip
    camera = {"distance": [0.5, 0.6], "elevation_deg": [60, 85], "fov_deg": 50}
    offsets = []
    with Pipeline(config(scene, camera)) as pipeline:
        for index in range(4):
            sample = pipeline(index)
            found = found_markers(sample.picture)
            fractions = [one["visib_fract"] for one in sample.labels["visib_fract"]]
            for (_, body), fraction in zip(sample.scene.labelled(), fractions, strict=True):
                if fraction < 1:
                    continue
                number = int(body.model.partition("/")[2])
                expected = seen(sample, CORNERS * 0.05 + FRONT, body.name)
                assert number in found, f"{index}: {body.name} is not found"
                nearest = min(found[number], key=lambda four: np.abs(four - expected).max())
                error = np.abs(nearest - expected).max()
                assert error < 1.0, f"{index}: {body.name}: {error:.2f} px"
                offsets.append((nearest - expected).mean(axis=0))
    assert len(offsets) >= 10
    assert np.abs(np.mean(offsets, axis=0)).max() < 0.1, "half a pixel would show"


def test_a_charuco_board_is_found_corner_by_corner() -> None:
    scene = {"arrangement": "apart", "count": 1, "include": ["board/charuco"], "face_up": 1.0,
             "spread": 0.0}  # fmt: skip
    camera = {"distance": 0.5, "elevation_deg": 70, "fov_deg": 50, "jitter": 0}
    with Pipeline(config(scene, camera)) as pipeline:
        sample = pipeline(0)
    side = 0.05 / 6 * 8  # a 4x4 marker has 6 modules, its square two more
    shape = (GRID[0] + 1, GRID[1] + 1)
    board = cv2.aruco.CharucoBoard(shape, side, 0.05, dictionary_of("DICT_4X4_50"))
    grey = cv2.cvtColor(sample.picture, cv2.COLOR_RGB2GRAY)
    corners, ids, _, _ = cv2.aruco.CharucoDetector(board).detectBoard(grey)
    assert ids is not None
    assert len(ids) == GRID[0] * GRID[1]
    at = board.getChessboardCorners()[ids.ravel()]  # x right, y down from the top left corner
    points = np.column_stack(
        [at[:, 0] - shape[0] * side / 2, shape[1] * side / 2 - at[:, 1], np.full(len(at), 0.0005)]
    )
    (_, body), = sample.scene.labelled()  # fmt: skip
    assert np.abs(corners.reshape(-1, 2) - seen(sample, points, body.name)).max() < 0.3


COLORS = np.array([[[200, 30, 30], [30, 160, 30]], [[30, 30, 200], [190, 180, 30]]], dtype=np.uint8)


@pytest.mark.parametrize("face_up", [True, False])
def test_fronts_and_backs_are_the_right_way_up(tmp_path: Path, face_up: bool) -> None:
    """Each quadrant has its colour; a back is seen as if the card were turned over like a page."""
    front = np.repeat(np.repeat(COLORS, 60, axis=0), 40, axis=1)
    cv2.imwrite(str(tmp_path / "front.png"), front[..., ::-1])
    cv2.imwrite(str(tmp_path / "back.png"), front[:, ::-1, ::-1])
    scene = {"images": str(tmp_path), "back": str(tmp_path / "back.png"), "arrangement": "apart",
             "count": 1, "spread": 0.0, "face_up": float(face_up)}  # fmt: skip
    camera = {"distance": 0.3, "elevation_deg": 70, "fov_deg": 40, "jitter": 0}
    with Pipeline(config(scene, camera)) as pipeline:
        assert pipeline.library.names_of("cards") == ["front"]
        sample = pipeline(0)
    (_, body), = sample.scene.labelled()  # fmt: skip
    across = 1 if face_up else -1  # turned over, its own +x points to the left
    for row, y in enumerate((1, -1)):
        for column, x in enumerate((-1, 1)):
            point = [[across * x * CARD[0] / 4, y * CARD[1] / 4, 0]]
            u, v = np.rint(seen(sample, np.array(point), body.name)[0]).astype(int)
            shown = linear_of_bytes(sample.picture[v, u])
            wanted = COLORS[row, column] if face_up else COLORS[row, 1 - column]
            alike = [
                float(np.corrcoef(shown, linear_of_bytes(c))[0, 1]) for c in COLORS.reshape(4, 3)
            ]
            assert np.array_equal(COLORS.reshape(4, 3)[int(np.argmax(alike))], wanted), (
                row,
                column,
            )


def box_of(plate: Plate) -> np.ndarray:
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    return signs * np.array(plate.size) / 2 @ plate.rotation.T + plate.position


def meet(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether the hulls of points (N, 3) have a point in common: an affine programme, in mm."""
    A = np.vstack([1e3 * np.hstack([a.T, -b.T]), np.repeat(np.eye(2), [len(a), len(b)], axis=1)])
    found = linprog(np.zeros(len(a) + len(b)), A_eq=A, b_eq=[0, 0, 0, 1, 1], method="highs")
    return bool(found.status == 0)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.0002, 0.002))
def test_laid_plates_touch_and_do_not_run_into_each_other(seed: int, thickness: float) -> None:
    rng = np.random.default_rng(seed)
    done: list[Plate] = []
    for _ in range(6):
        size = (*rng.uniform(0.05, 0.1, 2), thickness)
        place = rng.uniform(-0.04, 0.04, 2)
        plate = laid(size, place, rng.uniform(0, 6), bool(rng.random() < 0.5), done)
        if plate is not None:
            done.append(plate)
    assert len(done) >= 2
    boxes = [box_of(plate) for plate in done]
    assert min(box[:, 2].min() for box in boxes) >= -1e-9
    for k, box in enumerate(boxes):
        assert not any(meet(box, other) for other in boxes[:k]), f"{k}"
        lower = box - [0, 0, 4 * CLEARANCE]
        assert lower[:, 2].min() < 0 or any(meet(lower, other) for other in boxes[:k]), (
            f"{k} floats"
        )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6))
def test_overlap_has_the_area_of_the_points_in_both(at: list[float]) -> None:
    def inside(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
        along = np.roll(polygon, -1, axis=0) - polygon
        away = points[:, None] - polygon
        return (along[:, 0] * away[..., 1] - along[:, 1] * away[..., 0] >= 0).all(axis=1)

    def rectangle(x: float, y: float, turn: float) -> np.ndarray:
        c, s = np.cos(np.pi * turn), np.sin(np.pi * turn)
        corners = np.array([[0.5, 0.3], [-0.5, 0.3], [-0.5, -0.3], [0.5, -0.3]])
        return corners @ np.array([[c, s], [-s, c]]) + [x, y]

    a, b = rectangle(*at[:3]), rectangle(*at[3:])
    steps = np.linspace(-1.6, 1.6, 321)
    points = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    counted = (inside(a, points) & inside(b, points)).sum() * 0.01**2
    shared = overlap(a, b)
    x, y = shared.reshape(-1, 2).T
    area = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    assert area == pytest.approx(counted, abs=0.03)


@pytest.mark.parametrize("arrangement", ["apart", "stacked", "fanned", "held"])
def test_arrangements(arrangement: str) -> None:
    scene = {"arrangement": arrangement, "count": 6, "include": ["marker/*"]}
    with Pipeline(config(scene, {"width": 32, "height": 24})) as pipeline:
        shared = 0
        for index in range(4):
            sample = pipeline(index)
            plates_ = [
                Plate((0.0667, 0.0667, 0.001), np.array(b.position), b.T_world_body[:3, :3])
                for _, b in sample.scene.labelled()
            ]
            boxes = [box_of(plate) for plate in plates_]
            assert min(box[:, 2].min() for box in boxes) >= -1e-9
            pairs = [(a, b) for a in range(6) for b in range(a)]
            assert not any(meet(boxes[a], boxes[b]) for a, b in pairs)
            prints = [plate.footprint for plate in plates_]
            shared += sum(len(overlap(prints[a], prints[b])) > 2 for a, b in pairs)
            (top,) = [b for b in sample.scene.bodies if b.name == "table"]
            half = np.array(top.scale[:2]) / 2
            assert all((np.abs(box[:, :2]) <= half + 1e-9).all() for box in boxes)
    if arrangement in ("stacked", "fanned"):
        assert shared >= 4 * 5
    if arrangement == "apart":
        assert shared == 0


def test_what_falls_on_plates_moves_none() -> None:
    scene = {"count": 3, "distractors": 3, "distractor_shapes": 1.0, "objects": 1,
             "spread": [-0.05, 0.05], "arrangement": "stacked"}  # fmt: skip
    with Pipeline(config(scene, {"width": 32, "height": 24})) as pipeline:
        sample = pipeline(0)
    bodies = {body.name: body for body in sample.scene.bodies}
    for number, one in enumerate(sample.params["scene"]["plates"]):
        plate = bodies[f"{one['model']}#{number}"]
        assert list(plate.position) == one["position"]
    assert sample.params["physics"]["rest"] == 4
    assert len(sample.scene.labelled()) == 4, "three plates and an object"


def test_thick_plates_are_not_laid_over_each_other() -> None:
    under = laid((0.05, 0.05, 0.03), (0, 0), 0.0, True, [])
    assert under is not None
    assert laid((0.05, 0.05, 0.03), (0.03, 0), 0.0, True, [under]) is None
    with Pipeline(
        config({"arrangement": "stacked", "count": 8, "marker_depth": 0.03}, {"width": 32})
    ) as pipeline:
        scene = pipeline(0).scene
    upright = [abs(body.T_world_body[2, 2]) for _, body in scene.labelled()]
    assert len(upright) == 8, "others lie level, on the table or on one of them"
    assert min(upright) > np.cos(2**0.5 * STEEPEST)


def test_categories_of_names() -> None:
    blank = np.zeros((2, 2, 3), dtype=np.uint8)
    sheets = [Sheet(name, name, blank, CARD) for name in ("9C", "9D", "KH")]
    named = categorized(sheets, "^(.)[CDHS]$", {"9": "nine", "K": "king"})
    library = plates(named)
    assert [(m.category, m.category_id) for m in library.values()] == [
        ("nine", FIRST_ID + 1), ("nine", FIRST_ID + 1), ("king", FIRST_ID)
    ]  # fmt: skip
    assert [m.obj_id for m in plates(named, include=["K*"]).values()] == [FIRST_ID + 2]
    assert all(m.watertight for m in library.values())
    for pattern, names, message in (
        ("^(.)[CD]$", {}, "does not match"),
        ("", {"9C": "nine"}, "lacks '9D'"),
    ):
        with pytest.raises(AssetError, match=message):
            categorized(sheets, pattern, names)
    with pytest.raises(AssetError, match="matches none"):
        plates(named, include=["Q*"])


def test_images_give_size_and_category(tmp_path: Path) -> None:
    (tmp_path / "flags").mkdir()
    clear = np.zeros((20, 40, 4), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "flags" / "a.png"), clear)
    cv2.imwrite(str(tmp_path / "b.png"), clear)
    first, second = read_sheets(tmp_path, CARD, own_aspect=True)
    assert (first.name, first.category) == ("b", "b")
    assert (second.name, second.category) == ("flags/a", "flags")
    assert first.size == (0.063, 0.0315, 0.0003)
    assert (first.front == 255).all(), "what is transparent is white"


@pytest.mark.parametrize(
    ("scene", "message"),
    [
        ({"images": "no/such/folder"}, "no such folder"),
        ({"dictionary": "DICT_4X4_51"}, "did you mean 'DICT_4X4_50'"),
        ({"markers": 51}, "more than the 50"),
        ({"plate_size": [0.1, 0.1]}, "plate_size"),
    ],
)
def test_errors_name_the_key(scene: dict[str, Any], message: str) -> None:
    with pytest.raises(SimkitError, match=message):
        Pipeline(config(scene, {}))


def test_fiducials_have_a_quiet_zone() -> None:
    for sheet in fiducials("DICT_4X4_50", 3, 0.05, 0.001):
        edge = np.concatenate(
            [sheet.front[0], sheet.front[-1], sheet.front[:, 0], sheet.front[:, -1]]
        )
        assert (edge == 255).all()
        assert sheet.front.shape[1] / sheet.front.shape[0] == pytest.approx(
            sheet.size[0] / sheet.size[1]
        )


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"scene\.arrangement"):
        Pipeline(config({"arrangement": "thrown"}, {}))
