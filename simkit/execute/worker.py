"""What one process does: indices to files and rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simkit.assets.library import Library
from simkit.config import Config
from simkit.dataset.encode import Files, Row, encode, row_of
from simkit.errors import SimkitError
from simkit.labels import Annotators
from simkit.pipeline import Pipeline, Place


@dataclass
class Done:
    """A batch of finished samples.

    Attributes:
        samples: (index, files, row) each; a skipped sample has no files.
        seconds: time spent by stage.
    """

    samples: list[tuple[int, Files, Row]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


class Worker:
    """Owns a pipeline and turns indices into what a shard holds."""

    def __init__(self, config: Config, library: Library | None = None) -> None:
        self._config = config
        self._annotators = Annotators(config.run.labels)
        self._pipeline = Pipeline(config, library=library)

    def run(self, indices: list[int]) -> Done:
        """Make the samples of these indices.

        Raises:
            SimkitError: one cannot be made and ``on_error`` is ``stop``; the message names it.
        """
        done = Done()
        for index in indices:
            try:
                files, row = self._make(index)
            except SimkitError as error:
                if self._config.run.on_error == "stop":
                    raise type(error)(f"sample {index}: {error}") from error
                files, row = {}, failed_row(index, self._config, str(error))
            done.samples.append((index, files, row))
        done.seconds = self._pipeline.stopwatch.take()
        return done

    def close(self) -> None:
        """Free the pipeline's engines."""
        self._pipeline.close()

    def _make(self, index: int) -> tuple[Files, Row]:
        sample = self._pipeline(index)
        with self._pipeline.stopwatch.stage("encode"):
            files = encode(sample, self._annotators, self._config.run.output)
            return files, row_of(sample, files)


def failed_row(index: int, config: Config, error: str) -> dict[str, Any]:
    """Return the row of a sample that was skipped."""
    place = Place.of(index, config.run)
    return {
        "index": index,
        "key": place.key,
        "scene_index": place.scene,
        "view_index": place.view,
        "frame_index": place.frame,
        "status": "failed",
        "error": error,
    }
