"""Pictures for people: an image with its labels drawn on it, and sheets of several.

A `Picture` is what is drawn, whether it comes from a fresh `simkit.pipeline.Sample`
(`picture_of_sample`) or from a stored record (`picture_of_record`). Labels that are not there are
left out. All functions take arrays and return new ones; colours here are sRGB uint8.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from simkit.geometry import Array, apply_transform, project

if TYPE_CHECKING:
    from simkit.assets.library import Library
    from simkit.dataset.reader import Record
    from simkit.pipeline import Sample

Pixels = NDArray[np.uint8]
Color = tuple[int, int, int]
Box = tuple[int, int, int, int]

PINHOLE = "pinhole"

READABLE_WIDTH = 480
"""Narrower images are enlarged by a whole factor to at least this width, so that text fits [px]."""

AXIS_COLORS: tuple[Color, Color, Color] = ((255, 40, 40), (40, 220, 40), (60, 110, 255))
AXIS_LENGTH = 0.5
"""Of a drawn axis, in diameters of the model."""

NEAREST = 1e-3
"""Axes are cut off at this z-depth [m]."""

FILL = 0.25
"""Share of an instance's colour in its pixels."""

GOLDEN_ANGLE = 0.618034
TEXT_SIZE = 13
DASH = 5
SHEET_GAP = 8
SHEET_COLOR: Color = (24, 24, 27)


@dataclass(frozen=True, eq=False)
class Instance:
    """The labels of one instance; None: not known.

    Attributes:
        name: of its category.
        mask_visib: (H, W) bool.
        bbox_visib, bbox_obj: ``(x, y, width, height)`` [px].
        visib_fract: 0 to 1.
        T_camera_body: pose (4, 4) [m].
        size: diameter of its model [m].
    """

    name: str = ""
    mask_visib: NDArray[np.bool_] | None = None
    bbox_visib: Box | None = None
    bbox_obj: Box | None = None
    visib_fract: float | None = None
    T_camera_body: Array | None = None
    size: float = 0.0

    @property
    def caption(self) -> str:
        """Category and visible fraction in one short line."""
        if self.visib_fract is None:
            return self.name
        tiny = 0 < self.visib_fract < 0.01
        return f"{self.name} {'<0.01' if tiny else f'{self.visib_fract:.2f}'}".strip()


@dataclass(frozen=True, eq=False)
class Picture:
    """An image (H, W, 3) uint8 sRGB, its ``cam_K`` (3, 3) [px], and the labels of its instances.

    ``cam_K`` is None where the camera is no pinhole: then no axes are drawn.
    """

    rgb: Pixels
    cam_K: Array | None
    instances: tuple[Instance, ...]


def picture_of_sample(sample: Sample, library: Library) -> Picture:
    """Return what is to be drawn of a fresh sample."""
    columns = {name: sample.labels.get(name) for name in _DRAWN}
    if columns["mask_visib"] is None:
        columns["mask_visib"] = _masks_of_frame(sample)
    count = len(sample.scene.labelled())
    rows = [{k: v[i] for k, v in columns.items() if v is not None} for i in range(count)]
    for row, (_, body) in zip(rows, sample.scene.labelled(), strict=True):
        row.setdefault("identity", {"category": library[body.model].category})
        row["size"] = library[body.model].diameter * max(body.scale)
    rgb = sample.picture
    cam_K = sample.camera.K if sample.camera.model == "pinhole" else None
    return Picture(rgb, cam_K, tuple(_instance(row) for row in rows))


def picture_of_record(record: Record, description: Mapping[str, Any]) -> Picture:
    """Return what is to be drawn of a stored image; `description` is its data set's."""
    sizes = {model["name"]: model["diameter"] for model in description.get("models", ())}
    rows = [dict(row) for row in record.labels["instances"]]
    if "mask_visib.json" in record.files:
        for row, mask in zip(rows, record.mask_visib, strict=True):
            row["mask_visib"] = mask
    for row in rows:
        identity = row.get("identity", {})
        scale = max(identity.get("scale", [1.0]))
        row["size"] = sizes.get(identity.get("model"), 0.0) * scale
    return Picture(record.rgb, pinhole_of(record), tuple(_instance(row) for row in rows))


def instance_color(place: int) -> Color:
    """Return the colour of the instance at `place` (0, 1, ...): distinct, and always the same."""
    hue = (0.09 + place * GOLDEN_ANGLE) % 1.0
    saturation, value = ((0.85, 1.0), (0.55, 1.0), (0.95, 0.75))[place // 8 % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw_labels(
    rgb: Pixels,
    instances: Sequence[Instance],
    cam_K: ArrayLike | None = None,
    zoom: int | None = None,
    captions: bool = True,
) -> Pixels:
    """Return an image (H * zoom, W * zoom, 3) with the labels drawn on it.

    Each instance has one colour: its ``mask_visib`` as a film with an outline, ``bbox_visib``
    solid, ``bbox_obj`` dashed where it differs, ``category visib_fract`` as text. A pose is its
    three axes, x red, y green, z blue, half the model's diameter long.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        instances: what is drawn; the place in the list gives the colour.
        cam_K: (3, 3) [px]; None: no axes.
        zoom: whole factor by which the image is enlarged; None: as text needs it.
        captions: whether to write the text.
    """
    if zoom is None:
        zoom = max(1, -(-READABLE_WIDTH // rgb.shape[1]))
    image = _enlarged(rgb, zoom)
    line = max(1, round(image.shape[1] / 640))
    for place, instance in enumerate(instances):
        if instance.mask_visib is not None:
            _draw_mask(image, _enlarged(instance.mask_visib, zoom), instance_color(place), line)
    for place, instance in enumerate(instances):
        _draw_boxes(image, instance, instance_color(place), zoom, line)
    for instance in instances:
        if cam_K is not None and instance.T_camera_body is not None and _is_seen(instance):
            _draw_axes(image, instance.T_camera_body, instance.size, cam_K, zoom, line)
    return _with_captions(image, instances, zoom) if captions else image


def draw_picture(picture: Picture, zoom: int | None = None) -> Pixels:
    """Return the picture with all its labels drawn on it; see `draw_labels`."""
    return draw_labels(picture.rgb, picture.instances, picture.cam_K, zoom)


def contact_sheet(
    images: Sequence[Pixels], columns: int = 3, captions: Sequence[str] | None = None
) -> Pixels:
    """Return one image with all of the images in rows of `columns`, each with its caption below.

    Args:
        images: (H, W, 3) uint8 each; sizes may differ, a cell is as large as the largest.
        columns: of the sheet, at least 1.
        captions: one an image, or None.
    """
    if not images or columns < 1:
        raise ValueError("contact_sheet: give at least one image and one column")
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"contact_sheet: {len(images)} images but {len(captions)} captions")
    columns = min(columns, len(images))
    height = max(image.shape[0] for image in images)
    width = max(image.shape[1] for image in images)
    font = text_font(max(TEXT_SIZE, width // 40))
    text_height = 0 if captions is None else text_size("Ag", font)[1] + SHEET_GAP
    rows = -(-len(images) // columns)
    cell = width + SHEET_GAP, height + text_height + SHEET_GAP
    sheet = Image.new(
        "RGB", (columns * cell[0] + SHEET_GAP, rows * cell[1] + SHEET_GAP), SHEET_COLOR
    )
    pen = ImageDraw.Draw(sheet)
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        x, y = SHEET_GAP + column * cell[0], SHEET_GAP + row * cell[1]
        sheet.paste(Image.fromarray(image), (x, y))
        if captions is not None:
            text = _shortened(captions[place], font, width)
            pen.text((x, y + height + SHEET_GAP // 2), text, (230, 230, 230), font)
    return np.array(sheet)


_DRAWN = ("identity", "mask_visib", "bbox_visib", "bbox_obj", "visib_fract", "pose")
"""Annotators whose values are drawn."""


def _instance(row: Mapping[str, Any]) -> Instance:
    pose = row.get("pose")
    visibility = row.get("visib_fract")
    return Instance(
        name=row.get("identity", {}).get("category", ""),
        mask_visib=row.get("mask_visib"),
        bbox_visib=row.get("bbox_visib"),
        bbox_obj=row.get("bbox_obj"),
        visib_fract=None if visibility is None else float(visibility["visib_fract"]),
        T_camera_body=None if pose is None else np.array(pose, dtype=np.float64),
        size=row["size"],
    )


def pinhole_of(record: Record) -> Array | None:
    """Return the stored ``cam_K`` (3, 3), None if there is none, or it is known to be no pinhole's."""
    if "camera.json" not in record.files:
        return None
    camera = record.scene.camera if "params.json" in record.files else None
    if camera is not None and camera.model != PINHOLE:
        return None
    return np.array(record.camera["cam_K"], dtype=np.float64).reshape(3, 3)


def _masks_of_frame(sample: Sample) -> list[NDArray[np.bool_]] | None:
    if "instance" not in sample.frame.channels:
        return None
    return [sample.frame.instance == number for number, _ in sample.scene.labelled()]


def _is_seen(instance: Instance) -> bool:
    return instance.visib_fract is None or instance.visib_fract > 0


def _enlarged(image: NDArray[Any], zoom: int) -> NDArray[Any]:
    """Return a copy in which each pixel is a square of `zoom` pixels."""
    return np.ascontiguousarray(image.repeat(zoom, axis=0).repeat(zoom, axis=1))


def _draw_mask(image: Pixels, mask: NDArray[np.bool_], color: Color, line: int) -> None:
    film = (1 - FILL) * image[mask] + FILL * np.array(color)
    image[mask] = film.round().astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_CROSS, (2 * line + 1, 2 * line + 1))
    inner = cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_REPLICATE)
    image[mask & (inner == 0)] = color


def _draw_boxes(image: Pixels, instance: Instance, color: Color, zoom: int, line: int) -> None:
    if instance.bbox_obj is not None:
        _draw_dashed(image, _corners(instance.bbox_obj, zoom), color, line)
    if instance.bbox_visib is not None:
        low, high = _corners(instance.bbox_visib, zoom)
        cv2.rectangle(image, low, high, color, line)


def _corners(box: Sequence[int], zoom: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the first and the last pixel of a box in the enlarged image."""
    x, y, width, height = (int(value) for value in box)
    return (x * zoom, y * zoom), ((x + width) * zoom - 1, (y + height) * zoom - 1)


def _draw_dashed(
    image: Pixels, corners: tuple[tuple[int, int], tuple[int, int]], color: Color, line: int
) -> None:
    (left, top), (right, bottom) = corners
    height, width = image.shape[:2]
    step = 2 * DASH * line
    for x in range(max(left, left % step - step), min(right, width) + 1, step):
        for y in (top, bottom):
            cv2.line(image, (x, y), (min(x + step // 2, right), y), color, line)
    for y in range(max(top, top % step - step), min(bottom, height) + 1, step):
        for x in (left, right):
            cv2.line(image, (x, y), (x, min(y + step // 2, bottom)), color, line)


def _draw_axes(
    image: Pixels, T_camera_body: Array, size: float, cam_K: ArrayLike, zoom: int, line: int
) -> None:
    tips = apply_transform(T_camera_body, np.vstack([np.zeros(3), np.eye(3) * size * AXIS_LENGTH]))
    origin = tips[0]
    if origin[2] <= NEAREST:
        return
    far_first = np.argsort(-tips[1:, 2])
    for axis in far_first:
        tip = _before_camera(origin, tips[1 + axis])
        start, end = (project(np.stack([origin, tip]), cam_K) + 0.5) * zoom - 0.5
        for color, width in (((0, 0, 0), line + 2), (AXIS_COLORS[axis], line + 1)):
            _draw_line(image, start, end, color, width)


def _before_camera(origin: Array, tip: Array) -> Array:
    """Return the tip, moved towards the origin as far as it would lie behind the camera."""
    if tip[2] > NEAREST:
        return tip
    share = (origin[2] - NEAREST) / (origin[2] - tip[2])
    cut: Array = origin + share * (tip - origin)
    return cut


def _draw_line(image: Pixels, start: Array, end: Array, color: Color, width: int) -> None:
    """Draw a smooth line between sub-pixel places, as far as it lies near the image."""
    fraction_bits = 4
    reach = 8 * max(image.shape)
    first, last = (
        tuple(int(v) for v in np.round(np.clip(at, -reach, reach) * 2**fraction_bits))
        for at in (start, end)
    )
    cv2.line(image, first, last, color, width, cv2.LINE_AA, fraction_bits)


def _with_captions(image: Pixels, instances: Sequence[Instance], zoom: int) -> Pixels:
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    font = text_font(max(TEXT_SIZE, image.shape[1] // 50))
    boxes = [_caption_box(instance, image, zoom) for instance in instances]
    taken: list[Box] = []
    for place, (instance, box) in enumerate(zip(instances, boxes, strict=True)):
        if box is None:
            continue
        width, height = text_size(instance.caption, font)
        at = _free_place(box, (width + 4, height + 2), canvas.size, taken, boxes)
        taken.append(at)
        color = instance_color(place)
        x, y, w, h = at
        pen.rectangle((x, y, x + w - 1, y + h - 1), fill=color)
        pen.text((x + 2, y), instance.caption, _ink_on(color), font)
    return np.array(canvas)


def _caption_box(instance: Instance, image: Pixels, zoom: int) -> Box | None:
    """Return the box in the enlarged image that the caption belongs to; None if none is written."""
    box = instance.bbox_visib if instance.bbox_visib is not None else instance.bbox_obj
    if box is None or not instance.caption:
        return None
    x, y, width, height = (int(value) * zoom for value in box)
    seen = _overlap((x, y, width, height), (0, 0, image.shape[1], image.shape[0])) > 0
    return (x, y, width, height) if seen else None


def _free_place(
    box: Box,
    size: tuple[int, int],
    canvas: tuple[int, int],
    taken: Iterable[Box],
    boxes: Iterable[Box | None],
) -> Box:
    """Return the place beside `box` where a text of `size` covers least texts, then least boxes."""
    x, y, w, h = box
    width, height = size
    rights, lefts = (x, x + w - width, x + w // 2 - width // 2), (x + w, x - width)
    beside = [(left, y - height) for left in rights] + [(left, y + h) for left in rights]
    beside += [
        (left, top) for left in lefts for top in (y, y + h - height, y + h // 2 - height // 2)
    ]
    texts, others = list(taken), [other for other in boxes if other is not None]
    ranked = []
    for order, (left, top) in enumerate([*beside, (x, y)]):
        kept_x = min(max(left, 0), max(canvas[0] - width, 0))
        kept_y = min(max(top, 0), max(canvas[1] - height, 0))
        place = (kept_x, kept_y, width, height)
        on_texts = sum(_overlap(place, text) for text in texts)
        on_boxes = sum(_overlap(place, other) for other in others)
        moved = abs(kept_x - left) + abs(kept_y - top)
        ranked.append((on_texts, on_boxes, moved, order, place))
    return min(ranked)[-1]


def _overlap(a: Box, b: Box) -> int:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def _ink_on(color: Color) -> Color:
    """Return black or white, whichever reads better on `color` (ITU-R BT.601 luma)."""
    luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    return (0, 0, 0) if luma > 120 else (255, 255, 255)


def text_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font at a size [px]."""
    return ImageFont.load_default(size)


def text_size(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> tuple[int, int]:
    """Return the width of a text and the height of a line [px]."""
    _, _, right, _ = font.getbbox(text)
    _, _, _, bottom = font.getbbox("Ag")
    return int(right) + 1, int(bottom) + 1


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while text_size(text, font)[0] > width and len(text) > 1:
        text = text.rstrip(".")[:-1] + "..." if len(text) > 4 else text[:-1]
    return text
