"""Augmentation of labelled images: where things stand, and how they look.

What an image becomes is a function of the generator that is passed in. Boxes stay right because it is
outlines that are moved: the convex hull of a visible mask bounds the same box as the mask does, under
any affine map. Where there is no mask the outline is the box itself, so only quarter turns keep it
tight, and rotation and shear are left out for such an image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.options import section, setting
from simkit.tasks.looks import LookOptions, look

Pixels = NDArray[np.uint8]
Float = NDArray[np.float64]

FILL = 127
"""Grey beyond the edge of an image: what the backbone takes for 0."""

HULL_POINTS = 64
"""An outline keeps at most so many points; the corners of its box are always among them."""

GONE = 0.02
"""An instance of which a crop leaves less is not there any more."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """An image with outlines, as augmentation sees it.

    Attributes:
        image: (H, W, 3) uint8 sRGB.
        outlines: (K, 2) float64 [px] each: a convex polygon; the centre of the top left pixel is (0, 0),
            so that the image reaches from -0.5 to W - 0.5.
        labels: (N,) int64.
        ignored: (N,) bool.
        tight: whether outlines bound the object after any turn.
    """

    image: Pixels
    outlines: tuple[Float, ...]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    tight: bool = False

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(N, 4) x, y, width, height [px] of the outlines, in continuous coordinates plus 0.5."""
        if not self.outlines:
            return np.zeros((0, 4), np.float32)
        low = np.array([one.min(axis=0) for one in self.outlines])
        high = np.array([one.max(axis=0) for one in self.outlines])
        return np.hstack([low + 0.5, high - low]).astype(np.float32)


@dataclass(frozen=True)
class AugmentOptions:
    """How far images are turned, cropped and altered."""

    zoom_in: float = setting(1.7, low=1.0, help="largest factor of size")
    zoom_out: float = setting(0.8, low=0.1, high=1.0, help="smallest factor of size")
    rotation: float = setting(
        15.0, low=0.0, high=180.0, unit="deg", help="turn to either side, where there are masks"
    )
    quarter_turns: bool = setting(False, help="turn by 0, 90, 180 or 270 degrees beforehand")
    about_instance: float = setting(
        0.8, low=0.0, high=1.0, help="share of crops about an instance; others are anywhere"
    )
    mirror: bool = setting(False, help="mirror half of the images; not where text is read")
    stretch: float = setting(0.1, low=0.0, high=0.5, help="change of the aspect, as a share")
    shear: float = setting(0.1, low=0.0, high=0.5, help="shear, where there are masks")
    mosaic: float = setting(0.0, low=0.0, high=1.0, help="share of images made of four")
    cutout: float = setting(0.3, low=0.0, high=1.0, help="share of images with patches laid on")
    min_visible: float = setting(
        0.35, low=0.0, high=1.0, help="what a crop leaves less of is ignored"
    )
    look: LookOptions = section(LookOptions, help="colour, light, noise, blur, compression")


def sheet_of(
    image: Pixels,
    boxes: NDArray[np.float32],
    labels: NDArray[np.int64],
    ignored: NDArray[np.bool_],
    masks: NDArray[np.bool_] | None,
    longest: int,
) -> Sheet:
    """Return an image as a sheet whose long side is at most `longest` pixels.

    Args:
        image: (H, W, 3) uint8.
        boxes: (N, 4) float32 [px]: x, y, width, height, pixel-inclusive.
        labels: (N,) int64.
        ignored: (N,) bool.
        masks: (N, H, W) bool of what is visible, if known.
        longest: [px].
    """
    scale = min(1.0, longest / max(image.shape[:2]))
    outlines = [
        corners_of(box) if masks is None else hull_of(masks[place], box)
        for place, box in enumerate(np.asarray(boxes, np.float64))
    ]
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        ratio = np.array([width / image.shape[1], height / image.shape[0]])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        outlines = [(one + 0.5) * ratio - 0.5 for one in outlines]
    return Sheet(image, tuple(outlines), labels, ignored, tight=masks is not None)


def corners_of(box: Float) -> Float:
    """Return the corners (4, 2) of a pixel-inclusive box (4,)."""
    x, y, width, height = box - np.array([0.5, 0.5, 0, 0])
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])


def hull_of(mask: NDArray[np.bool_], box: Float) -> Float:
    """Return the convex hull (K, 2) of the pixels of a mask (H, W), whole pixels, or of the box."""
    x, y, width, height = np.round(box).astype(int)
    part = mask[max(y, 0) : y + height, max(x, 0) : x + width]
    rows = np.flatnonzero(part.any(axis=1))
    if len(rows) == 0:
        return corners_of(box)
    left = part[rows].argmax(axis=1)
    right = part.shape[1] - 1 - part[rows, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([left, rows], 1), np.stack([right, rows], 1)])
    points = (ends + np.array([max(x, 0), max(y, 0)])).astype(np.float32)
    pixels = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]], np.float32)
    hull = cv2.convexHull((points[:, None] + pixels).reshape(-1, 1, 2))[:, 0].astype(np.float64)
    if len(hull) > HULL_POINTS:
        kept = np.linspace(0, len(hull), HULL_POINTS, endpoint=False).astype(int)
        ends_of_box = np.concatenate([hull.argmin(axis=0), hull.argmax(axis=0)])
        hull = hull[np.unique(np.concatenate([kept, ends_of_box]))]
    return hull


def augment(
    sheets: Sequence[Sheet],
    shape: tuple[int, int],
    size: int,
    options: AugmentOptions,
    rng: np.random.Generator,
) -> Sheet:
    """Return one training image of `shape` (height, width) made of the first of `sheets`.

    Args:
        sheets: the image, and three more for a mosaic.
        shape: of what is returned.
        size: long side that an image has at zoom 1 [px].
        options: see `AugmentOptions`.
        rng: all randomness.
    """
    mosaic = len(sheets) >= 4 and rng.random() < options.mosaic
    placed = (
        _mosaic(sheets[:4], shape, size, options, rng)
        if mosaic
        else _placed(sheets[0], shape, size, options, rng)
    )
    image = placed.image
    if rng.random() < options.cutout:
        image = _cut_out(image, placed, rng)
    return replace(placed, image=look(image, options.look, rng))


def warp(
    sheet: Sheet, matrix: Float, shape: tuple[int, int], min_visible: float, fill: int = FILL
) -> Sheet:
    """Return a sheet moved by an affine map.

    Args:
        sheet: what is moved.
        matrix: (2, 3), from pixels of the sheet to pixels of the result.
        shape: (height, width) of the result.
        min_visible: an instance of which less than this share stays is ignored.
        fill: grey beyond the edge.
    """
    height, width = shape
    image = cv2.warpAffine(
        sheet.image,
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(fill, fill, fill),
    )
    outlines, labels, ignored = [], [], []
    for outline, label, ignore in zip(sheet.outlines, sheet.labels, sheet.ignored, strict=True):
        moved = outline @ matrix[:, :2].T + matrix[:, 2]
        left = clipped(moved, width, height)
        share = area_of(left) / max(area_of(moved), 1e-9)
        if len(left) < 3 or share < GONE:
            continue
        outlines.append(left)
        labels.append(label)
        ignored.append(ignore or share < min_visible)
    return Sheet(
        image,  # type: ignore[arg-type]
        tuple(outlines),
        np.array(labels, np.int64),
        np.array(ignored, np.bool_),
        sheet.tight,
    )


def clipped(outline: Float, width: int, height: int) -> Float:
    """Return what of a convex polygon (K, 2) lies in an image (Sutherland and Hodgman, 1974)."""
    edges = ((0, -0.5, 1.0), (0, width - 0.5, -1.0), (1, -0.5, 1.0), (1, height - 0.5, -1.0))
    for axis, bound, sign in edges:
        depth = sign * (outline[:, axis] - bound)
        if len(outline) == 0 or (depth >= 0).all():
            continue
        following, after = np.roll(outline, -1, axis=0), np.roll(depth, -1)
        kept = []
        for here, there, d, e in zip(outline, following, depth, after, strict=True):
            if d >= 0:
                kept.append(here)
            if (d >= 0) != (e >= 0):
                kept.append(here + (there - here) * (d / (d - e)))
        outline = np.array(kept).reshape(-1, 2)
    return outline


def area_of(outline: Float) -> float:
    """Return the area of a polygon (K, 2), by the shoelace formula."""
    if len(outline) < 3:
        return 0.0
    x, y = (outline - outline[0]).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _placed(
    sheet: Sheet,
    shape: tuple[int, int],
    size: int,
    options: AugmentOptions,
    rng: np.random.Generator,
) -> Sheet:
    """Turn, stretch and shear about the middle, then shift so that little lies beyond the edges."""
    height, width = sheet.image.shape[:2]
    zoom = size / max(height, width) * _log_uniform(rng, options.zoom_out, options.zoom_in)
    stretch = math.exp(rng.uniform(-1, 1) * options.stretch / 2)
    quarter = rng.integers(4) if options.quarter_turns else 0
    free = rng.uniform(-options.rotation, options.rotation)
    shear = rng.uniform(-options.shear, options.shear)
    mirrored = options.mirror and rng.random() < 0.5
    angle = math.radians(90 * quarter + (free if sheet.tight else 0))
    cos, sin = math.cos(angle), math.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    if sheet.tight:
        linear = linear @ np.array([[1, shear], [0, 1]])
    linear = zoom * np.diag([stretch, 1 / stretch]) @ linear
    if mirrored:
        linear = linear @ np.diag([-1.0, 1.0])
    matrix = np.hstack([linear, _shift(sheet, linear, shape, options, rng)[:, None]])
    return warp(sheet, matrix, shape, options.min_visible)


def _shift(
    sheet: Sheet,
    linear: Float,
    shape: tuple[int, int],
    options: AugmentOptions,
    rng: np.random.Generator,
) -> Float:
    """Return where the map `linear` is to put the origin: the canvas full, or the image whole.

    In `about_instance` of the images, as far as that allows, an instance lies on the canvas.
    """
    size = np.array([sheet.image.shape[1], sheet.image.shape[0]])
    canvas = np.array([shape[1], shape[0]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2
    room = np.abs(canvas / 2 - np.abs(corners @ linear.T).max(axis=0))
    off = rng.uniform(-1, 1, 2) * room
    counted = np.flatnonzero(~sheet.ignored)
    if len(counted) and rng.random() < options.about_instance:
        outline = sheet.outlines[counted[rng.integers(len(counted))]]
        moved = (outline - (size - 1) / 2) @ linear.T
        low, high = moved.min(axis=0), moved.max(axis=0)
        slack = np.abs(canvas - (high - low)) / 2
        off = np.clip(rng.uniform(-1, 1, 2) * slack - (low + high) / 2, -room, room)
    shift: Float = (canvas - 1) / 2 + off - linear @ ((size - 1) / 2)
    return shift


def _mosaic(
    sheets: Sequence[Sheet],
    shape: tuple[int, int],
    size: int,
    options: AugmentOptions,
    rng: np.random.Generator,
) -> Sheet:
    """Lay four images about a point (Bochkovskiy et al., YOLOv4, 2020), each placed on its own."""
    height, width = shape
    x = round(rng.uniform(0.3, 0.7) * width)
    y = round(rng.uniform(0.3, 0.7) * height)
    image = np.empty((height, width, 3), np.uint8)
    outlines: list[Float] = []
    corners = ((0, 0, x, y), (x, 0, width - x, y), (0, y, x, height - y))
    parts = (*corners, (x, y, width - x, height - y))
    made = [
        _placed(sheet, (h, w), size, options, rng)
        for sheet, (_, _, w, h) in zip(sheets, parts, strict=True)
    ]
    for one, (left, top, w, h) in zip(made, parts, strict=True):
        image[top : top + h, left : left + w] = one.image
        outlines += [outline + np.array([left, top]) for outline in one.outlines]
    return Sheet(
        image,
        tuple(outlines),
        np.concatenate([one.labels for one in made]),
        np.concatenate([one.ignored for one in made]),
    )


def _cut_out(image: Pixels, sheet: Sheet, rng: np.random.Generator) -> Pixels:
    """Cover parts with patches of one colour, or of elsewhere (DeVries and Taylor, Cutout, 2017)."""
    image = image.copy()
    height, width = image.shape[:2]
    boxes = sheet.boxes
    for _ in range(int(rng.integers(1, 4))):
        long, thin = rng.uniform(0.08, 0.3), rng.uniform(0.02, 0.12)
        extents = np.array([long, thin] if rng.random() < 0.5 else [thin, long])
        w, h = np.maximum(1, extents * max(height, width)).astype(int)
        w, h = min(w, width), min(h, height)
        if len(boxes) and rng.random() < 0.5:
            box = boxes[rng.integers(len(boxes))]
            at = box[:2] + rng.random(2) * box[2:] - np.array([w, h]) / 2
        else:
            at = rng.random(2) * [width - w, height - h]
        x, y = np.clip(at, 0, [width - w, height - h]).astype(int)
        if rng.random() < 0.5:
            image[y : y + h, x : x + w] = rng.integers(0, 256, 3)
        else:
            u, v = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
            image[y : y + h, x : x + w] = image[v : v + h, u : u + w].copy()
    return image


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))
