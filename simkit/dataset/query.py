"""Conditions on a data set's index, written as people write them: ``visible >= 3``."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from simkit.errors import DatasetError, did_you_mean

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
"""By their text; those of two characters stand before those of one that they begin with."""


def where(index: pa.Table, conditions: Iterable[str]) -> pa.Table:
    """Return the rows of an index for which all conditions hold.

    Args:
        index: of a data set, one row an image.
        conditions: ``COLUMN OP VALUE``, with an operator of `OPERATORS`. On a column of lists,
            ``=`` means that one item is the value, and ``!=`` that none is. A missing value meets
            no condition but ``!=``.

    Raises:
        DatasetError: a condition cannot be read, or names no column.
    """
    kept = np.ones(index.num_rows, dtype=bool)
    for condition in conditions:
        name, sign, text = _parsed(condition)
        _check_column(index, name)
        values = index.column(name).to_pylist()
        wanted = _typed(text, values, condition)
        if isinstance(wanted, str) and sign not in ("=", "!="):
            raise DatasetError(f"'{condition}': column '{name}' holds text; use = or !=")
        kept &= np.array([_holds(value, sign, wanted) for value in values], dtype=bool)
    return index.filter(pa.array(kept))


def select(index: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return just these columns of an index.

    Raises:
        DatasetError: there is no such column.
    """
    for name in columns:
        _check_column(index, name)
    return index.select(list(columns))


def _parsed(condition: str) -> tuple[str, str, str]:
    places = [(condition.find(sign), -len(sign), sign) for sign in OPERATORS if sign in condition]
    if not places:
        raise DatasetError(
            f"'{condition}': is no condition; write COLUMN OP VALUE with one of "
            f"{' '.join(OPERATORS)}, e.g. 'visible >= 3'"
        )
    _, _, sign = min(places)
    name, text = condition.split(sign, 1)
    return name.strip(), sign, text.strip().removeprefix("=").strip()


def _check_column(index: pa.Table, name: str) -> None:
    if name not in index.column_names:
        raise DatasetError(f"column '{name}': is unknown; {did_you_mean(name, index.column_names)}")


def _typed(text: str, values: list[Any], condition: str) -> float | str:
    """Return the value that a condition compares with, of the kind that the column holds."""
    first = next((value for value in values if value is not None), "")
    if not isinstance(first, bool | int | float):
        return text.strip("'\"")
    if text.lower() in ("true", "false"):
        return float(text.lower() == "true")
    try:
        return float(text)
    except ValueError:
        raise DatasetError(
            f"'{condition}': '{text}' is no number, which the column holds"
        ) from None


def _holds(value: Any, sign: str, wanted: float | str) -> bool:
    if value is None:
        return sign == "!="
    if isinstance(value, list):
        return (wanted in value) == (sign == "=")
    return OPERATORS[sign](value, wanted)
