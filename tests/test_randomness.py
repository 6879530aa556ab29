"""Streams by name: the same for the same name, unlike for any other."""

from __future__ import annotations

import hashlib
import struct
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.errors import ConfigError
from simkit.randomness import MAX_SEED, check_seed, seed_sequence, stream, stream_seed

names = st.text(min_size=1, max_size=12)


@given(st.integers(0, MAX_SEED), st.integers(0, 10**9), names)
def test_a_stream_is_a_function_of_its_name(seed: int, index: int, name: str) -> None:
    assert (
        stream(seed, index, name).random(4).tolist() == stream(seed, index, name).random(4).tolist()
    )
    assert 0 <= stream_seed(seed, index, name) < 2**63


@given(
    st.tuples(st.integers(0, MAX_SEED), st.integers(0, 10**9), names),
    st.tuples(st.integers(0, MAX_SEED), st.integers(0, 10**9), names),
)
def test_other_streams_differ(a: tuple[int, int, str], b: tuple[int, int, str]) -> None:
    same = stream(*a).integers(2**63) == stream(*b).integers(2**63)
    assert same == (a == b)


def test_values_are_fixed_for_good() -> None:
    """A change of these numbers makes every published data set irreproducible."""
    words = struct.unpack("<4I", hashlib.sha256(b"lighting").digest()[:16])
    assert seed_sequence(0, 3, "lighting").spawn_key == (3, *words)
    assert words == (1251870066, 526269158, 2177406678, 2378722941)
    assert stream(0, 3, "lighting").integers(2**32, size=3).tolist() == [
        324281757,
        2646924512,
        2122616046,
    ]
    assert seed_sequence(7, 0, "a").entropy == 7


def test_streams_are_uncorrelated() -> None:
    """Neighbours in seed, index and name: |r| stays within 4.5 standard errors of 0."""
    count = 4000
    neighbours = [(0, 0, "a"), (0, 0, "b"), (0, 0, "ab"), (0, 1, "a"), (1, 0, "a"), (1, 1, "a"),
                  (0, 2, "a"), (2, 0, "a")]  # fmt: skip
    draws = [stream(*one).random(count) for one in neighbours]
    for x, y in combinations(draws, 2):
        assert abs(np.corrcoef(x, y)[0, 1]) < 4.5 / np.sqrt(count)
    first = np.array([stream(5, index, "x").random() for index in range(count)])
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 4.5 / np.sqrt(count)
    assert abs(first.mean() - 0.5) < 4.5 / np.sqrt(12 * count)


@pytest.mark.parametrize("seed", [0, 1, MAX_SEED, np.int64(7), np.uint8(3)])
def test_seeds(seed: Any) -> None:
    assert check_seed(seed) == int(seed)
    assert type(check_seed(seed)) is int


@pytest.mark.parametrize(
    "seed", [-1, MAX_SEED + 1, 1.0, 0.5, "1", None, True, False, [1], float("nan")]
)
def test_no_seeds(seed: Any) -> None:
    with pytest.raises(ConfigError, match="seed"):
        check_seed(seed)


def test_no_negative_index() -> None:
    with pytest.raises(ValueError, match="negative"):
        stream(0, -1, "x")
