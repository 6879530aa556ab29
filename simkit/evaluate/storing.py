"""Predictions on disk, one JSON file a training, so that a killed evaluation trains nothing twice."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import logging
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simkit.errors import DatasetError

log = logging.getLogger(__name__)

ARRAY, TUPLE, OBJECT = "__array__", "__tuple__", "__dataclass__"


@dataclass(frozen=True, eq=False)
class Run:
    """A finished training: what its model says of the images it is tested on.

    Attributes:
        seconds: of training.
    """

    predictions: list[Any]
    seconds: float


class RunStore:
    """A folder with a file of each finished run, named by a hash of what determines it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, identity: Mapping[str, Any], code: str) -> Run | None:
        """Return the run of this identity, or None if it is not there or is damaged.

        Args:
            identity: all that determines the run but the code.
            code: hash of the trainer's code; a warning is logged where that differs.
        """
        path = self.path(identity)
        try:
            data = json.loads(path.read_text())
            run = Run([decoded(one) for one in data["predictions"]], float(data["seconds"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OSError, zlib.error) as error:
            log.warning("%s: is damaged (%s); trained anew", path, error)
            return None
        if data["code"] != code:
            log.warning(
                "%s: was trained by other code of the task; remove it to train it anew", path
            )
        return run

    def write(self, identity: Mapping[str, Any], code: str, run: Run) -> Path:
        """Store a run; the file is whole, or it is not there."""
        path = self.path(identity)
        path.parent.mkdir(parents=True, exist_ok=True)
        predictions = [encoded(one) for one in run.predictions]
        data = {"identity": dict(identity), "code": code, "seconds": run.seconds}
        part = path.with_suffix(f".part{os.getpid()}")
        part.write_text(json.dumps({**data, "predictions": predictions}))
        os.replace(part, path)
        return path

    def path(self, identity: Mapping[str, Any]) -> Path:
        """Return the file of a run."""
        return self.folder / f"{digest(identity)[:32]}.json"


def digest(value: Any) -> str:
    """Return the SHA-256 of plain data, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def encoded(value: Any) -> Any:
    """Return a prediction as plain data: dataclasses, arrays and tuples are marked as what they are.

    Raises:
        DatasetError: it holds something else than these, lists, mappings with text as keys, numbers,
            text and None.
    """
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        body = {one.name: encoded(getattr(value, one.name)) for one in fields(value)}
        return {OBJECT: f"{kind.__module__}:{kind.__qualname__}", "fields": body}
    if isinstance(value, np.ndarray) and value.dtype != object:
        data = base64.b64encode(zlib.compress(np.ascontiguousarray(value).tobytes(), 1)).decode()
        return {ARRAY: [value.dtype.str, list(value.shape), data]}
    if isinstance(value, np.generic):
        return encoded(value.item())
    if isinstance(value, tuple):
        return {TUPLE: [encoded(one) for one in value]}
    if isinstance(value, list):
        return [encoded(one) for one in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: encoded(one) for key, one in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise DatasetError(
        f"a prediction holds a {type(value).__name__}, which cannot be stored; give dataclasses, "
        "arrays, lists, dicts, numbers and text"
    )


def decoded(value: Any) -> Any:
    """Return what `encoded` was given; dataclasses are imported by their names."""
    if isinstance(value, list):
        return [decoded(one) for one in value]
    if not isinstance(value, dict):
        return value
    if ARRAY in value:
        kind, shape, data = value[ARRAY]
        raw = zlib.decompress(base64.b64decode(data))
        return np.frombuffer(raw, np.dtype(kind)).reshape(shape).copy()
    if TUPLE in value:
        return tuple(decoded(one) for one in value[TUPLE])
    if OBJECT in value:
        kind = _dataclass(value[OBJECT])
        return kind(**{name: decoded(one) for name, one in value["fields"].items()})
    return {key: decoded(one) for key, one in value.items()}


def _dataclass(name: str) -> Any:
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name} cannot be imported: {error}") from None
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ValueError(f"{name} is no dataclass")
    return found


def content_of(hashes: Sequence[str], **more: Any) -> str:
    """Return one hash of images in their order, by their content hashes, and of what else counts."""
    return digest([list(hashes), more])
