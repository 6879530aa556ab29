"""Splits that depend on nothing but an image's scene: a data set that grows keeps its splits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from simkit.errors import ConfigError, did_you_mean

BY = ("scene", "image")
"""What is never in two splits: a scene with all its images, or an image alone."""

WHOLE = {"train": 1.0}

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_CLOSE = 1e-6


def parse_splits(text: str) -> dict[str, float]:
    """Return shares by name of ``train=0.9,val=0.1``; all is ``train`` if the text is empty.

    Raises:
        ConfigError: it cannot be read, or the shares do not add up to 1.
    """
    if not text.strip():
        return dict(WHOLE)
    splits: dict[str, float] = {}
    for part in re.split(r"[,\s]+", text.strip()):
        name, _, share = part.partition("=")
        try:
            splits[name] = float(share)
        except ValueError:
            splits[name] = -1.0
        if not _NAME.fullmatch(name) or not 0 < splits[name] <= 1:
            raise ConfigError(f"split: '{part}' is no NAME=SHARE; write e.g. train=0.9,val=0.1")
    if abs(sum(splits.values()) - 1) > _CLOSE:
        raise ConfigError(f"split: the shares add up to {sum(splits.values()):g}, not to 1")
    return splits


def split_of(row: Mapping[str, Any], splits: Mapping[str, float], by: str = "scene") -> str:
    """Return the split that an image belongs to.

    A hash (SHA-256) of the scene's (or image's) number, as a fraction of 1, falls into one of the
    splits' shares.

    Args:
        row: of the index.
        splits: shares by name, see `parse_splits`.
        by: one of `BY`.
    """
    if by not in BY:
        raise ConfigError(f"split_by: '{by}' is unknown; {did_you_mean(by, BY)}")
    number = row["scene_index" if by == "scene" else "index"]
    digest = hashlib.sha256(f"{by} {number}".encode()).digest()
    fraction = int.from_bytes(digest[:8], "big") / 2**64
    limit = 0.0
    for name, share in splits.items():
        limit += share
        if fraction < limit:
            return name
    return name
