"""Does a plug-in keep its contract? For authors: ``simkit check-plugin NAME``.

Each check is one function that raises `Broken` with what is wrong; whatever else a plug-in raises
fails the check, too. Plug-ins are tried with their default options on simkit's embedded models.
"""

from __future__ import annotations

from simkit import registry
from simkit.checker.annotators import check_annotator
from simkit.checker.contract import Broken, Check
from simkit.checker.features import check_features
from simkit.checker.randomizers import check_randomizer
from simkit.checker.renderers import check_renderer
from simkit.checker.scenes import check_scene_family
from simkit.checker.sensors import check_sensor
from simkit.checker.tasks import check_task
from simkit.errors import PluginError, did_you_mean
from simkit.features.opening import parsed

__all__ = ["Broken", "Check", "check_plugin"]

CHECKERS = {
    "scenes": check_scene_family,
    "randomizers": check_randomizer,
    "renderers": check_renderer,
    "sensors": check_sensor,
    "annotators": check_annotator,
    "features": check_features,
    "tasks": check_task,
}
"""By kind of plug-in; each takes the registered name."""


def check_plugin(name: str, kind: str | None = None) -> list[Check]:
    """Return what was checked of the plug-in `name`, and whether it holds.

    Args:
        name: as registered; an extractor's may have a file and options, ``onnx:model.onnx``.
        kind: one of `CHECKERS`; None where only one kind has that name.

    Raises:
        PluginError: nothing has that name, or several kinds do.
    """
    if kind is not None and kind not in CHECKERS:
        raise PluginError(f"'{kind}' is no kind of plug-in; {did_you_mean(kind, CHECKERS)}")
    kinds = [kind] if kind is not None else list(CHECKERS)
    found = [one for one in kinds if _plain(name, one) in registry.names(one)]
    if not found:
        allowed = {other for one in kinds for other in registry.names(one)}
        raise PluginError(f"'{name}' is not registered; {did_you_mean(name, allowed)}")
    if len(found) > 1:
        choices = " or ".join(f"{one}:{name}" for one in found)
        raise PluginError(f"'{name}' is registered as several kinds; write {choices}")
    return CHECKERS[found[0]](name)


def _plain(name: str, kind: str) -> str:
    """Return the registered part of a name."""
    return parsed(name)[0] if kind == "features" else name
