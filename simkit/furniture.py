"""What scenes are furnished with: rooms, tables, totes, racks, belts.

All is fixed and unlabelled, and made of boxes. Objects rest on z = 0. What belongs together has
names that agree up to their ``/``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simkit.contracts import Params
from simkit.distributions import Constant, Distribution
from simkit.options import setting, varied
from simkit.scene import Body, Vec3

OPEN_ABOVE = 100.0
"""Height of a region that nothing closes above [m]."""

TABLE_THICKNESS = 0.03
FLOOR_THICKNESS = 0.02


@dataclass
class RoomOptions:
    """The room around."""

    room: str = setting(
        "walls",
        allowed=("walls", "floor", "none"),
        help="floor and walls, a floor alone, or nothing: the environment shows where nothing is",
    )
    room_size: Distribution = varied(
        Constant(6.0), unit="m", low=1.0, high=200.0, help="side of the floor"
    )
    room_height: Distribution = varied(
        Constant(3.0), unit="m", low=1.0, high=50.0, help="of the walls"
    )
    table_height: Distribution = varied(
        Constant(0.75), unit="m", low=0.1, high=10.0, help="of z = 0 above the floor"
    )


def sample_room(options: RoomOptions, rng: np.random.Generator) -> Params:
    """Draw the room that `room` builds."""
    return {
        "room": options.room,
        "room_size": options.room_size.sample(rng),
        "room_height": options.room_height.sample(rng),
        "table_height": options.table_height.sample(rng),
    }


def room(params: Params) -> list[Body]:
    """Return the floor and the walls of `sample_room`'s params."""
    size, height, below = params["room_size"], params["room_height"], params["table_height"]
    half, middle = size / 2, height / 2 - below
    sides: dict[str, tuple[Vec3, Vec3]] = {
        "floor": ((0.0, 0.0, -below), (size, size, FLOOR_THICKNESS)),
        "wall_east": ((half, 0.0, middle), (FLOOR_THICKNESS, size, height)),
        "wall_west": ((-half, 0.0, middle), (FLOOR_THICKNESS, size, height)),
        "wall_north": ((0.0, half, middle), (size, FLOOR_THICKNESS, height)),
        "wall_south": ((0.0, -half, middle), (size, FLOOR_THICKNESS, height)),
    }
    count = {"walls": 5, "floor": 1, "none": 0}[params["room"]]
    return [_box(name, at, extent) for name, (at, extent) in list(sides.items())[:count]]


def table(width: float, depth: float, top: float = 0.0) -> Body:
    """Return a table top, `width` along x and `depth` along y, whose surface is at z = `top` [m]."""
    return _box("table", (0.0, 0.0, top - TABLE_THICKNESS / 2), (width, depth, TABLE_THICKNESS))


def tote(length: float, width: float, wall: float, thickness: float) -> list[Body]:
    """Return an open box: `length` (x) and `width` (y) inside, `wall` high inside [m]."""
    t, high = thickness, wall + thickness
    x, y, middle = (length + t) / 2, (width + t) / 2, (wall - thickness) / 2
    return [
        _box("tote/floor", (0.0, 0.0, -t / 2), (length, width, t)),
        _box("tote/east", (x, 0.0, middle), (t, width + 2 * t, high)),
        _box("tote/west", (-x, 0.0, middle), (t, width + 2 * t, high)),
        _box("tote/north", (0.0, y, middle), (length, t, high)),
        _box("tote/south", (0.0, -y, middle), (length, t, high)),
    ]


def rack(depth: float, width: float, levels: list[float], thickness: float) -> list[Body]:
    """Return a rack that opens towards +x: a board below each level, one on top, sides, a back.

    Args:
        depth, width: of its inside, along x and y [m].
        levels: clear heights above the boards, from the lowest, which is at z = 0, upwards [m].
        thickness: of boards, sides and back [m].
    """
    t = thickness
    tops = board_tops(levels, t)
    boards = [
        _box(f"rack/board_{i}", (0.0, 0.0, top - t / 2), (depth, width, t))
        for i, top in enumerate(tops)
    ]
    high = tops[-1] + t
    middle = (tops[-1] - t) / 2
    side = (width + t) / 2
    return [
        *boards,
        _box("rack/north", (0.0, side, middle), (depth, t, high)),
        _box("rack/south", (0.0, -side, middle), (depth, t, high)),
        _box("rack/back", (-(depth + t) / 2, 0.0, middle), (t, width + 2 * t, high)),
    ]


def board_tops(levels: list[float], thickness: float) -> list[float]:
    """Return the heights of the boards' upper sides [m], that of the topmost board too."""
    return [0.0, *(float(z) for z in np.cumsum(np.add(levels, thickness)))]


def belt(length: float, width: float, rail: float, thickness: float, velocity: Vec3) -> list[Body]:
    """Return a belt along x that moves at `velocity` [m/s], and two rails, `rail` high, that do not."""
    t = thickness
    side, middle, high = (width + t) / 2, (rail - t) / 2, rail + t
    moving = Body(
        name="belt",
        model="simkit:box",
        position=(0.0, 0.0, -t / 2),
        scale=(length, width, t),
        fixed=True,
        labelled=False,
        velocity=velocity,
    )
    return [
        moving,
        _box("rail/north", (0.0, side, middle), (length, t, high)),
        _box("rail/south", (0.0, -side, middle), (length, t, high)),
    ]


def _box(name: str, position: Vec3, size: Vec3) -> Body:
    return Body(
        name=name, model="simkit:box", position=position, scale=size, fixed=True, labelled=False
    )
