"""Synthetic and real images in one training set, in shares that may change while training goes on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simkit.errors import ConfigError, DatasetError
from simkit.tasks.examples import Examples

Knots = tuple[tuple[float, float], ...]
"""(progress of training from 0 to 1, share of synthetic images) in rising order; linear between."""

CURRICULUM: Knots = ((0.0, 1.0), (1.0, 0.0))
"""From synthetic images alone to real ones alone."""

FINE_TUNING: Knots = ((0.0, 1.0), (0.7, 1.0), (0.7, 0.0), (1.0, 0.0))
"""Synthetic images alone for 70 % of the training, then real ones alone."""


class Mixture(Examples):
    """Two sets of images that are drawn in shares which depend on how far training is.

    A trainer that draws its images with `weights` follows it; `simkit.tasks` does.
    """

    def __init__(self, synthetic: Examples, real: Examples, knots: Knots) -> None:
        """Take both sets; their categories must be the same.

        Raises:
            ConfigError: the knots do not rise, or a share is not from 0 to 1.
            DatasetError: a set is empty, or their categories differ.
        """
        if not len(synthetic) or not len(real):
            raise DatasetError("a mixture needs synthetic and real images; one side has none")
        both = synthetic + real
        super().__init__(both.sources, both.categories, both.min_visib_fract)
        self.knots = checked_knots(knots)
        self.synthetic = len(synthetic)

    def share(self, progress: float) -> float:
        """Return the share of synthetic images at a progress from 0 to 1."""
        places, shares = zip(*self.knots, strict=True)
        later = int(np.searchsorted(places, progress, side="right"))
        if later == len(places):
            return float(shares[-1])
        if later == 0:
            return float(shares[0])
        begin, end = places[later - 1], places[later]
        part = (progress - begin) / (end - begin)
        return float((1 - part) * shares[later - 1] + part * shares[later])

    def weights(self, progress: float) -> NDArray[np.float64]:
        """Return (N,) probabilities with which images are drawn at a progress from 0 to 1."""
        share, real = self.share(progress), len(self) - self.synthetic
        return np.concatenate(
            [np.full(self.synthetic, share / self.synthetic), np.full(real, (1 - share) / real)]
        )


def checked_knots(knots: Knots) -> Knots:
    """Return the knots, or raise `ConfigError`; two at one place are a step."""
    if not knots or any(one[0] > other[0] for one, other in pairwise(knots)):
        raise ConfigError(f"curriculum: the progress in {list(knots)} does not rise")
    if not all(0 <= place <= 1 and 0 <= share <= 1 for place, share in knots):
        raise ConfigError(f"curriculum: {list(knots)}: progress and shares are from 0 to 1")
    return knots


def read_knots(text: str) -> Knots:
    """Return the knots of ``0=1/0.5=0.5/1=0`` (progress=share).

    Raises:
        ConfigError: it is written otherwise.
    """
    try:
        pairs = [one.split("=") for one in text.split("/")]
        return checked_knots(tuple((float(place), float(share)) for place, share in pairs))
    except ValueError:
        raise ConfigError(
            f"curriculum: '{text}' cannot be read; write PROGRESS=SHARE/..., e.g. 0=1/1=0"
        ) from None


def joined(synthetic: Examples, real: Examples, real_share: float = 0.5) -> Examples:
    """Return both sets as one, the real images repeated until they are `real_share` of it.

    Real images are never left out, and the synthetic ones are all there once.
    """
    wanted = len(synthetic) * real_share / (1 - real_share)
    times = max(round(wanted / len(real)), 1)
    return synthetic + real.subset([place for _ in range(times) for place in range(len(real))])
