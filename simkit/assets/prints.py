"""Printings of an image, for no two presses agree; and sheets that are no objects: paper, text, patterns.

A detector that has seen one deck of cards has learnt its inks and its line widths. A printing keeps
what an image says and changes those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.assets import patterns
from simkit.assets.sheets import Sheet
from simkit.distributions import Constant, Distribution
from simkit.options import setting, varied
from simkit.randomness import stream

Bytes = NDArray[np.uint8]
Float = NDArray[np.float32]

HUES = 6
"""Places on the hue circle at which an ink's change is drawn; it runs smoothly between them."""

LARGE_SPREAD = 3
"""Side of the largest letter on a page, of the smallest."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789    ,.:-"
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)
SIDE = 256
"""Of the images of other sheets [px]."""


@dataclass
class PrintOptions:
    """How printings of the plates' images differ, and what else lies among the plates."""

    prints: int = setting(
        1, low=1, high=100, help="printings of each image; the first is the image itself"
    )
    print_hue_deg: Distribution = varied(
        Constant(0.0), unit="deg", low=-180.0, high=180.0, help="shift of an ink's hue, each ink's"
    )
    print_saturation: Distribution = varied(
        Constant(1.0), low=0.0, high=5.0, help="factor on an ink's saturation, each ink's"
    )
    print_value: Distribution = varied(
        Constant(1.0), low=0.0, high=2.0, help="factor on an ink's brightness, each ink's"
    )
    print_weight: Distribution = varied(
        Constant(0.0), low=-0.05, high=0.05, help="by how much of the width strokes are thicker"
    )
    print_scale: Distribution = varied(
        Constant(1.0), low=0.5, high=2.0, help="of the print on its plate, along x and along y"
    )
    others: Distribution = varied(
        Constant(0), low=0, high=50, whole=True, help="number of other sheets: backs, paper, text"
    )
    other_size: Distribution = varied(
        Constant(0.1), unit="m", low=0.001, high=10.0, help="width and height of paper and text"
    )


def printings(sheets: Sequence[Sheet], options: PrintOptions) -> list[Sheet]:
    """Return `options.prints` printings of each sheet: ``NAME``, then ``NAME~1``, ``NAME~2`` ..."""
    return [
        sheet
        if number == 0
        else replace(sheet, name=f"{sheet.name}~{number}", front=_printed(sheet, number, options))
        for sheet in sheets
        for number in range(options.prints)
    ]


def _printed(sheet: Sheet, number: int, options: PrintOptions) -> Bytes:
    rng = stream(0, number, f"print {sheet.name}")
    weight = options.print_weight.sample(rng)
    scale = [options.print_scale.sample(rng) for _ in range(2)]
    inks = [
        [one.sample(rng) for _ in range(HUES + 1)]
        for one in (options.print_hue_deg, options.print_saturation, options.print_value)
    ]
    return recoloured(scaled(weighted(sheet.front, weight), *scale), *inks)


def weighted(image: Bytes, weight: float) -> Bytes:
    """Return an image (H, W, 3) whose strokes are thicker by `weight` of its width; below 0 thinner."""
    radius = abs(weight) * image.shape[1] / 2
    if radius == 0:
        return image
    whole = int(np.ceil(radius))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * whole + 1, 2 * whole + 1))
    moved = (cv2.erode if weight > 0 else cv2.dilate)(image, disc)
    share = radius / whole
    return np.asarray(cv2.addWeighted(moved, share, image, 1 - share, 0), dtype=np.uint8)


def scaled(image: Bytes, x: float, y: float) -> Bytes:
    """Return an image (H, W, 3) whose print is x times as wide, y times as high, about its middle."""
    if x == y == 1:
        return image
    height, width = image.shape[:2]
    matrix = np.array([[x, 0, (1 - x) * (width - 1) / 2], [0, y, (1 - y) * (height - 1) / 2]])
    return np.asarray(
        cv2.warpAffine(
            image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=(255, 255, 255)
        ),
        dtype=np.uint8,
    )


def recoloured(
    image: Bytes, hue_deg: Sequence[float], saturation: Sequence[float], value: Sequence[float]
) -> Bytes:
    """Return an image (H, W, 3) with inks changed; what is white stays white.

    Args:
        image: sRGB.
        hue_deg, saturation, value: shift and factors at `HUES` hues, evenly from red on, and last of
            grey inks (of which only the value counts).
    """
    hsv = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    place = hsv[..., 0] / 360 * HUES
    coloured = hsv[..., 1]

    def at(values: Sequence[float]) -> Float:
        circle = np.array([*values[:HUES], values[0]], np.float32)
        low = np.clip(place.astype(np.int64), 0, HUES - 1)
        share = place - low
        return np.asarray(circle[low] * (1 - share) + circle[low + 1] * share, np.float32)

    hsv[..., 0] = (hsv[..., 0] + at(hue_deg)) % 360
    hsv[..., 1] = np.clip(coloured * at(saturation), 0, 1)
    ink = 1 - hsv[..., 2] * (1 - coloured)  # 0 is white paper
    factor = coloured * at(value) + (1 - coloured) * np.float32(value[HUES])
    hsv[..., 2] = np.clip(hsv[..., 2] * (1 + ink * (factor - 1)), 0, 1)
    changed = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return np.asarray(np.round(changed * 255), dtype=np.uint8)


def other_sheets(count: int, size: Distribution, thickness: float) -> list[Sheet]:
    """Return `count` sheets of paper, text and patterns: ``other/0`` ..., ``size`` [m] a side."""
    made = []
    for number in range(count):
        rng = stream(0, number, "other sheet")
        width, height = (size.sample(rng) for _ in range(2))
        front = (_paper, _text, _pattern)[number % 3](rng)
        made.append(Sheet(f"other/{number}", "others", front, (width, height, thickness)))
    return made


def _paper(rng: np.random.Generator) -> Bytes:
    """Plain, white more often than coloured."""
    color = rng.integers(60, 256, 3) if rng.random() < 0.3 else rng.integers(200, 256) + np.zeros(3)
    return np.full((SIDE, SIDE, 3), color, dtype=np.uint8)


def _text(rng: np.random.Generator) -> Bytes:
    """Lines of letters of several sizes on paper."""
    page, row = _paper(rng), 0
    font, ink = FONTS[int(rng.integers(len(FONTS)))], [int(x) for x in rng.integers(0, 120, 3)]
    least = rng.uniform(0.25, 0.6)
    while row < SIDE:
        size = least * float(rng.uniform(1, LARGE_SPREAD))
        row += int(30 * size * rng.uniform(1.0, 1.6)) + 4
        if rng.random() < 0.8:
            line = "".join(rng.choice(list(LETTERS), int(rng.integers(3, 40))))
            start = int(rng.integers(4, 60))
            cv2.putText(page, line, (start, row), font, size, ink, 1 + int(2 * size))
    return page


def _pattern(rng: np.random.Generator) -> Bytes:
    kinds = (patterns.dots, patterns.stripes, patterns.checker, patterns.voronoi, patterns.noise)
    colors = int(rng.integers(2, 5))
    weights = kinds[int(rng.integers(len(kinds)))](rng, SIDE, colors, 4)
    palette = rng.integers(0, 256, (colors, 3))
    places = np.linspace(0, 1, colors)
    return np.stack([np.interp(weights, places, palette[:, k]) for k in range(3)], -1).astype(
        np.uint8
    )
