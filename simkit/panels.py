"""Each type of label drawn for people: one panel a label, of a fresh sample or of a stored image.

A `Labelled` holds the values of annotators by name; `draw_panels` gives the panels of those that are
there. Colours: instances as in `simkit.draw`; scalars run from dark to bright along a bar with its
ends; directions of flow as on the wheel that is drawn beside; normals as (x, -y, -z) on red, green,
blue, so that what faces the camera is bluish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.spatial.transform import Rotation

from simkit.draw import (
    PINHOLE,
    Color,
    Instance,
    Pixels,
    draw_labels,
    instance_color,
    pinhole_of,
    text_font,
    text_size,
)
from simkit.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from simkit.dataset.reader import Record
    from simkit.pipeline import Sample

WIDTH = 400
"""Panels are enlarged by a whole factor to at least this width [px]."""

GREY: Color = (62, 62, 66)
WHITE: Color = (255, 255, 255)
NEAR_ZERO = 1e-3
"""Motion below this is none [mm]."""

SHADES = (1.0, 0.45, 0.7, 0.25)
"""Of an instance's colour, for its parts in turn."""

NAMED_PART = 0.001
"""A part that covers less of the picture is drawn without its name."""

TURN_DEG = 55.0
"""From where the camera is to where a point cloud is drawn from, about the vertical."""

EDGES = [(a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit]
"""Of a box, by its corners as `bbox_3d` counts them."""

Values = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Labelled:
    """An image and its labels.

    Attributes:
        rgb: (H, W, 3) uint8 sRGB.
        values: of annotators by name: lists over instances, one value, or arrays.
        background: names of the bodies by segment id, for maps of all bodies.
        cam_K: (3, 3) [px]; None: not known, or no pinhole's.
        T_camera_world: (4, 4) [m]; None: not known.
    """

    rgb: Pixels
    values: Values
    background: Mapping[int, str] = field(default_factory=dict)
    cam_K: NDArray[np.float64] | None = None
    T_camera_world: NDArray[np.float64] | None = None

    @cached_property
    def names(self) -> list[str]:
        """A name for each instance, as short as can be."""
        return [one.get("name", str(k)) for k, one in enumerate(self.values.get("identity", []))]

    @property
    def zoom(self) -> int:
        """Whole factor by which panels are enlarged."""
        return max(1, -(-WIDTH // self.rgb.shape[1]))


Draw = Callable[[Labelled, str], Pixels]
PANELS: dict[str, Draw] = {}
"""How each annotator's value is drawn, in the order of a sheet."""


def panel(*names: str) -> Callable[[Draw], Draw]:
    """Register a function that draws these annotators' values."""

    def register(function: Draw) -> Draw:
        PANELS.update(dict.fromkeys(names, function))
        return function

    return register


def labelled_sample(sample: Sample) -> Labelled:
    """Return what is to be drawn of a fresh sample."""
    names = {k: body.name for k, body in enumerate(sample.scene.bodies, start=1)}
    camera = sample.camera
    cam_K = camera.K if camera.model == PINHOLE else None
    return Labelled(sample.picture, sample.labels, names, cam_K, camera.T_camera_world)


def labelled_record(record: Record) -> Labelled:
    """Return what is to be drawn of a stored image."""
    values: dict[str, Any] = dict(record.labels["image"])
    instances = record.labels["instances"]
    for name in instances[0] if instances else ():
        values[name] = [one[name] for one in instances]
    for name in ("depth", "mask", "mask_visib"):
        if f"{name}.png" in record.files or f"{name}.json" in record.files:
            values[name] = getattr(record, name)
    for file in record.files:
        if file.endswith(".npy"):
            values[file.removesuffix(".npy")] = record.array(file.removesuffix(".npy"))
    bodies = record.scene.bodies if "params.json" in record.files else ()
    names = {k: body.name for k, body in enumerate(bodies, start=1)}
    return Labelled(record.rgb, values, names, pinhole_of(record), _extrinsics(record))


def _extrinsics(record: Record) -> NDArray[np.float64] | None:
    if "camera.json" not in record.files or "cam_R_w2c" not in record.camera:
        return None
    T = np.eye(4)
    T[:3, :3] = np.reshape(record.camera["cam_R_w2c"], (3, 3))
    T[:3, 3] = np.array(record.camera["cam_t_w2c"]) / 1000
    return T


def drawable(names: Iterable[str]) -> list[str]:
    """Return the names that have a panel, in the order of a sheet.

    Raises:
        ConfigError: a name has none.
    """
    wanted = list(names)
    for name in wanted:
        if name not in PANELS:
            raise ConfigError(f"--channels: '{name}' cannot be drawn; {did_you_mean(name, PANELS)}")
    return [name for name in PANELS if name in wanted]


def draw_panels(labelled: Labelled, names: Iterable[str]) -> tuple[list[Pixels], list[str]]:
    """Return a panel and a caption for each of the names whose value is there; rgb is first."""
    zoomed = _zoomed(labelled.rgb, labelled.zoom)
    images, captions = [zoomed], ["rgb"]
    for name in drawable(names):
        value = labelled.values.get(name)
        if value is not None and not (isinstance(value, dict) and not value):
            images.append(PANELS[name](labelled, name))
            captions.append(CAPTIONS.get(name, name))
    return images, captions


CAPTIONS = {
    "bbox_visib": "bbox_visib (tight)",
    "bbox_obj": "bbox_obj (amodal)",
    "bbox_loose": "bbox_loose (around bbox_3d)",
    "obb_visib": "obb_visib (oriented)",
    "mask": "mask (amodal)",
    "part_map": "part_map (named parts)",
    "depth": "depth (along z)",
    "normal": "normal (camera frame)",
    "point_cloud": "point_cloud, seen from the side",
    "keypoints": "keypoints: seen, occluded (ring), outside (cross)",
    "occluders": "occluders: who hides whom",
}


@panel("bbox_visib", "bbox_obj", "bbox_loose")
def _boxes(labelled: Labelled, name: str) -> Pixels:
    zoom, image = labelled.zoom, _zoomed(labelled.rgb, labelled.zoom)
    for place, box in enumerate(labelled.values[name]):
        if box is None:
            continue
        x, y, width, height = (float(value) for value in box)
        low = np.array([x, y]) if name != "bbox_loose" else np.array([x, y]) + 0.5
        corners = low + np.array([[0, 0], [width, 0], [width, height], [0, height]])
        _polygon(image, corners * zoom - 0.5, instance_color(place))
    return image


@panel("obb_visib")
def _oriented(labelled: Labelled, name: str) -> Pixels:
    image = _zoomed(labelled.rgb, labelled.zoom)
    for place, box in enumerate(labelled.values[name]):
        if box is not None:
            corners = (np.array(box["corners"]) + 0.5) * labelled.zoom - 0.5
            _polygon(image, corners, instance_color(place))
    return image


@panel("bbox_3d")
def _boxes_3d(labelled: Labelled, name: str) -> Pixels:
    image = _zoomed(labelled.rgb, labelled.zoom)
    for place, box in enumerate(labelled.values[name]):
        if any(pixel is None for pixel in box["corners_px"]):
            continue
        corners = (np.array(box["corners_px"], dtype=np.float64) + 0.5) * labelled.zoom - 0.5
        depths = np.array(box["corners_camera"])[:, 2]
        for a, b in sorted(EDGES, key=lambda edge: -(depths[edge[0]] + depths[edge[1]])):
            far = (depths[a] + depths[b]) / 2 > depths.mean()
            _segment(image, corners[a], corners[b], instance_color(place), 1 if far else 2)
    return image


@panel("pose", "pose_canonical")
def _axes(labelled: Labelled, name: str) -> Pixels:
    boxes = labelled.values.get("bbox_3d")
    if labelled.cam_K is None:
        return _text(labelled, ["drawn for pinhole cameras alone"])
    size = [0.15] * len(labelled.values[name])
    if boxes is not None:
        size = [float(np.max(box["size"])) for box in boxes]
    instances = [
        Instance(T_camera_body=np.array(T, dtype=np.float64), size=s)
        for T, s in zip(labelled.values[name], size, strict=True)
    ]
    return draw_labels(labelled.rgb, instances, labelled.cam_K, labelled.zoom)


@panel("mask_visib", "mask")
def _masks(labelled: Labelled, name: str) -> Pixels:
    instances = [Instance(mask_visib=mask) for mask in labelled.values[name]]
    return draw_labels(labelled.rgb, instances, None, labelled.zoom)


@panel("instance_map", "category_map", "panoptic_map")
def _map(labelled: Labelled, name: str) -> Pixels:
    ids, values = np.asarray(labelled.values[name]).astype(np.int64), labelled.values
    identities = values.get("identity", [])
    named: dict[int, str] = dict(labelled.background) if name == "panoptic_map" else {}
    key, text = ("category_id", "category") if name == "category_map" else ("instance_id", "name")
    named.update({one[key]: one[text] for one in identities})
    things = {one[key] for one in identities}
    image = np.full((*ids.shape, 3), GREY, dtype=np.uint8)
    image[ids == 0] = (0, 0, 0)
    entries = []
    for number in (int(one) for one in np.unique(ids) if one > 0):
        place = number - 1 if name == "category_map" else _place(number, identities)
        is_stuff = things and number not in things
        grey = 60 + 37 * number % 90
        image[ids == number] = (grey, grey, grey) if is_stuff else instance_color(place)
        entries.append((named.get(number, str(number)), ids == number))
    return _named(_zoomed(image, labelled.zoom), entries, labelled.zoom)


@panel("part_map")
def _part_map(labelled: Labelled, name: str) -> Pixels:
    """Draw shades of each instance's colour, one a part, and the names of those large enough."""
    ids, values = np.asarray(labelled.values[name]).astype(np.int64), labelled.values
    image = np.zeros((*ids.shape, 3), dtype=np.uint8)
    owner_of = np.asarray(values.get("instance_map", ids > 0)).astype(np.int64)
    owners = [one["instance_id"] for one in values.get("identity", [])]
    entries = []
    for owner in (int(one) for one in np.unique(owner_of) if one > 0):
        place = owners.index(owner) if owner in owners else 0
        for shade, number in enumerate(np.unique(ids[(owner_of == owner) & (ids > 0)]).tolist()):
            region = (owner_of == owner) & (ids == number)
            image[region] = np.array(instance_color(place)) * SHADES[shade % len(SHADES)]
            entries.append((_part_name(values, place, number), region))
    large = [(text, region) for text, region in entries if region.sum() > NAMED_PART * ids.size]
    return _named(_zoomed(image, labelled.zoom), large, labelled.zoom)


def _part_name(values: Values, place: int, number: int) -> str:
    listed = values.get("parts", [])
    if not listed:
        return str(number)
    known = {one["part_id"]: one["name"] for each in listed for one in each["parts"]}
    known |= {one["part_id"]: one["name"] for one in listed[place]["parts"]}
    return str(known.get(number, number))


@panel("parts")
def _parts(labelled: Labelled, name: str) -> Pixels:
    lines = []
    for who, one in zip(labelled.names, labelled.values[name], strict=True):
        counts = ", ".join(f"{part['name']} {part['px']} px" for part in one["parts"])
        lines.append(f"{who} ({one['whole']}): {counts}")
    return _text(labelled, lines)


@panel("depth", "ray_distance")
def _distance(labelled: Labelled, name: str) -> Pixels:
    depth = np.asarray(labelled.values[name], dtype=np.float64)
    return _scalar(labelled, depth, depth > 0, "m")


@panel("disparity")
def _disparity(labelled: Labelled, name: str) -> Pixels:
    values = np.asarray(labelled.values[name], dtype=np.float64)
    state = labelled.values.get("disparity_state")
    seen = values != 0 if state is None else np.asarray(state) < 3
    return _scalar(labelled, values, seen, "px", state=None if state is None else np.asarray(state))


@panel("normal")
def _normals(labelled: Labelled, name: str) -> Pixels:
    normals = np.asarray(labelled.values[name], dtype=np.float64)
    seen = np.abs(normals).sum(axis=2) > 0
    colors = (normals * [1, -1, -1] * 0.5 + 0.5) * 255 * seen[..., None]
    return _zoomed(colors.round().astype(np.uint8), labelled.zoom)


@panel("nocs")
def _nocs(labelled: Labelled, name: str) -> Pixels:
    coords = np.clip(np.asarray(labelled.values[name], dtype=np.float64), 0, 1)
    return _zoomed(_over_grey(coords, np.asarray(labelled.values[name]) != 0), labelled.zoom)


@panel("object_coords")
def _coordinates(labelled: Labelled, name: str) -> Pixels:
    coords = np.asarray(labelled.values[name], dtype=np.float64)
    reach = max(float(np.abs(coords).max()), 1e-6)
    image = _zoomed(_over_grey(coords / reach / 2 + 0.5, coords != 0), labelled.zoom)
    return _noted(image, f"red, green, blue: x, y, z from {-reach:.2f} to {reach:.2f} m")


@panel("flow_forward", "flow_backward")
def _flow(labelled: Labelled, name: str) -> Pixels:
    flow = np.asarray(labelled.values[name], dtype=np.float64)
    if not flow.any():
        return _text(labelled, ["no such frame, or nothing moves"])
    lengths = np.linalg.norm(flow, axis=2)
    most = max(float(np.percentile(lengths, 99)), 1e-3)
    image = _zoomed(_wheel_colors(flow / most), labelled.zoom)
    state = labelled.values.get(f"{name}_state")
    if state is not None:
        image = _hatched(image, np.asarray(state), labelled.zoom)
    side = max(image.shape[0] // 5, 48)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    wheel = _wheel_colors(np.stack([x, y], axis=2))
    round_ = x**2 + y**2 <= 1
    corner = image[-side:, -side:]
    corner[round_] = wheel[round_]
    return _noted(image, f"rim of the wheel: {most:.2g} px; hatched: hidden or outside there")


@panel("scene_flow_forward", "scene_flow_backward")
def _scene_flow(labelled: Labelled, name: str) -> Pixels:
    lengths = np.linalg.norm(np.asarray(labelled.values[name], dtype=np.float64), axis=2) * 1000
    if lengths.max() < NEAR_ZERO:
        return _text(labelled, ["no such frame, or nothing moves"])
    return _scalar(labelled, lengths, np.ones(lengths.shape, dtype=bool), "mm", 0.0)


@panel("keypoints")
def _keypoints(labelled: Labelled, name: str) -> Pixels:
    zoom = labelled.zoom
    image = (0.55 * _zoomed(labelled.rgb, zoom)).astype(np.uint8)
    high, wide = image.shape[:2]
    size = max(2, round(wide / 130))
    for place, points in enumerate(labelled.values[name]):
        color = instance_color(place)
        for one in points:
            if one["px"] is None:
                continue
            x, y = ((np.array(one["px"]) + 0.5) * zoom - 0.5).round()
            if not (-wide < x < 2 * wide and -high < y < 2 * high):
                continue
            at = int(np.clip(x, size, wide - size - 1)), int(np.clip(y, size, high - size - 1))
            if one["state"] == "visible":
                cv2.circle(image, at, size + 1, (0, 0, 0), -1, cv2.LINE_AA)
                cv2.circle(image, at, size, color, -1, cv2.LINE_AA)
            elif one["state"] == "occluded":
                cv2.circle(image, at, size, color, 1, cv2.LINE_AA)
            else:
                cv2.drawMarker(image, at, color, cv2.MARKER_TILTED_CROSS, 2 * size, 1, cv2.LINE_AA)
    return image


@panel("point_cloud")
def _cloud(labelled: Labelled, name: str) -> Pixels:
    """Draw the points as a camera sees them that went round by `TURN_DEG`, in the picture's colours."""
    high, wide = labelled.rgb.shape[:2]
    points = np.asarray(labelled.values[name], dtype=np.float64)[:, :3]
    colors = _colors_of_points(labelled, len(points))
    if not len(points):
        return np.zeros((high * labelled.zoom, wide * labelled.zoom, 3), dtype=np.uint8)
    ids = [one["instance_id"] for one in labelled.values.get("identity", [])]
    things = np.isin(np.asarray(labelled.values[name])[:, 3], ids)
    about = points[things] if things.sum() > 20 else points
    middle = np.median(about, axis=0)
    spread = float(np.percentile(np.linalg.norm(about - middle, axis=1), 90)) + 1e-6
    turn = Rotation.from_rotvec(np.radians(TURN_DEG) * _upwards(labelled)).as_matrix()
    seen = (points - middle) @ turn.T + [0, 0, 3.0 * spread]
    front = seen[:, 2] > 0.3 * spread
    seen, colors = seen[front], colors[front]
    high, wide = high * labelled.zoom, wide * labelled.zoom
    pixels = seen[:, :2] / seen[:, 2:] * 1.1 * wide + [wide / 2, high / 2]
    size = labelled.zoom + 1
    image = np.full((high, wide, 3), 20, dtype=np.uint8)
    order = np.argsort(-seen[:, 2])
    columns, rows = pixels[order].round().astype(int).T
    for dy in range(size):
        for dx in range(size):
            x, y = columns + dx, rows + dy
            inside = (x >= 0) & (x < wide) & (y >= 0) & (y < high)
            image[y[inside], x[inside]] = colors[order][inside]
    return image


@panel("occluders")
def _occluders(labelled: Labelled, name: str) -> Pixels:
    lines = []
    for who, hiders in zip(labelled.names, labelled.values[name], strict=True):
        by = ", ".join(f"{one['name']} {one['fraction']:.0%}" for one in hiders[:3])
        lines.append(f"{who}: {by or 'nothing hides it'}")
    return _text(labelled, lines)


@panel("visibility")
def _visibility(labelled: Labelled, name: str) -> Pixels:
    lines = ["visible of whole, in frame of whole, visible of in frame"]
    for who, one in zip(labelled.names, labelled.values[name], strict=True):
        values = ("visible_of_whole", "in_frame_of_whole", "visible_of_in_frame")
        lines.append(f"{who}: " + "  ".join(f"{one[key]:.2f}" for key in values))
    return _text(labelled, lines)


@panel("relations")
def _relations(labelled: Labelled, name: str) -> Pixels:
    return _text(
        labelled, [f"{a} {what.replace('_', ' ')} {b}" for a, what, b in labelled.values[name]]
    )


@panel("contacts")
def _contacts(labelled: Labelled, name: str) -> Pixels:
    image = (0.55 * _zoomed(labelled.rgb, labelled.zoom)).astype(np.uint8)
    pairs, cam_K = labelled.values[name], labelled.cam_K
    if cam_K is None:
        return _text(labelled, [f"{one['a']} touches {one['b']}" for one in pairs])
    for place, one in enumerate(pairs):
        points = np.array(one["points"], dtype=np.float64).reshape(-1, 3)
        ends = points + 0.03 * np.array(one["normal"])
        front = (points[:, 2] > 0.01) & (ends[:, 2] > 0.01)
        pixels = [p[front] @ cam_K.T for p in (points, ends)]
        starts, tips = ((p[:, :2] / p[:, 2:] + 0.5) * labelled.zoom - 0.5 for p in pixels)
        for start, tip in zip(starts, tips, strict=True):
            _segment(image, start, tip, instance_color(place), 1)
            cv2.circle(image, _at(start), 3, instance_color(place), -1, cv2.LINE_AA)
    return _noted(image, f"{len(pairs)} pairs touch; lines: normals, 3 cm")


@panel("support")
def _support(labelled: Labelled, name: str) -> Pixels:
    return _text(
        labelled, [f"{p['supporter']} carries {p['supported']}" for p in labelled.values[name]]
    )


@panel("joint_states")
def _joints(labelled: Labelled, name: str) -> Pixels:
    states = labelled.values[name].items()
    lines = [
        f"{robot}.{joint}: {value:.3f}" for robot, one in states for joint, value in one.items()
    ]
    return _text(labelled, lines)


def _upwards(labelled: Labelled) -> NDArray[np.float64]:
    """Return the world's upwards direction (3,) in the camera's frame, or the camera's own."""
    if labelled.T_camera_world is None:
        return np.array([0.0, -1.0, 0.0])
    return labelled.T_camera_world[:3, 2]


def _zoomed(image: NDArray[Any], zoom: int) -> Pixels:
    return np.ascontiguousarray(image.repeat(zoom, axis=0).repeat(zoom, axis=1))


def _place(number: int, identities: list[Mapping[str, Any]]) -> int:
    """Return the place of the instance with an id, which gives its colour."""
    ids = [one["instance_id"] for one in identities]
    return ids.index(number) if number in ids else number - 1


def _at(point: NDArray[np.float64]) -> tuple[int, int]:
    x, y = np.clip(np.round(point), -20000, 20000)
    return int(x), int(y)


def _segment(
    image: Pixels, start: NDArray[np.float64], end: NDArray[np.float64], color: Color, width: int
) -> None:
    cv2.line(image, _at(start), _at(end), (0, 0, 0), width + 2, cv2.LINE_AA)
    cv2.line(image, _at(start), _at(end), color, width, cv2.LINE_AA)


def _polygon(image: Pixels, corners: NDArray[np.float64], color: Color) -> None:
    for k in range(4):
        _segment(image, corners[k], corners[(k + 1) % 4], color, 1)


def _over_grey(colors: NDArray[np.float64], known: NDArray[np.bool_]) -> Pixels:
    """Return colours 0 to 1 as bytes; pixels of which no value is known are grey."""
    bytes_ = (255 * colors).round().astype(np.uint8)
    bytes_[~np.any(known, axis=2)] = GREY
    return bytes_


def _bright(values: NDArray[np.float64]) -> Pixels:
    """Return colours (..., 3) of values 0 to 1, from dark to bright (Turbo)."""
    steps = np.clip(values * 255, 0, 255).round().astype(np.uint8)
    flat = cv2.applyColorMap(steps.reshape(-1, 1), cv2.COLORMAP_TURBO)[:, 0, ::-1]
    return flat.reshape(*values.shape, 3).astype(np.uint8)


def _scalar(
    labelled: Labelled,
    values: NDArray[np.float64],
    known: NDArray[np.bool_],
    unit: str,
    start: float | None = None,
    state: NDArray[Any] | None = None,
) -> Pixels:
    """Return values as colours, hatched by `state`, with a bar that says what they mean."""
    shown = values[known] if known.any() else np.zeros(1)
    low = float(np.percentile(shown, 1)) if start is None else start
    high = max(float(np.percentile(shown, 99)), low + 1e-6)
    image = _bright((values - low) / (high - low))
    image[~known] = 0
    image = _zoomed(image, labelled.zoom)
    if state is not None:
        image = _hatched(image, state, labelled.zoom)
    font = text_font(max(13, image.shape[1] // 32))
    tall = text_size("0", font)[1] + 4
    bar = _bright(np.tile(np.linspace(0, 1, image.shape[1]), (tall // 2, 1)))
    strip = Image.new("RGB", (image.shape[1], tall), (0, 0, 0))
    pen = ImageDraw.Draw(strip)
    texts = [f"{value:.3g} {unit}" for value in (low, (low + high) / 2, high)]
    for k, text in enumerate(texts):
        x = (image.shape[1] - text_size(text, font)[0] - 4) * k // 2 + 2
        pen.text((x, 1), text, WHITE, font)
    drawn = image.copy()
    drawn[-tall - len(bar) : -tall] = bar
    drawn[-tall:] = np.array(strip)
    return drawn


def _wheel_colors(flow: NDArray[np.float64]) -> Pixels:
    """Return colours of vectors (H, W, 2): hue is the direction, the length of 1 is full colour."""
    angle = np.degrees(np.arctan2(flow[..., 1], flow[..., 0])) % 360
    length = np.clip(np.linalg.norm(flow, axis=2), 0, 1)
    hsv = np.stack([angle / 2, 255 * length, np.full_like(angle, 255)], axis=2)
    return np.asarray(cv2.cvtColor(hsv.round().astype(np.uint8), cv2.COLOR_HSV2RGB), dtype=np.uint8)


def _hatched(image: Pixels, state: NDArray[Any], zoom: int) -> Pixels:
    """Return the image with stripes where a point is hidden (1) or outside (2), black for none (3)."""
    states = _zoomed(state, zoom)
    rows, columns = np.mgrid[: states.shape[0], : states.shape[1]]
    drawn = image.copy()
    drawn[(states == 1) & ((rows + columns) % 6 < 2)] = 0
    drawn[(states == 2) & ((rows - columns) % 6 < 2)] = 0
    return drawn


def _colors_of_points(labelled: Labelled, count: int) -> Pixels:
    """Return the picture's colours of the pixels that see something, in the cloud's order."""
    for name, none in (("panoptic_map", 0), ("depth", 0), ("ray_distance", 0)):
        if name in labelled.values:
            seen = np.asarray(labelled.values[name]) > none
            if int(seen.sum()) == count:
                return np.asarray(labelled.rgb[seen])
    rows = np.asarray(labelled.values["point_cloud"])
    palette = np.array([(150, 150, 150), *(instance_color(k) for k in range(64))], dtype=np.uint8)
    return np.asarray(palette[rows[:, 3].astype(int) % 65])


def _named(image: Pixels, entries: list[tuple[str, NDArray[np.bool_]]], zoom: int) -> Pixels:
    """Return the image with each region's name at its innermost pixel, or below it."""
    canvas = Image.fromarray(image)
    pen, font = ImageDraw.Draw(canvas), text_font(max(11, image.shape[1] // 40))
    for text, region in entries:
        inner = cv2.distanceTransform(
            np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
        )[1:-1, 1:-1]
        row, column = np.unravel_index(int(inner.argmax()), inner.shape)
        width, height = text_size(text, font)
        x = min(max(int(column) * zoom - width // 2, 0), max(image.shape[1] - width, 0))
        radius = float(inner.max()) * zoom
        above = -radius - 2 if radius < height else height // 2  # a small region stays seen
        y = min(max(int(int(row) * zoom - above), 0), max(image.shape[0] - height, 0))
        pen.rectangle((x - 2, y, x + width + 1, y + height), fill=(0, 0, 0))
        pen.text((x, y), text, WHITE, font)
    return np.array(canvas)


def _noted(image: Pixels, text: str) -> Pixels:
    """Return the image with a line of text at its upper left."""
    canvas = Image.fromarray(image)
    pen, font = ImageDraw.Draw(canvas), text_font(max(11, image.shape[1] // 40))
    width, height = text_size(text, font)
    pen.rectangle((0, 0, width + 5, height + 3), fill=(0, 0, 0))
    pen.text((3, 1), text, WHITE, font)
    return np.array(canvas)


def _text(labelled: Labelled, lines: list[str]) -> Pixels:
    """Return a panel of the picture's size that holds lines of text, as far as they fit."""
    high, wide = (side * labelled.zoom for side in labelled.rgb.shape[:2])
    canvas = Image.new("RGB", (wide, high), (30, 30, 34))
    pen, font = ImageDraw.Draw(canvas), text_font(max(12, wide // 36))
    step = text_size("Ag", font)[1] + 2
    fit = max((high - 8) // step, 1)
    shown = (
        lines if len(lines) <= fit else [*lines[: fit - 1], f"... and {len(lines) - fit + 1} more"]
    )
    for k, line in enumerate(shown or ["nothing"]):
        pen.text((6, 4 + k * step), line, (230, 230, 230), font)
    return np.array(canvas)
