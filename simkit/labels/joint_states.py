"""Joint states of robots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simkit.labels import Annotator, View


class JointStates(Annotator):
    """A dict by robot: joint name to value, [rad] of a revolute joint, [m] of a prismatic one.

    As the randomizer ``joints`` set them; empty where there is no robot.
    """

    kind = "image"

    def annotate(self, view: View, labels: Mapping[str, Any]) -> dict[str, dict[str, float]]:
        return {
            robot: dict(state)
            for robot, state in view.params.get("joints", {}).get("states", {}).items()
        }
