"""What is trained on, and what is tested on: the protocols, as lists of trainings still to be done.

Wherever real images are trained on, the real set is cut into folds and each image is tested by the
model that has not seen it, so that every protocol but TRTS is scored on all real images, and any two
of them can be compared image by image.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.errors import ConfigError, did_you_mean
from simkit.evaluate.folds import drawn, folds_of, groups_of
from simkit.evaluate.learners import Training
from simkit.evaluate.mixing import CURRICULUM, FINE_TUNING, Knots, Mixture, joined, read_knots
from simkit.tasks.examples import Examples

REAL = "real"
"""Name of the training set of TRTR."""

TRTS_LIMIT = 500
"""Synthetic images that TRTS tests on at most, evenly spread."""

NAMED = ("tstr", "trtr", "trts", "tstr+adapt", "tstr+K", "tstr+K:finetune", "learning[:N/...]",
         "mixing[:SHARE/...]", "curriculum[:PROGRESS=SHARE/...]")  # fmt: skip
"""K and N are numbers of real and synthetic images, shares those of synthetic ones."""

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the mixing curve, unless others are given."""


@dataclass(frozen=True)
class Settings:
    """How protocols are run.

    Attributes:
        seeds: trainings of each set; their seeds are 0, 1, ...
        folds: of the real set.
        group_by: what keeps real images together, see `simkit.evaluate.folds.groups_of`.
    """

    seeds: int = 3
    folds: int = 5
    group_by: str = ""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ConfigError(f"seeds: {self.seeds}: give at least 1")


@dataclass(frozen=True, eq=False)
class Trial:
    """One training set under one protocol.

    Attributes:
        name: of the training set.
        tested: all images of the test.
        parts: by seed: trainings, each with the places in `tested` of the images it is tested on.
        curve: what this is a point of (``learning``, ``mixing``, ``added``), or "".
        x: its place on that curve.
        note: how a reader must take it.
    """

    name: str
    protocol: str
    tested: Examples
    parts: tuple[tuple[tuple[Training, NDArray[np.int64]], ...], ...]
    trained_on: int
    curve: str = ""
    x: float = 0.0
    note: str = ""

    @property
    def trainings(self) -> list[Training]:
        """All trainings."""
        return [training for seed in self.parts for training, _ in seed]


def trials_of(
    name: str, synthetic: Examples, real: Examples, protocols: Sequence[str], settings: Settings
) -> list[Trial]:
    """Return the trials of one synthetic set under the named protocols (`NAMED`).

    Raises:
        ConfigError: a protocol is unknown, or asks for more images than there are.
    """
    made: list[Trial] = []
    for protocol in protocols:
        kind = protocol.partition(":")[0]
        added = re.fullmatch(r"tstr\+(\d+)(:finetune)?", protocol)
        if added:
            k, tuned = int(added[1]), bool(added[2])
            made.append(tstr_plus(name, synthetic, real, k, settings, tuned))
        elif protocol == "tstr":
            made.append(tstr(name, synthetic, real, settings))
        elif protocol == "trtr":
            made.append(trtr(real, settings))
        elif protocol == "trts":
            made.append(trts(name, synthetic, real, settings))
        elif protocol == "tstr+adapt":
            made.append(tstr(name, synthetic, real, settings, adapted=True))
        elif kind == "learning":
            sizes = [int(one) for one in _points(protocol)] or _halved(len(synthetic))
            made += [learning(name, synthetic, real, n, settings) for n in sizes]
        elif kind == "mixing":
            shares = _points(protocol) or SHARES
            made += [mixing(name, synthetic, real, share, settings) for share in shares]
        elif kind == "curriculum":
            knots = read_knots(protocol.partition(":")[2]) if ":" in protocol else CURRICULUM
            made.append(curriculum(name, synthetic, real, knots, settings))
        else:
            raise ConfigError(
                f"protocols: '{protocol}' is unknown; {did_you_mean(protocol, NAMED)}"
            )
    return made


def tstr(
    name: str, synthetic: Examples, real: Examples, settings: Settings, adapted: bool = False
) -> Trial:
    """Return train on synthetic, test on real; the first seed's model is kept.

    Args:
        adapted: the model may look at the real images, though not at their labels.
    """
    whole, target = np.arange(len(real)), real if adapted else None
    parts = [
        ((Training(synthetic, real, seed, target, keep=seed == 0), whole),)
        for seed in range(settings.seeds)
    ]
    protocol = "TSTR, adapted" if adapted else "TSTR"
    note = "the real test images were seen without their labels" if adapted else ""
    return Trial(name, protocol, real, tuple(parts), len(synthetic), note=note)


def trtr(real: Examples, settings: Settings) -> Trial:
    """Return train on real, test on real, by folds."""
    return _by_folds(REAL, "TRTR", real, lambda pool, seed: pool, settings)


def trts(name: str, synthetic: Examples, real: Examples, settings: Settings) -> Trial:
    """Return train on real, test on synthetic: what synthetic images show that real ones do not."""
    count = min(len(synthetic), TRTS_LIMIT)
    tested = synthetic.subset(np.unique(np.linspace(0, len(synthetic) - 1, count).astype(int)))
    whole = np.arange(len(tested))
    parts = [((Training(real, tested, seed), whole),) for seed in range(settings.seeds)]
    return Trial(name, "TRTS", tested, tuple(parts), len(real))


def tstr_plus(
    name: str, synthetic: Examples, real: Examples, k: int, settings: Settings, tuned: bool = False
) -> Trial:
    """Return train on synthetic and k real images, test on the other real ones.

    Args:
        tuned: the real ones alone at the end of the training; else half of all that is seen.
    """
    if k < 1:
        raise ConfigError(f"protocols: tstr+{k} adds no real image; give at least 1")

    def training_set(pool: Examples, seed: int) -> Examples:
        few = pool.subset(_some(pool, k, seed, f"tstr+{k}"))
        return Mixture(synthetic, few, FINE_TUNING) if tuned else joined(synthetic, few)

    protocol = f"TSTR+{k}" + (" fine-tuned" if tuned else "")
    total = len(synthetic) + k
    return _by_folds(name, protocol, real, training_set, settings, total, "added", float(k))


def learning(name: str, synthetic: Examples, real: Examples, n: int, settings: Settings) -> Trial:
    """Return train on n synthetic images, test on real; fewer are always some of more."""
    whole, size = np.arange(len(real)), len(synthetic)
    if not 1 <= n <= size:
        raise ConfigError(f"protocols: {name} has {size} images; learning:{n} is not possible")
    parts = []
    for seed in range(settings.seeds):
        some = (
            synthetic.subset(np.sort(drawn(size, n, seed, "learning"))) if n < size else synthetic
        )
        parts.append(((Training(some, real, seed), whole),))
    return Trial(name, f"TSTR n={n}", real, tuple(parts), n, "learning", float(n))


def mixing(
    name: str, synthetic: Examples, real: Examples, share: float, settings: Settings
) -> Trial:
    """Return train on a mix of a fixed number of images, test on the other real ones.

    The number is that of the smallest fold's real training images, or of the synthetic ones if those
    are fewer; a share of 0 is TRTR with as many images.
    """
    groups = groups_of(real, settings.group_by)
    smallest = min(
        len(pool)
        for seed in range(settings.seeds)
        for pool, _ in folds_of(len(real), settings.folds, seed, groups)
    )
    total = min(smallest, len(synthetic))
    if not 0 <= share <= 1:
        raise ConfigError(f"protocols: a share of synthetic images of {share:g} is not from 0 to 1")
    made = round(share * total)

    def training_set(pool: Examples, seed: int) -> Examples:
        ours = synthetic.subset(drawn(len(synthetic), made, seed, "mixing.synthetic"))
        return ours + pool.subset(drawn(len(pool), total - made, seed, "mixing.real"))

    protocol = f"mix {share:g} synthetic"
    return _by_folds(name, protocol, real, training_set, settings, total, "mixing", share)


def curriculum(
    name: str, synthetic: Examples, real: Examples, knots: Knots, settings: Settings
) -> Trial:
    """Return train on both, in shares that change during the training, test on other real images."""
    text = ", ".join(f"{share:g} at {place:g}" for place, share in knots)

    def training_set(pool: Examples, seed: int) -> Examples:
        return Mixture(synthetic, pool, knots)

    total = len(synthetic) + len(real) * (settings.folds - 1) // settings.folds
    trial = _by_folds(name, "curriculum", real, training_set, settings, total)
    return Trial(**{**vars(trial), "note": f"share of synthetic images: {text}"})


def _by_folds(
    name: str,
    protocol: str,
    real: Examples,
    training_set: Callable[[Examples, int], Examples],
    settings: Settings,
    trained_on: int | None = None,
    curve: str = "",
    x: float = 0.0,
) -> Trial:
    """Return a trial in which each real image is tested by a model that has not seen it."""
    groups = groups_of(real, settings.group_by)
    parts = []
    for seed in range(settings.seeds):
        folds = folds_of(len(real), settings.folds, seed, groups)
        parts.append(
            tuple(
                (Training(training_set(real.subset(pool), seed), real.subset(tested), seed), tested)
                for pool, tested in folds
            )
        )
    total = len(real) - len(real) // settings.folds if trained_on is None else trained_on
    note = f"{settings.folds} folds of the real images"
    return Trial(name, protocol, real, tuple(parts), total, curve, x, note)


def _some(pool: Examples, k: int, seed: int, name: str) -> NDArray[np.int64]:
    if k > len(pool):
        raise ConfigError(
            f"protocols: {name} needs {k} real images to train on, and a fold has {len(pool)}"
        )
    return np.sort(drawn(len(pool), k, seed, "added"))


def _points(protocol: str) -> list[float]:
    """Return the numbers of ``learning:100/400``; none if there is no colon."""
    _, colon, text = protocol.partition(":")
    try:
        points = [float(one) for one in text.split("/")] if colon else []
    except ValueError:
        points = [-1.0]
    if any(one < 0 for one in points):
        raise ConfigError(
            f"protocols: '{protocol}': write numbers, e.g. learning:100/400 or mixing:0/0.5/1"
        )
    return sorted(points)


def _halved(size: int) -> list[int]:
    """Return the sizes of a learning curve: halved from all until below 50."""
    sizes = [size]
    while sizes[-1] // 2 >= 50 and len(sizes) < 6:
        sizes.append(sizes[-1] // 2)
    return sizes[::-1]
