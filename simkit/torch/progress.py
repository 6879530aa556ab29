"""Which images of an endless stream are whose, and which are done."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count


class Done:
    """A set of whole numbers >= 0, kept as sorted ranges ``[first, last]`` that do not touch."""

    def __init__(self, ranges: list[list[int]] | None = None) -> None:
        self.ranges: list[list[int]] = []
        for first, last in ranges or []:
            self.add(first, last)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.ranges, [number, number + 1])
        return any(
            first <= number <= last for first, last in self.ranges[max(place - 1, 0) : place + 1]
        )

    def add(self, first: int, last: int) -> None:
        """Add the numbers from `first` to `last`, both included."""
        low = bisect_right(self.ranges, first - 1, key=lambda one: one[1] + 1)
        low -= low > 0 and self.ranges[low - 1][1] + 1 >= first
        high = bisect_right(self.ranges, last + 1, key=lambda one: one[0])
        for start, end in self.ranges[low:high]:
            first, last = min(first, start), max(last, end)
        self.ranges[low:high] = [[first, last]]

    @property
    def begin(self) -> int:
        """The least number that is not in it."""
        return self.ranges[0][1] + 1 if self.ranges and self.ranges[0][0] == 0 else 0


@dataclass(frozen=True)
class Share:
    """The images of one process of several that train together.

    Scene s goes to rank ``s % world_size``; a rank counts its images from 0, its positions. Worker w of
    W takes every W-th of the rank's scenes: the images of a scene stay together, for it is settled once.

    Attributes:
        rank, world_size: of the process, and number of processes.
        in_scene: images a scene.
        start, stop: range of indices; None: without end.
    """

    rank: int
    world_size: int
    in_scene: int
    start: int
    stop: int | None

    def index(self, position: int) -> int:
        """Return the number of the image at a position."""
        block, offset = divmod(position, self.in_scene)
        return (self.rank + self.world_size * block) * self.in_scene + offset

    def position(self, index: int) -> int | None:
        """Return the position of an image; None if it is another rank's."""
        scene, offset = divmod(index, self.in_scene)
        block, rank = divmod(scene, self.world_size)
        return block * self.in_scene + offset if rank == self.rank else None

    def positions(self, worker: int, workers: int, done: Done) -> Iterator[int]:
        """Yield the positions of a worker that are not done, ascending."""
        behind = max(self.start // self.in_scene - self.rank, 0) // self.world_size
        first = max(done.begin // self.in_scene, behind)
        first += (worker - first) % workers
        for block in count(first, workers):
            for position in range(block * self.in_scene, (block + 1) * self.in_scene):
                index = self.index(position)
                if self.stop is not None and index >= self.stop:
                    return
                if index >= self.start and position not in done:
                    yield position
