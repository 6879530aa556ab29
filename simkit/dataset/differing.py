"""In what two JSON values differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def differing_paths(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield 'path: old -> new' for all that differs between two JSON values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            inner = f"{path}.{key}" if path else key
            yield from differing_paths(old.get(key), new.get(key), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from differing_paths(a, b, f"{path}[{place}]")
    elif old != new:
        yield f"{path or '(all)'}: {_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
