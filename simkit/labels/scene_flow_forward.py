"""Motion in space to the next frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.labels import Annotator, View


class SceneFlowForward(Annotator):
    """(H, W, 3) float32 [m]: how far each pixel's surface point moves in the world to the next frame.

    Along the axes of the camera as it is now; a camera's own motion does not enter. 0 where nothing is
    seen, and in a sequence's last frame.
    """

    kind = "array"
    requires = ("motion_forward",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> NDArray[np.float32]:
        displacement: NDArray[np.float32] = labels["motion_forward"].displacement
        return displacement
