"""The errors that simkit raises on purpose.

Each message names the key, file or index at fault and says what to do. Catch `SimkitError` to
catch them all; anything else that escapes is a bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SimkitError(Exception):
    """Base of all errors that simkit raises on purpose."""


class ConfigError(SimkitError):
    """A config has a wrong key, type, value or range."""


class AssetError(SimkitError):
    """A model, texture or folder of them cannot be used."""


class SceneError(SimkitError):
    """A scene is not valid: a pose is not finite, a name stands twice, a colour is out of range."""


class PhysicsError(SimkitError):
    """A scene cannot be placed or settled as asked."""


class RenderError(SimkitError):
    """A renderer does not work here, or cannot give what is asked of it."""


class DatasetError(SimkitError):
    """A data set on disk is missing, damaged, or not the one that is asked for."""


class MetricError(SimkitError):
    """A figure cannot be computed from what was given."""


class PluginError(SimkitError):
    """A plug-in is unknown, ambiguous, or breaks its contract."""


def did_you_mean(wrong: str, allowed: Iterable[str]) -> str:
    """Return a sentence that offers the nearest allowed names, and lists them all.

    >>> did_you_mean("lihgt", ["camera", "light"])
    "did you mean 'light'? Allowed are: camera, light"
    """
    names = sorted(str(name) for name in allowed)
    near = difflib.get_close_matches(str(wrong), names, n=1, cutoff=0.6)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"{hint}Allowed are: {', '.join(names) or '(none)'}"
