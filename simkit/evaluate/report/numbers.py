"""Numbers as people read them: digits that the interval supports, commas, words for what is missing."""

from __future__ import annotations

import math

MISSING = "–"  # noqa: RUF001 (a dash, as it is set in tables)
DIGITS = 3
"""Significant digits of a number that has no interval."""
SMALL, LARGE = 1e-4, 1e7
"""Numbers beyond these are written with a power of ten."""
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def finite(value: float | None) -> bool:
    """Return whether there is a number, and a finite one."""
    return value is not None and math.isfinite(value)


def number(value: float | None, decimals: int | None = None) -> str:
    """Return a number with so many decimals, or with three significant digits.

    >>> number(1234.5678), number(0.01234), number(12.0, 2)
    ('1,235', '0.0123', '12.00')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size >= LARGE or (0 < size < SMALL and decimals is None):
        mantissa, exponent = f"{value:.2e}".split("e")
        short = mantissa.rstrip("0").rstrip(".")
        return f"{short} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}"  # noqa: RUF001
    if decimals is None:
        if value == int(value):
            return f"{int(value):,}"
        decimals = max(0, DIGITS - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def exact(value: float) -> str:
    """Return a number that was chosen, not measured: without zeros at its end.

    >>> exact(0.25), exact(2000.0)
    ('0.25', '2,000')
    """
    return f"{value:,.6g}"


def decimals(*numbers: float | None) -> int | None:
    """Return the decimals that show the widest of the distances between `numbers` with two digits.

    None where there are fewer than two different numbers, or the distance is very small.

    >>> decimals(12.31, 14.9), decimals(100.0, 340.0), decimals(1.0)
    (1, 0, None)
    """
    known = [one for one in numbers if one is not None and math.isfinite(one)]
    width = (max(known) - min(known)) / 2 if known else 0.0
    if width < SMALL / 10:
        return None
    return max(0, 1 - math.floor(math.log10(width)))


def interval(low: float | None, high: float | None, places: int | None) -> str:
    """Return "0.31 to 0.42", or nothing where there is none."""
    if not finite(low) or not finite(high):
        return ""
    return f"{number(low, places)} to {number(high, places)}"


def signed(value: float, places: int | None = None) -> str:
    """Return a number with its sign, also where it is positive."""
    text = number(value, places)
    return f"+{text}" if value > 0 else text


def p_value(p: float | None) -> str:
    """Return "p < 0.001" or "p = 0.012".

    >>> p_value(0.00004), p_value(0.012), p_value(0.4)
    ('p < 0.001', 'p = 0.012', 'p = 0.40')
    """
    if p is None or not math.isfinite(p):
        return ""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def duration(seconds: float) -> str:
    """Return a time as people say it.

    >>> duration(0.4), duration(95), duration(8000)
    ('0.4 s', '1.6 min', '2.2 h')
    """
    if seconds < 90:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def plain(value: object) -> str:
    """Return any value as text for a table."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(plain(one) for one in value)
    return MISSING if value is None or value == "" else str(value)
