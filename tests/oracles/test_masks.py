"""Masks against ray casting, and BOP's and COCO's definitions against masks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from oracles import bop
from oracles.conftest import Shot
from oracles.ray_casting import away_from_edges

Mask = NDArray[np.bool_]


def masks_of(shot: Shot, name: str) -> list[Mask]:
    """Decode a mask file by pycocotools."""
    stored = shot.json(name)
    assert list(stored) == [str(place) for place in range(len(shot.bodies))]
    return [
        coco.decode(coco.frPyObjects(rle, *rle["size"])).astype(bool) for rle in stored.values()
    ]


def depth_file(shot: Shot) -> NDArray[np.uint16]:
    return cv2.imdecode(np.frombuffer(shot.files["depth.png"], np.uint8), cv2.IMREAD_UNCHANGED)


def test_visible_masks_are_a_partition_of_the_labelled_pixels(shots: list[Shot]) -> None:
    for shot in shots:
        masks = masks_of(shot, "mask_visib.json")
        covered = np.sum(masks, axis=0, dtype=int)
        assert covered.max() == 1, shot.name
        labelled = [i for i, body in enumerate(shot.sample.scene.bodies, 1) if body.labelled]
        by_rays = np.isin(shot.seen.ids, labelled)
        core = away_from_edges(shot.seen.ids)
        assert ((covered == 1) == by_rays)[core].mean() > 0.999, shot.name
        for place, (instance_id, mask) in enumerate(zip(labelled, masks, strict=True)):
            assert np.array_equal(mask, shot.sample.frame.instance == instance_id), place


def test_amodal_masks_contain_the_visible_ones(shots: list[Shot]) -> None:
    for shot in shots:
        pairs = zip(masks_of(shot, "mask.json"), masks_of(shot, "mask_visib.json"), strict=True)
        assert all((mask | ~visible).all() for mask, visible in pairs), shot.name


def test_amodal_masks_are_the_objects_alone(shots: list[Shot]) -> None:
    """At most 1 pixel in 300, and 2 more, may be decided the other way; only at the edge."""
    cut = hidden = 0
    for shot in shots:
        for place, mask in enumerate(masks_of(shot, "mask.json")):
            expected = shot.inside(place)
            differs = mask != expected
            assert differs.sum() <= 2 + expected.sum() / 300, f"{shot.name}: {place}"
            assert not (differs & away_from_edges(expected.astype(int), 1)).any(), shot.name
            own, _ = shot.sample.scene.labelled()[place]
            hidden += np.count_nonzero(expected & (shot.sample.frame.instance != own)) > 20
            cut += shot.alone[place].sum() > expected.sum() > 0
    assert cut >= 5
    assert hidden >= 5


def test_gt_info_is_what_bop_defines(shots: list[Shot]) -> None:
    partly = unseen = outside = 0
    for shot in shots:
        depth = depth_file(shot)
        visible = masks_of(shot, "mask_visib.json")
        for place, info in enumerate(shot.json("gt_info.json")):
            expected = bop.gt_info(shot.alone[place], visible[place], depth)
            assert info.keys() == expected.keys()
            for key in ("bbox_visib", "px_count_visib"):
                assert info[key] == expected[key], f"{shot.name}: {place}: {key}"
            for key in ("px_count_all", "px_count_valid"):
                most = 2 + expected[key] / 300
                assert abs(info[key] - expected[key]) <= most, f"{shot.name}: {place}: {key}"
            assert np.abs(np.subtract(info["bbox_obj"], expected["bbox_obj"])).max() <= 1
            if info["px_count_all"]:
                assert info["visib_fract"] == info["px_count_visib"] / info["px_count_all"]
            else:
                assert info["visib_fract"] == 0
            partly += 0.05 < info["visib_fract"] < 0.95
            unseen += info["bbox_visib"] == [-1, -1, -1, -1]
            outside += min(info["bbox_obj"][:2]) < -1
    assert partly >= 5
    assert unseen >= 1
    assert outside >= 1


def test_gt_info_against_the_masks_that_are_stored(shots: list[Shot]) -> None:
    """Exact, for no tie at an edge comes in: bop.py on the very masks of the file."""
    for shot in shots:
        depth, visible = depth_file(shot), masks_of(shot, "mask_visib.json")
        for place, mask in enumerate(masks_of(shot, "mask.json")):
            info = shot.json("gt_info.json")[place]
            assert info["px_count_valid"] == (mask & (depth > 0)).sum()
            silhouette = shot.sample.labels["silhouette"][place]
            if silhouette.area == mask.sum() and visible[place].any():
                assert info["bbox_obj"] == bop.box(mask), shot.name
                assert info["px_count_all"] == mask.sum()


def test_our_boxes_are_cocos(shots: list[Shot]) -> None:
    for shot in shots:
        instances = shot.json("labels.json")["instances"]
        for instance, rle in zip(instances, shot.json("mask_visib.json").values(), strict=True):
            packed = coco.frPyObjects(rle, *rle["size"])
            expected = coco.toBbox(packed).tolist()
            assert (instance["bbox_visib"] or [0, 0, 0, 0]) == expected, shot.name
            assert instance["visib_fract"]["px_count_visib"] == coco.area(packed)


def test_depth_file(shots: list[Shot]) -> None:
    """16 bit, z-depth and not ray distance, in steps of ``depth_scale`` mm, 0 where nothing is."""
    for shot in shots:
        depth = depth_file(shot)
        assert depth.dtype == np.uint16
        assert depth.shape == shot.seen.ids.shape
        millimetres = depth * shot.json("camera.json")["depth_scale"]
        assert shot.json("camera.json")["depth_scale"] == 0.2
        core = away_from_edges(shot.seen.ids)
        error = np.abs(millimetres - shot.seen.depth * 1000)[core]
        assert np.quantile(error, 0.99) < 0.1 + 0.1 + 0.1 * shot.seen.depth.max()
