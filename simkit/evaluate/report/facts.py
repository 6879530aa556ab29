"""The page's end: what the sets are, and where all of it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simkit.evaluate.report import glossary, numbers
from simkit.evaluate.report.palette import Look, Looks
from simkit.evaluate.result import Evaluation

SENTENCE = 40
"""Characters from which on each entry of a list has a line of its own."""


@dataclass(frozen=True)
class SetRow:
    """A data set as text."""

    look: Look
    role: str
    url: str
    images: str
    instances: str
    categories: str
    facts: list[tuple[str, str]]


def set_rows(evaluation: Evaluation, looks: Looks) -> list[SetRow]:
    """Return the sets, in the order of their looks."""
    order = list(looks)
    return [
        SetRow(
            looks[one.name],
            one.role,
            one.url,
            f"{one.images:,}",
            f"{one.instances:,}",
            f"{len(one.categories):,}",
            list(flat(one.facts)),
        )
        for one in sorted(evaluation.sets, key=lambda one: order.index(one.name))
    ]


def flat(facts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested facts as (name, text), names of the levels joined by dots."""
    for key, value in facts.items():
        name = f"{above}{glossary.spoken(str(key))}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name} · ")
        elif isinstance(value, list | tuple) and any(len(str(one)) > SENTENCE for one in value):
            yield name, "\n".join(str(one) for one in value)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield name, str(value)  # a seed or a year has no commas
        else:
            yield name, numbers.plain(value)
