"""Drawn labels stand where the labels say, and what is not known is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simkit.dataset.query import select, where
from simkit.dataset.reader import open_dataset
from simkit.draw import (
    AXIS_COLORS,
    Instance,
    contact_sheet,
    draw_labels,
    draw_picture,
    instance_color,
    picture_of_record,
    picture_of_sample,
)
from simkit.errors import DatasetError

GREY = np.full((120, 160, 3), 128, dtype=np.uint8)
CAM_K = np.array([[100.0, 0, 79.5], [0, 100.0, 59.5], [0, 0, 1]])


def test_drawing_leaves_its_input_alone() -> None:
    image = GREY.copy()
    draw_labels(image, [_instance()], CAM_K)
    assert np.array_equal(image, GREY)


def test_nothing_to_draw_gives_the_enlarged_image() -> None:
    drawn = draw_labels(GREY, [], CAM_K)
    assert drawn.shape == (360, 480, 3)
    assert np.array_equal(drawn, np.full_like(drawn, 128))
    assert draw_labels(GREY, [Instance()], CAM_K, zoom=1).tolist() == GREY.tolist()


def test_mask_is_filled_and_outlined_just_where_it_is() -> None:
    mask = np.zeros((120, 160), dtype=bool)
    mask[40:60, 50:90] = True
    drawn = draw_labels(GREY, [Instance(mask_visib=mask)], zoom=1)
    changed = (drawn != GREY).any(axis=2)
    assert np.array_equal(changed, mask)
    assert tuple(drawn[40, 50]) == instance_color(0)
    assert tuple(drawn[50, 70]) != instance_color(0)


@pytest.mark.parametrize("zoom", [1, 3])
def test_box_lies_on_the_outermost_pixels(zoom: int) -> None:
    drawn = draw_labels(GREY, [Instance(bbox_visib=(50, 40, 40, 20))], zoom=zoom)
    rows, columns = np.nonzero((drawn != 128).any(axis=2))
    assert (columns.min(), columns.max()) == (50 * zoom, 90 * zoom - 1)
    assert (rows.min(), rows.max()) == (40 * zoom, 60 * zoom - 1)


def test_amodal_box_is_dashed_and_may_leave_the_image() -> None:
    drawn = draw_labels(GREY, [Instance(bbox_obj=(-30, 40, 80, 500))], zoom=1)
    top = (drawn[40, :50] != 128).any(axis=1)
    assert 0.3 < top.mean() < 0.8


def test_axes_have_their_colours_and_directions() -> None:
    T = np.eye(4)
    T[:3, 3] = 0, 0, 1
    drawn = draw_labels(GREY, [Instance(T_camera_body=T, size=0.4)], CAM_K, zoom=1)
    assert tuple(drawn[59, 90]) == AXIS_COLORS[0]
    assert tuple(drawn[70, 79]) == AXIS_COLORS[1]


def test_poses_behind_the_camera_are_left_out() -> None:
    behind, crossing = np.eye(4), np.eye(4)
    behind[2, 3] = -1
    crossing[:3, :3] = np.diag([1, -1, -1])
    crossing[2, 3] = 0.1
    drawn = draw_labels(GREY, [Instance(T_camera_body=behind, size=1)], CAM_K, zoom=1)
    assert np.array_equal(drawn, GREY)
    draw_labels(GREY, [Instance(T_camera_body=crossing, size=1)], CAM_K)


def test_no_axes_of_what_is_not_seen_or_by_unknown_cameras() -> None:
    T = np.eye(4)
    T[2, 3] = 1
    hidden = Instance(T_camera_body=T, size=0.4, visib_fract=0.0)
    assert np.array_equal(draw_labels(GREY, [hidden], CAM_K, zoom=1), GREY)
    seen = Instance(T_camera_body=T, size=0.4)
    assert np.array_equal(draw_labels(GREY, [seen], None, zoom=1), GREY)


def test_colours_are_distinct_and_stable() -> None:
    colors = [instance_color(place) for place in range(24)]
    assert colors == [instance_color(place) for place in range(24)]
    gaps = [np.abs(np.subtract(a, b)).max() for i, a in enumerate(colors) for b in colors[:i]]
    assert min(gaps) > 20


@pytest.mark.parametrize(
    ("fraction", "caption"),
    [(None, "mug"), (0.0, "mug 0.00"), (0.003, "mug <0.01"), (0.5, "mug 0.50")],
)
def test_caption(fraction: float | None, caption: str) -> None:
    assert Instance(name="mug", visib_fract=fraction).caption == caption


def test_contact_sheet_holds_every_image_whole() -> None:
    images = [np.full((30, 40 + i, 3), 10 * i + 50, dtype=np.uint8) for i in range(5)]
    sheet = contact_sheet(images, columns=2, captions=[f"image {i}" for i in range(5)])
    for i, image in enumerate(images):
        assert np.count_nonzero((sheet == 10 * i + 50).all(axis=2)) >= image[..., 0].size
    with pytest.raises(ValueError, match="captions"):
        contact_sheet(images, captions=["one"])
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])


def test_sample_and_record_give_the_same_picture(small: Any, tmp_path: Path) -> None:
    from simkit import Pipeline, generate

    config = small(physics={"enabled": False})
    generate(config, tmp_path, n=1)
    dataset = open_dataset(tmp_path)
    stored = picture_of_record(dataset[0], dataset.description)
    with Pipeline(config) as pipeline:
        fresh = picture_of_sample(pipeline(0), pipeline.library)
    assert len(fresh.instances) > 0
    assert np.array_equal(draw_picture(fresh), draw_picture(stored))


def test_few_labels_can_be_drawn(small: Any) -> None:
    from simkit import Pipeline

    with Pipeline(small(physics={"enabled": False}, labels=["bbox_visib"])) as pipeline:
        picture = picture_of_sample(pipeline(0), pipeline.library)
    assert picture.instances[0].T_camera_body is None
    assert picture.instances[0].name
    draw_picture(picture)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("index = 2", [2]),
        ("index==2", [2]),
        ("index != 2", [0, 1, 3, 4, 5, 6]),
        ("index<2", [0, 1]),
        ("index <= 2", [0, 1, 2]),
        ("index > 5", [6]),
        ("index >= 5", [5, 6]),
        ("status = ok", [0, 1, 2, 3, 4, 5, 6]),
        ("key = 000001_000000", [2]),
    ],
)
def test_conditions(small_dataset: Path, condition: str, expected: list[int]) -> None:
    index = open_dataset(small_dataset).index
    assert where(index, [condition]).column("index").to_pylist() == expected


def test_conditions_on_lists(small_dataset: Path) -> None:
    index = open_dataset(small_dataset).index
    category = index.column("categories")[0].as_py()[0]
    having = where(index, [f"categories = {category}"]).column("index").to_pylist()
    lacking = where(index, [f"categories != {category}"]).column("index").to_pylist()
    assert 0 in having
    assert sorted(having + lacking) == list(range(7))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("index", "is no condition"),
        ("indx = 1", "did you mean 'index'"),
        ("index > many", "is no number"),
        ("key > b", "holds text"),
    ],
)
def test_wrong_conditions(small_dataset: Path, condition: str, message: str) -> None:
    index = open_dataset(small_dataset).index
    with pytest.raises(DatasetError, match=message):
        where(index, [condition])
    with pytest.raises(DatasetError, match="unknown"):
        select(index, ["no_such_column"])


def _instance() -> Instance:
    T = np.eye(4)
    T[2, 3] = 1.0
    mask = np.zeros((120, 160), dtype=bool)
    mask[40:60, 50:90] = True
    return Instance("mug", mask, (50, 40, 40, 20), (50, 40, 60, 30), 0.5, T, 0.1)


def _labelled(**values: Any) -> Any:
    from simkit.panels import Labelled

    return Labelled(np.full((60, 400, 3), 128, dtype=np.uint8), values)


def test_every_stored_label_has_a_panel_or_is_part_of_one() -> None:
    from simkit import registry
    from simkit.labels import Annotators
    from simkit.panels import PANELS

    helpers = {"identity", "cam_K", "camera", "nocs_scale", "panoptic", "visib_fract"}
    states = {f"{name}_state" for name in ("flow_forward", "flow_backward", "disparity")}
    names = registry.names("annotators")
    stored = {name for name in names if Annotators([name]).kind(name) != "internal"}
    assert stored - set(PANELS) <= helpers | states
    assert set(PANELS) <= stored


def test_flow_has_the_colour_of_its_direction_on_the_wheel() -> None:
    from simkit.panels import draw_panels

    flow = np.zeros((60, 400, 2), dtype=np.float32)
    flow[:, :200, 0], flow[:, 200:, 0] = 3.0, -3.0
    (_, drawn), _ = draw_panels(_labelled(flow_forward=flow), ["flow_forward"])
    assert drawn[30, 100].tolist() == [255, 0, 0]
    assert np.abs(drawn[30, 300].astype(int) - [0, 255, 255]).max() <= 2
    state = np.zeros((60, 400), dtype=np.uint8)
    state[:, :200] = 1
    values = {"flow_forward": flow, "flow_forward_state": state}
    (_, hatched), _ = draw_panels(_labelled(**values), ["flow_forward"])
    black = (hatched[20:48] == 0).all(axis=2)
    assert 0.2 < black[:, :200].mean() < 0.5
    assert not black[:, 200:300].any()


def test_normals_that_face_the_camera_are_blue_and_scalars_grow_brighter() -> None:
    from simkit.panels import draw_panels

    normals = np.zeros((60, 400, 3), dtype=np.float32)
    normals[..., 2] = -1
    depth = np.tile(np.linspace(0.5, 1.5, 400, dtype=np.float32), (60, 1))
    depth[:, :10] = 0
    images, captions = draw_panels(_labelled(normal=normals, depth=depth), ["normal", "depth"])
    assert captions == ["rgb", "depth (along z)", "normal (camera frame)"]
    assert images[2][30, 200].tolist() == [128, 128, 255]
    assert not images[1][10, :10].any()
    assert images[1][10, 20, 2] > images[1][10, 20, 0]
    assert images[1][10, 390, 0] > images[1][10, 390, 2]


def test_keypoints_are_dots_rings_and_crosses() -> None:
    from simkit.panels import draw_panels

    def at(x: float, state: str) -> dict[str, Any]:
        return {"name": state, "px": [x, 30.0], "state": state}

    points = [[at(50, "visible"), at(150, "occluded"), at(-40, "outside")]]
    (_, drawn), _ = draw_panels(_labelled(keypoints=points), ["keypoints"])
    assert tuple(drawn[30, 50]) == instance_color(0)
    assert tuple(drawn[30, 150]) == (70, 70, 70)
    assert (drawn[25:35, 145:155] != 70).any()
    assert (drawn[:, :8] != 70).any()
    assert (drawn[:, 200:] == 70).all()


def test_unknown_channels_are_refused() -> None:
    from simkit.errors import ConfigError
    from simkit.panels import drawable

    assert drawable(["normal", "depth"]) == ["depth", "normal"]
    with pytest.raises(ConfigError, match="did you mean 'depth'"):
        drawable(["dept"])


def test_sheets_of_all_labels_of_a_config_and_of_its_data_set(small: Any, tmp_path: Path) -> None:
    import yaml

    from simkit import generate
    from simkit.config import load_config
    from simkit.preview import label_sheets, possible_labels

    config = small(physics={"enabled": False})
    names = possible_labels(load_config(config))
    assert {"mask", "relations", "point_cloud", "keypoints"} <= set(names)
    assert not [name for name in names if "flow" in name or "disparity" in name]
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config))
    generate({**config, "labels": names}, tmp_path / "data", n=1)
    made = label_sheets(str(tmp_path / "small.yaml"), ["all"])
    stored = label_sheets(str(tmp_path / "data"), ["all"])
    assert list(made) == list(stored) == [0]
    assert made[0].shape == stored[0].shape
    assert np.mean((made[0] != stored[0]).any(axis=2)) < 0.02
    one = label_sheets(str(tmp_path / "small.yaml"), ["normal"], n=2)
    assert list(one) == [0, 1]
