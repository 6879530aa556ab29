"""The checks, by what they look at; importing this package registers them."""

from simkit.audit.checks import (
    boxes,
    identity,
    maps,
    masks,
    motion,
    points,
    poses,
    robots,
    space,
    surfaces,
    touching,
)

__all__ = [
    "boxes", "identity", "maps", "masks", "motion", "points", "poses", "robots", "space", "surfaces",
    "touching",
]  # fmt: skip
