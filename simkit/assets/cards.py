"""Printed thin things: images and fiducials as plates with a front, a back and plain edges.

A plate's frame has its origin in the middle, +z out of the front, and +y to the image's top: seen
from +z the front image is upright; turned over about y (as a page is) the back image is.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.assets.collision import CollisionSettings
from simkit.assets.embedded import EMBEDDED_LICENCE
from simkit.assets.library import Library, Model
from simkit.assets.mesh import Mesh
from simkit.assets.parts import WHITE, Part, joined
from simkit.assets.prints import PrintOptions, other_sheets, printings
from simkit.assets.sheets import Sheet, categorized, read_image, read_sheets
from simkit.assets.solid import measure
from simkit.errors import AssetError, ConfigError, did_you_mean
from simkit.options import setting

Float = NDArray[np.float64]
Bytes = NDArray[np.uint8]

POOL = "cards"
OTHERS = "others"
"""Sheets that are no objects: never labelled."""

OTHER_SHEETS = 30
BACK = "back"
"""Name of the other sheet that is a plate with nothing but the back to be seen."""

FIRST_ID = 100_001
"""The plates' obj_ids and category_ids count from here, so that they clash with no other model's."""

CORNER_STEPS = 6
"""Edges that a rounded corner is made of."""

MODULE = 16
"""Pixels a side of a fiducial's smallest square."""
QUIET = 1
"""White modules around a marker, which its detector needs."""
GRID = (4, 3)
"""Markers along x and y of the boards (squares of the ChArUco board are one more each)."""
GAP = 0.25
"""Gap between a grid board's markers, relative to their side."""


@dataclass
class SheetOptions(PrintOptions):
    """What is printed on plates."""

    images: str = setting("", help="folder of the plates' fronts (PNG, JPEG); '': ArUco markers")
    back: str = setting("", help="image of all backs: a path, or a name in that folder; '': white")
    category_pattern: str = setting(
        "", help="regular expression; its one group, in a plate's name, is the category"
    )
    category_names: dict[str, str] = setting({}, help="what those groups stand for, e.g. K: king")
    include: list[str] = setting([], help="glob patterns on the plates' names; empty takes all")
    licence: str = setting("", help="of the images, as recorded with the data set")
    plate_size: list[float] = setting(
        [0.063, 0.088, 0.0003],
        unit="m",
        low=1e-5,
        high=10.0,
        help="of images: width, height, depth",
    )
    own_aspect: bool = setting(False, help="an image's height follows from its width and aspect")
    corner_radius: float = setting(0.003, unit="m", low=0.0, high=1.0, help="of images' corners")
    dictionary: str = setting("DICT_4X4_50", help="of the markers, as OpenCV names it")
    markers: int = setting(20, low=1, high=1000, help="how many of its markers are used, from id 0")
    marker_size: float = setting(0.05, unit="m", low=1e-3, high=10.0, help="of the black square")
    marker_depth: float = setting(0.001, unit="m", low=1e-5, high=0.1, help="thickness of markers")

    def __post_init__(self) -> None:
        if len(self.plate_size) != 3:
            raise ConfigError(f"plate_size: {self.plate_size} is not width, height and depth [m]")


def plate_library(options: SheetOptions) -> Library:
    """Return the plates that the options describe; see `read_sheets`, `fiducials`, `categorized`."""
    back, licence = None, EMBEDDED_LICENCE
    if options.images:
        back, licence = _back_of(options), options.licence
        width, height, depth = options.plate_size
        size = width, height, depth
        folder = Path(options.images)
        sheets = read_sheets(folder, size, options.corner_radius, back, options.own_aspect)
    else:
        sheets = fiducials(
            options.dictionary, options.markers, options.marker_size, options.marker_depth
        )
    sheets = categorized(sheets, options.category_pattern, options.category_names)
    behind = None if back is None else read_image(back)
    pool = plates(printings(sheets, options), behind, options.include, licence)
    return pool if max(options.others.support) == 0 else pool.merged(_others(options, behind))


def _others(options: SheetOptions, back: Bytes | None) -> Library:
    """Return the pool `OTHERS`: paper, text, patterns, and the plates' own back if they have one."""
    width, height, thickness = options.plate_size
    sheets = other_sheets(OTHER_SHEETS, options.other_size, thickness)
    if back is not None:
        size = width, height, thickness
        sheets.append(Sheet(BACK, OTHERS, back, size, options.corner_radius))
    made = plates(sheets, back).values()
    models = [replace(model, obj_id=0, category_id=0, pool=OTHERS) for model in made]
    return Library(models, collision=CollisionSettings("convex_hull"))


def _back_of(options: SheetOptions) -> Path | None:
    """Return the backs' image: a file of that name in the folder of fronts, else that path."""
    if not options.back:
        return None
    beside = Path(options.images) / options.back
    return beside if beside.is_file() else Path(options.back)


def plates(
    sheets: Iterable[Sheet],
    back: Bytes | None = None,
    include: Sequence[str] = (),
    licence: str = "",
) -> Library:
    """Return the sheets as models of the pool `POOL`, numbered in order from `FIRST_ID`.

    Args:
        sheets: at least one.
        back: image (H, W, 3) uint8 sRGB of their backs; None is plain white.
        include: glob patterns on their names; none takes all. They shift no number.
        licence: of what is printed.

    Raises:
        AssetError: a pattern matches no sheet.
    """
    sheets = list(sheets)
    names = [sheet.name for sheet in sheets]
    for pattern in include:
        if not fnmatch.filter(names, pattern):
            raise AssetError(f"scene.include: '{pattern}' matches none of {', '.join(names)}")
    categories = sorted({sheet.category for sheet in sheets})
    models = []
    for number, sheet in enumerate(sheets):
        if include and not any(fnmatch.fnmatchcase(sheet.name, one) for one in include):
            continue
        mesh = plate(sheet.front, back, sheet.size, sheet.radius)
        solid = measure(mesh)
        models.append(
            Model(
                name=sheet.name,
                obj_id=FIRST_ID + number,
                category=sheet.category,
                category_id=FIRST_ID + categories.index(sheet.category),
                mesh=mesh,
                diameter=solid.diameter,
                volume=solid.volume,
                center_of_mass=solid.center_of_mass,
                watertight=solid.watertight,
                licence=licence,
                source=sheet.source,
                pool=POOL,
            )
        )
    return Library(models, collision=CollisionSettings("convex_hull"))


def plate(
    front: Bytes, back: Bytes | None, size: tuple[float, float, float], radius: float
) -> Mesh:
    """Return a plate's mesh; see the module's docstring for its frame, `Sheet` for the arguments."""
    width, height, thickness = size
    edge = outline(width, height, radius)
    count = len(edge)
    ring = np.arange(count)
    rim = np.stack([ring, np.roll(ring, -1)], axis=1)
    fan = np.column_stack([np.full(count, count), rim])  # about the middle, vertex `count`
    flat = np.vstack([edge, [[0.0, 0.0]]])
    across, up = flat[:, 0] / width + 0.5, flat[:, 1] / height + 0.5
    half = thickness / 2
    sheet = np.full((2, 2, 3), 255, dtype=np.uint8) if back is None else back
    top = Part(
        vertices=np.column_stack([flat, np.full(count + 1, half)]),
        faces=fan,
        uv=np.column_stack([across, up]),
        texture=front,
    )
    bottom = Part(
        vertices=np.column_stack([flat, np.full(count + 1, -half)]),
        faces=fan[:, ::-1],
        uv=np.column_stack([1 - across, up]),
        texture=sheet,
    )
    low, high = rim + count, rim
    side = Part(
        vertices=np.vstack([np.column_stack([edge, np.full(count, z)]) for z in (half, -half)]),
        faces=np.vstack(
            [np.column_stack([low, high[:, 1]]), np.column_stack([low[:, 0], high[:, ::-1]])]
        ),
        base_color=WHITE,
    )
    return joined([top, bottom, side])


def outline(width: float, height: float, radius: float) -> Float:
    """Return the corners (N, 2) [m] of a rectangle with rounded corners, counter-clockwise."""
    radius = min(radius, width / 2, height / 2)
    x, y = width / 2 - radius, height / 2 - radius
    if radius <= 0:
        return np.array([[x, y], [-x, y], [-x, -y], [x, -y]])
    turns = np.linspace(0, np.pi / 2, CORNER_STEPS + 1)
    corners = []
    for quarter, (sx, sy) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)]):
        angle = turns + quarter * np.pi / 2
        arc = radius * np.column_stack([np.cos(angle), np.sin(angle)])
        corners.append(arc + np.array([sx * x, sy * y]))
    return np.vstack(corners)


def fiducials(dictionary: str, count: int, side: float, thickness: float) -> list[Sheet]:
    """Return markers and two boards of an ArUco dictionary (OpenCV's), each with a quiet zone.

    ``marker/ID`` of category ``marker``; ``board/grid`` and ``board/charuco`` (of the dictionary's
    first ids) of category ``board``. The origin is the middle of the black square, or of the board.

    Args:
        dictionary: name in `cv2.aruco`, such as ``DICT_4X4_50``.
        count: markers, ids from 0.
        side: of a marker's black square [m].
        thickness: of the plates [m].

    Raises:
        AssetError: there is no such dictionary, or it has fewer markers.
    """
    found = dictionary_of(dictionary)
    most = len(found.bytesList)
    if count > most:
        raise AssetError(f"scene.markers: {count} are more than the {most} of {dictionary}")
    modules = found.markerSize + 2
    sheets = []
    for number in range(count):
        image = np.asarray(
            cv2.aruco.generateImageMarker(found, number, modules * MODULE), dtype=np.uint8
        )
        whole = side * (modules + 2 * QUIET) / modules
        sheets.append(_printed(f"marker/{number}", image, (whole, whole, thickness)))
    boards: dict[str, Callable[[], tuple[Bytes, float]]] = {
        "grid": lambda: _grid(found, side, modules),
        "charuco": lambda: _charuco(found, side, modules),
    }
    needed = {"grid": GRID[0] * GRID[1], "charuco": (GRID[0] + 1) * (GRID[1] + 1) // 2}
    for name, make in boards.items():
        if needed[name] <= most:
            image, pixel = make()
            height, width = image.shape[:2]
            quiet = 2 * QUIET * MODULE
            size = ((width + quiet) * pixel, (height + quiet) * pixel, thickness)
            sheets.append(_printed(f"board/{name}", image, size))
    return sheets


def dictionary_of(name: str) -> cv2.aruco.Dictionary:
    """Return OpenCV's dictionary of that name; `AssetError` if there is none."""
    known = [one for one in dir(cv2.aruco) if one.startswith("DICT_")]
    if name not in known:
        raise AssetError(f"scene.dictionary: '{name}' is unknown; {did_you_mean(name, known)}")
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, name))


def _grid(found: cv2.aruco.Dictionary, side: float, modules: int) -> tuple[Bytes, float]:
    pixels = modules * MODULE
    gap = round(GAP * pixels)
    board = cv2.aruco.GridBoard(GRID, side, side * gap / pixels, found)
    size = tuple(n * pixels + (n - 1) * gap for n in GRID)
    return np.asarray(board.generateImage(size)), side / pixels


def _charuco(found: cv2.aruco.Dictionary, side: float, modules: int) -> tuple[Bytes, float]:
    pixels = (modules + 2) * MODULE
    squares = GRID[0] + 1, GRID[1] + 1
    pixel = side / (modules * MODULE)
    board = cv2.aruco.CharucoBoard(squares, pixels * pixel, side, found)
    return np.asarray(board.generateImage((squares[0] * pixels, squares[1] * pixels))), pixel


def _printed(name: str, image: Bytes, size: tuple[float, float, float]) -> Sheet:
    quiet = QUIET * MODULE
    framed = np.pad(image, quiet, constant_values=255)
    front = np.ascontiguousarray(np.repeat(framed[..., None], 3, axis=2))
    return Sheet(name, name.partition("/")[0], front, size)
