"""Parameters that depend on each other, and on the scene: the graph that a config declares.

A key whose distribution is a `Given` (``{given: {of: light.elevation_deg, ...}}``) depends on another
key, ``PLUGIN.KEY``: of the scene family (``scene.KEY``), a randomizer or a sensor; or on a fact of the
scene as it stands then (`FACTS`, ``facts.KEY``). A key that others depend on is decided once, ahead
of its plug-in and from a stream of its own, and is the same for all that the plug-in draws it for;
the values are logged with the sample, as params of ``given``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from simkit.contracts import STAGES
from simkit.distributions import Constant, Given, Value
from simkit.errors import ConfigError, did_you_mean
from simkit.options import varied_keys, with_distribution
from simkit.scene import Scene

T = TypeVar("T")

FACTS: dict[str, Callable[[Scene], float]] = {
    "objects": lambda scene: len(scene.labelled()),
    "bodies": lambda scene: len(scene.bodies),
    "extent": lambda scene: _extent(scene),
    "time": lambda scene: scene.time,
}
"""What may be asked of a scene: labelled bodies, all bodies, the widest horizontal distance between two
labelled bodies' origins along x or y [m], seconds since a sequence's first frame."""


_HOW_OFTEN = {"setup": 0, "scene": 0, "view": 1, "frame": 2}


class Dependencies:
    """Who depends on whom.

    Args:
        plugins: options by plug-in; the family's name is ``scene``.

    Raises:
        ConfigError: a key depends on one that there is not, or on itself by way of others.
    """

    def __init__(self, plugins: Mapping[str, Any]) -> None:
        distributions = {
            f"{plugin}.{key}": one
            for plugin, options in plugins.items()
            for key, one in varied_keys(options).items()
        }
        self.parents = {key: one.of for key, one in distributions.items() if isinstance(one, Given)}
        known = [*distributions, *(f"facts.{name}" for name in FACTS)]
        for key, parent in self.parents.items():
            if parent not in known:
                raise ConfigError(
                    f"{key}: depends on '{parent}', which no plug-in of this config varies; "
                    f"{did_you_mean(parent, known)}"
                )
        self._check_cycles()
        self._wanted = set(self.parents.values())

    def plugins_before(self, plugin: str) -> tuple[str, ...]:
        """Return the other plug-ins that `plugin` depends on."""
        found = {
            _plugin_of(parent) for key, parent in self.parents.items() if _plugin_of(key) == plugin
        }
        return tuple(sorted(found - {plugin, "facts"}))

    def check_stages(self, randomizers: Mapping[str, str], sensors: Mapping[str, str]) -> None:
        """Raise `ConfigError` if a plug-in depends on one that decides later, or more often.

        Args:
            randomizers, sensors: their stages by name.
        """
        moments = {"scene": 0, **{name: 1 + STAGES.index(at) for name, at in randomizers.items()}}
        moments |= dict.fromkeys(sensors, 1 + len(STAGES))
        often = {"scene": 0}
        often |= {name: _HOW_OFTEN[at] for name, at in {**randomizers, **sensors}.items()}
        for name in moments:
            for parent in self.plugins_before(name):
                if moments[parent] > moments[name] or often[parent] > often[name]:
                    raise ConfigError(
                        f"{name}: depends on '{parent}', which decides after it, or more often; "
                        "change the option 'every' of one of them, or turn the dependency round"
                    )

    def bind(
        self,
        plugin: str,
        options: T,
        decided: Mapping[str, Value],
        scene: Scene | None,
        rng_of: Callable[[str], np.random.Generator],
    ) -> tuple[T, dict[str, Value]]:
        """Return a plug-in's options without open dependencies, and all decided values.

        Args:
            plugin: its name.
            options: as the config has them.
            decided: values by key, of plug-ins before it; also of its own, to be used as they are.
            scene: as it stands; None before it is built.
            rng_of: gives the generator that decides a key.
        """
        if not self.parents:
            return options, dict(decided)
        keys = varied_keys(options)
        mine = [key for key in keys if {f"{plugin}.{key}"} & (self._wanted | self.parents.keys())]
        values = dict(decided)
        for key in sorted(mine, key=lambda key: (self._depth(f"{plugin}.{key}"), key)):
            name, distribution = f"{plugin}.{key}", keys[key]
            if isinstance(distribution, Given):
                distribution = distribution.bound(_value(distribution.of, values, scene))
            if name in self._wanted:
                if name not in values:
                    values[name] = distribution.sample(rng_of(key))
                distribution = Constant(values[name])
            options = with_distribution(options, key, distribution)
        return options, values

    def _depth(self, key: str) -> int:
        """Return how many keys `key` waits for, one after the other."""
        return 1 + self._depth(self.parents[key]) if key in self.parents else 0

    def _check_cycles(self) -> None:
        for start in self.parents:
            path, key = [start], start
            while key in self.parents:
                key = self.parents[key]
                if key in path:
                    raise ConfigError(f"{start}: depends on itself: {' > '.join([*path, key])}")
                path.append(key)


def _value(key: str, values: Mapping[str, Value], scene: Scene | None) -> Value:
    if not key.startswith("facts."):
        return values[key]
    if scene is None:
        raise ConfigError(f"'{key}': there is no scene yet when the scene family decides")
    return FACTS[key.removeprefix("facts.")](scene)


def _plugin_of(key: str) -> str:
    return key.partition(".")[0]


def _extent(scene: Scene) -> float:
    places = np.array([body.position for _, body in scene.labelled()])
    return float(np.ptp(places[:, :2], axis=0).max()) if len(places) else 0.0
