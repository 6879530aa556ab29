"""Named random streams: the only source of randomness in simkit.

A stream is a pure function of (seed, index, name). Streams do not know of each other: adding,
removing or reordering one shifts no other, and nothing depends on which worker draws when.
"""

from __future__ import annotations

import hashlib
import operator

import numpy as np

from simkit.errors import ConfigError

MAX_SEED = 2**63 - 1


def check_seed(seed: object) -> int:
    """Return `seed` as an int; raise `ConfigError` unless it is an integer from 0 to 2^63 - 1.

    0 is a seed like any other. ``True``, ``None`` and floats are no seeds.
    """
    if isinstance(seed, bool):
        raise ConfigError(f"seed: {seed!r} is no seed; give an integer from 0 to {MAX_SEED}")
    try:
        value = operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        raise ConfigError(
            f"seed: {seed!r} is no seed; give an integer from 0 to {MAX_SEED}"
        ) from None
    if not 0 <= value <= MAX_SEED:
        raise ConfigError(f"seed: {value} is out of range; give an integer from 0 to {MAX_SEED}")
    return value


def seed_sequence(seed: int, index: int, name: str) -> np.random.SeedSequence:
    """Return the `SeedSequence` of the stream `name` of sample `index`.

    The name enters as the first 128 bits of its SHA-256, so that it is the same in every process.
    """
    if index < 0:
        raise ValueError(f"stream {name!r}: index {index} is negative")
    digest = hashlib.sha256(name.encode()).digest()[:16]
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.SeedSequence(entropy=check_seed(seed), spawn_key=(index, *words))


def stream(seed: int, index: int, name: str) -> np.random.Generator:
    """Return the random generator (PCG64) of the stream `name` of sample `index`.

    >>> stream(0, 3, "lighting").integers(100) == stream(0, 3, "lighting").integers(100)
    True
    """
    return np.random.Generator(np.random.PCG64(seed_sequence(seed, index, name)))


def stream_seed(seed: int, index: int, name: str) -> int:
    """Return a 63-bit seed of the stream `name`, for libraries that have generators of their own."""
    return int(seed_sequence(seed, index, name).generate_state(1, np.uint64)[0] >> 1)
