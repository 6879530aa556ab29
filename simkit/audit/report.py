"""What an audit found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

PASSED, FAILED, NOT_STORED, NOT_CHECKED = "passed", "failed", "not stored", "not checked"
STATES = (PASSED, FAILED, NOT_STORED, NOT_CHECKED)


@dataclass(frozen=True)
class Outcome:
    """What one check found in one image.

    Attributes:
        check: its name.
        state: one of `STATES`.
        value, tolerance: measured and allowed; None where nothing was.
        detail: which instance or file, or why it was not checked.
    """

    check: str
    state: str
    value: float | None = None
    tolerance: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class ImageReport:
    """The outcomes of all checks in one image."""

    image: str
    outcomes: tuple[Outcome, ...]

    @property
    def failures(self) -> list[Outcome]:
        """The outcomes of checks that failed."""
        return [one for one in self.outcomes if one.state == FAILED]


@dataclass(frozen=True)
class Line:
    """One check over all images.

    Attributes:
        counts: number of images by state.
        worst: largest value, in a checked image; None if there is none.
        reasons: why it was not checked or not stored, each once.
    """

    check: str
    about: str
    counts: dict[str, int]
    worst: float | None
    tolerance: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What an audit of a data set found.

    Attributes:
        source: the data set.
        abouts: what each check compares, by name.
        images: one report an image, in order.
    """

    source: str
    abouts: dict[str, str]
    images: tuple[ImageReport, ...]

    @property
    def failed(self) -> list[ImageReport]:
        """The images in which a check failed."""
        return [one for one in self.images if one.failures]

    @property
    def failing_checks(self) -> list[str]:
        """Names of the checks that failed in some image, in order."""
        return [line.check for line in self.lines() if line.counts[FAILED]]

    def lines(self) -> list[Line]:
        """Return a summary of each check."""
        return [self._line(name) for name in self.abouts]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; a value that is not finite is None."""
        return {
            "source": self.source,
            "images": len(self.images),
            "failed": len(self.failed),
            "checks": [_plain(asdict(line)) for line in self.lines()],
            "by_image": [
                {"image": one.image, "failed": bool(one.failures),
                 "outcomes": [_plain(asdict(outcome)) for outcome in one.outcomes]}
                for one in self.images
            ],
        }  # fmt: skip

    def _line(self, name: str) -> Line:
        mine = [one for image in self.images for one in image.outcomes if one.check == name]
        values = [one.value for one in mine if one.value is not None]
        limits = [one.tolerance for one in mine if one.tolerance is not None]
        skipped = [one.detail for one in mine if one.state in (NOT_STORED, NOT_CHECKED)]
        return Line(
            name,
            self.abouts[name],
            {state: sum(one.state == state for one in mine) for state in STATES},
            max(values) if values else None,
            max(limits) if limits else None,
            tuple(dict.fromkeys(skipped)),
        )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else value
        for key, value in values.items()
    }
