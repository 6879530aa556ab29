"""What a data set is to hold, and what it lacks: against a stated requirement, or against a real set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simkit.config import read_yaml
from simkit.errors import ConfigError
from simkit.evaluate.profile import Instances, Profile, heat_map
from simkit.options import build, setting

WORTH_SAYING = 0.05
"""Share of the real objects of which the synthetic set must have none like it."""

ENDS = (0.01, 0.99)
"""Between these quantiles a set is said to reach."""

THIN_CELL = 0.1
"""A cell of the heat map with less than this share of the real density counts as lacking."""


@dataclass(frozen=True)
class Requirement:
    """What a data set is to hold; 0 or nothing where nothing is asked."""

    images: int = setting(0, low=0, help="at least so many")
    classes: list[str] = setting([], help="each of these, at least once")
    instances_per_class: int = setting(0, low=0, help="at least so many objects of each class")
    imbalance: float = setting(0.0, low=0, help="most over least frequent class, at most")
    sizes: list[float] = setting(
        [],
        low=0,
        high=1,
        help="[from, to]: square root of box over image, 5 % at each end or beyond",
    )
    counts: list[float] = setting(
        [], low=0, help="[from, to]: objects in an image, 5 % of images at each end or beyond"
    )
    occluded: float = setting(0.0, low=0, high=1, help="share of objects visible below 0.9")
    truncated: float = setting(0.0, low=0, high=1, help="share of objects cut off by the edge")
    positions: float = setting(0.0, low=0, high=1, help="share of 8 x 8 cells with an object")
    coverage: float = setting(0.0, low=0, high=1, help="share used of each declared support")

    def __post_init__(self) -> None:
        for name in ("sizes", "counts"):
            ends = getattr(self, name)
            if ends and (len(ends) != 2 or ends[0] > ends[1]):
                raise ConfigError(f"{name}: {ends} is not [from, to]")


@dataclass(frozen=True)
class Lack:
    """One thing that was asked for, or that the real set has; `met` where it is there."""

    key: str
    wanted: str
    found: str
    met: bool


def read_requirement(path: str | Path) -> Requirement:
    """Return the requirement of a YAML file.

    Raises:
        ConfigError: it cannot be read, or has a wrong key or value.
    """
    return build(Requirement, read_yaml(Path(path)), "require")


def against_requirement(profile: Profile, wanted: Requirement) -> list[Lack]:
    """Return each thing that is asked for, and whether it is there."""
    counts = {one.name: one.instances for one in profile.classes}
    found: list[Lack] = []
    if wanted.images:
        found.append(_at_least("images", wanted.images, profile.images))
    for name in wanted.classes:
        found.append(_at_least(f"classes.{name}", 1, counts.get(name, 0)))
    if wanted.instances_per_class:
        names = wanted.classes or list(counts)
        found += [
            _at_least(
                f"instances_per_class.{name}", wanted.instances_per_class, counts.get(name, 0)
            )
            for name in names
        ]
    if wanted.imbalance:
        met = profile.imbalance <= wanted.imbalance
        found.append(
            Lack("imbalance", f"at most {wanted.imbalance:g}", f"{profile.imbalance:.2f}", met)
        )
    found += _spans(profile, wanted)
    hidden = 1 - profile.occlusion.get("fully", 1.0)
    cells = float(np.mean(np.array(profile.positions) > 0))
    for key, share in (
        ("occluded", hidden),
        ("truncated", profile.truncated),
        ("positions", cells),
    ):
        if getattr(wanted, key):
            found.append(_at_least(key, getattr(wanted, key), share))
    if wanted.occluded and not profile.occlusion:
        found.append(Lack("occluded", "visib_fract in the labels", "it is not stored", False))
    if wanted.coverage:
        found += [
            _at_least(f"coverage.{one.key}", wanted.coverage, one.used)
            for one in profile.coverage
            if one.drawn
        ]
    return found


def against_real(
    profile: Profile, objects: Instances, real: Profile, real_objects: Instances
) -> list[Lack]:
    """Return what the real set has that the synthetic one lacks.

    Args:
        profile, objects: of the synthetic set.
        real, real_objects: of the real one.
    """
    counts = {one.name: one.instances for one in profile.classes}
    found = [
        Lack(
            f"class {one.name}",
            f"{one.instances} objects ({one.share:.0%})",
            f"{counts.get(one.name, 0)} objects",
            counts.get(one.name, 0) > 0,
        )
        for one in real.classes
        if one.instances
    ]
    for name, power in (("object size", 2.0), ("upright", 2.0), ("visible", 0.0)):
        sides = real_objects.values[name], objects.values[name]
        a, b = (values[np.isfinite(values)] for values in sides)
        if len(a) and len(b):
            found.append(_reach(name, *(power**one if power else one for one in (a, b))))
    found.append(
        _reach(
            "objects in an image", *(one.counts.astype(float) for one in (real_objects, objects))
        )
    )
    return [*found, _cells(real_objects, objects), _edge(real, profile)]


def _at_least(key: str, wanted: float, found: float) -> Lack:
    return Lack(key, f"at least {wanted:g}", f"{found:.4g}", found >= wanted)


def _spans(profile: Profile, wanted: Requirement) -> list[Lack]:
    """Return whether 5 % and 95 % of sizes and counts reach the ends that are asked for."""
    found = []
    for key, name in (("sizes", "object size"), ("counts", "objects in an image")):
        ends = getattr(wanted, key)
        if ends and name not in profile.quantiles:
            found.append(Lack(key, f"{ends[0]:g} to {ends[1]:g}", "there is no object", False))
        elif ends:
            low, high = profile.quantiles[name][0], profile.quantiles[name][-1]
            met = low <= ends[0] and high >= ends[1]
            text = f"{low:.3g} to {high:.3g} (5 % to 95 %)"
            found.append(Lack(key, f"{ends[0]:g} to {ends[1]:g}", text, met))
    return found


def _reach(name: str, real: NDArray[np.float64], synthetic: NDArray[np.float64]) -> Lack:
    """Return whether the synthetic values reach as far as the real ones."""
    low = np.quantile(synthetic, ENDS[0], method="lower")
    high = np.quantile(synthetic, ENDS[1], method="higher")
    below, above = float(np.mean(real < low)), float(np.mean(real > high))
    outside = [f"{below:.0%} are below"] * (below >= WORTH_SAYING)
    outside += [f"{above:.0%} are above"] * (above >= WORTH_SAYING)
    ends = np.quantile(real, ENDS)
    reaches = f"{low:.3g} to {high:.3g}"
    text = f"{reaches}; of the real ones {' and '.join(outside)}" if outside else reaches
    return Lack(name, f"{ends[0]:.3g} to {ends[1]:.3g}", text, not outside)


def _cells(real: Instances, synthetic: Instances) -> Lack:
    """Return whether objects lie where real ones lie."""
    maps = [heat_map(one.values["x"], one.values["y"]) for one in (real, synthetic)]
    lacking = (maps[0] > 0) & (maps[1] < THIN_CELL * maps[0])
    share = float(maps[0][lacking].sum())
    places = f"{int(lacking.sum())} of {int((maps[0] > 0).sum())} cells lack objects"
    return Lack(
        "positions",
        f"{int((maps[0] > 0).sum())} cells of {maps[0].size}",
        f"{places}, where {share:.0%} of the real ones lie",
        share < WORTH_SAYING,
    )


def _edge(real: Profile, synthetic: Profile) -> Lack:
    met = synthetic.truncated >= real.truncated / 2 or real.truncated < WORTH_SAYING
    return Lack("cut off", f"{real.truncated:.0%}", f"{synthetic.truncated:.0%}", met)
