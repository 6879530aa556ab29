"""Planted faults are caught, each by the check that is named after it; nothing else is."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from simkit.audit import CHECKS, audit
from simkit.audit.report import FAILED, NOT_CHECKED, NOT_STORED, PASSED
from simkit.audit.stored import rotation_of
from simkit.dataset.rle import decode_mask, encode_mask

Files = dict[str, bytes]
FAULTS: dict[str, tuple[Callable[[Files], None], set[str], set[str]]] = {}
"""By name: what changes the files, the checks that must fail, and those that may as well."""


def fault(must: str, may: str = "") -> Callable[[Callable[[Files], None]], Callable[[Files], None]]:
    def register(change: Callable[[Files], None]) -> Callable[[Files], None]:
        FAULTS[change.__name__] = change, set(must.split()), set(may.split())
        return change

    return register


def edited(files: Files, name: str, change: Callable[[Any], Any]) -> None:
    value = json.loads(files[name])
    files[name] = json.dumps(change(value) or value).encode()


def array(files: Files, name: str, change: Callable[[Any], Any]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, change(np.load(io.BytesIO(files[name]))))
    files[name] = buffer.getvalue()


def biggest(files: Files) -> int:
    """Return the instance of which most is seen."""
    return int(np.argmax([one["px_count_visib"] for one in json.loads(files["gt_info.json"])]))


def whole(files: Files) -> int:
    """Return an instance that lies in the image, border and all."""
    for place, one in enumerate(json.loads(files["labels.json"])["instances"]):
        x, y, width, height = one["bbox_obj"]
        if x > 0 and y > 0 and x + width < 128 and y + height < 96 and one["bbox_visib"]:
            return place
    raise AssertionError("all are cut by the border")


def remasked(files: Files, name: str, change: Callable[[Any], Any]) -> None:
    place = str(biggest(files))

    def one(masks: Any) -> None:
        masks[place] = encode_mask(change(decode_mask(masks[place])))

    edited(files, name, one)


def instance(files: Files, change: Callable[[Any], None]) -> None:
    place = biggest(files)
    edited(files, "labels.json", lambda labels: change(labels["instances"][place]))


COUNTED = "bbox_visib bbox_obj visib_fract visibility obb_visib occluders mask_visib_in_mask"
MAPS = "instance_map category_map panoptic_map parts"


@fault("mask_visib", f"{COUNTED} {MAPS} masks_disjoint object_coords nocs pnp")
def a_visible_mask_shifted_by_one_pixel(files: Files) -> None:
    remasked(files, "mask_visib.json", lambda mask: np.roll(mask, 1, axis=1))


@fault("mask", f"{COUNTED} pixel_centre")
def a_mask_shifted_by_one_pixel(files: Files) -> None:
    remasked(files, "mask.json", lambda mask: np.roll(mask, 1, axis=0))


@fault("mask_visib mask", f"{COUNTED} {MAPS} pixel_centre object_coords nocs pnp")
def two_swapped_masks(files: Files) -> None:
    for name in ("mask.json", "mask_visib.json"):
        edited(files, name, lambda m: m | {"0": m["1"], "1": m["0"]})


@fault("identity", f"{MAPS}")
def two_swapped_ids(files: Files) -> None:
    def swap(labels: Any) -> None:
        a, b = (labels["instances"][k]["identity"] for k in (0, 1))
        a["instance_id"], b["instance_id"] = b["instance_id"], a["instance_id"]

    edited(files, "labels.json", swap)


@fault("obj_id")
def a_wrong_obj_id(files: Files) -> None:
    edited(files, "gt.json", lambda gt: gt[0].update(obj_id=gt[0]["obj_id"] % 8 + 1))


@fault("depth")
def depth_as_ray_distance(files: Files) -> None:
    steps = cv2.imdecode(np.frombuffer(files["depth.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    K = np.reshape(json.loads(files["camera.json"])["cam_K"], (3, 3))
    v, u = np.mgrid[: steps.shape[0], : steps.shape[1]]
    rays = np.linalg.inv(K) @ np.stack([u, v, np.ones_like(u)]).reshape(3, -1).astype(float)
    longer = (steps * np.linalg.norm(rays, axis=0).reshape(steps.shape)).round().astype(np.uint16)
    files["depth.png"] = cv2.imencode(".png", longer)[1].tobytes()


OF_POSE = "mask projection bbox_obj visib_fract visibility bbox_3d bbox_loose pose_canonical pnp " \
          "object_coords nocs keypoints pixel_centre box_centre"  # fmt: skip


@fault("pose object_coords pnp", OF_POSE)
def a_transposed_rotation(files: Files) -> None:
    def transpose(gt: Any) -> None:
        one = gt[biggest(files)]
        one["cam_R_m2c"] = np.reshape(one["cam_R_m2c"], (3, 3)).T.ravel().tolist()

    edited(files, "gt.json", transpose)


OF_SCENE = "mask_visib depth ray_distance normal point_cloud stuff keypoints disparity occluders " \
           "flow_forward flow_consistency scene_flow_forward part_map contacts support on"  # fmt: skip


def turned(files: Files, change: Callable[[list[float]], list[float]]) -> None:
    def one(world: Any) -> None:
        bodies = [body for body in world["scene"]["bodies"] if body["labelled"]]
        body = bodies[biggest(files)]
        body["quaternion"] = change(body["quaternion"])

    edited(files, "params.json", one)


@fault("pose mask_visib depth", OF_SCENE)
def a_quaternion_in_the_order_wxyz(files: Files) -> None:
    turned(files, lambda q: [q[3], *q[:3]])


@fault("pose mask_visib depth", OF_SCENE)
def a_flipped_quaternion(files: Files) -> None:
    turned(files, lambda q: [-q[0], -q[1], -q[2], q[3]])


@fault("quaternion pose", OF_SCENE)
def a_quaternion_of_another_length(files: Files) -> None:
    turned(files, lambda q: [1.1 * value for value in q])


@fault("rotation pose", OF_POSE)
def a_rotation_with_a_scale(files: Files) -> None:
    edited(files, "gt.json", lambda gt: gt[0].update(
        cam_R_m2c=[1.02 * value for value in gt[0]["cam_R_m2c"]]))  # fmt: skip


@fault("pixel_centre mask", f"{OF_POSE} {OF_SCENE}")
def a_cam_K_off_by_half(files: Files) -> None:
    """In all files alike, so that no two contradict each other."""

    def off(K: list[list[float]]) -> list[list[float]]:
        return (np.array(K) + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])).tolist()

    def camera(value: Any) -> None:
        value["cam_K"] = np.ravel(off(np.reshape(value["cam_K"], (3, 3)))).tolist()

    edited(files, "camera.json", camera)
    for name, path in (("params.json", ("scene", "camera")), ("labels.json", ("image", "camera")),
                       ("labels.json", ("image", "cam_K"))):  # fmt: skip
        edited(
            files, name, lambda v, p=path: v[p[0]][p[1]].update(cam_K=off(v[p[0]][p[1]]["cam_K"]))
        )


@fault("camera")
def two_cameras_that_contradict(files: Files) -> None:
    edited(files, "labels.json", lambda v: v["image"]["cam_K"]["cam_K"][0].__setitem__(2, 60.0))


@fault("masks_disjoint mask_visib_in_mask", f"{COUNTED} {MAPS} mask_visib object_coords nocs pnp")
def an_overlapping_mask_visib(files: Files) -> None:
    def grow(masks: Any) -> None:
        first, second = decode_mask(masks["0"]), decode_mask(masks["1"])
        second[np.nonzero(first)[0][:3], np.nonzero(first)[1][:3]] = True
        masks["1"] = encode_mask(second)

    edited(files, "mask_visib.json", grow)


@fault("bbox_visib")
def a_box_of_width_max_minus_min(files: Files) -> None:
    instance(files, lambda one: one["bbox_visib"].__setitem__(2, one["bbox_visib"][2] - 1))


@fault("bbox_obj", "projection")
def an_amodal_box_of_width_max_minus_min(files: Files) -> None:
    def narrow(labels: Any) -> None:
        labels["instances"][whole(files)]["bbox_obj"][2] -= 1

    edited(files, "labels.json", narrow)


@fault("bbox_visib bbox_obj")
def boxes_of_ours_in_gt_info(files: Files) -> None:
    def widen(info: Any) -> None:
        for name in ("bbox_obj", "bbox_visib"):
            info[whole(files)][name][2] += 1

    edited(files, "gt_info.json", widen)


@fault("visib_fract")
def a_wrong_visib_fract(files: Files) -> None:
    edited(files, "gt_info.json", lambda info: info[biggest(files)].update(visib_fract=0.37))


@fault("visib_fract")
def a_px_count_of_the_image_alone(files: Files) -> None:
    instance(files, lambda one: one["visib_fract"].update(
        px_count_valid=one["visib_fract"]["px_count_valid"] - 5))  # fmt: skip


@fault("normal")
def normals_in_the_world_frame(files: Files) -> None:
    R = np.reshape(json.loads(files["camera.json"])["cam_R_w2c"], (3, 3))
    array(files, "normal.npy", lambda normals: (normals @ R).astype(np.float32))


@fault("normal")
def normals_away_from_the_camera(files: Files) -> None:
    array(files, "normal.npy", np.negative)


@fault("ray_distance")
def planar_depth_as_ray_distance(files: Files) -> None:
    K = np.reshape(json.loads(files["camera.json"])["cam_K"], (3, 3))
    v, u = np.mgrid[:96, :128]
    rays = np.linalg.inv(K) @ np.stack([u, v, np.ones_like(u)]).reshape(3, -1).astype(float)
    array(files, "ray_distance.npy", lambda d: d / np.linalg.norm(rays, axis=0).reshape(d.shape))


@fault("flow_forward flow_consistency")
def flow_the_other_way(files: Files) -> None:
    array(files, "flow_forward.npy", np.negative)


@fault("flow_forward flow_consistency")
def flow_in_the_order_y_x(files: Files) -> None:
    array(files, "flow_forward.npy", lambda flow: flow[..., ::-1].copy())


@fault("scene_flow_forward")
def scene_flow_in_the_world_frame(files: Files) -> None:
    array(files, "scene_flow_forward.npy", lambda flow: flow + np.float32(0.001))


@fault("disparity")
def disparity_of_the_other_sign(files: Files) -> None:
    array(files, "disparity.npy", np.negative)


@fault("object_coords pnp")
def object_coordinates_with_an_axis_flipped(files: Files) -> None:
    array(files, "object_coords.npy", lambda coords: coords * np.float32([1, -1, 1]))


@fault("nocs")
def nocs_off_by_a_half(files: Files) -> None:
    array(files, "nocs.npy", lambda coords: coords - np.float32(0.5) * (coords != 0))


@fault("instance_map")
def an_instance_map_of_places(files: Files) -> None:
    array(
        files, "instance_map.npy", lambda m: np.maximum(m.astype(np.int32) - 1, 0).astype(np.uint16)
    )


@fault("panoptic")
def a_segment_with_a_wrong_area(files: Files) -> None:
    edited(files, "labels.json", lambda v: v["image"]["panoptic"][0].update(area=7))


@fault("keypoints")
def keypoints_of_another_state(files: Files) -> None:
    def flip(labels: Any) -> None:
        other = {"visible": "occluded", "occluded": "visible", "outside": "visible"}
        for one in labels["instances"]:
            for point in one["keypoints"]:
                point["state"] = other[point["state"]]

    edited(files, "labels.json", flip)


@fault("bbox_3d")
def corners_in_another_order(files: Files) -> None:
    instance(files, lambda one: one["bbox_3d"]["corners_camera"].reverse())


@fault("occluders")
def an_occluder_left_out(files: Files) -> None:
    def remove(labels: Any) -> None:
        hidden = [one for one in labels["instances"] if one["occluders"]]
        hidden[0]["occluders"] = []

    edited(files, "labels.json", remove)


@fault("relations")
def left_and_right_exchanged(files: Files) -> None:
    def turn(labels: Any) -> None:
        triples = labels["image"]["relations"]
        labels["image"]["relations"] = [
            [b, what, a] if what == "left_of" else [a, what, b] for a, what, b in triples
        ]

    edited(files, "labels.json", turn)


def image_of(files: Files, change: Callable[[Any], Any]) -> None:
    def changed(labels: Any) -> None:
        change(labels["image"])

    edited(files, "labels.json", changed)


@fault("part_map parts")
def a_part_map_shifted_by_one_pixel(files: Files) -> None:
    array(files, "part_map.npy", lambda parts: np.roll(parts, 1, axis=1))


def of_two_parts(files: Files) -> int:
    """Return the instance of two parts of which most is seen."""
    seen = [
        min(part["px"] for part in one["parts"]["parts"]) if len(one["parts"]["parts"]) > 1 else 0
        for one in json.loads(files["labels.json"])["instances"]
    ]
    assert max(seen) > 20
    return int(np.argmax(seen))


@fault("part_map parts")
def two_exchanged_parts(files: Files) -> None:
    one = json.loads(files["labels.json"])["instances"][of_two_parts(files)]
    a, b = (part["part_id"] for part in one["parts"]["parts"])

    def exchange(parts: Any) -> Any:
        return np.where(parts == a, b, np.where(parts == b, a, parts)).astype(parts.dtype)

    array(files, "part_map.npy", exchange)


@fault("parts")
def a_part_of_another_name(files: Files) -> None:
    place = of_two_parts(files)
    edited(
        files,
        "labels.json",
        lambda v: v["instances"][place]["parts"]["parts"][0].update(name="lid"),
    )


@fault("contacts", "support")
def contacts_in_the_world_frame(files: Files) -> None:
    camera = json.loads(files["camera.json"])
    R, t = np.reshape(camera["cam_R_w2c"], (3, 3)), np.array(camera["cam_t_w2c"]) / 1000

    def to_world(image: Any) -> None:
        for one in image["contacts"]:
            one["points"] = ((np.array(one["points"]) - t) @ R).tolist()
            one["normal"] = (R.T @ one["normal"]).tolist()

    image_of(files, to_world)


@fault("contacts support")
def normals_the_other_way(files: Files) -> None:
    def turn(image: Any) -> None:
        for one in image["contacts"]:
            one["normal"] = [-value for value in one["normal"]]

    image_of(files, turn)


@fault("contacts support")
def a_contact_left_out(files: Files) -> None:
    image_of(files, lambda image: image["contacts"].pop())


@fault("contacts", "support")
def a_contact_of_two_that_are_apart(files: Files) -> None:
    def invent(image: Any) -> None:
        names = [one["name"] for one in json.loads(files["params.json"])["scene"]["bodies"]]
        known = {frozenset((one["a"], one["b"])) for one in image["contacts"]}
        other = next(
            name
            for name in names[::-1]
            if "#" in name
            and name != image["contacts"][0]["a"]
            and frozenset((name, image["contacts"][0]["a"])) not in known
        )
        image["contacts"].append({**image["contacts"][0], "b": other})

    image_of(files, invent)


@fault("contacts")
def a_gap_in_millimetres(files: Files) -> None:
    image_of(files, lambda image: [one.update(gap=one["gap"] - 0.001) for one in image["contacts"]])


@fault("support on")
def supporter_and_supported_exchanged(files: Files) -> None:
    def exchange(image: Any) -> None:
        image["support"] = [
            {"supporter": one["supported"], "supported": one["supporter"]}
            for one in image["support"]
        ]

    image_of(files, exchange)


@fault("support on")
def a_support_left_out(files: Files) -> None:
    image_of(files, lambda image: image["support"].pop())


@fault("on")
def on_and_under_exchanged(files: Files) -> None:
    def exchange(image: Any) -> None:
        image["relations"] = [
            [b, what, a] if what == "on" else [a, what, b] for a, what, b in image["relations"]
        ]

    image_of(files, exchange)


@fault("inside")
def what_lies_beside_said_to_be_inside(files: Files) -> None:
    def invent(image: Any) -> None:
        a, _, b = next(one for one in image["relations"] if one[1] == "left_of")
        image["relations"].append([a, "inside", b])

    image_of(files, invent)


@fault("relations on")
def a_relation_left_out(files: Files) -> None:
    edited(files, "labels.json", lambda v: v["image"].update(relations=[]))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught(name: str, tamper: Callable[..., Path]) -> None:
    change, must, may = FAULTS[name]
    report = audit(tamper(change), n=1)
    failing = set(report.failing_checks)
    assert must <= failing, f"{name}: {failing}"
    assert failing <= must | may, f"{name}: {failing - must - may}"


@pytest.mark.usefixtures("quick")
def test_what_a_fault_looks_like_is_said(tamper: Callable[..., Path]) -> None:
    def several(files: Files) -> None:
        depth_as_ray_distance(files)
        normals_in_the_world_frame(files)
        a_cam_K_off_by_half(files)

    for change, check, text in (
        (depth_as_ray_distance, "depth", "distances along the ray"),
        (normals_in_the_world_frame, "normal", "the world's frame"),
        (a_cam_K_off_by_half, "pixel_centre", "moved by (0.5, 0.5)"),
    ):
        report = audit(tamper(change), n=1, only=[check])
        assert [text in one.detail for one in report.images[0].failures] == [True]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("backend", "sensors"), [("embree", {}), ("gl", {}), ("embree", {"lens": {}})]
)
def test_an_unchanged_data_set_passes(
    backend: str, sensors: dict[str, Any], stored: Path, make: Callable[..., Path]
) -> None:
    plain = backend == "embree" and not sensors
    report = audit(stored if plain else make(backend, sensors=sensors))
    found = [(i.image, o.check, o.value, o.detail) for i in report.failed for o in i.failures]
    assert found == []
    passed = {line.check for line in report.lines() if line.counts[PASSED]}
    assert passed >= set(CHECKS) - {"box_centre", "joint_states"} - (
        {"disparity"} if sensors else set()
    )


@pytest.mark.usefixtures("quick")
def test_what_is_not_stored_is_never_passed(tamper: Callable[..., Path]) -> None:
    def strip(files: Files) -> None:
        kept = (
            "rgb.png",
            "camera.json",
            "gt.json",
            "labels.json",
            "params.json",
            "mask_visib.json",
        )
        for name in [name for name in files if name not in kept]:
            del files[name]
        edited(files, "labels.json", lambda v: {"image": {}, "instances": [
            {"identity": one["identity"]} for one in v["instances"]]})  # fmt: skip

    report = audit(tamper(strip), n=1)
    states = {one.check: one.state for one in report.images[0].outcomes}
    passed = {name for name, state in states.items() if state == PASSED}
    assert passed == {"identity", "obj_id", "models", "masks_disjoint", "mask_visib", "rotation",
                      "quaternion", "pose", "camera", "cam_K"}  # fmt: skip
    assert not [name for name, state in states.items() if state == FAILED]
    assert states["depth"] == states["normal"] == states["mask"] == NOT_STORED


@pytest.mark.usefixtures("quick")
def test_damaged_files_are_failures_and_no_crash(tamper: Callable[..., Path]) -> None:
    def damage(files: Files) -> None:
        files["gt_info.json"] = files["gt_info.json"][:50]
        files["normal.npy"] = files["normal.npy"][:200]
        files["depth.png"] = b"no png"
        edited(files, "mask.json", lambda masks: masks["0"].update(counts=[7]))

    states = {one.check: one for one in audit(tamper(damage), n=1).images[0].outcomes}
    for name in ("bbox_visib", "normal", "depth", "mask"):
        assert states[name].state == FAILED, name
        assert "cannot be compared" in states[name].detail
    assert states["ray_distance"].state == PASSED


@pytest.mark.usefixtures("quick")
def test_rows_of_different_times_are_not_checked_by_rays(tamper: Callable[..., Path]) -> None:
    def roll(files: Files) -> None:
        edited(files, "params.json", lambda v: v["scene"]["camera"].update(
            readout=0.03, velocity=[0.1, 0.0, 0.0]))  # fmt: skip

    report = audit(tamper(roll), n=1, only=["depth", "mask", "quaternion"])
    states = {one.check: one.state for one in report.images[0].outcomes}
    assert states == {"mask": NOT_CHECKED, "quaternion": PASSED, "depth": NOT_CHECKED}


def test_rotation_formula() -> None:
    half = np.sqrt(0.5)
    assert np.allclose(rotation_of([0, 0, half, half]) @ [1, 0, 0], [0, 1, 0])
