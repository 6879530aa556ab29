"""Which real images are trained on, and which are tested on: folds that tear no group apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simkit.errors import ConfigError, DatasetError
from simkit.evaluate.bootstrap import members_of
from simkit.randomness import stream
from simkit.tasks.examples import Examples

Places = NDArray[np.int64]

BLOCKS = "blocks:"


def groups_of(examples: Examples, group_by: str) -> list[object] | None:
    """Return the group of each image; None if `group_by` is empty, so that each is by itself.

    Args:
        group_by: a column of the index (``scene_index``), or ``blocks:N``: N images in a row, as a
            video or a burst gives them.

    Raises:
        ConfigError: there is no such column, or N is no positive number.
    """
    if not group_by:
        return None
    if group_by.startswith(BLOCKS):
        size = group_by[len(BLOCKS) :]
        if not size.isdecimal() or int(size) < 1:
            raise ConfigError(f"group_by: '{group_by}': write blocks:N with N images a block")
        return [place // int(size) for place in range(len(examples))]
    try:
        return examples.column(group_by)
    except DatasetError as error:
        raise ConfigError(f"group_by: {error}") from None


def folds_of(
    n: int, count: int, seed: int, groups: Sequence[object] | None = None
) -> list[tuple[Places, Places]]:
    """Return (trained on, tested on) of each fold: places in rising order.

    Groups are shuffled and dealt one by one to the fold that has the fewest images. Every image is
    tested on once.

    Raises:
        ConfigError: there are fewer groups, or images, than folds.
    """
    members = list(members_of(groups if groups is not None else range(n)).values())
    if count < 2 or len(members) < count:
        what = "images" if groups is None else "groups of images"
        raise ConfigError(
            f"folds: {count} folds of {len(members)} {what} are not possible; there must be at "
            "least 2 folds, and no more than that"
        )
    rng = stream(seed, 0, "evaluate.folds")
    dealt: list[list[Places]] = [[] for _ in range(count)]
    sizes = [0] * count
    for place in rng.permutation(len(members)):
        smallest = int(np.argmin(sizes))
        dealt[smallest].append(members[place])
        sizes[smallest] += len(members[place])
    tested = [np.sort(np.concatenate(one)) for one in dealt]
    return [(np.setdiff1d(np.arange(n), one), one) for one in tested]


def drawn(n: int, count: int, seed: int, name: str) -> Places:
    """Return `count` of n places, without repetition; fewer of them are the first of more."""
    return stream(seed, 0, f"evaluate.{name}").permutation(n)[:count]
